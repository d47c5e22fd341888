"""The evaluation commands that put refreshes to the test."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from eval.terminal import AsJson, err, out


def kills(
    count: Annotated[int, typer.Option(help="How many refreshes are killed.", min=1)] = 200,
    readers: Annotated[int, typer.Option(help="How many processes ask all along.", min=1, max=64)] = 4,
    seed: Annotated[int, typer.Option(help="Decides the moments.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Kill refreshes at random moments while others ask: failed reads, corrupt generations, answers from a mixture.

    Exit code 1 where there is any.
    """
    from eval.kills import kill_refreshes

    with tempfile.TemporaryDirectory(prefix="switchboard-kills-") as folder, Progress(console=err) as bars:
        task = bars.add_task("killing refreshes", total=count)
        report = kill_refreshes(Path(folder), count, readers, seed, lambda: bars.advance(task))
    if as_json:
        print(json.dumps(asdict(report)))
    else:
        out.print(f"kills: {report.kills}, {report.hit} of them in the middle of a refresh", highlight=False)
        out.print(f"answers: {report.answers}, from {report.generations} generations", highlight=False)
        for name in ("failed_reads", "mixtures", "corrupt", "unfinished"):
            problems = getattr(report, name)
            out.print(f"{name.replace('_', ' ')}: {len(problems)}", highlight=False)
            for problem in problems[:5]:
                out.print(f"  {problem}", markup=False, highlight=False)
    if not report.passed:
        raise typer.Exit(1)


def refresh(
    documents: Annotated[int, typer.Option(help="How many synthetic documents.", min=10)] = 10_000,
    changed: Annotated[float, typer.Option(help="Share of them that changes.", min=0.0001, max=1)] = 0.01,
    embed: Annotated[
        bool, typer.Option("--embed", help="Embed with the configured model, not with hashed words.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """How long a refresh takes by stage: everything new, nothing changed, a share changed and changed back."""
    from assistant import settings
    from eval.hashed_words import HashedWords
    from eval.refresh_speed import time_refreshes
    from index.embedding import SentenceTransformerEmbedder

    embedder = SentenceTransformerEmbedder.from_name(settings.load().models.embedder) if embed else HashedWords()
    if embed:
        embedder.embed(["loads the model"])
    with tempfile.TemporaryDirectory(prefix="switchboard-refresh-") as folder:
        timings = time_refreshes(Path(folder), embedder, documents, changed, say=lambda name: err.print(name))
    if as_json:
        print(json.dumps([asdict(t) for t in timings]))
        return
    for t in timings:
        stages = ", ".join(f"{name} {seconds:.2f}" for name, seconds in t.stages.items())
        out.print(
            f"{t.name:20} {t.total:7.2f} s  {t.share:6.1%}  {t.embedded} of {t.passages} passages embedded ({stages})",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def freshness(
    documents: Annotated[int, typer.Option(help="How many synthetic documents.", min=20)] = 1_000,
    changes: Annotated[int, typer.Option(help="How many of them change, one after another.", min=1)] = 9,
    seed: Annotated[int, typer.Option(help="Decides which.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Seconds from a change in watched documents until the old text is no longer found, while questions are asked.

    Exit code 1 where a question fails.
    """
    from eval.errors import EvaluationError
    from eval.freshness import measure_freshness

    if changes > documents:
        raise EvaluationError(f"{changes} of {documents} documents cannot change; take fewer --changes")
    with tempfile.TemporaryDirectory(prefix="switchboard-freshness-") as folder, Progress(console=err) as bars:
        task = bars.add_task("changing documents", total=changes)
        found = measure_freshness(Path(folder), documents, changes, seed, lambda: bars.advance(task))
    if as_json:
        print(json.dumps(asdict(found)))
    else:
        out.print(
            f"{found.changes} changes in {found.documents} documents: the old text is gone after "
            f"{found.median:.1f} s (median), {found.longest:.1f} s (longest)",
            highlight=False,
            soft_wrap=True,
        )
        out.print(f"questions meanwhile: {found.questions}, failed: {len(found.failed)}", highlight=False)
        for reason in found.failed[:5]:
            out.print(f"  {reason}", markup=False, highlight=False)
    if found.failed:
        raise typer.Exit(1)


def mutations(
    count: Annotated[int, typer.Option(help="How many damaged files.", min=1)] = 1_000,
    documents: Annotated[Path, typer.Option(help="Folder with a PDF and a DOCX to damage.")] = Path(
        "examples/documents"
    ),
    seed: Annotated[int, typer.Option(help="Decides the damage.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Read damaged files of every format: read, refused, ended by a limit, or escaped from the reading process.

    Exit code 1 where any escaped.
    """
    from eval.mutations import read_mutations

    with tempfile.TemporaryDirectory(prefix="switchboard-mutations-") as folder, Progress(console=err) as bars:
        task = bars.add_task("reading damaged files", total=count)
        found = read_mutations(Path(folder), documents, count, seed, lambda: bars.advance(task))
    if as_json:
        print(json.dumps(asdict(found)))
    else:
        out.print(
            f"{found.files} damaged files: {found.read} read, {found.refused} refused, {found.deaths} deaths of the "
            f"reading process, {found.memory} out of memory, {found.timeouts} out of time, {len(found.escaped)} escaped",
            highlight=False,
            soft_wrap=True,
        )
        for error in found.escaped[:5]:
            out.print(f"  {error}", markup=False, highlight=False)
    if found.escaped:
        raise typer.Exit(1)
