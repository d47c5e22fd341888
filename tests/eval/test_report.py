"""The report as a file: whole in itself, and nothing that was asked or answered becomes markup."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest

from eval.comparison import compare_arms, score_arms
from eval.errors import EvaluationError
from eval.plots import bars
from eval.records import Record, Shown
from eval.report import write_report
from tests.eval.arms import declined, record, settings, small_run

ATTACK = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1> & \"'<!--"


class Elements(HTMLParser):
    """Every element of a page, and the text of its script elements."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._inside = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts.append(data)


def written(path: Path, records: Sequence[Record], **changes: object) -> tuple[str, Elements]:
    write_report(path, settings(**changes), records, score_arms(records), compare_arms(records))
    text = path.read_text(encoding="utf-8")
    elements = Elements()
    elements.feed(text)
    return text, elements


def test_the_file_needs_nothing_else(tmp_path: Path) -> None:
    text, elements = written(tmp_path / "report.html", small_run())
    assert not re.search(r"https?:|//[a-z]|@import|url\(", re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    assert not [(tag, a) for tag, a in elements.found if "src" in a]
    links = [a["href"] for _, a in elements.found if a.get("href")]
    assert {link[:1] for link in links if link and link != "data:,"} == {"#"}
    (policy,) = [a["content"] or "" for tag, a in elements.found if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:")
    assert "$" not in re.sub(r"<script>.*</script>", "", text, flags=re.DOTALL)


def test_nothing_that_was_said_becomes_markup(tmp_path: Path) -> None:
    plain, _ = written(tmp_path / "plain.html", small_run(3))
    hostile = [
        r.model_copy(
            update={
                "question": ATTACK,
                "style": ATTACK,
                "reference": ATTACK,
                "answer": ATTACK,
                "draft": ATTACK,
                "passages": (Shown(number=1, document=ATTACK, heading=ATTACK, text=ATTACK),),
            }
        )
        for r in small_run(3)
    ]
    named = {"adapter": ATTACK, "generation": ATTACK, "options": {ATTACK: ATTACK}}
    text, elements = written(tmp_path / "hostile.html", hostile, models={"base": ATTACK}, **named)
    assert "<script>window" not in text
    assert "<img" not in text
    scripts = [a for tag, a in elements.found if tag == "script"]
    assert len(scripts) == plain.count("<script") == 2
    data = json.loads(elements.scripts[0])
    assert data["questions"][0]["question"] == data["questions"][0]["said"]["base"]["answer"] == ATTACK
    assert data["passages"] == [[ATTACK, ATTACK, ATTACK]]


def test_the_records_that_the_page_reads(tmp_path: Path) -> None:
    records = [
        record("base+retrieval", "a", sentences=3, supported=1, citations=2, correct_citations=1),
        declined("tuned+retrieval", "a"),
        record("base+retrieval", "b", answerable=False),
        declined("tuned+retrieval", "b", answerable=False),
        record("base+retrieval", "c", draft="[0]", draft_declined=True),
    ]
    text, elements = written(tmp_path / "report.html", records)
    data = json.loads(elements.scripts[0])
    assert [a["arm"] for a in data["arms"]] == ["base+retrieval", "tuned+retrieval"]
    flags = {
        (q["id"], arm): [f["text"] for f in said["flags"]] for q in data["questions"] for arm, said in q["said"].items()
    }
    assert flags == {
        ("a", "base+retrieval"): ["draft: 2 of 3 sentences unsupported", "draft: 1 of 2 citations wrong"],
        ("a", "tuned+retrieval"): ["wrongly declined"],
        ("b", "base+retrieval"): ["should have declined"],
        ("b", "tuned+retrieval"): ["rightly declined"],
        ("c", "base+retrieval"): ["the draft declined"],
    }
    assert len(data["passages"]) == 1
    # the third question was not asked of both
    assert "left out of the figures: 1 question." in text
    assert "Not run: Base, Tuned." in text


def test_the_best_and_those_level_with_it_are_marked(tmp_path: Path) -> None:
    text, _ = written(tmp_path / "report.html", small_run())
    (row,) = re.findall(r"Token F1<small>.*?</tr>", text, flags=re.DOTALL)
    cells = dict(re.findall(r'data-arm="([^"]+)">(.*?)</td>', row, flags=re.DOTALL))
    assert {arm for arm, cell in cells.items() if ">best<" in cell} == {"Base + retrieval", "Tuned + retrieval"}
    assert "<b>1.000</b>" in cells["Base + retrieval"]
    assert "best" not in cells["Base"]
    assert "level" not in cells["Base"]
    assert "Retrieval pays off, with and without tuning." in text


def test_where_all_are_equal_none_is_best(tmp_path: Path) -> None:
    text, _ = written(tmp_path / "report.html", [record("base", "a"), record("tuned", "a")])
    (row,) = re.findall(r"Token F1<small>.*?</tr>", text, flags=re.DOTALL)
    assert "badge" not in row


def test_a_bar_is_as_long_as_its_mean_and_its_whiskers_end_where_the_interval_does() -> None:
    half = [declined("base", "a", answerable=False), record("base", "b", answerable=False)]
    scores = score_arms(half)
    drawn = bars("unanswerable_declined", scores)
    (zero, *_, full) = (float(x) for x in re.findall(r'<path class="(?:zero|grid)" d="M([\d.]+) ', drawn))
    (start, length) = (
        float(x) for x in re.findall(r'<rect class="bar arm base" x="([\d.]+)".*? width="([\d.]+)"', drawn)[0]
    )
    assert start == zero
    assert length == pytest.approx((full - zero) / 2, abs=0.1)
    (low, high) = (float(x) for x in re.findall(r'<path class="whisker" d="M([\d.]+) [\d.]+H([\d.]+)', drawn)[0])
    assert (low, high) == (zero, full)
    assert "Base 50% [0, 100]" in drawn


def test_one_arm_and_only_unanswerable_questions(tmp_path: Path) -> None:
    text, _ = written(tmp_path / "report.html", [declined("tuned", "a", answerable=False, seconds=0)])
    assert "Nothing to compare yet" in text
    assert "NaN" not in text
    assert ">best</span><small>" not in text


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    records = small_run(3)
    with pytest.raises(EvaluationError, match="name another file"):
        write_report(tmp_path / "file" / "r.html", settings(), records, score_arms(records), compare_arms(records))
