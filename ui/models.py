"""The commands under `switchboard models`."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from assistant import settings as configuration
from assistant.tuning.registry import BASE, Registry, Version
from ui.terminal import StatusLine

app = typer.Typer(
    help="Versions of the chat model: look at them, put one in production, go back.", no_args_is_help=True
)
out = Console()
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for a program to read.")]
Name = Annotated[str, typer.Argument(help=f"A version's name; {BASE}: the model without an adapter.")]


@app.command("list", epilog="Example: switchboard models list")
def list_versions(as_json: AsJson = False) -> None:
    """The versions that there are; the one in production is marked."""
    from assistant.assembly import base_weights

    values = configuration.load()
    registry = Registry(values.versions)
    with StatusLine() as line:
        production = registry.production(base_weights(values, line.say))
    serving = production.name if production else BASE
    versions = registry.versions()
    if as_json:
        print(json.dumps({"production": serving, "versions": [v.card.model_dump(mode="json") for v in versions]}))
        return
    table = Table("", "version", "made", "base", "from", box=None)
    table.add_row("*" if serving == BASE else "", BASE, "", values.models.chat, "the model without an adapter")
    for version in versions:
        card = version.card
        mark = "*" if version.name == serving else ""
        table.add_row(
            mark, version.name, card.created[:16], card.base, "shipped" if version.shipped else "trained here"
        )
    out.print(table)


@app.command(epilog="Example: switchboard models show sft-20260901-080000 --json")
def show(name: Name, as_json: AsJson = False) -> None:
    """A version's card: its base, data, settings and figures."""
    from assistant.assembly import base_weights

    values = configuration.load()
    registry = Registry(values.versions)
    version = registry.get(name)
    if as_json:
        print(version.card.model_dump_json())
        return
    with StatusLine() as line:
        production = registry.production(base_weights(values, line.say))
    print_card(version, production=production is not None and production.name == version.name)


@app.command(epilog="Example: switchboard models promote sft-20260901-080000")
def promote(name: Name) -> None:
    """Put a version in production, if it is whole and fits; a running server changes over by itself."""
    from assistant.assembly import base_weights, production_weights

    values = configuration.load()
    with StatusLine() as line:
        base = base_weights(values, line.say)
        Registry(values.versions).promote(name, base)
        production_weights(values, line.say)
    out.print(f"{name} is in production")


@app.command(epilog="Example: switchboard models rollback")
def rollback() -> None:
    """Return to the version that was in production before."""
    from assistant.assembly import base_weights, production_weights

    values = configuration.load()
    with StatusLine() as line:
        base = base_weights(values, line.say)
        version = Registry(values.versions).rollback(base)
        production_weights(values, line.say)
    out.print(f"{version.name if version else BASE} is in production again")


def print_card(version: Version, *, production: bool) -> None:
    """A card for people."""
    card = version.card
    out.print(f"[bold]{version.name}[/]{'  (in production)' if production else ''}")
    rows = {
        "base": card.base,
        "made": f"{card.created}, in {card.seconds / 60:.0f} min",
        "examples": ", ".join(f"{count} {kind}" for kind, count in card.examples.items()),
        "settings": ", ".join(f"{key} {value:g}" for key, value in card.settings.items()),
        "folder": str(version.folder),
    }
    for key, value in rows.items():
        out.print(f"  {key:9} {value}", markup=False, highlight=False, soft_wrap=True)
    for key, found in card.metrics.items():
        interval = f" [{found.low:.3f}, {found.high:.3f}] (n={found.count})" if found.count > 1 else ""
        out.print(f"  {key.replace('_', ' '):32} {found.mean:.3f}{interval}", markup=False, highlight=False)
