"""Searching a corpus by vectors, by words and by both: how well, how fast, and which blend is best."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from eval.corpora import Corpus
from eval.errors import EvaluationError
from eval.retrieval import RankingScores, score_rankings
from index.blending import Blend, Pool, Scale, candidates, ranked
from index.embedding import Embedder
from index.spelling import whole_words
from index.terms import is_chinese
from index.vectors import VectorIndex
from index.words import WordIndex, best_rows

_DEPTHS = (1, 5, 10, 100)
_WEIGHTS = tuple(step / 20 for step in range(21))
_STAGES = ("spelling", "embed", "dense", "words", "blend")


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds that a stage takes: half of the queries take at most `p50`, 95 of 100 at most `p95`."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class CorpusScores:
    """Ways of searching a corpus side by side: `dense` alone, `words` alone, and `both`, as the retriever does.

    `latency` is that of a query's stages: correcting it, embedding it, the nearest vectors, the BM25 scores, blending the two.
    """

    documents: int
    queries: int
    blend: Blend
    ways: dict[str, RankingScores]
    latency: dict[str, Latency]


@dataclass(frozen=True, slots=True)
class Searched:
    """What the stages of searching found for each query of a corpus, in their order; row i is passage i."""

    dense: tuple[list[int], ...]
    words: tuple[list[int], ...]
    pools: tuple[Pool, ...]
    seconds: dict[str, list[float]]


def search_corpus(
    corpus: Corpus, index: VectorIndex, words: WordIndex, embedder: Embedder, advance: Callable[[], None] = lambda: None
) -> Searched:
    """Search for every query of a corpus; row i of `index` and of `words` is passage i."""
    depth = max(_DEPTHS)
    dense: list[list[int]] = []
    worded: list[list[int]] = []
    pools: list[Pool] = []
    seconds: dict[str, list[float]] = {stage: [] for stage in _STAGES}
    embedder.embed([corpus.queries[0].text])  # loads the model, which is no part of a search
    is_english = whole_words(embedder)
    words.lexicon.correct(corpus.queries[0].text, is_english)
    for query in corpus.queries:
        clock = _Clock(seconds)
        text = words.lexicon.correct(query.text, is_english)
        clock.lap("spelling")
        vector = embedder.embed([text])[0]
        clock.lap("embed")
        dense.append([row for row, _ in index.search(vector, depth)])
        clock.lap("dense")
        scores = words.scores(text)
        worded.append(best_rows(scores, depth))
        clock.lap("words")
        pools.append(candidates(index, vector, scores, depth))
        clock.lap("blend")
        advance()
    return Searched(tuple(dense), tuple(worded), tuple(pools), seconds)


def score_corpus(corpus: Corpus, searched: Searched, blend: Blend) -> CorpusScores:
    """Measure the three ways of searching."""
    both: list[list[int]] = []
    blending: list[float] = []
    for query, pool in zip(corpus.queries, searched.pools, strict=True):
        started = time.perf_counter()
        both.append([c.row for c in ranked(pool, blend.scale, blend.weight(query.text))])
        blending.append(time.perf_counter() - started)
    seconds = dict(searched.seconds)
    # gathering the candidates asks for the nearest vectors again, which is counted once
    gathering = zip(seconds["blend"], seconds["dense"], blending, strict=True)
    seconds["blend"] = [max(gathered - dense, 0.0) + mixed for gathered, dense, mixed in gathering]
    ways = {"dense": searched.dense, "words": searched.words, "both": both}
    return CorpusScores(
        len(corpus.passages),
        len(corpus.queries),
        blend,
        {name: _score(corpus, rows) for name, rows in ways.items()},
        {stage: _latency(values) for stage, values in seconds.items()},
    )


def fit_blend(corpus: Corpus, searched: Searched, before: Blend, note: str) -> Blend:
    """The scale and the weight of the cosine that give the best nDCG@10.

    Only the weight for the language of the queries is fitted, and only on queries of one language; the scale is
    kept for queries in Chinese, whose corpora say less about it. Raises EvaluationError for mixed languages.
    """
    chinese = {is_chinese(q.text) for q in corpus.queries}
    if len(chinese) > 1:
        raise EvaluationError("some queries are in Chinese and some are not; fit on queries of one language")
    scales = [before.scale] if chinese == {True} else list(Scale)
    tried = [(_ndcg(corpus, searched, scale, weight), scale, weight) for scale in scales for weight in _WEIGHTS]
    best, scale, weight = max(tried, key=lambda t: t[0])
    note = f"{note}: nDCG@10 {best:.4f}"
    if chinese == {True}:
        return before.model_copy(update={"dense_chinese": weight, "note_chinese": note})
    return before.model_copy(update={"scale": scale, "dense": weight, "note": note})


def _ndcg(corpus: Corpus, searched: Searched, scale: Scale, weight: float) -> float:
    total = 0.0
    for query, pool in zip(corpus.queries, searched.pools, strict=True):
        grades = corpus.relevant[query.id]
        names = [corpus.names[c.row] for c in ranked(pool, scale, weight)[:10]]
        total += _gain([grades.get(n, 0) for n in names]) / _gain(sorted(grades.values(), reverse=True)[:10])
    return total / len(corpus.queries)


def _gain(grades: Sequence[int]) -> float:
    return sum(grade / float(np.log2(rank + 1)) for rank, grade in enumerate(grades, start=1))


def _score(corpus: Corpus, rows: Sequence[Sequence[int]]) -> RankingScores:
    found = {query.id: [corpus.names[row] for row in best] for query, best in zip(corpus.queries, rows, strict=True)}
    return score_rankings(corpus.relevant, found, _DEPTHS)


def _latency(seconds: Sequence[float]) -> Latency:
    p50, p95 = np.percentile(seconds, (50, 95))
    return Latency(float(p50), float(p95))


class _Clock:
    """Notes the seconds since the last lap."""

    def __init__(self, seconds: dict[str, list[float]]) -> None:
        self._seconds = seconds
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self._seconds[stage].append(now - self._last)
        self._last = now
