"""An embedder learns what belongs together, and is the same one when it is opened again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from index.adaptation import EmbedderRecipe, EmbedderStep, Pair, Task, adapt
from index.embedding import ADAPTER_CARD, BUILTIN_EMBEDDER, SentenceTransformerEmbedder
from index.errors import EmbedderNotFound

WORDS = {"zorb": "a router", "quix": "a phone", "plim": "a bill", "drane": "an engineer's visit"}
RECIPE = EmbedderRecipe(rank=4, alpha=8, learning_rate=3e-3, epochs=12)


@pytest.fixture(scope="module")
def base() -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder.from_name(BUILTIN_EMBEDDER)


@pytest.fixture(scope="module")
def folder(base: SentenceTransformerEmbedder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the meaning of four invented words was learned, and that a fifth one means nothing."""
    place = tmp_path_factory.mktemp("embedders") / "ours"
    pairs = [
        Pair(f"my {w} is broken", f"{m} does not work", tuple(v for v in WORDS.values() if v != m))
        for w, m in WORDS.items()
    ]
    nothing = Pair("my yulk is broken", "", tuple(f"{m} does not work" for m in WORDS.values()))
    steps: list[EmbedderStep] = []
    adapt(base, [Task("words", (*pairs, nothing), batch=5, negatives=2, bounded=True)], RECIPE, place, steps.append)
    assert [s.step for s in steps] == list(range(1, 13))
    assert steps[-1].loss < steps[0].loss
    return place


def test_what_belongs_together_comes_together(base: SentenceTransformerEmbedder, folder: Path) -> None:
    tuned = SentenceTransformerEmbedder.from_name(str(folder))
    asked = [f"my {w} is broken" for w in WORDS]
    means = [f"{m} does not work" for m in WORDS.values()]

    def found(embedder: SentenceTransformerEmbedder) -> int:
        cosines = embedder.embed(asked) @ embedder.embed(means).T
        return int((cosines.argmax(axis=1) == np.arange(len(WORDS))).sum())

    assert found(base) < len(WORDS)
    assert found(tuned) == len(WORDS)


def test_what_belongs_with_nothing_stays_away(folder: Path) -> None:
    tuned = SentenceTransformerEmbedder.from_name(str(folder))
    means = tuned.embed([f"{m} does not work" for m in WORDS.values()])
    nearest = (tuned.embed(["my yulk is broken", *(f"my {w} is broken" for w in WORDS)]) @ means.T).max(axis=1)
    assert nearest[0] < nearest[1:].min()


def test_a_tuned_embedder_is_another_one_and_the_same_every_time(
    base: SentenceTransformerEmbedder, folder: Path
) -> None:
    first, second = (SentenceTransformerEmbedder.from_name(str(folder)) for _ in range(2))
    assert first.fingerprint == second.fingerprint != base.fingerprint
    assert np.allclose(first.embed(["zorb"]), second.embed(["zorb"]), atol=1e-6)
    assert {f.suffix for f in folder.iterdir()} == {".safetensors", ".json"}
    assert "/" not in json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]


def test_an_adapter_for_another_base_is_refused(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    card = json.loads((folder / ADAPTER_CARD).read_text())
    (other / ADAPTER_CARD).write_text(json.dumps(card | {"base_fingerprint": "0" * 16}))
    with pytest.raises(EmbedderNotFound, match="trained for another"):
        SentenceTransformerEmbedder.from_name(str(other))
    (other / ADAPTER_CARD).write_text("{")
    with pytest.raises(EmbedderNotFound, match="train the embedder again"):
        SentenceTransformerEmbedder.from_name(str(other))
