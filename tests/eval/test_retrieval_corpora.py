"""Searching a corpus with judgements, against the same figures computed here from the definitions."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from assistant.errors import DatasetError
from assistant.questions import Question
from eval.commands import app
from eval.corpora import Corpus, embed_corpus, is_judged_corpus, load_corpus
from eval.retrieval import score_rankings, score_retrieval
from eval.ways import fit_blend, score_corpus, search_corpus
from index.blending import Blend, Scale
from index.library import KnowledgeBase
from index.retrieval import Retriever
from index.terms import term, terms, tokens
from index.vectors import VectorIndex
from index.words import WordIndex
from tests.doubles import WordHashEmbedder

DOCUMENTS = [
    ("d1", "Bone repair", "Ceramic scaffolds induce bone growth in rats."),
    ("d2", "Vitamin B12", "Low vitamin B12 raises homocysteine in blood. Homocysteine harms vessels."),
    ("d3", "Folate", "Folate and vitamin supplements lower homocysteine."),
    ("d4", "Sleep", "Short sleep raises blood pressure, pressure on vessels and hearts."),
    ("d5", "", "Rats sleep more after growth hormone."),
    ("d6", "Malaria", "Mosquito nets prevent malaria."),
]
QUERIES = [
    ("q1", "vitamin deficiency raises homocysteine"),
    ("q2", "growth in rats"),
    ("q3", "malaria, pressure, vessels, blood"),
    ("q4", "blood malaria vessels"),
    ("q5", "vitamin rats sleep"),
    ("q6", "nobody judged this"),
]
# every relevant document shares a word with its query, and no two of its candidates score the same
JUDGEMENTS = [("q1", "d2", 2), ("q1", "d3", 1), ("q2", "d5", 1), ("q2", "d1", 1), ("q3", "d2", 1), ("q3", "d1", 0)]
JUDGEMENTS += [("q4", "d6", 1), ("q5", "d3", 3)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the corpus above."""
    where = tmp_path / "tiny"
    where.mkdir()
    rows = [json.dumps({"id": i, "title": t, "text": x}) for i, t, x in DOCUMENTS]
    (where / "corpus.jsonl").write_text("\n".join(rows) + "\n")
    (where / "queries_test.jsonl").write_text("".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in QUERIES))
    (where / "qrels_test.tsv").write_text(
        "query_id\tdoc_id\tscore\n" + "".join(f"{q}\t{d}\t{s}\n" for q, d, s in JUDGEMENTS)
    )
    return where


def recall(names: list[str], grades: dict[str, int], k: int) -> float:
    return sum(n in grades for n in names[:k]) / len(grades)


def reciprocal_rank(names: list[str], grades: dict[str, int]) -> float:
    return next((1 / rank for rank, n in enumerate(names[:10], start=1) if n in grades), 0.0)


def ndcg(names: list[str], grades: dict[str, int]) -> float:
    def gain(found: list[int]) -> float:
        return sum(g / math.log2(rank + 1) for rank, g in enumerate(found[:10], start=1))

    return gain([grades.get(n, 0) for n in names]) / gain(sorted(grades.values(), reverse=True))


def mean_ndcg(found: dict[str, list[str]], grades: dict[str, dict[str, int]]) -> float:
    return float(np.mean([ndcg(found[q], grades[q]) for q in grades]))


def cosines(query: str) -> dict[str, float]:
    """Between the query's words and each document's."""
    words = set(terms(query))
    texts = {i: set(terms(f"{title}\n{text}")) for i, title, text in DOCUMENTS}
    return {i: len(words & t) / math.sqrt(len(words) * len(t)) for i, t in texts.items()}


def bm25(query: str) -> dict[str, float]:
    """Lucene's, with k1 = 0.9 and b = 0.4; a title counts twice, and B12 is in it whole too."""
    counts = {i: Counter(map(term, tokens(f"{title}\n{text}") + tokens(title))) for i, title, text in DOCUMENTS}
    mean = sum(c.total() for c in counts.values()) / len(counts)
    scores = dict.fromkeys(counts, 0.0)
    for word in set(terms(query)):
        holding = sum(word in c for c in counts.values())
        weight = math.log(1 + (len(counts) - holding + 0.5) / (holding + 0.5))
        for i, c in counts.items():
            scores[i] += weight * c[word] / (c[word] + 0.9 * (0.6 + 0.4 * c.total() / mean))
    return scores


