"""Refreshes that are killed at random moments while others ask: does anybody notice?"""

from __future__ import annotations

import multiprocessing
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np

from eval.hashed_words import HashedWords
from index.errors import KnowledgeBaseError
from index.generation import Generation
from index.library import KnowledgeBase
from index.retrieval import Retriever
from ingest.reading import InProcessReader
from ingest.refresh import Refresher

_DOCUMENTS = 60  # half of them change with every edition
_EDITION = re.compile(r"edition e(\d+)")
_PAUSE = 0.002  # seconds between two questions of a reader
_WAIT = 120  # seconds after which a refresh counts as one that does not end
_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class KillReport:
    """What became of `kills` refreshes; `hit` of them were still running. All lists should be empty."""

    kills: int
    hit: int
    answers: int
    generations: int
    failed_reads: tuple[str, ...]
    mixtures: tuple[str, ...]
    corrupt: tuple[str, ...]
    unfinished: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not (self.failed_reads or self.mixtures or self.corrupt or self.unfinished)


@dataclass(frozen=True, slots=True)
class _Read:
    """What one reader saw."""

    answers: int
    generations: frozenset[str]
    failed: tuple[str, ...]
    mixtures: tuple[str, ...]


def kill_refreshes(
    folder: Path, count: int, readers: int = 4, seed: int = 0, advance: Callable[[], None] = lambda: None
) -> KillReport:
    """Kill `count` refreshes in an empty folder, each followed by one that may end; readers ask all along."""
    rng = random.Random(seed)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    sources, home = folder / "documents", folder / "knowledge-base"
    _write_edition(sources, 0)
    _refresh(home, sources)
    stop = context.Event()
    ends = [_start_reader(context, home, stop) for _ in range(readers)]
    corrupt: list[str] = []
    unfinished: list[str] = []
    hit, usual = 0, 0.5
    for kill in range(1, count + 1):
        _write_edition(sources, kill)
        process = context.Process(target=_refresh, args=(home, sources))
        process.start()
        process.join(rng.uniform(0, 1.1 * usual))
        hit += process.is_alive()
        process.kill()
        process.join()
        corrupt += _damaged(home)
        started = time.perf_counter()
        unfinished += _finish(context, home, sources, kill)
        usual = 0.8 * usual + 0.2 * (time.perf_counter() - started)
        advance()
    stop.set()
    seen = [end.recv() for end in ends]
    return KillReport(
        kills=count,
        hit=hit,
        answers=sum(s.answers for s in seen),
        generations=len(frozenset().union(*(s.generations for s in seen))),
        failed_reads=tuple(f for s in seen for f in s.failed),
        mixtures=tuple(m for s in seen for m in s.mixtures),
        corrupt=tuple(corrupt),
        unfinished=tuple(unfinished),
    )


def _write_edition(sources: Path, edition: int) -> None:
    sources.mkdir(parents=True, exist_ok=True)
    for number in range(_DOCUMENTS):
        words = f"edition e{edition:05}" if number % 2 else "ballast that stays"
        text = f"# Tariff {number}\n\n## Price\n\nThe price is {number} euros.\n\n## Issue\n\nThis is {words}.\n"
        path = sources / f"tariff{number:03}.md"
        if not path.exists() or number % 2:
            path.write_text(text, encoding="utf-8")


def _refresh(home: Path, sources: Path) -> None:
    Refresher(KnowledgeBase(home), HashedWords(), 60, InProcessReader(2**20)).refresh([sources])


def _finish(context: ForkServerContext, home: Path, sources: Path, edition: int) -> list[str]:
    """Run the next refresh, and say what it left undone."""
    process = context.Process(target=_refresh, args=(home, sources))
    process.start()
    process.join(_WAIT)
    if process.exitcode != 0:
        process.kill()
        return [f"edition {edition}: the next refresh ended with {process.exitcode}"]
    generation = KnowledgeBase(home).current()
    found = {e for p in generation.passages for e in _EDITION.findall(p.text)}
    left = [p.name for p in (home / "generations").iterdir() if not (p / "manifest.json").is_file()]
    problems = [f"edition {edition}: {name} was left half written" for name in left]
    return problems if found == {f"{edition:05}"} else [*problems, f"edition {edition}: the documents hold {found}"]


def _damaged(home: Path) -> list[str]:
    """The current generation where it is not whole, and any other that is listed and is not."""
    problems: list[str] = []
    for listed in KnowledgeBase(home).kept():
        try:
            Generation.open(home / "generations" / listed.id, recheck=True)
        except KnowledgeBaseError as exc:
            problems.append(str(exc))
    if KnowledgeBase(home).current_id() not in {g.id for g in KnowledgeBase(home).kept()}:
        problems.append("the pointer leads nowhere")
    return problems


def _start_reader(context: ForkServerContext, home: Path, stop: Event) -> Connection:
    mine, its = context.Pipe(duplex=False)
    context.Process(target=_read, args=(home, stop, its), daemon=True).start()
    return mine


def _read(home: Path, stop: Event, end: Connection) -> None:
    """Ask until told to stop; every answer is held against the generation that it names."""
    embedder = HashedWords()
    retriever = Retriever(KnowledgeBase(home), embedder)
    answers = 0
    generations: set[str] = set()
    failed: list[str] = []
    mixtures: list[str] = []
    while not stop.is_set():
        question = f"which edition is this issue of tariff {answers % _DOCUMENTS}"
        try:
            found = retriever.search(question, 10)
            texts = [h.passage.indexed_text for h in found.hits]
            editions = {e for text in texts for e in _EDITION.findall(text)}
            cosines = embedder.embed(texts) @ embedder.embed([question])[0]
            if len(editions) > 1 or not np.allclose(cosines, [h.cosine for h in found.hits], atol=_TOLERANCE):
                mixtures.append(f"{found.generation.id}: editions {sorted(editions)}")
            if not all(found.generation.passage(h.passage.id) == h.passage for h in found.hits):
                mixtures.append(f"{found.generation.id}: a passage that it does not hold")
            generations.add(found.generation.id)
        except Exception as exc:  # whatever it is, it is what this looks for
            failed.append(f"{type(exc).__name__}: {exc}")
        answers += 1
        time.sleep(_PAUSE)
    end.send(_Read(answers, frozenset(generations), tuple(failed), tuple(mixtures)))
