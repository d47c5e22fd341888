"""Builds the parts from the settings, for whoever needs them: the page, the command line, the harness."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from assistant import pointing, sufficiency
from assistant.answering import Answerer
from assistant.chat_model import ChatModel, OpenAIChatModel, remote_endpoint, token_counter
from assistant.errors import SettingsError, VersionError
from assistant.serving import Endpoint, ModelServer, State, is_cpu_build, running_endpoints
from assistant.settings import Settings
from assistant.triage.classification import Classifier
from assistant.triage.neighbours import Neighbours
from assistant.triage.taxonomy import Taxonomy
from assistant.triage.tickets import read_tickets
from assistant.tuning.merging import beside, merged, tuned_name
from assistant.tuning.registry import Registry, Version
from assistant.weights import Weights, resolve
from index.embedding import SentenceTransformerEmbedder
from index.library import KnowledgeBase
from index.retrieval import Retriever
from index.scope import Audience

Progress = Callable[[str], None]


def open_retriever(settings: Settings, audience: Audience = "agent") -> Retriever:
    """The retriever over the configured knowledge base. Raises EmbedderNotFound; nothing is loaded yet."""
    embedder = SentenceTransformerEmbedder.from_name(settings.models.embedder)
    return Retriever(KnowledgeBase(settings.knowledge_base), embedder, audience)


def configured_audience(settings: Settings) -> Audience:
    """Whom the page and the API are for. Raises SettingsError."""
    if settings.web.audience == "agent":
        return "agent"
    if settings.web.audience == "customer":
        return "customer"
    raise SettingsError(f"web.audience: expected agent or customer, not {settings.web.audience!r}")


def open_answerer(settings: Settings, retriever: Retriever, model: ChatModel) -> Answerer:
    """The answerer over a retriever and a chat model."""
    return Answerer(retriever, model, sufficiency.load(), pointing.load(), settings.answer)


def open_classifier(
    settings: Settings, model: ChatModel, advance: Callable[[int], None] = lambda _: None
) -> Classifier:
    """The classifier over the configured taxonomy and labelled tickets; `advance` is told how many were embedded.

    Raises DatasetError, EmbedderNotFound.
    """
    triage = settings.triage
    taxonomy = Taxonomy.load(Path(triage.taxonomy))
    neighbours = None
    if triage.tickets:
        tickets = read_tickets(Path(triage.tickets), ancestors=taxonomy.path_ids)
        embedder = ticket_embedder(settings)
        neighbours = Neighbours.open(tickets, embedder, settings.ticket_vectors, advance)
    return Classifier(model, taxonomy, neighbours, threshold=triage.threshold)


def ticket_embedder(settings: Settings) -> SentenceTransformerEmbedder:
    """The embedder that tickets are compared by. Raises EmbedderNotFound."""
    return SentenceTransformerEmbedder.from_name(settings.triage.embedder or settings.models.embedder)


class ChatService:
    """The configured chat model and, where we run it, the server behind it."""

    def __init__(
        self, model: ChatModel, server: ModelServer | None, production: Callable[[str], Weights] | None = None
    ) -> None:
        self.model = model
        self._server = server
        self._production = production

    @classmethod
    def from_settings(cls, settings: Settings, progress: Progress, *, reuse: bool = False) -> ChatService:
        """Find the model without waiting for it; with `reuse`, a server of another process will do.

        Raises ModelNotFound, or ModelUnavailable when a configured URL does not answer.
        """
        models = settings.models
        if models.chat_url:
            endpoint, context = remote_endpoint(
                models.chat_url, models.chat_api_key, models.chat_served_name, models.chat_prompts
            )
            return cls(OpenAIChatModel(lambda: endpoint, context, token_counter(Path())), None)
        base = base_weights(settings, progress)
        weights = _in_production(settings, base, progress)
        running = next(running_endpoints(settings.run, weights.name), None) if reuse else None
        if running is not None:
            return cls(_local_model(weights, settings, lambda: running), None)
        server = ModelServer(weights, settings)

        def production(served: str) -> Weights:
            version = Registry(settings.versions).production(base)
            # asked every few seconds: whole weights are only looked at when there is something new
            same = served == (base.name if version is None else tuned_name(base, version))
            return server.weights if same else _in_production(settings, base, progress)

        return cls(_local_model(weights, settings, server.endpoint), server, production)

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

    def follow_production(self) -> str:
        """Serve what is in production by now, when that is another version; return what is, or will be, served.

        Raises VersionError when it cannot be served; what was served before stays.
        """
        if self._server is None or self._production is None:
            return self.model.name
        wanted = self._production(self._server.weights.name)
        if wanted == self._server.refused:
            raise VersionError(f"{wanted.name} could not be served; look at the log, and roll back")
        if wanted != self._server.weights:
            self._server.replace(wanted)
        return wanted.name

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


def base_weights(settings: Settings, progress: Progress) -> Weights:
    """The configured chat model without any adapter. Raises ModelNotFound."""
    return resolve(settings.models.chat, settings.model_cache, progress)


def production_weights(settings: Settings, progress: Progress) -> Weights:
    """What is to be served: the configured model with the adapter that is in production for it.

    Raises ModelNotFound, or VersionError when the adapter in production is missing or damaged.
    """
    return _in_production(settings, base_weights(settings, progress), progress)


def _in_production(settings: Settings, base: Weights, progress: Progress) -> Weights:
    version = Registry(settings.versions).production(base)
    return base if version is None else with_adapter(base, version, settings, progress)


def with_adapter(base: Weights, version: Version, settings: Settings, progress: Progress) -> Weights:
    """A version as it is served here: merged into the weights on a processor, beside them on a GPU."""
    if is_cpu_build():
        return merged(base, version, settings.model_cache, progress)
    return beside(base, version)


@contextlib.contextmanager
def running_weights(settings: Settings, weights: Weights, progress: Progress) -> Iterator[ChatModel]:
    """A chat model over given weights, for the length of a `with` block, served by a vLLM of our own."""
    server = ModelServer(weights, settings)
    server.start()
    try:
        server.wait_ready(progress)
        yield _local_model(weights, settings, server.endpoint)
    finally:
        server.stop()


def _local_model(weights: Weights, settings: Settings, endpoint: Callable[[], Endpoint]) -> OpenAIChatModel:
    return OpenAIChatModel(endpoint, settings.vllm.max_model_len, token_counter(Path(weights.path)))
