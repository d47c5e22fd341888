"""The commands under `switchboard train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from assistant import settings as configuration

app = typer.Typer(help="Tune the chat model on your own examples.", no_args_is_help=True)
out, err = Console(), Console(stderr=True)


@app.callback()
def _group() -> None:
    """Keeps `sft` a command of its own while it is the only one."""


@app.command(epilog="Example: switchboard train sft --config examples/sft.toml")
def sft(
    config: Annotated[Path | None, typer.Option(help="TOML file with the recipe; without it the defaults.")] = None,
    examples: Annotated[
        Path, typer.Option(help="Folder with questions.jsonl and, if wanted, followups.jsonl, taxonomy.yaml, tickets/.")
    ] = Path("examples"),
    promote: Annotated[bool, typer.Option("--promote", help="Put the new version in production at once.")] = False,
) -> None:
    """Train a LoRA adapter: answers with citations, abstentions, follow-ups, ticket categories.

    The examples' documents must be in the knowledge base. An interrupted training is gone on with by the same command.
    """
    from assistant.assembly import base_weights, open_retriever
    from assistant.tuning.registry import Registry
    from assistant.tuning.sft import Sft, SftConfig
    from index.embedding import SentenceTransformerEmbedder
    from ui.models import print_card
    from ui.terminal import StatusLine

    values = configuration.load()
    registry = Registry(values.versions)
    chosen = SftConfig.load(config) if config else SftConfig()
    with StatusLine() as line:
        base = base_weights(values, line.say)
        embedder = SentenceTransformerEmbedder.from_name(values.models.embedder)
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


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
