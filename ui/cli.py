"""The command `switchboard`: parsing and printing; the work is done elsewhere."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from assistant import settings as configuration
from assistant.errors import AssistantError
from index.errors import KnowledgeBaseError
from index.scope import Filter
from ingest.errors import IngestError
from ui import models, training
from ui.terminal import StatusLine, TerminalProgress
from ui.triage import triage

app = typer.Typer(
    help="A customer-service assistant for telecom operators: answers from your documents, with citations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
kb = typer.Typer(help="The knowledge base: refresh it, look at it, search it.", no_args_is_help=True)
app.add_typer(kb, name="kb")
app.add_typer(models.app, name="models")
app.add_typer(training.app, name="train")
app.command(epilog="Example: switchboard triage tickets.csv -o sorted.csv")(triage)
# commands of packages that this one may not import, the evaluation harness among them
for _extra in entry_points(group="switchboard.commands"):
    app.add_typer(_extra.load(), name=_extra.name)

out = Console()
Product = Annotated[str, typer.Option("--product", help="Only what holds for this product.")]
Region = Annotated[str, typer.Option("--region", help="Only what holds in this region.")]
Language = Annotated[str, typer.Option("--language", help="Only documents in this language, such as en or zh.")]
ForAudience = Annotated[
    Literal["agent", "customer"], typer.Option("--audience", help="customer: nothing that is for agents only.")
]
On = Annotated[
    datetime | None,
    typer.Option("--on", formats=["%Y-%m-%d"], metavar="DATE", help="What holds on this day instead of today."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for a program to read.")]


@kb.command(epilog="Example: switchboard kb refresh examples/documents")
def refresh(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders or files. None: the same ones as last time.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the knowledge base hold exactly what the sources hold now."""
    from ui.refreshing import open_refresher, remembered_sources

    values = configuration.load()
    with TerminalProgress() as progress:
        report = open_refresher(values).refresh(sources or remembered_sources(values), progress)
    if as_json:
        print(json.dumps(asdict(report) | {"skipped": [s.model_dump() for s in report.skipped]}, ensure_ascii=False))
        return
    word = "published" if report.published else "nothing changed; still"
    out.print(
        f"[bold]{report.documents}[/] documents, [bold]{report.passages}[/] passages: {word} generation {report.generation}"
    )
    out.print(
        f"{len(report.added)} added, {len(report.changed)} changed, {len(report.removed)} removed, {report.unchanged} unchanged; "
        f"{report.embedded} passages embedded, {report.reused} reused; {sum(report.seconds.values()):.1f} s"
    )
    if report.skipped:
        out.print(f"[yellow]{len(report.skipped)} left out:[/]")
        for item in report.skipped:
            out.print(f"  {item.name}: {item.reason}", markup=False, highlight=False, soft_wrap=True)


@kb.command(epilog="Example: switchboard kb status --json")
def status(as_json: AsJson = False) -> None:
    """What the knowledge base holds, and what was left out of it."""
    from index.library import KnowledgeBase

    manifest = KnowledgeBase(configuration.load().knowledge_base).current().manifest
    if as_json:
        print(manifest.model_dump_json())
        return
    out.print(f"generation {manifest.id}, made {manifest.created}")
    out.print(f"{manifest.documents} documents, {manifest.passages} passages, embedder {manifest.embedder}")
    for source in manifest.sources:
        out.print(f"source: {source}", markup=False, highlight=False, soft_wrap=True)
    for item in manifest.skipped:
        out.print(f"left out: {item.name}: {item.reason}", markup=False, highlight=False, soft_wrap=True)


@kb.command(epilog='Example: switchboard kb search "lost phone abroad" -k 3')
def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many passages.")] = 5,
    product: Product = "",
    region: Region = "",
    language: Language = "",
    audience: ForAudience = "agent",
    on: On = None,
    as_json: AsJson = False,
) -> None:
    """The passages nearest to a text."""
    from assistant.assembly import open_retriever
    from ui.records import HitRecord

    if not query.strip():
        raise AssistantError("the text to search for is empty")
    wanted = Filter(product, region, audience, language, on.date() if on else None)
    retriever = open_retriever(configuration.load(), audience)
    hits = [HitRecord.of(h) for h in retriever.search(query, k, wanted=wanted).hits]
    if as_json:
        print(json.dumps([h.model_dump() for h in hits], ensure_ascii=False))
        return
    for rank, hit in enumerate(hits, start=1):
        page = f", page {hit.page}" if hit.page else ""
        out.print(f"[bold]{rank}. {hit.score:.3f}[/] ", end="")
        place = " > ".join(filter(None, (hit.title, hit.heading)))
        out.print(f"{hit.document}{page} · {place}", markup=False, highlight=False, soft_wrap=True)
        out.print(hit.text + "\n", markup=False, highlight=False)


