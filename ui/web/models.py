"""The models tab: versions with their cards, promote, roll back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from assistant.assembly import ChatService, base_weights
from assistant.errors import AssistantError, ModelUnavailable, VersionError
from assistant.settings import Settings
from assistant.tuning.registry import BASE, Registry
from assistant.weights import Weights
from ui.web.models_html import base_html, card_html, versions_html

_EVERY = 10.0  # seconds between looks at the versions
_PAUSE = "Answers pause for about 40 seconds."
_NOT_HERE = "Answers come from the server in models.chat_url, so versions are not served here."


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be put in production: a version by its name, or, without one, what was there before."""

    name: str = ""

    @property
    def question(self) -> str:
        """What the person is asked before anything happens."""
        return f"{f'Promote {self.name}' if self.name else 'Roll back to what was in production before'}? {_PAUSE}"


@dataclass(frozen=True, slots=True)
class View:
    """The tab's contents: the table, the names to choose from, the chosen one and its card."""

    table: str
    names: tuple[str, ...]
    chosen: str
    card: str


class Shelf:
    """Reads the versions, and changes which of them is in production."""

    def __init__(self, settings: Settings, service: ChatService, registry: Registry | None = None) -> None:
        self._settings = settings
        self._service = service
        self._registry = registry or Registry(settings.versions)

    def view(self, chosen: str | None) -> View:
        """What there is now; a chosen version that is gone gives way to the one in production."""
        production, problem = self._production()
        versions = self._registry.versions()
        cards = {v.name: v for v in versions}
        name = chosen if chosen == BASE or chosen in cards else (production if production in cards else BASE)
        table = versions_html(versions, production, self._settings.models.chat)
        error = f'<p class="sb-error" role="alert">{escape(problem)}.</p>' if problem else ""
        card = (
            card_html(cards[name], name == production)
            if name in cards
            else base_html(self._settings.models.chat, name == production)
        )
        now = f'<p class="sb-note">{escape(self._answering())}</p>'
        return View(f"{error}{table}{now}", (BASE, *cards), name, card)

    def refusal(self, change: Change) -> str:
        """Why a change need not even be asked about; empty when it must."""
        if change.name and change.name == self._production()[0]:
            return f"{change.name} is in production already."
        return ""

    async def carry_out(self, change: Change) -> AsyncIterator[str]:
        """Yield what to tell people while production is changed, and how it ended."""
        yield '<p class="sb-busy" role="status">Looking whether the version is whole and fits, and making it ready…</p>'
        try:
            done = await asyncio.to_thread(self._change, change)
        except AssistantError as exc:
            yield f'<p class="sb-error" role="alert">{escape(str(exc))}.</p>'
        except OSError as exc:
            yield f'<p class="sb-error" role="alert">Nothing was changed: {escape(str(exc))}.</p>'
        else:
            yield f'<p class="sb-done" role="status">{escape(done)} {_PAUSE}</p>'

    def _change(self, change: Change) -> str:
        base = base_weights(self._settings, lambda _: None)
        version = self._registry.promote(change.name, base) if change.name else self._registry.rollback(base)
        name = version.name if version else BASE
        try:
            self._service.follow_production()
        except AssistantError as exc:
            raise VersionError(
                f"{name} is in production now, but cannot be served: {exc}; what was served before stays"
            ) from exc
        return f"{name} is in production{'' if change.name else ' again'}."

    def _production(self) -> tuple[str, str]:
        """The name of what is in production; where that cannot be said, nothing and why."""
        try:
            # only the base's name decides here; finding its weights would mean reading all of them
            version = self._registry.production(Weights(self._settings.models.chat, ""))
        except VersionError as exc:
            return "", str(exc)
        return version.name if version else BASE, ""

    def _answering(self) -> str:
        if self._settings.models.chat_url:
            return _NOT_HERE
        try:
            return f"Answering now: {self._service.model.name}"
        except ModelUnavailable as exc:
            return f"Nothing answers now: {exc}."


def build_models(settings: Settings, service: ChatService, tab: gr.Tab) -> None:
    """Lay out the tab inside `tab`."""
    shelf = Shelf(settings, service)
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            gr.HTML('<h2 class="sb-heading">Versions of the chat model</h2>')
            table = gr.HTML("", elem_id="sb-versions")
            name = gr.Radio([BASE], value=None, label="Look at", elem_id="sb-version")
            with gr.Row():
                here = not settings.models.chat_url
                promote = gr.Button("Promote", variant="primary", interactive=here, elem_id="sb-promote")
                rollback = gr.Button("Roll back", interactive=here, elem_id="sb-rollback")
            with gr.Column(visible=False, elem_id="sb-confirm") as confirm:
                question = gr.HTML("", elem_id="sb-confirm-question")
                with gr.Row():
                    yes = gr.Button("Yes", variant="primary", elem_id="sb-yes")
                    no = gr.Button("No", elem_id="sb-no")
            said = gr.HTML("", elem_id="sb-models-said")
        with gr.Column(scale=2, min_width=300):
            card = gr.HTML("", elem_id="sb-card")

    def show(chosen: str | None) -> tuple[str, Any, str]:
        view = shelf.view(chosen)
        return view.table, gr.update(choices=list(view.names), value=view.chosen), view.card

    reading: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    shown = [table, name, card]
    tab.select(show, name, shown, **reading)
    gr.Timer(_EVERY).tick(show, name, shown, **reading)
    name.input(show, name, shown, **reading)

    change = gr.State(None)

    def ask(wanted: Change) -> tuple[Change | None, Any, str, str]:
        refusal = shelf.refusal(wanted)
        if refusal:
            return None, gr.update(visible=False), "", f'<p class="sb-note" role="status">{escape(refusal)}</p>'
        return wanted, gr.update(visible=True), f'<p role="alert">{escape(wanted.question)}</p>', ""

    async def carry_out(wanted: Change | None) -> AsyncIterator[tuple[Any, str]]:
        if wanted is not None:
            async for words in shelf.carry_out(wanted):
                yield gr.update(visible=False), words

    asked = [change, confirm, question, said]
    promote.click(lambda chosen: ask(Change(chosen or BASE)), name, asked, **reading)
    rollback.click(lambda: ask(Change()), None, asked, **reading)
    no.click(lambda: (None, gr.update(visible=False)), None, [change, confirm], **reading)
    yes.click(
        carry_out, change, [confirm, said], concurrency_limit=1, show_progress="hidden", api_visibility="private"
    ).then(show, name, shown, **reading)
