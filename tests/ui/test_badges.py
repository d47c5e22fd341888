"""The marks that say where, for whom and how long a passage holds."""

from __future__ import annotations

import re
from datetime import date

import pytest

from index.generation import IndexedDocument
from index.scope import Scope
from ui.web.knowledge_html import documents_html
from ui.web.passage_html import badges_html

TODAY = date(2026, 6, 16)


def said(scope: Scope | None) -> list[str]:
    return re.findall(r"<span[^>]*>([^<]*)</span>", badges_html(scope, TODAY))


def test_a_passage_that_always_holds_has_no_badge() -> None:
    assert badges_html(Scope(), TODAY) == ""


def test_product_region_and_audience_are_shown_and_escaped() -> None:
    scope = Scope(product=("Wave 20", "<b>"), region=("North",), audience="agent")
    assert said(scope) == ["Wave 20, &lt;b&gt;", "North", "agents only"]


@pytest.mark.parametrize(
    ("last", "text", "warns"),
    [
        (date(2026, 6, 30), "holds until 30 June", True),
        (date(2026, 7, 1), "holds until 1 July", False),
        (date(2027, 2, 28), "holds until 28 February 2027", False),
        (date(2026, 6, 15), "expired on 15 June", True),
    ],
)
def test_a_passage_that_ends_says_when_and_warns_in_the_last_two_weeks(last: date, text: str, warns: bool) -> None:
    scope = Scope(effective_until=last)
    assert said(scope) == [text]
    assert ("sb-warn" in badges_html(scope, TODAY)) is warns


def test_a_passage_that_does_not_hold_yet() -> None:
    assert said(Scope(effective_from=date(2026, 7, 1))) == ["not valid before 1 July"]
    assert said(None) == ["not searched: its metadata cannot be understood"]


def test_the_table_of_documents_says_which_are_not_searched() -> None:
    def document(name: str, **metadata: str) -> IndexedDocument:
        return IndexedDocument(name=name, title=name, content_hash="", passages=1, metadata=metadata)

    held = [
        document("a.md"),
        document("b.md", effective_until="2001-01-01"),
        document("c.md", effective_from="2999-01-01"),
    ]
    html = documents_html(held, "")
    assert re.findall(r'data-label="State">([^<]*)<', html) == ["", "expired", "not yet valid"]
    assert "1 of 3" in documents_html(held, "expired")
