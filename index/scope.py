"""Where, for whom and when a document holds, read from its metadata; and what a reader of it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from index.errors import ScopeError

Audience = Literal["customer", "agent"]
FIELDS = ("product", "region", "audience", "language", "effective_from", "effective_until")
_AGENT_ONLY = frozenset({"agent", "agents", "agent only", "agent-only", "internal"})
_CUSTOMER = frozenset({"customer", "customers", "public", "all", "everyone"})


@dataclass(frozen=True, slots=True)
class Scope:
    """Where and for whom a document holds; empty tuples and None mean everywhere, always.

    `audience` "agent" means that customers must not see it. `effective_until` is the last day on which it holds.
    """

    product: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    audience: Audience = "customer"
    language: str = ""
    effective_from: date | None = None
    effective_until: date | None = None

    @classmethod
    def of(cls, metadata: Mapping[str, str]) -> Scope:
        """Read the fields named in FIELDS; `effective-from` and `Effective From` are the same field, lists are joined by
        commas, dates are ISO. Raises ScopeError naming the field and the value that cannot be."""
        values = {key.lower().replace("-", "_").replace(" ", "_"): value.strip() for key, value in metadata.items()}
        first, last = (_date(name, values.get(name, "")) for name in ("effective_from", "effective_until"))
        if first and last and last < first:
            raise ScopeError(f"effective_until {last} is before effective_from {first}")
        return cls(
            product=_listed(values.get("product", "")),
            region=_listed(values.get("region", "")),
            audience=_audience(values.get("audience", "")),
            language=values.get("language", "").lower().replace("_", "-"),
            effective_from=first,
            effective_until=last,
        )


@dataclass(frozen=True, slots=True)
class Filter:
    """What passages may be found: those of documents whose scope holds on `day` for `audience`, and that are about the
    product, region and language asked for; empty means any."""

    product: str = ""
    region: str = ""
    audience: Audience = "agent"
    language: str = ""
    day: date | None = None

    def admits(self, scope: Scope, today: date) -> bool:
        """Whether a document may be cited; `today` counts where no `day` is asked for."""
        day = self.day or today
        return (
            not (self.audience == "customer" and scope.audience == "agent")
            and _among(self.product, scope.product)
            and _among(self.region, scope.region)
            and (not self.language or not scope.language or scope.language.split("-")[0] == self.language.split("-")[0])
            and (scope.effective_from is None or scope.effective_from <= day)
            and (scope.effective_until is None or day <= scope.effective_until)
        )


ANYWHERE, NO_FILTER = Scope(), Filter()


def _among(wanted: str, held: tuple[str, ...]) -> bool:
    return not wanted or not held or wanted.casefold() in {h.casefold() for h in held}


def _listed(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _audience(value: str) -> Audience:
    """Everyone, where nothing is said. What cannot be understood is refused: guessing could show it to customers."""
    words = {part.strip().casefold() for part in value.split(",") if part.strip()}
    if not words or (words & _CUSTOMER and words <= _CUSTOMER | _AGENT_ONLY):
        return "customer"
    if words <= _AGENT_ONLY:
        return "agent"
    raise ScopeError(f"audience {value!r}: expected {' or '.join(get_args(Audience))}")


def _date(name: str, value: str) -> date | None:
    if not value:
        return None
    try:
        return date.fromisoformat(value[:10])
    except ValueError as exc:
        raise ScopeError(f"{name} {value!r}: expected a date such as 2026-01-31") from exc
