"""Front matter: the metadata above a Markdown page, in YAML between `---` lines or in TOML between `+++` lines."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from index.scope import FIELDS
from ingest.errors import Unreadable
from ingest.metadata import AsWritten, as_strings, tidy

_FENCED = re.compile(
    r"\s*(?P<fence>---|\+\+\+)[ \t]*\n(?P<inside>.*?)^(?:(?P=fence)|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE
)
_KEY_VALUE = re.compile(r"(?P<key>[A-Za-z_][\w .-]{0,60}?)\s*[:=]\s*(?P<value>.*)")


@dataclass(frozen=True, slots=True)
class Page:
    """A Markdown page taken apart: `body` is what stands below the front matter."""

    title: str
    body: str
    metadata: Mapping[str, str] = field(default_factory=dict)


def split(source: str) -> Page:
    """Take the front matter off a page.

    Values become strings as they are written (`1.10` stays `1.10`), dates ISO, lists joined by a comma; nested
    tables are left out. Front matter that does not parse is read line by line; what is none at all stays in the body.
    Raises Unreadable, in the stage "metadata", where reading by lines would lose whom or when a page is for.
    """
    match = _FENCED.match(source)
    if not match:
        return Page("", source)
    inside = match["inside"]
    values = _toml(inside) if match["fence"] == "+++" else _yaml(inside)
    if values is None and (lines := _by_lines(inside)) is not None:
        values = {**lines}
    if values is None:
        return Page("", source)
    metadata = as_strings(values)
    title = next((metadata.pop(key) for key in list(metadata) if key.lower() == "title"), "")
    return Page(title, source[match.end() :], metadata)


def _yaml(inside: str) -> dict[str, object] | None:
    # besides its own errors PyYAML lets through those of int(), date() and of Python's stack
    try:
        values = yaml.load(inside, Loader=AsWritten)
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        return None
    if values in (None, ""):
        return {}
    return values if isinstance(values, dict) else None


def _toml(inside: str) -> dict[str, object] | None:
    try:
        return tomllib.loads(inside)
    except (ValueError, RecursionError):
        return None


def _by_lines(inside: str) -> dict[str, str] | None:
    """The `key: value` lines of broken front matter; None when there are none, so that it is text after all."""
    found = [match for line in inside.split("\n") if (match := _KEY_VALUE.fullmatch(line.rstrip()))]
    lines = [line for line in inside.split("\n") if line.strip()]
    if not found or len(found) * 2 < len(lines):
        return None
    values = {match["key"].strip(): match["value"].strip().strip("\"'") for match in found}
    for key, value in values.items():
        # a list or a block, whose lines say whom the page is for, or when: to lose them could show it to customers
        if not value and not tidy({key: "?"}).keys().isdisjoint(FIELDS):
            line = next(number for number, text in enumerate(inside.split("\n"), 2) if text.strip().startswith(key))
            raise Unreadable(f"front matter that is not valid YAML, line {line}: {key} cannot be read", "metadata")
    return values
