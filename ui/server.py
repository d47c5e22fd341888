"""Serves the page: everything is built first, then the model is started, and both are stopped together."""

from __future__ import annotations

import logging
import socket
import threading
import time

import uvicorn

from assistant.assembly import ChatService, configured_audience, open_answerer, open_retriever
from assistant.errors import AssistantError, ModelUnavailable
from assistant.settings import Settings
from ui.terminal import console

log = logging.getLogger(__name__)
_FOLLOWING = 2.0  # seconds between looks at what is in production


def run(settings: Settings, host: str, port: int) -> None:
    """Serve until interrupted. Raises AssistantError when the port is taken, and what the parts raise."""
    started = time.monotonic()
    _check_port(host, port)
    retriever = open_retriever(settings, configured_audience(settings))
    generation = retriever.generation()
    service = ChatService.from_settings(settings, _say)
    try:
        service.start()
        _say("starting the model; about 40 s; the first time it is compiled, which takes two minutes")
        # while the model starts: load the embedder, so that the first question does not wait for it
        retriever.search("ready", 1)
        from ui.web.page import build_app

        app = build_app(settings, open_answerer(settings, retriever, service.model), service, retriever)
        _say(f"knowledge base: {generation.manifest.documents} documents, {generation.manifest.passages} passages")
        threading.Thread(target=_announce_model, args=(service, started), daemon=True).start()
        threading.Thread(target=_follow_production, args=(service,), daemon=True).start()
        _say(f"Switchboard is on http://{host}:{port} (after {time.monotonic() - started:.0f} s; Ctrl-C stops it)")
        uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=3)
    finally:
        service.stop()


def _announce_model(service: ChatService, started: float) -> None:
    last = time.monotonic()

    def progress(state: str) -> None:
        nonlocal last
        if time.monotonic() - last >= 15:
            last = time.monotonic()
            _say(f"model {state}")

    try:
        service.wait_ready(progress)
    except ModelUnavailable as exc:
        _say(f"the model is not available: {exc}")
        return
    _say(f"the model is ready (after {time.monotonic() - started:.0f} s)")


def _follow_production(service: ChatService) -> None:
    """Serve another version as soon as one is promoted, here or by the command line."""
    refused = ""
    while True:
        time.sleep(_FOLLOWING)
        try:
            service.follow_production()
            refused = ""
        except AssistantError as exc:
            if str(exc) != refused:
                refused = str(exc)
                _say(f"{exc}; what was served before stays")


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            raise AssistantError(
                f"cannot serve on {host}:{port} ({exc.strerror}); stop what uses it or choose another with --port"
            ) from exc


def _say(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