def scaled(scores: dict[str, float]) -> dict[str, float]:
    low, high = min(scores.values()), max(scores.values())
    return {i: (s - low) / (high - low) if high > low else 0.0 for i, s in scores.items()}


def blended(query: str) -> dict[str, float]:
    near, worded = scaled(cosines(query)), scaled(bm25(query))
    return {i: 0.6 * near[i] + 0.4 * worded[i] for i in near}


def ranked(scores: dict[str, float], *, shared_only: bool = False) -> list[str]:
    kept = [i for i, s in scores.items() if s > 0 or not shared_only]
    return sorted(kept, key=lambda i: -scores[i])


def test_three_ways_of_searching_measured(folder: Path, embedder: WordHashEmbedder, tmp_path: Path) -> None:
    corpus = load_corpus(folder, "test")
    texts = corpus.texts()
    index = embed_corpus(texts, embedder, tmp_path / "cache")
    done: list[None] = []
    blend = Blend(scale=Scale.RANGE, dense=0.6)
    searched = search_corpus(corpus, index, WordIndex.build(texts), embedder, lambda: done.append(None))
    scores = score_corpus(corpus, searched, blend)
    assert (scores.documents, scores.queries, len(done)) == (6, 5, 5)
    assert scores.latency.keys() == {"spelling", "embed", "dense", "words", "blend"}
    assert all(0 <= stage.p50 <= stage.p95 < 1 for stage in scores.latency.values())

    grades = {q: {d: s for p, d, s in JUDGEMENTS if p == q and s} for q, _ in QUERIES[:5]}
    found = {
        "dense": {q: ranked(cosines(text)) for q, text in QUERIES[:5]},
        "words": {q: ranked(bm25(text), shared_only=True) for q, text in QUERIES[:5]},
        "both": {q: ranked(blended(text)) for q, text in QUERIES[:5]},
    }
    assert len({mean_ndcg(names, grades) for names in found.values()}) == 3
    for way, names in found.items():
        ranking = scores.ways[way]
        for k in (1, 5, 10, 100):
            expected = np.mean([recall(names[q], grades[q], k) for q in grades])
            assert ranking.recall_at[k].mean == pytest.approx(expected), (way, k)
        expected = np.mean([reciprocal_rank(names[q], grades[q]) for q in grades])
        assert ranking.mrr.mean == pytest.approx(expected), way
        assert ranking.ndcg.mean == pytest.approx(mean_ndcg(names, grades)), way
        assert ranking.ndcg.low <= ranking.ndcg.mean <= ranking.ndcg.high
        assert ranking.ndcg.count == 5


def test_the_blend_is_the_best_of_all_tried(folder: Path, embedder: WordHashEmbedder, tmp_path: Path) -> None:
    corpus = load_corpus(folder, "test")
    texts = corpus.texts()
    searched = search_corpus(corpus, embed_corpus(texts, embedder, tmp_path), WordIndex.build(texts), embedder)

    def measured(scale: Scale, weight: float) -> float:
        return score_corpus(corpus, searched, Blend(scale=scale, dense=weight)).ways["both"].ndcg.mean

    fitted = fit_blend(corpus, searched, Blend(dense_chinese=0.1), "tiny")
    best = max(measured(scale, step / 20) for scale in Scale for step in range(21))
    assert measured(fitted.scale, fitted.dense) == pytest.approx(best)
    assert fitted.note == f"tiny: nDCG@10 {best:.4f}"
    assert fitted.dense_chinese == 0.1  # no query is in Chinese


def test_questions_in_squad_form(tmp_path: Path) -> None:
    articles = [
        {"paragraphs": [{"context": f"text {i}", "qas": [{"id": f"q{i}", "question": f"what {i}?"}]}]} for i in range(6)
    ]
    file = tmp_path / "squad.json"
    file.write_text(json.dumps({"data": articles}))
    assert is_judged_corpus(file)
    dev, test = load_corpus(file, "dev"), load_corpus(file, "test")
    assert dev.relevant == {"q0": {"0": 1}, "q4": {"4": 1}}
    assert [q.text for q in test.queries] == ["what 1?", "what 2?", "what 3?", "what 5?"]
    assert dev.passages == test.passages
    with pytest.raises(DatasetError, match="no questions of the split 'train'; there are dev and test"):
        load_corpus(file, "train")
    file.write_text('{"data": [{"paragraphs": [{}]}]}')
    with pytest.raises(DatasetError, match=r"squad\.json: data\.0\.paragraphs\.0\.context: Field required"):
        load_corpus(file, "test")


