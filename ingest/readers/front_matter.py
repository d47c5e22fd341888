"""Front matter: the metadata above a Markdown page, in YAML between `---` lines or in TOML between `+++` lines."""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

_FENCED = re.compile(
    r"\s*(?P<fence>---|\+\+\+)[ \t]*\n(?P<inside>.*?)^(?:(?P=fence)|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE
)
_KEY_VALUE = re.compile(r"(?P<key>[A-Za-z_][\w .-]{0,60}?)\s*[:=]\s*(?P<value>.*)")
_SHORT_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")  # without zeros it is no date to YAML
_NOTHING = ("", "~", "null")


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
    """
    match = _FENCED.match(source)
    if not match:
        return Page("", source)
    inside = match["inside"]
    values = _toml(inside) if match["fence"] == "+++" else _yaml(inside)
    if values is None:
        values = _by_lines(inside)
    if values is None:
        return Page("", source)
    metadata = {str(key): text for key, value in values.items() if (text := _text(value)) not in _NOTHING}
    title = next((metadata.pop(key) for key in list(metadata) if key.lower() == "title"), "")
    return Page(title, source[match.end() :], metadata)


class _AsWritten(yaml.SafeLoader):
    """YAML whose plain values stay strings, but for dates: `no` is a country, 1.10 a version."""


_AsWritten.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _yaml(inside: str) -> Mapping[object, object] | None:
    # besides its own errors PyYAML lets through those of int(), date() and of Python's stack
    try:
        values = yaml.load(inside, Loader=_AsWritten)
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        return None
    if values in (None, ""):
        return {}
    return values if isinstance(values, dict) else None


def _toml(inside: str) -> Mapping[str, object] | None:
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
    return {match["key"].strip(): match["value"].strip().strip("\"'") for match in found}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (str, int, float)):
        text = str(value).strip()
        match = _SHORT_DATE.fullmatch(text)
        return f"{match[1]}-{match[2]:0>2}-{match[3]:0>2}" if match else text
    if isinstance(value, (list, tuple)):
        return ", ".join(filter(None, (_text(item) for item in value if not isinstance(item, (list, dict)))))
    return ""
