"""The chat tab: ask, watch the answer come, open what it cites."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from html import escape

import gradio as gr

from assistant.answering import Answerer
from assistant.assembly import ChatService
from assistant.errors import AssistantError, ModelUnavailable
from assistant.serving import State
from index.errors import KnowledgeBaseError
from index.retrieval import Retriever
from index.scope import NO_FILTER, Filter
from ui.web.conversation import Phase, Turn, conversation_html, history, panel_html
from ui.web.narrowing import Choices, Narrowing, choices_among
from ui.web.waiting import Patience

_AT_ONCE = 32
EXAMPLES = (
    "What does the Week Pass for Zone 3 cost?",
    "How do I move my eSIM to a new phone?",
    "The customer's router shows a red light. What now?",
    "When is a late bill's service suspended?",
)


class Chat:
    """Turns a conversation's events into what the page shows."""

    def __init__(self, answerer: Answerer, service: ChatService, retriever: Retriever) -> None:
        self._answerer = answerer
        self._service = service
        self._retriever = retriever

    async def ask(self, question: str, turns: list[Turn], wanted: Filter = NO_FILTER) -> AsyncIterator[list[Turn]]:
        """Yield the conversation after each event; a model that is away is waited for, then asked again."""
        if not question.strip():
            yield turns
            return
        earlier, turn = list(turns), Turn(len(turns) + 1, question.strip(), wanted=wanted)
        yield [*earlier, turn]
        patience = Patience(self._service, "Your question is kept and will be answered as soon as it is back.")
        while not turn.finished:
            try:
                async for event in self._answerer.stream(turn.question, history(earlier), wanted):
                    turn = turn.after(event)
                    yield [*earlier, turn]
            except ModelUnavailable as exc:
                phase, note = (Phase.FAILED, f"{exc}.") if patience.over else (Phase.WAITING, patience.note)
                turn = replace(turn, phase=phase, note=note, sentences=(), citations=())
                yield [*earlier, turn]
                if not turn.finished:
                    await patience.until_ready()
            except (AssistantError, KnowledgeBaseError) as exc:
                turn = replace(turn, phase=Phase.FAILED, note=f"{exc}.")
                yield [*earlier, turn]

    def choices(self) -> Choices:
        """What the documents that may be shown can be narrowed to; nothing where there is no knowledge base."""
        try:
            return choices_among([d.scope for d in self._retriever.documents()])
        except KnowledgeBaseError:
            return Choices()

    def status_html(self) -> str:
        """One line: is the model there, and what does the knowledge base hold."""
        state = self._service.state
        css = {State.READY: "ready", State.FAILED: "failed"}.get(state, "")
        model = {
            State.READY: "model ready",
            State.STARTING: "the model is starting",
            State.RESTARTING: "the model is restarting",
            State.FAILED: "the model could not be started; its log is in the logs folder of SWITCHBOARD_HOME",
            State.STOPPED: "the model is stopped",
        }[state]
        try:
            manifest = self._retriever.generation().manifest
            knowledge = f"{manifest.documents} documents, {manifest.passages} passages, refreshed {manifest.created[:16].replace('T', ' ')} UTC"
        except KnowledgeBaseError as exc:
            knowledge = str(exc)
        return f'<p class="sb-status" role="status"><span class="sb-dot {css}"></span>{escape(model)} · {escape(knowledge)}</p>'


def stopped(turns: list[Turn]) -> list[Turn]:
    """The conversation after the stop button: what was said stays, marked as stopped."""
    if turns and not turns[-1].finished:
        return [*turns[:-1], replace(turns[-1], phase=Phase.STOPPED)]
    return turns


def build_chat(chat: Chat, page: gr.Blocks) -> None:
    """Lay out the tab inside the current gr.Blocks, which is `page`."""
    turns = gr.State([])
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            conversation = gr.HTML(conversation_html([]), elem_id="sb-conversation")
            narrowing = Narrowing(chat.choices)
            with gr.Row():
                question = gr.Textbox(
                    placeholder="Ask the documents (Enter sends, Shift+Enter starts a new line, / comes back here)",
                    show_label=False,
                    label="Question",
                    lines=1,
                    max_lines=6,
                    max_length=2000,
                    autofocus=True,
                    scale=8,
                    elem_id="sb-question",
                )
                send = gr.Button("Ask", variant="primary", scale=1, min_width=80, elem_id="sb-send")
                stop = gr.Button("Stop", scale=1, min_width=80, elem_id="sb-stop")
            with gr.Row():
                examples = [gr.Button(text, size="sm", elem_classes="sb-example") for text in EXAMPLES]
            new = gr.Button("New conversation", size="sm", elem_id="sb-new")
        with gr.Column(scale=2, min_width=300):
            gr.HTML("<h2 style='font-size:1rem;margin:0'>Passages found</h2>")
            panel = gr.HTML(panel_html([]), elem_id="sb-panel")

    def show(now: list[Turn]) -> tuple[list[Turn], str, str]:
        return now, conversation_html(now), panel_html(now)

    async def ask(text: str, now: list[Turn], *values: str | None) -> AsyncIterator[tuple[list[Turn], str, str]]:
        async for after in chat.ask(text, stopped(now), narrowing.filter(values)):
            yield show(after)

    shown = [turns, conversation, panel]
    typed = gr.State("")
    running = []
    for trigger in (question.submit, send.click):
        kept = trigger(lambda text: (text, ""), question, [typed, question], queue=False, api_visibility="private")
        running.append(
            kept.then(
                ask,
                [typed, turns, *narrowing.fields],
                shown,
                concurrency_limit=_AT_ONCE,
                show_progress="hidden",
                api_visibility="private",
            )
        )
    for example, text in zip(examples, EXAMPLES, strict=True):
        running.append(
            example.click(
                ask,
                [gr.State(text), turns, *narrowing.fields],
                shown,
                concurrency_limit=_AT_ONCE,
                show_progress="hidden",
                api_visibility="private",
            )
        )
    stop.click(lambda now: show(stopped(now)), turns, shown, cancels=running, queue=False, api_visibility="private")
    new.click(lambda: show([]), None, shown, cancels=running, queue=False, api_visibility="private").then(
        narrowing.cleared, None, narrowing.fields, queue=False, api_visibility="private"
    )
    page.load(
        narrowing.offered, None, [narrowing.row, *narrowing.fields], show_progress="hidden", api_visibility="private"
    )
