"""How long after a change in the sources the old text is still found, while they are watched and questions are asked."""

from __future__ import annotations

import os
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from eval.errors import EvaluationError
from eval.hashed_words import HashedWords
from eval.refresh_speed import synthetic_document
from index.errors import KnowledgeBaseError
from index.library import KnowledgeBase
from index.retrieval import Retriever
from ingest.isolation import IsolatedReader
from ingest.reading import Limits
from ingest.refresh import Refresher
from ingest.watching import Watcher

_TOKENS = 200
_LONGEST = 300  # seconds after which a change counts as never seen
_HITS = 10
_PAUSE = 0.01  # seconds between two questions


@dataclass(frozen=True, slots=True)
class Freshness:
    """Seconds from a change to the moment when the old text is no longer found, over all changes.

    `questions` were asked all along, `failed` says why some were not answered.
    """

    documents: int
    changes: int
    median: float
    longest: float
    questions: int
    failed: tuple[str, ...]


@dataclass(slots=True)
class _Asker:
    retriever: Retriever
    questions: int = 0
    failed: list[str] = field(default_factory=list)

    def finds(self, word: str) -> bool:
        """Whether a passage with the word is found; true where the question fails, which then is asked again."""
        self.questions += 1
        try:
            return any(word in hit.passage.text for hit in self.retriever.search(f"What costs {word}?", _HITS).hits)
        except (KnowledgeBaseError, OSError) as exc:
            self.failed.append(f"{type(exc).__name__}: {exc}")
            return True

    def wait(self, word: str, found: bool) -> float:
        """Ask until the word is found or no longer found; seconds that took. Raises EvaluationError."""
        began = time.monotonic()
        while self.finds(word) is not found:
            if time.monotonic() - began > _LONGEST:
                raise EvaluationError(f"a change was not seen within {_LONGEST} s")
            time.sleep(_PAUSE)
        return time.monotonic() - began


def measure_freshness(
    folder: Path, documents: int, changes: int, seed: int = 0, advance: Callable[[], None] = lambda: None
) -> Freshness:
    """Correct, replace and delete documents in turn, of synthetic ones in an empty folder that is watched.

    Raises EvaluationError where a change is never seen.
    """
    rng = random.Random(seed)
    sources = folder / "documents"
    paths = [sources / f"{n % 100:02}" / f"document{n:06}.md" for n in range(documents)]
    for number, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_marked(rng, f"mark{number}x0"), encoding="utf-8")
    knowledge_base, embedder = KnowledgeBase(folder / "knowledge-base"), HashedWords()
    reader = IsolatedReader(Limits(2**20), seconds=60, megabytes=1000)
    refresher = Refresher(knowledge_base, embedder, _TOKENS, reader)
    refresher.refresh([sources])
    asker = _Asker(Retriever(knowledge_base, embedder))
    taken = []
    with _watching(refresher, sources):
        for change, number in enumerate(rng.sample(range(documents), changes)):
            asker.wait(f"mark{number}x0", found=True)
            (_correct, _replace, _delete)[change % 3](paths[number], _marked(rng, f"mark{number}x1"))
            taken.append(asker.wait(f"mark{number}x0", found=False))
            if change % 3 != 2:
                asker.wait(f"mark{number}x1", found=True)
            advance()
    return Freshness(
        documents, changes, statistics.median(taken), max(taken), asker.questions, tuple(dict.fromkeys(asker.failed))
    )


@contextmanager
def _watching(refresher: Refresher, sources: Path) -> Iterator[None]:
    stop, began = threading.Event(), threading.Event()
    watcher = Watcher([sources], lambda: refresher.refresh([sources]), lambda _: began.set())
    thread = threading.Thread(target=watcher.run, args=(stop,))
    thread.start()
    try:
        began.wait(_LONGEST)
        yield
    finally:
        stop.set()
        thread.join()


def _marked(rng: random.Random, mark: str) -> str:
    return f"{synthetic_document(rng)}\n## {mark}\n\nThe {mark} costs nothing.\n"


def _correct(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def _delete(path: Path, _: str) -> None:
    path.unlink()
