"""The commands under `switchboard train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from assistant import settings as configuration

app = typer.Typer(help="Tune the chat model on your own examples.", no_args_is_help=True)
out, err = Console(), Console(stderr=True)


@app.command(epilog="Example: switchboard train sft --config examples/sft.toml")
def sft(
    config: Annotated[Path | None, typer.Option(help="TOML file with the recipe; without it the defaults.")] = None,
    name: Annotated[str, typer.Option(help="What to call the version; empty: after the time.")] = "",
    examples: Annotated[
        Path, typer.Option(help="Folder with questions.jsonl and, if wanted, followups.jsonl, taxonomy.yaml, tickets/.")
    ] = Path("examples"),
    promote: Annotated[bool, typer.Option("--promote", help="Put the new version in production at once.")] = False,
) -> None:
    """Train a LoRA adapter: answers with citations, abstentions, follow-ups, ticket categories.

    The examples' documents must be in the knowledge base. An interrupted training is gone on with by the same command.
    """
    from assistant.assembly import base_weights, open_retriever, ticket_embedder
    from assistant.tuning.registry import Registry
    from assistant.tuning.sft import Sft, SftConfig
    from ui.models import print_card
    from ui.terminal import StatusLine

    values = configuration.load()
    registry = Registry(values.versions)
    chosen = SftConfig.load(config) if config else SftConfig()
    chosen = chosen.model_copy(update={"name": name}) if name else chosen
    with StatusLine() as line:
        base = base_weights(values, line.say)
        embedder = ticket_embedder(values)
        run = Sft(examples, base, open_retriever(values), embedder, chosen, values)
        version = run.run(
            registry,
            lambda text: err.print(text, highlight=False),
            lambda step: line.say(
                f"step {step.step} of {step.steps}, loss {step.loss:.3f}, {_clock(step.seconds_left)} left"
            ),
        )
    print_card(version, production=False)
    if promote:
        registry.promote(version.name, base)
        out.print(f"{version.name} is in production")
    else:
        out.print(f"to serve it: switchboard models promote {version.name}", highlight=False)


@app.command(epilog="Example: switchboard train embedder --name ours")
def embedder(
    name: Annotated[str, typer.Option(help="What to call it.")] = "tuned",
    examples: Annotated[
        Path, typer.Option(help="Folder with questions.jsonl and, if wanted, contrasts.jsonl, taxonomy.yaml, tickets/.")
    ] = Path("examples"),
    epochs: Annotated[float, typer.Option(help="How often to see every example.", min=0.01)] = 1.5,
    tickets: Annotated[bool, typer.Option(help="Learn from labelled tickets, too.")] = False,
) -> None:
    """Tune the embedder on questions and tickets with known answers, and say what it finds on dev before and after.

    The examples' documents must be in the knowledge base. Using it is a setting, models.embedder, and a refresh.
    """
    from assistant.tuning.embedder import tune_embedder
    from index.adaptation import EmbedderRecipe
    from index.embedding import SentenceTransformerEmbedder
    from ui.terminal import StatusLine

    values = configuration.load()
    base = SentenceTransformerEmbedder.from_name(values.models.embedder)
    with StatusLine() as line:
        folder, before, after = tune_embedder(
            values,
            base,
            examples,
            name,
            EmbedderRecipe(epochs=epochs),
            tickets,
            lambda step: line.say(
                f"step {step.step} of {step.steps}, loss {step.loss:.3f}, {_clock(step.seconds_left)} left"
            ),
        )
    for measure, was in before.items():
        out.print(f"dev {measure}: {was} before, {after[measure]} after", highlight=False)
    out.print(
        f"to use it: set models.embedder to {folder}, and run: switchboard kb refresh", highlight=False, soft_wrap=True
    )


@app.command(epilog="Example: switchboard train judgement")
def judgement(
    version: Annotated[str, typer.Option(help="The version; empty: the one in production.")] = "",
    examples: Annotated[Path, typer.Option(help="Folder with questions.jsonl.")] = Path("examples"),
) -> None:
    """Fit anew how far a tuned model's own word counts on whether a question can be answered.

    Do it after a change of the passages in the prompt or of the judgement by retrieval: it needs no training.
    """
    from assistant.assembly import base_weights, open_retriever
    from assistant.errors import VersionError
    from assistant.tuning.registry import Registry
    from assistant.tuning.sft import judge
    from ui.models import print_card
    from ui.terminal import StatusLine

    values = configuration.load()
    registry = Registry(values.versions)
    with StatusLine() as line:
        base = base_weights(values, line.say)
        serving = registry.production(base)
        chosen = registry.get(version) if version else serving
        if chosen is None:
            raise VersionError("no tuned version is in production; name one with --version")
        line.say("measuring on dev")
        judged = registry.judge_anew(chosen, *judge(base, chosen, examples, open_retriever(values), values.answer))
    print_card(judged, production=serving is not None and serving.name == judged.name)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
