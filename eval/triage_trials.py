"""The commands that put the sorting of tickets to the test: `switchboard eval triage` and `hostile`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress

from assistant import settings as configuration
from eval.errors import EvaluationError
from eval.terminal import AsJson, err, out

if TYPE_CHECKING:
    from assistant.chat_model import ChatModel
    from assistant.triage.classification import Classifier
    from assistant.triage.tickets import LabelledTicket
    from eval.triage import Judged


def triage(
    tickets: Annotated[Path, typer.Option(help="Labelled tickets: JSONL, CSV with level columns, CLINC150's JSON.")],
    taxonomy: Annotated[
        Path | None, typer.Option(help="The taxonomy that the labels are from; without it one is made of the labels.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Sort only so many, evenly spread; 0: all.", min=0)] = 0,
    by: Annotated[str, typer.Option(help="Who decides: both, model or neighbours.")] = "both",
    as_json: AsJson = False,
) -> None:
    """Accuracy per level, F1, calibration and coverage on labelled tickets.

    Labelled tickets of the train split beside the file serve as neighbours.
    """
    from assistant.assembly import running_model
    from eval.triage import as_dict, lines, score_triage

    values = configuration.load()
    asked, classifier_for = _opened(values, tickets, taxonomy, limit, by)
    if by == "neighbours":
        judged = asyncio.run(_judge(classifier_for(None), asked, values.triage.at_once))
    else:
        with running_model(values, lambda _: None) as model:
            judged = asyncio.run(_judge(classifier_for(model), asked, values.triage.at_once))
    scores = score_triage(judged, classifier_for(None).taxonomy.nodes.keys())
    if as_json:
        print(json.dumps(as_dict(scores)))
        return
    for line in lines(scores):
        out.print(line, highlight=False, markup=False)


def hostile(
    count: Annotated[int, typer.Option(help="How many tickets to make.", min=1)] = 1000,
    taxonomy: Annotated[
        Path | None, typer.Option(help="The taxonomy; without it the configured one, with its labelled tickets.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tickets that try to break out of the taxonomy: does any get a label that it doesn't hold?

    Ends with 1 when one did, when probabilities don't add up, or when one could not be sorted.
    """
    from assistant.assembly import open_classifier, running_model
    from eval.hostile import hostile_tickets, withstand

    values = configuration.load()
    if taxonomy is not None:
        values = replace(values, triage=replace(values.triage, taxonomy=str(taxonomy), tickets=""))
    with running_model(values, lambda _: None) as model, Progress(console=err) as bars:
        classifier = open_classifier(values, model)
        texts = hostile_tickets(classifier.taxonomy, count)
        task = bars.add_task("sorting", total=count)
        found = asyncio.run(withstand(classifier, texts, values.triage.at_once, lambda: bars.advance(task)))
    if as_json:
        print(json.dumps(asdict(found)))
    else:
        out.print(
            f"{found.tickets} hostile tickets: {len(found.outside)} outside the taxonomy, {len(found.wrong_sums)} with "
            f"probabilities that don't add up, {len(found.failed)} not sorted",
            highlight=False,
        )
        for shown in (*found.outside, *found.wrong_sums, *found.failed):
            out.print(f"  {shown[:200]!r}", highlight=False, markup=False)
    if found.outside or found.wrong_sums or found.failed:
        raise typer.Exit(1)


def _opened(
    values: configuration.Settings, tickets: Path, taxonomy: Path | None, limit: int, by: str
) -> tuple[Sequence[LabelledTicket], Callable[[ChatModel | None], Classifier]]:
    """The tickets to sort, and what makes a classifier with a model or without one."""
    from assistant.assembly import ticket_embedder
    from assistant.triage.classification import Blend, Classifier
    from assistant.triage.neighbours import Neighbours
    from assistant.triage.taxonomy import Taxonomy
    from assistant.triage.tickets import companion, read_tickets

    blends = {"both": Blend(), "model": Blend(1.0, 0.0), "neighbours": Blend(0.0, 1.0)}
    if by not in blends:
        raise EvaluationError(f"{by!r}: expected both, model or neighbours")
    tree = Taxonomy.load(taxonomy) if taxonomy else None
    ancestors = tree.path_ids if tree else None
    asked = read_tickets(tickets, ancestors=ancestors)
    beside = companion(tickets)
    known = read_tickets(beside, ancestors=ancestors, split="train") if beside else []
    known = [t for t in known if t.path]
    if tree is None:
        tree = Taxonomy.from_ids(tickets.parent.name, [t.path for t in (*known, *asked) if t.path])
    if limit and limit < len(asked):
        asked = [asked[i * len(asked) // limit] for i in range(limit)]
    neighbours = None
    if known:
        embedder = ticket_embedder(values)
        with Progress(console=err) as bars:
            task = bars.add_task("embedding labelled tickets", total=len(known))
            neighbours = Neighbours.open(known, embedder, values.ticket_vectors, lambda n: bars.advance(task, n))
    elif by == "neighbours":
        raise EvaluationError(f"there are no labelled tickets beside {tickets} to compare with")

    def classifier(model: ChatModel | None) -> Classifier:
        return Classifier(model, tree, neighbours, threshold=values.triage.threshold, blend=blends[by])

    return asked, classifier


async def _judge(classifier: Classifier, tickets: Sequence[LabelledTicket], at_once: int) -> list[Judged]:
    from eval.triage import Judged

    places = asyncio.Semaphore(at_once)
    with Progress(console=err) as bars:
        task = bars.add_task("sorting", total=len(tickets))

        async def one(ticket: LabelledTicket) -> Judged:
            async with places:
                steps = await classifier.walk(ticket.text, await classifier.precedents(ticket.text))
            bars.advance(task)
            return Judged(
                true=ticket.path,
                predicted=tuple(step.node.id for step in steps),
                probabilities=tuple(step.path_probability for step in steps),
                routed=not classifier.decide(steps).needs_review,
            )

        return list(await asyncio.gather(*(one(t) for t in tickets)))
