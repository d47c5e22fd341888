"""Metadata as editors write it, in YAML above a page or beside a file -> names and strings."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping

import yaml

from index.errors import ScopeError
from index.scope import Scope
from ingest.errors import Unreadable

_SHORT_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")  # without zeros it is no date to YAML
_NOTHING = ("", "~", "null")


class AsWritten(yaml.SafeLoader):
    """YAML whose plain values stay strings, but for dates: `no` is a country, 1.10 a version."""


AsWritten.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def as_strings(values: Mapping[str, object]) -> dict[str, str]:
    """Values as they are written (`1.10` stays `1.10`), dates ISO, lists joined by a comma; nothing nested or empty."""
    return {str(key): text for key, value in values.items() if (text := _text(value)) not in _NOTHING}


def is_flat(value: object) -> bool:
    """Whether `as_strings` keeps all of a value: it is one, or a list of such."""
    if isinstance(value, (list, tuple)):
        return not any(isinstance(item, (list, tuple, dict, set)) for item in value)
    return not isinstance(value, (dict, set))


def tidy(metadata: Mapping[str, str]) -> dict[str, str]:
    """Names in lower case with underscores, values on one line; what is empty is left out."""
    pairs = (
        (re.sub(r"[\s-]+", "_", " ".join(key.lower().split())), " ".join(value.split()))
        for key, value in metadata.items()
    )
    return {key: value for key, value in pairs if key and value}


def check_scope(metadata: Mapping[str, str]) -> None:
    """Raises Unreadable, in the stage "metadata", for a scope that cannot be understood."""
    try:
        Scope.of(metadata)
    except ScopeError as exc:
        raise Unreadable(str(exc), "metadata") from exc


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