def test_rankings_of_any_depth_against_the_definitions() -> None:
    random = np.random.default_rng(7)
    names = [f"d{i}" for i in range(40)]
    grades = {
        f"q{i}": {d: int(random.integers(1, 4)) for d in random.choice(names, random.integers(1, 15), replace=False)}
        for i in range(30)
    }
    found = {q: [str(d) for d in random.permutation(names)[: random.integers(0, 40)]] for q in grades}
    scores = score_rankings(grades, found, (1, 7, 20))
    for k in (1, 7, 20):
        assert scores.recall_at[k].mean == pytest.approx(np.mean([recall(found[q], grades[q], k) for q in grades]))
    assert scores.mrr.mean == pytest.approx(np.mean([reciprocal_rank(found[q], grades[q]) for q in grades]))
    assert scores.ndcg.mean == pytest.approx(np.mean([ndcg(found[q], grades[q]) for q in grades]))


def test_questions_about_the_knowledge_base(filled: KnowledgeBase, embedder: WordHashEmbedder) -> None:
    retriever = Retriever(filled, embedder)
    asked = [
        Question.model_validate(
            {"id": "1", "question": text, "answerable": True, "reference": "r", "style": "natural", "split": "test"}
            | {"gold": [{"document": d, "heading": h} for d, h in gold], "needs": "all"}
        )
        for text, gold in [
            ("a replacement SIM or the PUK", [("sim.md", "PUK"), ("sim.md", "Replacement")]),
            ("day pass", [("roaming/zones.txt", "Zone 3"), ("plans.md", "Notice")]),
        ]
    ]
    scores = score_retrieval(retriever, asked)
    found = [[h.passage for h in retriever.search(q.question, 10).hits] for q in asked]
    grades = [{p.id: 1 for p in filled.current().passages if any(g.matches(p) for g in q.gold)} for q in asked]
    names = [[p.id for p in passages] for passages in found]
    assert [len(g) for g in grades] == [2, 2]
    for k in (1, 3, 5, 10):
        expected = np.mean([recall(n, g, k) for n, g in zip(names, grades, strict=True)])
        assert scores.recall_at[k].mean == pytest.approx(expected)
    assert scores.ndcg.mean == pytest.approx(np.mean([ndcg(n, g) for n, g in zip(names, grades, strict=True)]))
    assert scores.hit_at[1].mean == 0  # both passages are needed, so the first alone is no hit
    assert scores.recall_at[1].mean == 0.5


def test_a_query_with_nothing_relevant_or_nothing_found_counts_as_nothing() -> None:
    scores = score_rankings({"a": {"x": 1}, "b": {}, "c": {"x": 1}}, {"a": ["x"], "b": ["x"]}, (1,))
    assert scores.recall_at[1].mean == scores.mrr.mean == scores.ndcg.mean == pytest.approx(1 / 3)
    assert scores.ndcg.count == 3


def test_documents_are_embedded_once_for_each_text_and_embedder(folder: Path, tmp_path: Path) -> None:
    texts = load_corpus(folder, "test").texts()
    assert texts[0] == "Bone repair\nCeramic scaffolds induce bone growth in rats."
    cache = tmp_path / "cache"
    first, again, other = WordHashEmbedder(), WordHashEmbedder(), WordHashEmbedder("other")
    vectors = embed_corpus(texts, first, cache).vectors()
    counted: list[int] = []
    assert np.array_equal(embed_corpus(texts, again, cache, counted.append).vectors(), vectors)
    assert (first.embedded, again.embedded, sum(counted)) == (texts, [], len(texts))
    embed_corpus(texts, other, cache)
    embed_corpus(texts[::-1], again, cache)
    assert (other.embedded, again.embedded) == (texts, texts[::-1])
    assert {p.suffix for p in cache.iterdir()} == {".faiss"}


def test_a_damaged_cache_is_made_again(folder: Path, tmp_path: Path) -> None:
    texts = load_corpus(folder, "test").texts()
    vectors = embed_corpus(texts, WordHashEmbedder(), tmp_path / "cache").vectors()
    (stored,) = (tmp_path / "cache").iterdir()
    stored.write_bytes(stored.read_bytes()[:100])
    assert np.array_equal(embed_corpus(texts, WordHashEmbedder(), tmp_path / "cache").vectors(), vectors)
    assert np.array_equal(VectorIndex.open(stored).vectors(), vectors)


