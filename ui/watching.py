"""The command `switchboard kb watch`."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from assistant import settings as configuration

if TYPE_CHECKING:
    from ingest.watching import Outcome

_WAIT = 30  # seconds for another refresh to end


def watch(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders or files. None: the same ones as last time.", show_default=False),
    ] = None,
    poll: Annotated[
        bool, typer.Option("--poll", help="Look for changes again and again: for network drives, which do not tell.")
    ] = False,
) -> None:
    """Refresh within seconds whenever a source changes, until Ctrl-C.

    A refresh that fails or is stopped before publishing is reported, and watching goes on.
    """
    from ingest.watching import Watcher
    from ui.refreshing import open_refresher, remembered_sources

    values = configuration.load()
    folders = sources or list(remembered_sources(values))
    refresher = open_refresher(values, wait=_WAIT)  # one for all, so that the embedder stays loaded
    out = Console()

    def tell(outcome: Outcome) -> None:
        line = f"{datetime.now():%H:%M:%S} {line_of(outcome)}"
        out.print(line, markup=False, highlight=False, soft_wrap=True)

    out.print(f"watching {', '.join(map(str, folders))}; Ctrl-C ends it", markup=False, highlight=False, soft_wrap=True)
    try:
        Watcher(folders, lambda: refresher.refresh(folders), tell, poll=poll).run(threading.Event())
    except KeyboardInterrupt:
        out.print("no longer watching")


def line_of(outcome: Outcome) -> str:
    """What one refresh did, or why it did nothing."""
    if isinstance(outcome, Exception):
        return f"not refreshed: {outcome}"
    counts = f"{len(outcome.added)} added, {len(outcome.changed)} changed, {len(outcome.removed)} removed"
    aside = f", {len(outcome.quarantined)} in quarantine" if outcome.quarantined else ""
    word = "" if outcome.published else "still "
    return f"{counts}{aside}; {sum(outcome.seconds.values()):.1f} s; {word}generation {outcome.generation}"
