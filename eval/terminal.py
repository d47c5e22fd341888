"""What the commands under `switchboard eval` share on the terminal."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

out, err = Console(), Console(stderr=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for a program to read.")]
