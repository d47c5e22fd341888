"""Does the retriever find the passage that answers?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eval.datasets import Question
from eval.errors import EvaluationError
from eval.statistics import Estimate, estimate
from index.retrieval import Retriever

_DEEPEST = 10


@dataclass(frozen=True, slots=True)
class RetrievalScores:
    """`hit_at[k]`: share of answerable questions with the gold passage among the first k; `mrr`: MRR@10.

    `seconds` is the mean time of a search, embedding included; `missed` are questions without it in the first 5.
    """

    hit_at: dict[int, Estimate]
    mrr: Estimate
    by_style: dict[str, Estimate]
    seconds: float
    missed: tuple[Question, ...]


def score_retrieval(
    retriever: Retriever, questions: Sequence[Question], advance: Callable[[], None] = lambda: None
) -> RetrievalScores:
    """Search for every answerable question. Raises EvaluationError when a gold document is not in the index."""
    asked = [q for q in questions if q.answerable]
    if not asked:
        raise EvaluationError("there are no answerable questions in this split")
    known = {d.name for d in retriever.generation().documents}
    missing = {g.document for q in asked for g in q.gold} - known
    if missing:
        raise EvaluationError(
            f"the knowledge base does not hold {min(missing)}, which the questions are about; "
            "refresh it from the folder of these questions first"
        )
    ranks: list[int | None] = []
    seconds = 0.0
    for question in asked:
        found = retriever.search(question.question, _DEEPEST)
        seconds += found.embed_seconds + found.search_seconds
        ranks.append(question.rank(found.hits))
        advance()
    in_five = [r is not None and r <= 5 for r in ranks]
    styles = sorted({q.style for q in asked})
    return RetrievalScores(
        hit_at={k: estimate([float(r is not None and r <= k) for r in ranks]) for k in (1, 3, 5, 10)},
        mrr=estimate([1 / r if r else 0.0 for r in ranks]),
        by_style={
            s: estimate([float(hit) for q, hit in zip(asked, in_five, strict=True) if q.style == s]) for s in styles
        },
        seconds=seconds / len(asked),
        missed=tuple(q for q, hit in zip(asked, in_five, strict=True) if not hit),
    )
