"""The OpenAI protocol's ways of failing, from a small server that speaks it; the real model is in tests/ui."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from assistant.chat_model import Message, OpenAIChatModel, estimate_tokens, remote_endpoint
from assistant.errors import AssistantError, ModelNotFound, ModelUnavailable
from assistant.serving import Endpoint


class Server(ThreadingHTTPServer):
    """Lists one model and streams three words; `mode` makes it fail in one way."""

    mode = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.headers["Authorization"] == "Bearer wrong":
            self._reply(401, {"error": {"message": "no"}})
        else:
            self._reply(200, {"data": [{"id": "one", "max_model_len": 1234}, {"id": "two"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.mode.isdigit():
            self._reply(int(self.server.mode), {"error": {"message": "as asked"}})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for word in ["The ", "model ", body["model"]]:
            chunk = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "one"}
            choice = {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
            self.wfile.write(f"data: {json.dumps(chunk | {'choices': [choice]})}\n\n".encode())
            if self.server.mode == "cut":
                self.wfile.flush()
                self.connection.close()
                return
        end = chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        self.wfile.write(f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode())

    def _reply(self, status: int, body: object) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def said(url: str) -> list[str]:
    model = OpenAIChatModel(lambda: Endpoint(url, "k", "one", "m"), 4096, estimate_tokens)

    async def pieces() -> list[str]:
        return [p async for p in model.stream([Message("user", "hello")], 10)]

    return asyncio.run(pieces())


def test_pieces_come_in_order(server: Server) -> None:
    assert said(server.url) == ["The ", "model ", "one"]


@pytest.mark.parametrize(
    ("mode", "error", "words"),
    [
        ("401", AssistantError, "models.chat_api_key"),
        ("404", ModelNotFound, "models.chat_served_name"),
        ("400", AssistantError, "as asked"),
        ("503", ModelUnavailable, "ask again"),
        ("cut", ModelUnavailable, "ask again"),
    ],
)
def test_failures_are_told_apart(server: Server, mode: str, error: type[Exception], words: str) -> None:
    server.mode = mode
    with pytest.raises(error, match=words):
        said(server.url)


def test_nobody_there() -> None:
    with pytest.raises(ModelUnavailable):
        said("http://127.0.0.1:9/v1")


def test_a_remote_server_is_asked_what_it_has(server: Server) -> None:
    assert remote_endpoint(server.url + "/", "k", "", "few-shot") == (Endpoint(server.url, "k", "one", "one"), 1234)
    assert remote_endpoint(server.url, "k", "two", "few-shot") == (Endpoint(server.url, "k", "two", "two"), 4096)
    with pytest.raises(ModelNotFound, match="it serves one, two"):
        remote_endpoint(server.url, "k", "three", "few-shot")
    with pytest.raises(AssistantError, match="chat_api_key"):
        remote_endpoint(server.url, "wrong", "", "few-shot")
    with pytest.raises(ModelUnavailable, match="chat_url"):
        remote_endpoint("http://127.0.0.1:9/v1", "k", "", "few-shot")
    with pytest.raises(ModelUnavailable, match="chat_url"):
        remote_endpoint("nonsense", "k", "", "few-shot")


@pytest.mark.parametrize("text", ["", "plain words", "€ 漫游 🙂 é", "9999999"])
def test_the_estimate_is_never_too_low_for_the_builtin_vocabulary(text: str) -> None:
    # a byte-level vocabulary spends at most one token a byte, and hardly ever more than one for two
    assert estimate_tokens(text) >= len(text.encode()) / 2
