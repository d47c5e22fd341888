"""One ticket down the tree, for the page: the classifier that all share, and what is known of a ticket so far."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from assistant.assembly import ChatService
from assistant.errors import AssistantError, ModelUnavailable
from assistant.triage.classification import Classifier
from index.errors import KnowledgeBaseError
from ui.records import ClassificationRecord
from ui.web.waiting import Patience

BEAT = 0.5  # seconds between looks at work that goes on elsewhere

Opener = Callable[[Callable[[int], None]], Classifier]


class SharedClassifier:
    """A classifier that whoever needs it first opens, in a thread, while the others wait.

    `opener` is handed a callback for how many more labelled tickets were embedded.
    """

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._lock = threading.Lock()
        self._classifier: Classifier | None = None
        self._embedded = 0

    @property
    def classifier(self) -> Classifier:
        """What `open` opened."""
        assert self._classifier is not None
        return self._classifier

    async def open(self) -> AsyncIterator[str]:
        """Yield what to tell people until the classifier is there; nothing when it is.

        Raises DatasetError and the knowledge base's errors; the next call tries again.
        """
        if self._classifier is not None:
            return
        opening = asyncio.create_task(asyncio.to_thread(self._open))
        while not opening.done():
            yield self._note()
            await asyncio.wait({opening}, timeout=BEAT)
        await opening

    def _open(self) -> None:
        with self._lock:
            if self._classifier is not None:
                return
            self._embedded = 0
            classifier = self._opener(self._advance)
            # loads the embedder here and once, not in every thread of the first batch
            asyncio.run(classifier.precedents("ready"))
            self._classifier = classifier

    def _advance(self, more: int) -> None:
        self._embedded += more

    def _note(self) -> str:
        so_far = f" {self._embedded:,} are read." if self._embedded else ""
        return f"Reading the labelled tickets; the first time this takes about a minute.{so_far}"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket and what is known of it: a note while it is under way, then an error or a record."""

    text: str
    note: str = ""
    error: str = ""
    record: ClassificationRecord | None = None


class Sorter:
    """Sorts one ticket; a model that is away is waited for, then asked again."""

    def __init__(self, shared: SharedClassifier, service: ChatService) -> None:
        self._shared = shared
        self._service = service

    async def sort(self, text: str) -> AsyncIterator[Ticket]:
        """Yield the ticket whenever more is known of it; the last one has an error or a record."""
        ticket = Ticket(text.strip())
        if not ticket.text:
            yield replace(ticket, error="There is no ticket yet; paste one above.")
            return
        yield replace(ticket, note="Sorting…")
        try:
            async for note in self._shared.open():
                yield replace(ticket, note=note)
            async for later in self._classified(ticket):
                yield later
        except (AssistantError, KnowledgeBaseError) as exc:
            yield replace(ticket, error=f"{exc}.")

    async def _classified(self, ticket: Ticket) -> AsyncIterator[Ticket]:
        patience = Patience(self._service, "Your ticket is kept and will be sorted as soon as it is back.")
        while True:
            yield replace(ticket, note="Sorting…")
            try:
                found = await self._shared.classifier.classify(ticket.text)
            except ModelUnavailable:
                if patience.over:
                    raise
                yield replace(ticket, note=patience.note)
                await patience.until_ready()
            else:
                yield replace(ticket, record=ClassificationRecord.of(found))
                return
