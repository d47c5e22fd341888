"""What labelled tickets say of a new one: the probe against scikit-learn, sentences that count, what is kept on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from assistant.triage.neighbours import Neighbours, distinct_sentences
from assistant.triage.probe import LinearProbe
from assistant.triage.tickets import LabelledTicket
from tests.doubles import WordHashEmbedder

FRAME = "Please call me back about it today."
TICKETS = [
    LabelledTicket("1", f"My router shows a red light. {FRAME}", ("net", "net-red")),
    LabelledTicket("2", f"The bill names a wrong amount. {FRAME}", ("bill", "bill-wrong")),
    LabelledTicket("3", f"Nobody answers the hotline. {FRAME}", ("care", "care-wait")),
]


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_a_probe_says_what_the_regression_says(classes: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(classes)
    vectors = rng.normal(size=(60, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = np.arange(60) % classes
    probe = LinearProbe.fit(vectors, labels, classes)
    wanted = LogisticRegression(C=70, max_iter=200).fit(vectors, labels).predict_log_proba(vectors)
    np.testing.assert_allclose(probe.log_probabilities(vectors), wanted, atol=1e-4)
    probe.save(tmp_path / "probe.safetensors")
    kept = LinearProbe.open(tmp_path / "probe.safetensors")
    assert kept is not None
    np.testing.assert_array_equal(kept.log_probabilities(vectors), probe.log_probabilities(vectors))


def test_one_label_needs_no_probe() -> None:
    probe = LinearProbe.fit(np.eye(3, dtype=np.float32), np.zeros(3, dtype=np.int64), 1)
    assert probe.log_probabilities(np.eye(3, dtype=np.float32)).tolist() == [[0.0]] * 3


def test_the_sentence_that_tells_decides_and_not_the_one_that_all_share() -> None:
    neighbours = Neighbours.of(TICKETS, WordHashEmbedder())
    told = neighbours.consult(f"{FRAME} The bill names a wrong amount.")
    assert told.votes["bill-wrong"] > 0.9
    assert told.near[0].ticket.id == "2"
    undecided = neighbours.consult(FRAME).votes
    assert max(undecided.values()) < 0.6


def test_sentences_are_kept_once_with_all_who_hold_them() -> None:
    found = distinct_sentences([t.text for t in TICKETS])
    assert found[FRAME] == [0, 1, 2]
    assert found["The bill names a wrong amount."] == [1]
    assert len(found) == 4


def test_what_was_learned_is_kept_until_a_label_changes(tmp_path: Path) -> None:
    embedder = WordHashEmbedder()
    first = Neighbours.open(TICKETS, embedder, tmp_path).consult("a red light").votes
    kept = {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    assert {p.suffix for p in kept} == {".faiss", ".safetensors"}
    assert Neighbours.open(TICKETS, embedder, tmp_path).consult("a red light").votes == pytest.approx(first)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()} == kept
    relabelled = [LabelledTicket("1", TICKETS[0].text, ("net", "net-amber")), *TICKETS[1:]]
    assert "net-amber" in Neighbours.open(relabelled, embedder, tmp_path).consult("a red light").votes


@pytest.mark.parametrize("suffix", [".sentences.faiss", ".safetensors"])
def test_a_damaged_file_is_made_again(suffix: str, tmp_path: Path) -> None:
    embedder = WordHashEmbedder()
    wanted = Neighbours.open(TICKETS, embedder, tmp_path).consult("a red light").votes
    (path,) = (p for p in tmp_path.iterdir() if p.name.endswith(suffix))
    path.write_bytes(path.read_bytes()[:20])
    assert Neighbours.open(TICKETS, embedder, tmp_path).consult("a red light").votes == pytest.approx(wanted)
    assert path.stat().st_size > 20
