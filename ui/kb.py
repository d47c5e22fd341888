"""The commands under `switchboard kb`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from assistant import settings as configuration
from assistant.errors import AssistantError
from ui.terminal import TerminalProgress
from ui.watching import watch

if TYPE_CHECKING:
    from index.library import KnowledgeBase
    from index.passages import Passage
    from index.records import Quarantined
    from ingest.refresh import RefreshReport

app = typer.Typer(help="The knowledge base: refresh it, look at it, search it, roll it back.", no_args_is_help=True)
out = Console()
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for a program to read.")]
Wait = Annotated[float, typer.Option(help="Seconds to wait for another refresh to end.", min=0)]


@app.command(epilog="Example: switchboard kb refresh examples/documents")
def refresh(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders or files. None: the same ones as last time.", show_default=False),
    ] = None,
    wait: Wait = 0,
    retry: Annotated[bool, typer.Option("--retry", help="Read again what is in quarantine, changed or not.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Publish even what loses too much or does worse on the canaries.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the knowledge base hold exactly what the sources hold now.

    Exit code 3: it was stopped before publishing, and the old generation still serves.
    """
    from ui.refreshing import open_refresher, remembered_sources

    values = configuration.load()
    with TerminalProgress() as progress:
        refresher = open_refresher(values, wait=wait, retry=retry, force=force)
        report = refresher.refresh(sources or remembered_sources(values), progress)
    if as_json:
        print(_report_json(report))
    else:
        _print_report(report)


app.command(epilog="Example: switchboard kb watch examples/documents")(watch)


@app.command(epilog="Example: switchboard kb status --json")
def status(as_json: AsJson = False) -> None:
    """What the knowledge base holds, and what was set aside."""
    manifest = _open().current().manifest
    if as_json:
        print(manifest.model_dump_json())
        return
    out.print(f"generation {manifest.id}, made {manifest.created}")
    out.print(f"{manifest.documents} documents, {manifest.passages} passages, embedder {manifest.embedder}")
    if manifest.canaries is not None:
        found = manifest.canaries.asked - len(manifest.canaries.missed)
        out.print(f"canaries: {found} of {manifest.canaries.asked} questions find their document")
    for source in manifest.sources:
        _say(f"source: {source}")
    _print_quarantine(manifest.quarantined)


@app.command(epilog='Example: switchboard kb search "lost phone abroad" -k 3')
def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many passages.")] = 5,
    as_json: AsJson = False,
) -> None:
    """The passages nearest to a text."""
    from assistant.assembly import open_retriever
    from ui.records import HitRecord

    if not query.strip():
        raise AssistantError("the text to search for is empty")
    hits = [HitRecord.of(h) for h in open_retriever(configuration.load()).search(query, k).hits]
    if as_json:
        print(json.dumps([h.model_dump() for h in hits], ensure_ascii=False))
        return
    for rank, hit in enumerate(hits, start=1):
        page = f", page {hit.page}" if hit.page else ""
        out.print(f"[bold]{rank}. {hit.score:.3f}[/] ", end="")
        place = " > ".join(filter(None, (hit.title, hit.heading)))
        _say(f"{hit.document}{page} · {place}")
        out.print(hit.text + "\n", markup=False, highlight=False)


@app.command("list", epilog="Example: switchboard kb list")
def list_(as_json: AsJson = False) -> None:
    """The generations that are kept, newest first."""
    kept = _open().kept()
    if as_json:
        rows = [
            {"id": g.id, "current": g.current, "damage": g.damage}
            | ({} if g.manifest is None else g.manifest.model_dump(include={"created", "documents", "passages"}))
            for g in kept
        ]
        print(json.dumps(rows))
        return
    for g in kept:
        m = g.manifest
        facts = f"{m.created}  {m.documents} documents, {m.passages} passages" if m is not None else g.damage
        _say(f"{'current' if g.current else '':8}{g.id}  {facts}")


@app.command(epilog="Example: switchboard kb rollback")
def rollback(
    generation: Annotated[
        str,
        typer.Argument(help="Its id, or the beginning of it. None: the one before the current.", show_default=False),
    ] = "",
    wait: Wait = 0,
) -> None:
    """Serve an earlier generation again; running servers follow at their next question."""
    knowledge_base = _open()
    with knowledge_base.writing("rollback", wait):
        target = knowledge_base.roll_back(generation)
    manifest = target.manifest
    out.print(f"generation {target.id} serves: {manifest.documents} documents, {manifest.passages} passages")


