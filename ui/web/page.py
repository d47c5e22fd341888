"""The web page, on a FastAPI application that also serves the HTTP API."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from fastapi import FastAPI

from assistant.answering import Answerer
from assistant.assembly import ChatService
from index.retrieval import Retriever
from ui.api import build_api
from ui.web.chat import Chat, build_chat

_HERE = Path(__file__).parent


def build_app(answerer: Answerer, service: ChatService, retriever: Retriever) -> FastAPI:
    """The whole application: the page at /, the API under /api."""
    chat = Chat(answerer, service, retriever)
    with gr.Blocks(title="Switchboard", analytics_enabled=False) as page:
        with gr.Row(elem_id="sb-title"):
            gr.HTML("<h1>Switchboard</h1>")
            status = gr.HTML(chat.status_html)
        build_chat(chat)
        gr.Timer(4).tick(chat.status_html, None, status, show_progress="hidden", api_visibility="private", queue=False)
    page.queue(default_concurrency_limit=32)
    app: FastAPI = gr.mount_gradio_app(
        build_api(answerer, service, retriever),
        page,
        path="/",
        css=(_HERE / "page.css").read_text(encoding="utf-8"),
        head=f"<script>{(_HERE / 'page.js').read_text(encoding='utf-8')}</script>",
        footer_links=[],
        show_error=True,
        ssr_mode=False,
        enable_monitoring=False,
    )
    return app
