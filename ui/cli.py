"""The command `switchboard`: parsing and printing; the work is done elsewhere."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from dataclasses import asdict
from importlib.metadata import entry_points
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from assistant import settings as configuration
from assistant.errors import AssistantError
from index.errors import KnowledgeBaseError
from index.scope import Filter
from ingest.errors import GateClosed, IngestError
from ui import kb, models, training
from ui.scope_options import ForAudience, Language, On, Product, Region
from ui.terminal import StatusLine
from ui.triage import triage

app = typer.Typer(
    help="A customer-service assistant for telecom operators: answers from your documents, with citations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.add_typer(kb.app, name="kb")
app.add_typer(models.app, name="models")
app.add_typer(training.app, name="train")
app.command(epilog="Example: switchboard triage tickets.csv -o sorted.csv")(triage)
# commands of packages that this one may not import, the evaluation harness among them
for _extra in entry_points(group="switchboard.commands"):
    app.add_typer(_extra.load(), name=_extra.name)

out = Console()
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for a program to read.")]


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
    from assistant.answers import Answer, Finished
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
    """Run the command; an error that a person can act on is one line on stderr and exit code 2, or 3 for a refresh
    that was stopped before publishing."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        app()
    except GateClosed as exc:
        print(f"switchboard: {exc}", file=sys.stderr)
        sys.exit(3)
    except (AssistantError, KnowledgeBaseError, IngestError) as exc:
        print(f"switchboard: {exc}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("switchboard: stopped", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