@app.command(epilog="Example: switchboard kb diff 20260101T08 20260102T08")
def diff(
    old: Annotated[str, typer.Argument(help="A generation's id, or the beginning of it.")],
    new: Annotated[str, typer.Argument(help="Another one.")],
    as_json: AsJson = False,
) -> None:
    """Documents and passages that were added, changed and removed from one generation to another."""
    from index.comparison import compare

    knowledge_base = _open()
    changes = compare(knowledge_base.open(old), knowledge_base.open(new))
    if as_json:
        print(json.dumps([asdict(change) for change in changes], ensure_ascii=False))
        return
    for change in changes:
        _say(f"{change.kind} {change.name}")
        for sign, passages in (("-", change.removed), ("+", change.added)):
            for passage in passages:
                _say(f"  {sign} {_line_of(passage)}")
    kinds = {kind: sum(c.kind == kind for c in changes) for kind in ("added", "changed", "removed")}
    counts = ", ".join(f"{n} {kind}" for kind, n in kinds.items())
    added, removed = sum(len(c.added) for c in changes), sum(len(c.removed) for c in changes)
    out.print(f"documents: {counts}; passages: {added} added, {removed} removed")


@app.command(epilog="Example: switchboard kb prune --keep 2")
def prune(
    keep: Annotated[int, typer.Option(help="How many generations to keep, the current one among them.", min=1)],
    wait: Wait = 0,
) -> None:
    """Remove old generations; servers that still use one go on with it."""
    knowledge_base = _open()
    with knowledge_base.writing("prune", wait):
        removed = knowledge_base.prune(keep)
    out.print(f"removed {len(removed)}; {len(knowledge_base.kept())} kept")
    for name in removed:
        _say(f"  {name}")


@app.command(epilog="Example: switchboard kb quarantine --json")
def quarantine(as_json: AsJson = False) -> None:
    """The files that could not be read: where it failed, why, and since when."""
    items = _open().current().manifest.quarantined
    if as_json:
        print(json.dumps([item.model_dump() for item in items], ensure_ascii=False))
    elif items:
        _print_quarantine(items)
    else:
        out.print("nothing is in quarantine")


@app.command(epilog="Example: switchboard kb audit")
def audit(as_json: AsJson = False) -> None:
    """Who changed what is served, when and why, oldest first."""
    entries = _open().audit.entries()
    if as_json:
        print(json.dumps([e.model_dump() for e in entries], ensure_ascii=False))
        return
    for entry in entries:
        why = f": {entry.reason}" if entry.reason else ""
        _say(f"{entry.time} {entry.user} {entry.action} {entry.generation}{why}")


def _open() -> KnowledgeBase:
    from index.library import KnowledgeBase

    return KnowledgeBase(configuration.load().knowledge_base)


def _report_json(report: RefreshReport) -> str:
    models = {
        "quarantined": [q.model_dump() for q in report.quarantined],
        "canaries": report.canaries.model_dump() if report.canaries is not None else None,
    }
    return json.dumps(asdict(report) | models, ensure_ascii=False)


def _print_report(report: RefreshReport) -> None:
    word = "published" if report.published else "nothing changed; still"
    out.print(
        f"[bold]{report.documents}[/] documents, [bold]{report.passages}[/] passages: {word} generation {report.generation}",
        soft_wrap=True,
    )
    seconds = ", ".join(f"{name} {value:.1f}" for name, value in report.seconds.items())
    out.print(
        f"{len(report.added)} added, {len(report.changed)} changed, {len(report.removed)} removed, {report.unchanged} unchanged; "
        f"{report.embedded} passages embedded, {report.reused} reused; {sum(report.seconds.values()):.1f} s ({seconds})",
        soft_wrap=True,
    )
    if report.canaries is not None:
        found = report.canaries.asked - len(report.canaries.missed)
        out.print(f"canaries: {found} of {report.canaries.asked} questions find their document")
    for reason in report.overridden:
        _say(f"published all the same: {reason}")
    _print_quarantine(report.quarantined)


def _print_quarantine(items: Sequence[Quarantined]) -> None:
    if not items:
        return
    out.print(f"[yellow]{len(items)} in quarantine:[/]")
    for item in items:
        serves = "; its previous version serves" if item.kept else ""
        since = f" since {item.since}" if item.since else ""
        _say(f"  {item.name} ({item.stage}{since}): {item.reason}{serves}")


def _line_of(passage: Passage) -> str:
    text = " ".join(passage.text.split())
    place = f"{passage.heading_path}: " if passage.heading else ""
    return f"{place}{text[:100]}{'…' if len(text) > 100 else ''}"


def _say(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)
