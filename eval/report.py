"""The comparison of arms as one HTML file that needs no network: figures, verdict, plots and every answer."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import TypedDict

from eval import sections
from eval.comparison import PAIRS, ArmScores, Difference, disagree, shown_f1
from eval.errors import EvaluationError
from eval.figures import ARM_NAMES, counted
from eval.records import ARMS, Arm, Record, RunSettings, Shown

_HERE = Path(__file__).parent


class _Flag(TypedDict):
    tone: str
    text: str


class _Said(TypedDict):
    """One arm's answer as the page reads it; `passages` are pairs of number and place in the list of passages."""

    answer: str
    draft: str
    declined: bool
    f1: float | None
    flags: list[_Flag]
    passages: list[tuple[int, int]]
    seconds: float
    prompt_tokens: int
    output_tokens: int


class _Asked(TypedDict):
    id: str
    question: str
    style: str
    answerable: bool
    reference: str
    disagree: bool
    said: dict[Arm, _Said]


def write_report(
    path: Path,
    settings: RunSettings,
    records: Sequence[Record],
    scores: Mapping[Arm, ArmScores],
    differences: Sequence[Difference],
) -> None:
    """Write the report, all at once or not at all. Raises EvaluationError when it cannot be written."""
    page = _page(settings, records, scores, differences)
    half = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_text(page, encoding="utf-8")
        os.replace(half, path)
    except OSError as exc:
        with contextlib.suppress(OSError):
            half.unlink()
        raise EvaluationError(f"the report cannot be written to {path}: {exc.strerror}; name another file") from exc


def _page(
    settings: RunSettings,
    records: Sequence[Record],
    scores: Mapping[Arm, ArmScores],
    differences: Sequence[Difference],
) -> str:
    template, style, script = ((_HERE / f"report.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
    return Template(template).substitute(
        style=style,
        script=script,
        facts=sections.facts(settings, records, scores),
        verdict=sections.verdict(scores, differences),
        figures=sections.figures(settings, scores, differences),
        plots=sections.plotted(records, scores, differences),
        differences=sections.pairs(differences),
        options=_options(scores),
        records=_embedded(records),
    )


def _options(scores: Mapping[Arm, ArmScores]) -> str:
    there = [(a, b) for a, b in PAIRS if a in scores and b in scores]
    return "".join(f'<option value="{a}|{b}">{ARM_NAMES[a]} less {ARM_NAMES[b].lower()}</option>' for a, b in there)


def _embedded(records: Sequence[Record]) -> str:
    """All records as JSON that stays inside its script element, each passage once."""
    passages: dict[tuple[str, str, str], int] = {}
    by_question: dict[str, list[Record]] = {}
    for record in records:
        by_question.setdefault(record.question_id, []).append(record)
    questions = [_asked(answers, passages) for answers in by_question.values()]
    arms = [
        {"arm": a, "name": ARM_NAMES[a], "kind": a.replace("+", "-")} for a in ARMS if any(r.arm == a for r in records)
    ]
    text = json.dumps({"arms": arms, "questions": questions, "passages": list(passages)}, ensure_ascii=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _asked(answers: Sequence[Record], passages: dict[tuple[str, str, str], int]) -> _Asked:
    first = answers[0]
    return {
        "id": first.question_id,
        "question": first.question,
        "style": first.style,
        "answerable": first.answerable,
        "reference": first.reference,
        "disagree": disagree(answers),
        "said": {r.arm: _said(r, passages) for r in answers},
    }


def _said(record: Record, passages: dict[tuple[str, str, str], int]) -> _Said:
    def place(shown: Shown) -> int:
        return passages.setdefault((shown.document, shown.heading, shown.text), len(passages))

    return {
        "answer": record.answer,
        "draft": record.draft,
        "declined": record.declined,
        "f1": round(shown_f1(record), 4) if record.answerable else None,
        "flags": _flags(record),
        "passages": [(s.number, place(s)) for s in record.passages],
        "seconds": record.seconds,
        "prompt_tokens": record.prompt_tokens,
        "output_tokens": record.output_tokens,
    }


def _flags(record: Record) -> list[_Flag]:
    """What a reader should notice about an answer: first whether declining was right, then what the draft lacks."""
    found: list[_Flag] = []
    if record.declined:
        found.append(_flag("bad", "wrongly declined") if record.answerable else _flag("good", "rightly declined"))
    elif not record.answerable:
        found.append(_flag("bad", "should have declined"))
    if record.draft_declined and not record.declined:
        found.append(_flag("warn", "the draft declined"))
    if record.sentences > record.supported:
        unsupported = f"{record.sentences - record.supported} of {counted(record.sentences, 'sentence')} unsupported"
        found.append(_flag("warn", f"draft: {unsupported}" if record.passages else "unsupported: no passages"))
    if record.citations > record.correct_citations:
        wrong = record.citations - record.correct_citations
        found.append(_flag("warn", f"draft: {wrong} of {counted(record.citations, 'citation')} wrong"))
    return found


def _flag(tone: str, text: str) -> _Flag:
    return {"tone": tone, "text": text}
