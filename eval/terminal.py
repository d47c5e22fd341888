"""What the commands under `switchboard eval` share on the terminal."""

from __future__ import annotations

from typing import Annotated, cast

import typer
from rich.console import Console

from assistant.questions import Split
from eval.errors import EvaluationError

out, err = Console(), Console(stderr=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for a program to read.")]
SplitName = Annotated[str, typer.Option(help="train, dev or test.")]


def split_name(name: str) -> Split:
    """A split by its name. Raises EvaluationError."""
    if name in ("train", "dev", "test"):
        return cast(Split, name)
    raise EvaluationError(f"{name!r} is not a split; there are train, dev and test")