def test_ids_may_be_numbers_and_a_header_is_not_needed(folder: Path) -> None:
    (folder / "corpus.jsonl").write_text('{"id": 7, "text": "seven"}\n\n')
    (folder / "queries_dev.jsonl").write_text('{"id": 1, "text": "one"}\n')
    (folder / "qrels_dev.tsv").write_bytes(b"1\t7\t1\r\n")
    corpus = load_corpus(folder, "dev")
    assert isinstance(corpus, Corpus)
    assert corpus.relevant == {"1": {"7": 1}}
    assert [(p.document, p.indexed_text) for p in corpus.passages] == [("7", "\nseven")]


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("corpus.jsonl", None, r"corpus\.jsonl: No such file"),
        ("queries_test.jsonl", None, r"queries_test\.jsonl: No such file .*; there are judgements for: test"),
        ("qrels_test.tsv", None, r"qrels_test\.tsv: No such file or directory$"),
        ("corpus.jsonl", '{"id": "d1", "text": "x"}\n{"id": "d2", "te', r"corpus\.jsonl, line 2: Invalid JSON"),
        ("corpus.jsonl", '{"id": "d1", "title": "x"}', r"corpus\.jsonl, line 1: text: Field required"),
        ("corpus.jsonl", b'{"id": "d1", "text": "\xff"}', r"corpus\.jsonl, line 1: "),
        ("corpus.jsonl", '{"id": "d1", "text": ""}\n' * 2, r"corpus\.jsonl, line 2: the id 'd1' is there twice"),
        ("queries_test.jsonl", '\n["q1"]', r"queries_test\.jsonl, line 2: "),
        ("queries_test.jsonl", '{"id": "q1", "text": "x"}', r"names the query 'q2' and 3 more, which queries_test"),
        ("qrels_test.tsv", "", r"qrels_test\.tsv: no document is relevant to any query"),
        ("qrels_test.tsv", "query_id\tdoc_id\tscore\nq1\td1\t0\n", r"no document is relevant to any query"),
        ("qrels_test.tsv", "q1\td1\t1\nq1\td99\t1\n", r"names the document 'd99', which corpus\.jsonl does not hold"),
        ("qrels_test.tsv", "q1\td1\t1\nq1\td2\tyes\n", r"qrels_test\.tsv, line 2: expected a query id"),
        ("qrels_test.tsv", "q1 d1 1\n", r"qrels_test\.tsv, line 1: expected a query id"),
        ("qrels_test.tsv", b"q1\td1\t1\n\xff\td1\t1\n", r"qrels_test\.tsv, line 2: expected a query id"),
    ],
)
def test_bad_input_is_named(folder: Path, file: str, content: str | bytes | None, complaint: str) -> None:
    path = folder / file
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DatasetError, match=complaint):
        load_corpus(folder, "test")


def test_which_form_a_folder_has(folder: Path, tmp_path: Path) -> None:
    assert is_judged_corpus(folder)
    (folder / "questions.jsonl").touch()
    assert not is_judged_corpus(folder)
    with pytest.raises(DatasetError, match=r"neither questions\.jsonl nor corpus\.jsonl"):
        is_judged_corpus(tmp_path)


def test_the_command_prints_a_table_and_json(folder: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    printed = run(app, ["retrieval", "--corpus", str(folder)])
    assert printed.exit_code == 0, printed.output
    rows = {line.split("  ")[0].strip(): line for line in printed.stdout.splitlines()}
    assert rows.keys() >= {"recall@1", "recall@100", "MRR@10", "nDCG@10"}
    assert "blend: p50" in printed.stdout
    assert "tiny, test: 5 queries, 6 documents" in printed.stdout
    scores = json.loads(run(app, ["retrieval", "--corpus", str(folder), "--json"]).stdout)
    assert scores["ways"].keys() == {"dense", "words", "both"}
    for way in scores["ways"].values():
        assert f"{way['ndcg']['mean']:.3f}" in rows["nDCG@10"]
    assert len(list((tmp_path / "home" / "eval-cache").iterdir())) == 1
    missing = run(app, ["retrieval", "--corpus", str(folder), "--split", "dev"])
    assert isinstance(missing.exception, DatasetError)
    assert "there are judgements for: test" in str(missing.exception)