@app.command(epilog='Example: switchboard ask "What does a replacement SIM cost?"')
def ask(
    question: Annotated[str, typer.Argument(help="The question, as a customer would put it.")],
    product: Product = "",
    region: Region = "",
    language: Language = "",
    audience: ForAudience = "agent",
    on: On = None,
    as_json: AsJson = False,
) -> None:
    """Answer one question from the documents, with citations.

    Uses the model of a running `switchboard serve`; starts one for this question where there is none.
    """
    from assistant.answering import Answer, Finished
    from assistant.assembly import open_answerer, open_retriever, running_model
    from ui.records import AnswerRecord

    if not question.strip():
        raise AssistantError("the question is empty")
    values = configuration.load()
    wanted = Filter(product, region, audience, language, on.date() if on else None)
    retriever = open_retriever(values, audience)
    retriever.generation()  # say what is wrong with the knowledge base before waiting for a model

    async def final() -> Answer:
        async for event in answerer.stream(question, wanted=wanted):
            if isinstance(event, Finished):
                return event.answer
        raise AssertionError("the stream ends with a finished answer")

    with StatusLine() as line, running_model(values, line.say) as model:
        answerer = open_answerer(values, retriever, model)
        line.say("answering")
        record = AnswerRecord.of(asyncio.run(final()))
    if as_json:
        print(record.model_dump_json())
        return
    out.print(record.answer, markup=False, highlight=False)
    for citation in record.citations:
        page = f", page {citation.page}" if citation.page else ""
        out.print(f"[{citation.number}] {citation.document}{page} · {citation.heading}", markup=False, highlight=False)
        out.print(f"    “{citation.quote}”", markup=False, highlight=False)
    if record.abstained:
        out.print("\nThe nearest words in them, which may be about something else:")
        for near in record.nearest:
            out.print(f"    “{near.text}”", markup=False, highlight=False)
            out.print(f"    {near.document} · {near.heading}", markup=False, highlight=False)


@app.command(epilog="Example: switchboard serve --port 8080")
def serve(
    host: Annotated[str | None, typer.Option(help="Address to serve on.", show_default="web.host")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to serve on.", min=1, max=65535, show_default="web.port")
    ] = None,
) -> None:
    """Serve the web page and the HTTP API, and keep the model running."""
    from ui.server import run

    values = configuration.load()
    run(values, host or values.web.host, port or values.web.port)


@app.command(epilog="Example: switchboard doctor --json")
def doctor(as_json: AsJson = False) -> None:
    """Check models, knowledge base, vLLM, disk, memory and port; say what to do about each that fails."""
    from ui.doctor import examine

    checks = examine(configuration.load())
    if as_json:
        print(json.dumps([asdict(c) for c in checks], ensure_ascii=False))
    else:
        for check in checks:
            out.print(f"[green]ok  [/] {check.name}: " if check.ok else f"[red]FAIL[/] {check.name}: ", end="")
            out.print(check.finding, markup=False, highlight=False, soft_wrap=True)
            if not check.ok:
                out.print(f"     {check.remedy}", markup=False, highlight=False, soft_wrap=True)
    if not all(c.ok for c in checks):
        raise typer.Exit(1)


@app.command(epilog="Example: switchboard config --template > config.toml")
def config(
    template: Annotated[
        bool, typer.Option("--template", help="Print a configuration file with every setting explained.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The settings in force and where each came from."""
    if template:
        print(configuration.template())
        return
    values = configuration.load()
    rows = configuration.describe(values)
    if as_json:
        print(json.dumps([{"name": n, "value": v, "origin": o} for n, v, o in rows]))
        return
    table = Table("setting", "value", "from", box=None)
    for row in rows:
        table.add_row(*row)
    out.print(table)
    out.print(f"file: {values.config_file}", markup=False, highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command; an error that a person can act on is one line on stderr and exit code 2."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        app()
    except (AssistantError, KnowledgeBaseError, IngestError) as exc:
        print(f"switchboard: {exc}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("switchboard: stopped", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
