"""The triage tab: a ticket or a file of them down the taxonomy."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.assembly import ChatService, open_classifier
from assistant.settings import Settings
from ui.web.ticket_files import FileSorter, Job, Phase, Uploads
from ui.web.tickets import SharedClassifier, Sorter
from ui.web.triage_html import job_html, ticket_html

_AT_ONCE = 32
_FILES_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Example:
    """A ticket to try: the words on its button, and its own."""

    title: str
    text: str


EXAMPLES = (
    Example(
        "Charged despite a day pass",
        "I spent three days in Zurich and sent PASS Z2 to 1700 every morning. My bill of 12 October has the three day "
        "passes on it and on top of them €24 for roaming data on the same days. Please take the €24 off.",
    ),
    Example(
        "Router shows red",
        "Since Monday evening the TarnBox has one red light and nothing in the house works, not the telephone either. "
        "I have restarted it four times. I work from home and am losing money every day.",
    ),
    Example(
        "Says very little",
        "I have been a customer for eleven years and I am really disappointed with how this was handled. "
        "Somebody in charge should ring me, and soon.",
    ),
)


def build_triage(settings: Settings, service: ChatService) -> None:
    """Lay out the tab inside the current gr.Blocks."""
    shared = SharedClassifier(partial(open_classifier, settings, service.model))
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            _build_ticket(Sorter(shared, service), settings.triage.threshold)
        with gr.Column(scale=2, min_width=300):
            _build_file(Uploads(settings.home / "uploads"), FileSorter(shared, service, settings.triage.at_once))


def _build_ticket(sorter: Sorter, threshold: float) -> None:
    gr.HTML('<h2 class="sb-heading">One ticket</h2>')
    ticket = gr.Textbox(
        label="Paste a ticket",
        placeholder="What the customer wrote (Ctrl+Enter sorts it)",
        lines=5,
        max_lines=14,
        max_length=20_000,
        elem_id="sb-ticket",
    )
    sort = gr.Button("Sort", variant="primary", elem_id="sb-sort")
    with gr.Row():
        examples = [gr.Button(e.title, size="sm", elem_classes="sb-ticket-example") for e in EXAMPLES]
    way = gr.HTML(ticket_html(None, threshold), elem_id="sb-way")

    async def show(text: str) -> AsyncIterator[str]:
        async for known in sorter.sort(text):
            yield ticket_html(known, threshold)

    gr.on(
        [sort.click, ticket.submit],
        show,
        ticket,
        way,
        concurrency_limit=_AT_ONCE,
        show_progress="hidden",
        api_visibility="private",
    )
    for button, example in zip(examples, EXAMPLES, strict=True):
        # the button is pressed for the person: with one way to sort a ticket, two cannot be under way
        filled = button.click(None, None, ticket, js=f"() => {json.dumps(example.text)}")
        filled.then(None, None, None, js="() => { document.querySelector('#sb-sort').click(); }")


def _build_file(uploads: Uploads, sorter: FileSorter) -> None:
    gr.HTML('<h2 class="sb-heading">A file of tickets</h2>')
    job = gr.State(None)
    # every suffix is let through: a file that cannot be used is told in the tab, not in a passing message
    drop = gr.File(label="Drop a .csv or .jsonl file", height=140, elem_id="sb-tickets-file")
    column = gr.Textbox(
        label="Column with the text",
        placeholder="found by itself when it is called text, narrative, complaint, message…",
        max_length=200,
        elem_id="sb-text-column",
    )
    with gr.Row():
        stop = gr.Button("Stop", visible=False, elem_id="sb-stop-file")
        go_on = gr.Button("Go on", visible=False, variant="primary", elem_id="sb-go-on")
    batch = gr.HTML(job_html(None), elem_id="sb-batch")
    download = gr.DownloadButton("Download the sorted tickets", visible=False, variant="primary", elem_id="sb-download")
    gr.HTML('<p class="sb-note">Keep the page open until the file is done. It is deleted here after a day.</p>')

    def show(now: Job) -> tuple[Job, str, Any, Any, Any, Any]:
        busy = now.phase is Phase.UNDER_WAY
        return (
            now,
            job_html(now),
            gr.update(visible=not busy, value=None),
            gr.update(visible=busy),
            gr.update(visible=now.resumable, value=now.again),
            gr.update(visible=now.result is not None, value=now.result),
        )

    async def run(now: Job, text_column: str) -> AsyncIterator[tuple[Job, str, Any, Any, Any, Any]]:
        async for later in sorter.run(now, text_column):
            yield show(later)

    shown = [job, batch, drop, stop, go_on, download]
    taken = drop.upload(
        lambda upload: show(uploads.take(Path(upload))),
        drop,
        shown,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    running = [
        trigger(
            run,
            [job, column],
            shown,
            concurrency_limit=_FILES_AT_ONCE,
            show_progress="hidden",
            api_visibility="private",
        )
        for trigger in (taken.success, go_on.click)
    ]
    stop.click(
        lambda now: show(now.stopped()),
        job,
        shown,
        cancels=running,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
