"""The web page, on a FastAPI application that also serves the HTTP API."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from fastapi import FastAPI

from assistant.answering import Answerer
from assistant.assembly import ChatService
from assistant.settings import Settings
from index.retrieval import Retriever
from ui.api import build_api
from ui.reports import ReportFolder, build_reports
from ui.web.chat import Chat, build_chat
from ui.web.evaluation import build_evaluation
from ui.web.knowledge import build_knowledge
from ui.web.models import build_models
from ui.web.triage import build_triage

_HERE = Path(__file__).parent


def build_app(settings: Settings, answerer: Answerer, service: ChatService, retriever: Retriever) -> FastAPI:
    """The whole application: the page at /, the API under /api. Customers get the chat alone."""
    chat = Chat(answerer, service, retriever)
    # reports quote what is for agents only, and the other tabs change what everybody is served
    for_staff = retriever.audience == "agent"
    reports = ReportFolder(settings.home / "reports")
    with gr.Blocks(title="Switchboard", analytics_enabled=False, delete_cache=(3600, 86400)) as page:
        with gr.Row(elem_id="sb-title"):
            gr.HTML("<h1>Switchboard</h1>")
            status = gr.HTML(chat.status_html)
        with gr.Tabs(elem_id="sb-tabs"):
            with gr.Tab("Chat", id="chat"):
                build_chat(chat, page)
            if for_staff:
                with gr.Tab("Triage", id="triage"):
                    build_triage(settings, service)
                with gr.Tab("Knowledge", id="knowledge") as knowledge:
                    build_knowledge(settings, retriever, knowledge)
                with gr.Tab("Models", id="models") as models:
                    build_models(settings, service, models)
                with gr.Tab("Evaluation", id="evaluation") as evaluation:
                    build_evaluation(reports, evaluation)
        gr.Timer(4).tick(chat.status_html, None, status, show_progress="hidden", api_visibility="private", queue=False)
    page.queue(default_concurrency_limit=32)
    api = build_api(answerer, service, retriever)
    if for_staff:
        api.include_router(build_reports(reports))
    app: FastAPI = gr.mount_gradio_app(
        api,
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
