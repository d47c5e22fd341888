"""How long a refresh takes: everything new, nothing changed, a few documents changed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from index.embedding import Embedder
from index.library import KnowledgeBase
from ingest.reading import InProcessReader
from ingest.refresh import Refresher, RefreshReport

_SYLLABLES = ("ro", "ming", "tar", "iff", "sim", "pla", "net", "wave", "bill", "ing", "fi", "bre", "call", "er")
_SETTLED = 2.1  # seconds after which a file's time of change can be trusted
_TOKENS = 200


@dataclass(frozen=True, slots=True)
class RefreshTiming:
    """Seconds of one refresh, in all and by stage; `share` is that of the full build's."""

    name: str
    total: float
    share: float
    passages: int
    embedded: int
    stages: dict[str, float]


def time_refreshes(
    folder: Path,
    embedder: Embedder,
    documents: int,
    changed: float = 0.01,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> list[RefreshTiming]:
    """Refresh synthetic documents in an empty folder: all of them, none, and a share of them changed and changed back."""
    rng = random.Random(seed)
    paths = [folder / "documents" / f"{n % 100:02}" / f"document{n:06}.md" for n in range(documents)]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(synthetic_document(rng), encoding="utf-8")
    time.sleep(_SETTLED)
    some = rng.sample(paths, max(1, round(changed * documents)))
    found: list[RefreshTiming] = []

    def refresh(name: str) -> None:
        say(name)
        started = time.perf_counter()
        report: RefreshReport = Refresher(
            KnowledgeBase(folder / "knowledge-base"), embedder, _TOKENS, InProcessReader(2**20)
        ).refresh([folder / "documents"])
        total = time.perf_counter() - started
        share = total / found[0].total if found else 1.0
        found.append(RefreshTiming(name, total, share, report.passages, report.embedded, report.seconds))

    refresh("everything is new")
    refresh("nothing changed")
    _edit(some, "It costs", "It now costs")
    refresh(f"{changed:.0%} changed")
    _edit(some, "It now costs", "It costs")
    refresh(f"{changed:.0%} changed back")
    return found


def _edit(paths: list[Path], old: str, new: str) -> None:
    for path in paths:
        path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")


def synthetic_document(rng: random.Random) -> str:
    """A Markdown page of three sections, in words that are none, each with a price."""

    def words(count: int) -> str:
        return " ".join("".join(rng.choices(_SYLLABLES, k=rng.randint(1, 3))) for _ in range(count))

    sections = (f"## {words(3)}\n\n{words(60)}. It costs €{rng.randint(1, 99)}.\n" for _ in range(3))
    return f"# {words(4)}\n\n" + "\n".join(sections)
