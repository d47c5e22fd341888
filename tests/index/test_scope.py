"""Where, for whom and when a document holds."""

from __future__ import annotations

from datetime import date

import pytest

from index.errors import ScopeError
from index.scope import Filter, Scope

TODAY = date(2026, 3, 15)


def test_nothing_said_holds_everywhere_and_always() -> None:
    scope = Scope.of({})
    assert scope == Scope()
    assert Filter(product="FibreHome", region="North", audience="customer", language="zh").admits(scope, TODAY)


def test_fields_are_read_however_they_are_written() -> None:
    scope = Scope.of({"Product": "Wave 20, Wave 50", "Effective From": "2026-01-01", "effective-until": "2026-06-30"})
    assert scope.product == ("Wave 20", "Wave 50")
    assert (scope.effective_from, scope.effective_until) == (date(2026, 1, 1), date(2026, 6, 30))


@pytest.mark.parametrize(
    ("day", "held"), [("2025-12-31", False), ("2026-01-01", True), ("2026-06-30", True), ("2026-07-01", False)]
)
def test_a_document_holds_from_its_first_day_to_its_last(day: str, held: bool) -> None:
    scope = Scope(effective_from=date(2026, 1, 1), effective_until=date(2026, 6, 30))
    assert Filter(day=date.fromisoformat(day)).admits(scope, TODAY) is held
    assert Filter().admits(scope, date.fromisoformat(day)) is held


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("", True),
        ("customer", True),
        ("Agent", False),
        ("agent only", False),
        ("internal", False),
        ("customer, agent", True),
    ],
)
def test_what_is_for_agents_alone_is_not_for_customers(said: str, seen: bool) -> None:
    scope = Scope.of({"audience": said})
    assert Filter(audience="customer").admits(scope, TODAY) is seen
    assert Filter(audience="agent").admits(scope, TODAY)


def test_product_region_and_language_are_asked_for() -> None:
    scope = Scope.of({"product": "Wave 20", "region": "North", "language": "en-GB"})
    assert Filter(product="wave 20", region="north", language="en").admits(scope, TODAY)
    assert not Filter(product="Wave 50").admits(scope, TODAY)
    assert not Filter(region="South").admits(scope, TODAY)
    assert not Filter(language="zh").admits(scope, TODAY)


@pytest.mark.parametrize(
    "metadata",
    [
        {"effective_until": "soon"},
        {"audience": "partners"},
        {"effective_from": "2026-02-01", "effective_until": "2026-01-01"},
    ],
)
def test_what_cannot_be_understood_is_refused(metadata: dict[str, str]) -> None:
    with pytest.raises(ScopeError, match="|".join(metadata)):
        Scope.of(metadata)
