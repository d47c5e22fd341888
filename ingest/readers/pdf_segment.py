"""A piece of text and its place on a page, and the signs that begin a list item."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BULLET = re.compile(r"[•◦▪▫‣·●○■□➢➤✓✔❖◆►▶∙\uf0a7\uf0b7\uf0d8\uf076\uf0fc\u2013\-*]")
_NUMBER = re.compile(r"\(?(?:\d{1,3}|[a-z]|[ivx]{1,5})[.)]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Segment:
    """Words that stand together on one line; places in points from the page's top left.

    `ready` marks a table: its text is Markdown and goes through as it is. `turned` marks text at an angle.
    """

    text: str
    x0: float
    x1: float
    top: float
    bottom: float
    size: float = 0.0
    bold: bool = False
    ready: bool = False
    turned: bool = False

    @property
    def is_marker(self) -> bool:
        """Whether this is a bullet or a number with no text of its own."""
        return bool(_BULLET.fullmatch(self.text) or _NUMBER.fullmatch(self.text))


def as_bullet(text: str) -> str:
    """Text that begins with a bullet sign as a Markdown list item; other text as it is."""
    sign, _, rest = text.partition(" ")
    return f"- {rest.lstrip()}" if rest and _BULLET.fullmatch(sign) else text


def starts_item(text: str) -> bool:
    """Whether a line begins with a bullet or an item's number."""
    sign, _, rest = text.partition(" ")
    return bool(rest) and bool(_BULLET.fullmatch(sign) or _NUMBER.fullmatch(sign))
