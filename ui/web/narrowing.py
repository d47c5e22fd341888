"""The row of drop-downs above the question: what an answer must hold for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields

import gradio as gr

from index.scope import Filter, Scope

_ANY = ""
_CUSTOMERS = "customer"


@dataclass(frozen=True, slots=True)
class Choices:
    """The values that the documents have, in alphabetical order; a field without any is not offered."""

    product: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    audience: tuple[str, ...] = ()


def choices_among(scopes: Iterable[Scope | None]) -> Choices:
    """What documents of these scopes can be narrowed to. One language, or one audience, leaves nothing to choose."""
    known = [scope for scope in scopes if scope is not None]
    languages = _distinct(scope.language.split("-")[0] for scope in known)
    return Choices(
        product=_distinct(value for scope in known for value in scope.product),
        region=_distinct(value for scope in known for value in scope.region),
        language=languages if len(languages) > 1 else (),
        audience=(_CUSTOMERS,) if any(scope.audience == "agent" for scope in known) else (),
    )


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    """Each value once, however its letters are cased, as it was first written."""
    found: dict[str, str] = {}
    for value in values:
        if value:
            found.setdefault(value.casefold(), value)
    return tuple(found[key] for key in sorted(found))


class Narrowing:
    """The drop-downs, laid out inside the current gr.Blocks; those without choices stay hidden."""

    def __init__(self, choices: Callable[[], Choices]) -> None:
        self._choices = choices
        self.names = tuple(f.name for f in fields(Choices))
        with gr.Row(visible=False, elem_id="sb-narrowing") as self.row:
            self.fields = [
                gr.Dropdown(
                    [_any(name)],
                    value=_ANY,
                    label=name.capitalize(),
                    visible=False,
                    min_width=120,
                    interactive=True,
                    allow_custom_value=True,
                    elem_id=f"sb-narrow-{name}",
                )
                for name in self.names
            ]

    def offered(self) -> list[object]:
        """What the row and its drop-downs become when the page is opened."""
        choices = self._choices()
        offers = [getattr(choices, name) for name in self.names]
        return [gr.update(visible=any(offers)), *map(_offer, self.names, offers)]

    def cleared(self) -> list[str]:
        """The values of a new conversation."""
        return [_ANY for _ in self.names]

    def filter(self, values: Sequence[str | None]) -> Filter:
        """The filter that the drop-downs, in the order of `fields`, ask for."""
        product, region, language, audience = (value or "" for value in values)
        return Filter(product, region, "customer" if audience == _CUSTOMERS else "agent", language)


def _any(name: str) -> tuple[str, str]:
    return ("for agents" if name == "audience" else f"any {name}", _ANY)


def _offer(name: str, values: Sequence[str]) -> object:
    labelled = [(f"for {value}s" if name == "audience" else value, value) for value in values]
    return gr.update(choices=[_any(name), *labelled], value=_ANY, visible=bool(values))
