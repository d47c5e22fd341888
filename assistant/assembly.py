"""Builds the parts from the settings, for whoever needs them: the page, the command line, the harness."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from assistant import sufficiency
from assistant.answering import Answerer
from assistant.chat_model import ChatModel, OpenAIChatModel, remote_endpoint, token_counter
from assistant.serving import Endpoint, ModelServer, State, running_endpoints
from assistant.settings import Settings
from assistant.weights import Weights, resolve
from index.embedding import SentenceTransformerEmbedder
from index.library import KnowledgeBase
from index.retrieval import Retriever

Progress = Callable[[str], None]


def open_retriever(settings: Settings) -> Retriever:
    """The retriever over the configured knowledge base. Raises EmbedderNotFound; nothing is loaded yet."""
    return Retriever(
        KnowledgeBase(settings.knowledge_base), SentenceTransformerEmbedder.from_name(settings.models.embedder)
    )


def open_answerer(settings: Settings, retriever: Retriever, model: ChatModel) -> Answerer:
    """The answerer over a retriever and a chat model."""
    return Answerer(retriever, model, sufficiency.load(), settings.answer)


class ChatService:
    """The configured chat model and, where we run it, the server behind it."""

    def __init__(self, model: ChatModel, server: ModelServer | None) -> None:
        self.model = model
        self._server = server

    @classmethod
    def from_settings(cls, settings: Settings, progress: Progress, *, reuse: bool = False) -> ChatService:
        """Find the model without waiting for it; with `reuse`, a server of another process will do.

        Raises ModelNotFound, or ModelUnavailable when a configured URL does not answer.
        """
        models = settings.models
        if models.chat_url:
            endpoint, context = remote_endpoint(models.chat_url, models.chat_api_key, models.chat_served_name)
            return cls(OpenAIChatModel(endpoint.model, lambda: endpoint, context, token_counter(Path())), None)
        weights = resolve(models.chat, settings.model_cache, progress)
        running = next(running_endpoints(settings.run, weights.name), None) if reuse else None
        if running is not None:
            return cls(_local_model(weights, settings, lambda: running), None)
        server = ModelServer(weights, settings)
        return cls(_local_model(weights, settings, server.endpoint), server)

    @property
    def state(self) -> State:
        """What the server is doing; a server that is not ours counts as ready."""
        return self._server.state if self._server is not None else State.READY

    def start(self) -> None:
        """Begin starting the server, where there is one to start."""
        if self._server is not None:
            self._server.start()

    def wait_ready(self, progress: Progress = lambda _: None) -> None:
        """Block until the model answers. Raises ModelUnavailable."""
        if self._server is not None:
            self._server.wait_ready(progress)

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()


@contextlib.contextmanager
def running_model(settings: Settings, progress: Progress) -> Iterator[ChatModel]:
    """A chat model that answers, for the length of a `with` block: a running server's, or one of our own."""
    service = ChatService.from_settings(settings, progress, reuse=True)
    try:
        service.start()
        service.wait_ready(lambda state: progress(f"model server {state}"))
        yield service.model
    finally:
        service.stop()


def _local_model(weights: Weights, settings: Settings, endpoint: Callable[[], Endpoint]) -> OpenAIChatModel:
    return OpenAIChatModel(weights.name, endpoint, settings.vllm.max_model_len, token_counter(Path(weights.path)))
