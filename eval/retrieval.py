"""Does the retriever find the passage that answers?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import ir_measures
from ir_measures import RR, R, nDCG

from assistant.questions import Question
from assistant.statistics import Estimate, estimate
from eval.errors import EvaluationError
from index.retrieval import Retriever

_DEPTHS = (1, 3, 5, 10)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class RankingScores:
    """Over queries: `recall_at[k]`, the share of its relevant passages among the first k; `mrr`, `ndcg`: to depth 10.

    Recall and nDCG are those of trec_eval, MRR that of MS MARCO, as ir-measures gives them (MacAvaney et al., 2022).
    """

    recall_at: dict[int, Estimate]
    mrr: Estimate
    ndcg: Estimate


@dataclass(frozen=True, slots=True)
class RetrievalScores:
    """`hit_at[k]`: share of answerable questions with the gold passage among the first k; `mrr`: MRR@10.

    These two heed that some questions need all of their gold passages. `recall_at` and `ndcg` (nDCG@10) are the
    common measures with every gold passage relevant. `seconds` is the mean time of a search, embedding included;
    `missed` are questions without the gold passage in the first 5.
    """

    hit_at: dict[int, Estimate]
    mrr: Estimate
    recall_at: dict[int, Estimate]
    ndcg: Estimate
    by_style: dict[str, Estimate]
    seconds: float
    missed: tuple[Question, ...]


def score_retrieval(
    retriever: Retriever, questions: Sequence[Question], advance: Callable[[], None] = lambda: None
) -> RetrievalScores:
    """Search for every answerable question. Raises EvaluationError when a gold document is not in the index."""
    asked = [q for q in questions if q.answerable]
    _check_answerable(retriever, asked)
    ranks: list[int | None] = []
    found: list[list[str]] = []
    seconds = 0.0
    retriever.search(asked[0].question, 1)  # loads the model, which is no part of a search
    for question in asked:
        result = retriever.search(question.question, max(_DEPTHS))
        seconds += result.embed_seconds + result.search_seconds
        ranks.append(question.rank(result.hits))
        found.append([hit.passage.id for hit in result.hits])
        advance()
    passages = retriever.generation().passages
    gold = [{p.id: 1 for p in passages if any(g.matches(p) for g in q.gold)} for q in asked]
    ranking = score_rankings(_numbered(gold), _numbered(found), _DEPTHS)
    in_five = [r is not None and r <= 5 for r in ranks]
    styles = sorted({q.style for q in asked})
    return RetrievalScores(
        hit_at={k: estimate([float(r is not None and r <= k) for r in ranks]) for k in _DEPTHS},
        mrr=estimate([1 / r if r else 0.0 for r in ranks]),
        recall_at=ranking.recall_at,
        ndcg=ranking.ndcg,
        by_style={
            s: estimate([float(hit) for q, hit in zip(asked, in_five, strict=True) if q.style == s]) for s in styles
        },
        seconds=seconds / len(asked),
        missed=tuple(q for q, hit in zip(asked, in_five, strict=True) if not hit),
    )


def score_rankings(
    relevant: Mapping[str, Mapping[str, int]], found: Mapping[str, Sequence[str]], depths: Sequence[int]
) -> RankingScores:
    """Measure rankings, best first, against grades, both by query id; a query without a grade or a hit counts as 0."""
    # by rank and not by score: trec_eval would put equal scores in an order of its own, not the one that is shown
    run = {query: {name: float(-rank) for rank, name in enumerate(names)} for query, names in found.items()}
    grades = {query: dict(by_name) for query, by_name in relevant.items() if by_name}
    measures = [*(R @ k for k in depths), RR @ 10, nDCG @ 10]
    values = {(m.query_id, m.measure): float(m.value) for m in ir_measures.iter_calc(measures, grades, run)}
    means = {m: estimate([values.get((query, m), 0.0) for query in relevant]) for m in measures}
    return RankingScores({k: means[R @ k] for k in depths}, means[RR @ 10], means[nDCG @ 10])


def _numbered(items: Sequence[_T]) -> dict[str, _T]:
    return {str(number): item for number, item in enumerate(items)}


def _check_answerable(retriever: Retriever, asked: Sequence[Question]) -> None:
    if not asked:
        raise EvaluationError("there are no answerable questions in this split")
    known = {d.name for d in retriever.generation().documents}
    missing = {g.document for q in asked for g in q.gold} - known
    if missing:
        raise EvaluationError(
            f"the knowledge base does not hold {min(missing)}, which the questions are about; "
            "refresh it from the folder of these questions first"
        )
