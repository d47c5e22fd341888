"""Options of the command line that say what is looked for: product, region, language, audience, day."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import typer

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
