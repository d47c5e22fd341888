"""The measures, against values computed by hand; and the shipped questions, against the shipped documents."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from assistant.errors import DatasetError
from assistant.questions import Gold, Question, load_questions, spread
from assistant.statistics import estimate
from assistant.sufficiency import Rarity, features, load
from eval.errors import EvaluationError
from eval.retrieval import score_retrieval
from eval.text import exact_match, token_f1
from index.library import KnowledgeBase
from index.passages import Hit, Passage
from index.retrieval import Retriever
from ingest.readers import read_document
from ingest.sidecars import is_sidecar
from tests.doubles import WordHashEmbedder

EXAMPLES = Path(__file__).parents[2] / "examples"


def question(*gold: tuple[str, str], needs: str = "any", text: str = "q") -> Question:
    return Question.model_validate(
        {
            "id": text,
            "question": text,
            "answerable": bool(gold),
            "gold": [{"document": d, "heading": h} for d, h in gold],
            "reference": "r",
            "style": "natural",
            "split": "test",
            "needs": needs,
        }
    )


def hits(*places: tuple[str, str]) -> list[Hit]:
    return [Hit(Passage(d, "T", ("Top", h), None, i, "x"), 1 - i / 10, 0.5) for i, (d, h) in enumerate(places)]


def test_the_rank_of_the_gold_passage() -> None:
    found = hits(("a.md", "One"), ("b.md", "Two"), ("a.md", "Two"))
    assert question(("a.md", "Two")).rank(found) == 3
    assert question(("a.md", "Two"), ("a.md", "One")).rank(found) == 1
    assert question(("a.md", "Two"), ("a.md", "One"), needs="all").rank(found) == 3
    assert question(("a.md", "Two"), ("c.md", "One"), needs="all").rank(found) is None
    assert question(("c.md", "Two")).rank(found) is None


def test_token_f1() -> None:
    assert token_f1("the fee is €8", "The fee is €8") == 1
    assert token_f1("x b", "b c") == pytest.approx(0.5)
    assert token_f1("x", "y") == 0
    assert token_f1("", "y") == 0


def test_words_are_compared_as_squad_does() -> None:
    assert token_f1("The “fee” is €8. [1]", "fee is – an €8") == 1
    assert exact_match("It costs the €8 [1, 2].", "it costs €8")
    assert not exact_match("€8 it costs", "it costs €8")


def test_an_estimate_holds_its_mean() -> None:
    e = estimate([0, 1] * 50)
    assert e.mean == 0.5
    assert 0.38 < e.low < 0.45 < 0.55 < e.high < 0.62


def test_retrieval_scores(filled: KnowledgeBase, embedder: WordHashEmbedder) -> None:
    asked = [
        question(("sim.md", "PUK"), text="three wrong PINs"),
        question(("plans.md", "Notice"), text="notice period of 30 days"),
        question(("sim.md", "PUK"), text="Zone 3 day pass costs"),
        question(text="unanswerable"),
    ]
    scores = score_retrieval(Retriever(filled, embedder), asked)
    assert scores.hit_at[1].mean == pytest.approx(2 / 3)
    assert scores.hit_at[1].count == 3


def test_questions_about_documents_that_are_not_there(filled: KnowledgeBase, embedder: WordHashEmbedder) -> None:
    with pytest.raises(EvaluationError, match=r"nowhere\.md"):
        score_retrieval(Retriever(filled, embedder), [question(("nowhere.md", "X"))])


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "questions.jsonl").write_text('{"id": "x"}\n')
    with pytest.raises(DatasetError, match="line 1"):
        load_questions(tmp_path)


def test_the_shipped_questions_are_about_the_shipped_documents() -> None:
    questions = load_questions(EXAMPLES)
    folder = EXAMPLES / "documents"
    headings = {
        name: {h for s in document.sections for h in s.heading} | {document.title}
        for path in folder.rglob("*")
        if path.is_file() and not is_sidecar(path)
        for name in [path.relative_to(folder).as_posix()]
        for document in [read_document(path, name, 20_000_000)]
    }
    assert len(headings) >= 60
    assert {Path(n).suffix for n in headings} == {".md", ".html", ".txt", ".pdf", ".docx"}
    lost = [
        (q.id, g)
        for q in questions
        for g in [*q.gold, *([q.near] if q.near else [])]
        if g.heading not in headings.get(g.document, ())
    ]
    assert lost == []


def test_the_shipped_questions_are_enough_and_split_by_document() -> None:
    questions = load_questions(EXAMPLES)
    assert len(questions) >= 300
    assert sum(not q.answerable for q in questions) >= 80
    assert len({q.id for q in questions}) == len({q.question for q in questions}) == len(questions)
    homes: dict[str, set[str]] = {}
    for q in questions:
        home = q.gold[0] if q.gold else q.near
        assert home is not None
        homes.setdefault(home.document, set()).add(q.split)
    assert all(len(splits) == 1 for splits in homes.values())
    assert Counter(q.split for q in questions).keys() == {"train", "dev", "test"}
    assert all(q.reference for q in questions)
    assert all(bool(q.gold) is q.answerable for q in questions)


def test_the_fitted_sufficiency_prefers_what_was_found(filled: KnowledgeBase, embedder: WordHashEmbedder) -> None:
    retriever, model = Retriever(filled, embedder), load()
    rarity = Rarity(filled.current().words)

    def probability(question: str) -> float:
        return model.probability(features(question, retriever.search(question, 3, 3), rarity))

    assert probability("How long is the notice period in days?") > model.threshold
    assert probability("Can I bring a bicycle on holiday?") < model.threshold


def test_gold_matches_any_level_of_the_heading() -> None:
    passage = Passage("a.md", "Title", ("Outer", "Inner"), None, 0, "x")
    assert all(Gold(document="a.md", heading=h).matches(passage) for h in ("Title", "Outer", "Inner"))
    assert not Gold(document="b.md", heading="Inner").matches(passage)
    assert json.loads(Gold(document="a", heading="b").model_dump_json()) == {"document": "a", "heading": "b"}


def test_a_spread_takes_from_everywhere() -> None:
    questions = [question(("d", "h"), text=str(i)) for i in range(10)]
    assert [q.id for q in spread(questions, 4)] == ["0", "2", "5", "7"]
    assert spread(questions, 99) == questions
