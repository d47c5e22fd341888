"""The commands that put models beside one another: `switchboard eval rag-vs-tuning` and `speed`."""

from __future__ import annotations

import asyncio
import hashlib
import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from assistant import settings as configuration
from eval.errors import EvaluationError
from eval.terminal import AsJson, err, out

if TYPE_CHECKING:
    from assistant.weights import Weights
    from eval.comparison import ArmScores
    from eval.records import Arm

_EXAMPLES = Path("examples")


def rag_vs_tuning(
    corpus: Annotated[
        Path, typer.Option(help="Folder with questions.jsonl; its documents must be in the knowledge base.")
    ] = _EXAMPLES,
    split: Annotated[str, typer.Option(help="train, dev or test.")] = "test",
    limit: Annotated[
        int, typer.Option(help="Ask only so many of each kind, spread evenly over the documents; 0: all.", min=0)
    ] = 0,
    version: Annotated[str, typer.Option(help="The tuned version; empty: the one in production.")] = "",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The HTML report.", show_default="in the home folder")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Does retrieval pay off, tuning, or both? Four arms answer the same questions.

    Every answer is kept beside the report as it comes: a run that was stopped goes on where it was.
    """
    from assistant.assembly import base_weights, open_answerer, open_retriever, running_weights, with_adapter
    from assistant.questions import load_questions, spread
    from assistant.tuning.registry import Registry
    from eval.arms import ask_both
    from eval.comparison import compare_arms, score_arms
    from eval.records import RecordFile, RunSettings
    from eval.report import write_report

    values = configuration.load()
    questions = load_questions(corpus, split)  # type: ignore[arg-type]
    if limit:
        kinds = ([q for q in questions if q.answerable], [q for q in questions if not q.answerable])
        questions = [q for kind in kinds for q in spread(kind, limit)]
    if not questions:
        raise EvaluationError(f"{corpus} holds no questions of the split {split!r}")
    base = base_weights(values, lambda _: None)
    registry = Registry(values.versions)
    tuned = registry.get(version) if version else registry.production(base)
    if tuned is None:
        raise EvaluationError("no tuned version is in production; train one, or name one with --version")
    weights = with_adapter(base, tuned, values, lambda _: None)
    retriever = open_retriever(values)
    names: dict[Arm, str] = {"base": base.name, "base+retrieval": base.name}
    names |= {"tuned": weights.name, "tuned+retrieval": weights.name}
    settings = RunSettings(
        questions=_digest([q.model_dump_json() for q in questions]),
        models=names,
        adapter=tuned.name,
        generation=retriever.generation().id,
        created=datetime.now(UTC),
        options={key: str(value) for key, value in asdict(values.answer).items()},
    )
    report = output or values.home / "reports" / "rag-vs-tuning.html"
    report.parent.mkdir(parents=True, exist_ok=True)
    began = datetime.now(UTC)
    with RecordFile.open(report.with_suffix(".jsonl"), settings) as file, Progress(console=err) as bars:
        task = bars.add_task("asking", total=4 * len(questions), completed=len(file.done()))
        trials: tuple[tuple[Weights, Arm, Arm], ...] = (
            (base, "base", "base+retrieval"),
            (weights, "tuned", "tuned+retrieval"),
        )
        for served, alone, found in trials:
            wanted = {(arm, q.id) for arm in (alone, found) for q in questions}
            if wanted <= file.done():
                continue
            with running_weights(values, served, lambda _: None) as model:
                answerer = open_answerer(values, retriever, model)
                asyncio.run(ask_both((alone, found), answerer, model, questions, file, lambda: bars.advance(task)))
        records = file.records()
    scores, differences = score_arms(records), compare_arms(records)
    write_report(report, settings, records, scores, differences)
    minutes = (datetime.now(UTC) - began).total_seconds() / 60
    if as_json:
        arms = {arm: {m: asdict(e) for m, e in s.estimates.items()} for arm, s in scores.items()}
        print(json.dumps({"report": str(report), "minutes": minutes, "arms": arms}))
        return
    _print_arms(scores)
    for d in differences:
        if d.measure == "f1":
            out.print(f"token F1, {d.arm} less {d.against}: {d.estimate}", highlight=False, markup=False)
    out.print(f"{minutes:.1f} minutes; report: {report}", highlight=False, markup=False, soft_wrap=True)


def speed(
    version: Annotated[str, typer.Option(help="The tuned version; empty: the one in production.")] = "",
    repeats: Annotated[int, typer.Option(help="How often each is served and measured.", min=1)] = 2,
    as_json: AsJson = False,
) -> None:
    """Output tokens a second of the base model and of a tuned version, each served in turn."""
    from assistant.assembly import base_weights, with_adapter
    from assistant.tuning.registry import Registry
    from eval.speed import measure_alternately

    values = configuration.load()
    base = base_weights(values, lambda _: None)
    registry = Registry(values.versions)
    tuned = registry.get(version) if version else registry.production(base)
    if tuned is None:
        raise EvaluationError("no tuned version is in production; train one, or name one with --version")
    rounds = measure_alternately(values, [base, with_adapter(base, tuned, values, lambda _: None)], repeats)
    ratios = [(t.alone / b.alone, t.together / b.together) for b, t in rounds]
    alone, together = (statistics.median(r) for r in zip(*ratios, strict=True))
    if as_json:
        print(json.dumps({"rounds": [[asdict(s) for s in r] for r in rounds], "alone": alone, "together": together}))
        return
    for pair in rounds:
        for measured in pair:
            out.print(
                f"{measured.name}: {measured.alone:.1f} tokens/s alone, {measured.together:.1f} for eight at once"
            )
    out.print(f"tuned to base: {alone:.2f} alone, {together:.2f} for eight at once", highlight=False)


def _print_arms(scores: dict[Arm, ArmScores]) -> None:
    from eval.comparison import MEASURES

    table = Table("", *scores, box=None)
    for name, measure in MEASURES.items():
        cells = (s.estimates.get(name) for s in scores.values())
        table.add_row(measure.label, *(f"{e.mean:.3f} [{e.low:.3f}, {e.high:.3f}]" if e else "–" for e in cells))
    out.print(table)


def _digest(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
