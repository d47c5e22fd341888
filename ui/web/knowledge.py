"""The knowledge tab: what the assistant knows, a refresh of it, and a search in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from assistant.settings import Settings
from index.errors import KnowledgeBaseError
from index.retrieval import Retriever
from ui.refresh_run import RefreshRun
from ui.refreshing import open_refresher, remembered_sources
from ui.web.knowledge_html import (
    NOTHING_SHOWN,
    document_html,
    documents_html,
    error_html,
    gone_html,
    hits_html,
    summary_html,
)
from ui.web.refresh_html import refresh_html

_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
_AT_ONCE = 32  # watching costs nothing
_SEARCHES = 4  # searching costs a processor
_HITS = 10
_READING = '<p class="sb-busy" role="status">Reading the knowledge base…</p>'
_RUNNING = '<p class="sb-note" role="status">A refresh is running already; this is how far it is.</p>'
# on a narrow page the passages are below the table, on a wide one beside it
_SHOW_HEADING = """
const showHeading = () =>
  document.querySelector("#sb-kb-passages .sb-shown")?.scrollIntoView({
    block: matchMedia("(max-width: 700px)").matches ? "start" : "nearest",
  });
"""
# a click says which document; one that is shown already may be out of sight
_OPEN_DOCUMENT = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-document]");
  if (!button) return;
  trigger("click", { document: button.dataset.document });
  showHeading();
});
"""
# the focus follows to what was opened, so that keys and screen readers go on there
_FOCUS_SHOWN = """
let last = "";
watch("value", () => {
  const heading = element.querySelector(".sb-shown");
  const text = heading ? heading.textContent : "";
  if (heading && text !== last) {
    if (!document.activeElement?.closest("#sb-kb-query")) heading.focus({ preventScroll: true });
    showHeading();
  }
  last = text;
});
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the panel of passages shows: a document's, those nearest to a text, or none."""

    document: str = ""
    query: str = ""


class Knowledge:
    """What the tab shows of whatever generation is current."""

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever

    def overview(self, text: str) -> tuple[str, str]:
        """The summary, and the table of documents that match the text."""
        try:
            generation = self._retriever.generation()
            return summary_html(generation.manifest), documents_html(self._retriever.documents(), text)
        except KnowledgeBaseError as exc:
            return error_html(str(exc)), ""

    def documents(self, text: str) -> str:
        """The table of documents that match the text."""
        try:
            return documents_html(self._retriever.documents(), text)
        except KnowledgeBaseError as exc:
            return error_html(str(exc))

    def passages(self, shown: Shown) -> str:
        """The passages of a document, or those nearest to a text."""
        try:
            if shown.document:
                return _document(self._retriever, shown.document)
            if shown.query:
                return hits_html(shown.query, self._retriever.search(shown.query, _HITS).hits)
        except KnowledgeBaseError as exc:
            return error_html(str(exc))
        return NOTHING_SHOWN


def _document(retriever: Retriever, name: str) -> str:
    document = next((d for d in retriever.documents() if d.name == name), None)
    if document is None:
        return gone_html(name)
    return document_html(document, retriever.generation().passages_of(name))


def build_knowledge(settings: Settings, retriever: Retriever, tab: gr.Tab) -> None:
    """Lay out the tab inside the current gr.Blocks; it is read anew whenever it is selected."""
    knowledge = Knowledge(retriever)
    run = RefreshRun(lambda progress: open_refresher(settings).refresh(remembered_sources(settings), progress))
    shown = gr.State(Shown())
    ended = gr.State(lambda: run.view().ended)  # changes once a refresh, for everybody who watches it
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            summary = gr.HTML(_READING, elem_id="sb-kb-summary")
        with gr.Column(scale=2, min_width=300):
            refresh = gr.Button("Refresh from the same sources", variant="primary", elem_id="sb-kb-refresh")
            note = gr.HTML("", elem_id="sb-kb-note")
            progress = gr.HTML("", elem_id="sb-kb-progress")
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            words = gr.Textbox(
                value="",
                label="Documents",
                placeholder="Filter by words in names, titles, products, audiences, dates",
                max_lines=1,
                max_length=200,
                elem_id="sb-kb-filter",
            )
            documents = gr.HTML("", elem_id="sb-kb-documents", js_on_load=_SHOW_HEADING + _OPEN_DOCUMENT)
        with gr.Column(scale=2, min_width=300):
            with gr.Row(elem_classes="sb-together"):
                query = gr.Textbox(
                    value="",
                    label="Passages nearest to a text",
                    placeholder="A question, or words (Enter searches)",
                    max_lines=1,
                    max_length=2000,
                    scale=4,
                    min_width=180,
                    elem_id="sb-kb-query",
                )
                search = gr.Button("Search", scale=1, min_width=80, elem_id="sb-kb-search")
            passages = gr.HTML(NOTHING_SHOWN, elem_id="sb-kb-passages", js_on_load=_SHOW_HEADING + _FOCUS_SHOWN)

    def opened(event: gr.EventData) -> tuple[Shown, str]:
        now = Shown(document=str(event.document))
        return now, knowledge.passages(now)

    def searched(text: str) -> tuple[Shown, str]:
        now = Shown(query=text.strip())
        return now, knowledge.passages(now)

    def read(text: str, now: Shown) -> tuple[str, str, object]:
        # where nothing is shown, a click may be under way: its passages must not be cleared away
        return (*knowledge.overview(text), knowledge.passages(now) if now != Shown() else gr.skip())

    async def watch() -> AsyncIterator[tuple[str, object]]:
        async for view in run.watch():
            yield refresh_html(view), view.ended or gr.skip()

    seen = ([words, shown], [summary, documents, passages])
    # a second press while a refresh runs must reach us, to be told so: hence "multiple"
    refresh.click(
        lambda: "" if run.start() else _RUNNING, None, note, trigger_mode="multiple", queue=False, **_QUIET
    ).then(watch, None, [progress, ended], trigger_mode="multiple", concurrency_limit=_AT_ONCE, **_QUIET).then(
        lambda: "", None, note, trigger_mode="multiple", queue=False, **_QUIET
    )
    # somebody who comes while a refresh runs sees how far it is, and then what it brought
    tab.select(watch, None, [progress, ended], concurrency_limit=_AT_ONCE, **_QUIET)
    for moment in (tab.select, ended.change):
        moment(read, *seen, concurrency_limit=_AT_ONCE, **_QUIET)
    words.change(
        knowledge.documents, words, documents, trigger_mode="always_last", concurrency_limit=_AT_ONCE, **_QUIET
    )
    documents.click(opened, None, [shown, passages], concurrency_limit=_AT_ONCE, **_QUIET)
    for trigger in (query.submit, search.click):
        trigger(
            searched,
            query,
            [shown, passages],
            concurrency_limit=_SEARCHES,
            concurrency_id="sb-kb-search",
            api_visibility="private",
        )
