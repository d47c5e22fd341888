"""Records and settings of a small run, for the tests of what is done with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from eval.records import ARMS, Arm, Record, RunSettings, Shown

REFERENCE = "A replacement SIM costs €8."
PASSAGE = Shown(number=1, document="sim.md", heading="Replacement", text="A replacement SIM costs €8.")


def record(arm: Arm = "base", question_id: str = "q1", **changes: object) -> Record:
    """An answerable question that an arm answers just as the reference does, but for the changes."""
    values: dict[str, object] = {
        "arm": arm,
        "question_id": question_id,
        "question": f"What does a SIM cost ({question_id})?",
        "style": "natural",
        "answerable": True,
        "reference": REFERENCE,
        "answer": f"{REFERENCE} [1]",
        "draft": f"[1] {REFERENCE}",
        "declined": False,
        "draft_declined": False,
        "sentences": 1,
        "supported": 1,
        "citations": 1,
        "correct_citations": 1,
        "passages": (PASSAGE,) if arm.endswith("retrieval") else (),
        "seconds": 1.0,
        "prompt_tokens": 100,
        "output_tokens": 10,
    }
    return Record.model_validate(values | changes)


def declined(arm: Arm, question_id: str, **changes: object) -> Record:
    """An arm that says that the documents don't say."""
    nothing: dict[str, object] = {"sentences": 0, "supported": 0, "citations": 0, "correct_citations": 0}
    said: dict[str, object] = {"answer": "The documents don't say.", "draft": "[0]"}
    return record(arm, question_id, **{**said, **nothing, "declined": True, "draft_declined": True, **changes})


def settings(**changes: object) -> RunSettings:
    values: dict[str, object] = {
        "questions": "ab" * 32,
        "models": {a: "small" if a.startswith("base") else "small+answers-1" for a in ARMS},
        "adapter": "answers-1",
        "generation": "20250101T000000-abcd",
        "created": datetime(2025, 1, 1, tzinfo=UTC),
    }
    return RunSettings.model_validate(values | changes)


def small_run(questions: int = 12) -> list[Record]:
    """All arms on as many questions, every third of them unanswerable: without retrieval an arm knows nothing, and the
    tuned model declines what cannot be answered."""
    return [_reply(arm, f"q{i}", i % 3 == 2) for arm in ARMS for i in range(questions)]


def _reply(arm: Arm, question_id: str, unanswerable: bool) -> Record:
    asked: dict[str, object] = {"answerable": False, "reference": "The documents do not say."} if unanswerable else {}
    if unanswerable and arm.startswith("tuned"):
        return declined(arm, question_id, **asked)
    if not unanswerable and arm.endswith("retrieval"):
        return record(arm, question_id)
    invented = {"answer": "Ask in a shop.", "draft": "Ask in a shop.", "supported": 0, "correct_citations": 0}
    return record(arm, question_id, **invented, **asked)


def f1_of(values: Sequence[float], arm: Arm) -> list[Record]:
    """Answers of ten words to references of ten, so many of them the same that token F1 is each value (tenths)."""
    reference = " ".join(f"word{i}" for i in range(10))
    return [
        record(
            arm,
            f"q{n}",
            reference=reference,
            answer=" ".join(f"word{i}" if i < round(10 * value) else f"other{i}" for i in range(10)),
        )
        for n, value in enumerate(values)
    ]
