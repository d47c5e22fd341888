"""The command `switchboard triage`: one ticket drawn, or a file of them sorted."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.tree import Tree

from assistant import settings as configuration
from assistant.errors import AssistantError
from ui.records import ClassificationRecord

out, err = Console(), Console(stderr=True)


def triage(
    source: Annotated[
        Path | None, typer.Argument(metavar="INPUT", help="Tickets as .csv or .jsonl.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where the sorted tickets go, .csv or .jsonl.")
    ] = None,
    text: Annotated[str | None, typer.Option("--text", help="Sort this one ticket instead of a file.")] = None,
    text_column: Annotated[str, typer.Option(help="Column with the ticket's text, where it is not plain.")] = "",
    taxonomy: Annotated[
        Path | None, typer.Option(help="Another taxonomy than the configured one; without labelled tickets.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for a program to read.")] = False,
) -> None:
    """Send complaints down the taxonomy: category, queue, priority, and whether a person must look.

    A batch that was stopped goes on where it was when the same command is given again. Exit code 0: all done; 3: some
    rows could not be sorted and say why; 2: nothing was done.
    """
    if (text is None) == (source is None) or (source is not None and output is None):
        raise AssistantError('give a file and -o OUTPUT, or --text "..."')
    values = configuration.load()
    if taxonomy is not None:
        values = replace(values, triage=replace(values.triage, taxonomy=str(taxonomy), tickets=""))
    if text is not None:
        _one(values, text, as_json)
    elif source is not None and output is not None:
        _file(values, source, output, text_column, as_json)


def _one(values: configuration.Settings, text: str, as_json: bool) -> None:
    from assistant.assembly import open_classifier, running_model
    from ui.terminal import StatusLine

    if not text.strip():
        raise AssistantError("the ticket is empty")
    with StatusLine() as line, running_model(values, line.say) as model:
        line.say("reading the labelled tickets")
        classifier = open_classifier(values, model)
        line.say("sorting")
        record = ClassificationRecord.of(asyncio.run(classifier.classify(text)))
    if as_json:
        print(record.model_dump_json())
        return
    _draw(record)


def _draw(record: ClassificationRecord) -> None:
    tree = branch = Tree("complaint")
    for level in record.levels:
        style = "bold green" if level.chosen else "yellow"
        chosen = branch.add(f"[{style}]{level.name}[/] {level.probability:.2f} {_bar(level.probability)}")
        for other in level.others[:3]:
            branch.add(f"[dim]{other.name} {other.probability:.2f} {_bar(other.probability)}[/]")
        branch = chosen
    out.print(tree, highlight=False)
    out.print(f"queue {record.queue}, priority {record.priority}", highlight=False)
    out.print(f"a person should look: {record.reason}" if record.needs_review else "no review needed", highlight=False)


def _bar(probability: float) -> str:
    return "█" * round(10 * probability)


def _file(values: configuration.Settings, source: Path, output: Path, text_column: str, as_json: bool) -> None:
    from assistant.assembly import open_classifier, running_model
    from assistant.triage.batch import Batch
    from ui.terminal import StatusLine

    batch = Batch(source, output, text_column)
    with StatusLine() as line, running_model(values, line.say) as model:
        line.say("reading the labelled tickets")
        classifier = open_classifier(values, model)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=err) as bars:
            task = bars.add_task("sorting", total=batch.total)
            summary = asyncio.run(
                batch.run(classifier, model.name, values.triage.at_once, lambda n: bars.advance(task, n))
            )
    if as_json:
        print(json.dumps({"output": str(output), **asdict(summary)}))
    else:
        out.print(f"{summary.tickets} tickets in {output}, {summary.resumed} of them from before", highlight=False)
        out.print(f"{summary.review} for a person to look at, {summary.failed} could not be sorted", highlight=False)
        for queue, count in summary.queues.items():
            out.print(f"  {count:6} {queue}", highlight=False)
    if summary.failed:
        sys.exit(3)
