"""What tests share: a small operator's documents, a knowledge base of them, and one real model server a session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.library import KnowledgeBase
from ingest.refresh import Refresher
from tests.doubles import WordHashEmbedder

DOCUMENTS = {
    "sim.md": "# SIM cards\n\n## Replacement\n\nA replacement SIM costs €8. It is free when the SIM is faulty.\n\n"
    "## PUK\n\nThree wrong PINs lock the SIM. The PUK is shown in the app.\n",
    "plans.md": "# Plans\n\n## Price list\n\n| Plan | Price | Data |\n|---|---|---|\n| Wave 5 | €12 | 5 GB |\n"
    "| Wave 20 | €18 | 20 GB |\n\n## Notice\n\nThe notice period is 30 days.\n",
    "roaming/zones.txt": "ROAMING ZONES\n=============\n\nZone 3\n------\n\nA day pass for Zone 3 costs €7 and holds 1 GB.\n",
}


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees or changes the state of the person who runs it."""
    for name in [n for n in os.environ if n.startswith("SWITCHBOARD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SWITCHBOARD_HOME", str(tmp_path / "home"))


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """A folder with DOCUMENTS."""
    folder = tmp_path / "documents"
    for name, text in DOCUMENTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def embedder() -> WordHashEmbedder:
    return WordHashEmbedder()


@pytest.fixture
def knowledge_base(tmp_path: Path) -> KnowledgeBase:
    return KnowledgeBase(tmp_path / "kb")


@pytest.fixture
def refresher(knowledge_base: KnowledgeBase, embedder: WordHashEmbedder, tmp_path: Path) -> Refresher:
    return Refresher(knowledge_base, tmp_path / "kb", embedder, passage_tokens=60, max_file_bytes=100_000)


@pytest.fixture
def filled(refresher: Refresher, documents: Path, knowledge_base: KnowledgeBase) -> Iterator[KnowledgeBase]:
    """A knowledge base that holds DOCUMENTS."""
    refresher.refresh([documents])
    yield knowledge_base
