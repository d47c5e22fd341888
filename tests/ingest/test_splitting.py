"""Passages fit the embedder, lose nothing, and keep tables readable."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from index.passages import Document, Section
from ingest.splitting import Splitter
from tests.doubles import WordHashEmbedder


def document(*sections: Section) -> Document:
    return Document("d.md", "Title", sections, "hash")


def words(text: str) -> list[str]:
    return text.replace("|", " ").split()


def test_a_short_section_is_one_passage_with_its_place() -> None:
    section = Section(("Fees", "Late"), "A reminder costs €5.", 3)
    (passage,) = Splitter(WordHashEmbedder(), 60).split(document(section))
    assert (passage.title, passage.heading, passage.page, passage.text) == ("Title", ("Fees", "Late"), 3, section.text)
    assert passage.indexed_text == "Title > Fees > Late\nA reminder costs €5."


@given(
    st.lists(
        st.lists(st.sampled_from(["alpha", "beta", "9.99", "gamma,", "end."]), min_size=1, max_size=70), max_size=6
    )
)
def test_no_word_is_lost_and_no_passage_too_long(paragraphs: list[list[str]]) -> None:
    embedder = WordHashEmbedder()
    text = "\n\n".join(" ".join(p) for p in paragraphs)
    passages = Splitter(embedder, 48).split(document(Section(("H",), text)))
    assert [w for p in passages for w in words(p.text)] == words(text)
    assert all(embedder.count_tokens(p.indexed_text) <= 48 for p in passages)
    assert [p.ordinal for p in passages] == list(range(len(passages)))


def test_a_long_table_repeats_its_header_and_keeps_every_row() -> None:
    rows = [f"| Plan {n} | €{n} |" for n in range(60)]
    text = "\n".join(["Prices from September:", "| Plan | Price |", "|---|---|", *rows])
    passages = Splitter(WordHashEmbedder(), 60).split(document(Section((), text)))
    tables = [p.text for p in passages if p.text.startswith("|")]
    assert len(tables) > 3
    assert all(t.startswith("| Plan | Price |\n|---|---|\n") for t in tables)
    assert [line for t in tables for line in t.splitlines()[2:]] == rows


def test_a_row_too_long_for_a_passage_keeps_its_columns_names_and_what_it_is_about() -> None:
    names = [f"Option{n}" for n in range(20)]
    header, row = " | ".join(["Plan", *names]), " | ".join(["Wave S", *(f"about {n} euros" for n in range(20))])
    text = f"| {header} |\n|{' --- |' * 21}\n| {row} |"
    embedder = WordHashEmbedder()
    passages = Splitter(embedder, 40).split(document(Section((), text)))
    assert len(passages) > 2
    assert all(p.text.startswith("Plan: Wave S\n") for p in passages)
    assert all(embedder.count_tokens(p.indexed_text) <= 40 for p in passages)
    said = [line for p in passages for line in p.text.splitlines()[1:]]
    assert said == [f"Option{n}: about {n} euros" for n in range(20)]


@given(
    st.integers(1, 12).flatmap(
        lambda width: st.lists(
            st.lists(st.sampled_from(["", "a", "b c", "d\\|e", "f. g " * 9]), min_size=width, max_size=width),
            min_size=1,
            max_size=8,
        )
    )
)
def test_no_cell_of_a_table_is_lost(grid: list[list[str]]) -> None:
    embedder = WordHashEmbedder()
    names = [f"name{n}" for n in range(len(grid[0]))]
    lines = [f"| {' | '.join(cells)} |" for cells in [names, ["---"] * len(names), *grid]]
    passages = Splitter(embedder, 40).split(document(Section((), "\n".join(lines))))
    said = Counter(word for p in passages for word in words(p.text.replace("\\|", "|")))
    held = Counter(word for cells in grid for cell in cells for word in words(cell.replace("\\|", "|")))
    assert not held - said
    assert all(embedder.count_tokens(p.indexed_text) <= 40 for p in passages)


def test_chinese_is_cut_behind_its_sentences() -> None:
    class Characters(WordHashEmbedder):
        def count_tokens(self, text: str) -> int:
            return len(text)

    sentences = ["套餐每月二十元，含十吉流量！", "超出后怎么办？", "他说：“请充值。”", "我们会发短信给您；请留意。"]
    text = "".join(sentences * 6)
    passages = Splitter(Characters(), 60).split(document(Section((), text)))
    assert "".join(p.text for p in passages) == text
    assert len(passages) > 3
    assert all(p.text.endswith(("！", "？", "。", "。”")) and p.text[0] != "”" for p in passages)


def test_the_embedders_own_limit_wins() -> None:
    text = " ".join(["word"] * 300)
    embedder = WordHashEmbedder(max_tokens=50)
    passages = Splitter(embedder, 200).split(document(Section((), text)))
    assert max(embedder.count_tokens(p.indexed_text) for p in passages) <= 50


def test_the_fingerprint_follows_the_length_and_the_embedder() -> None:
    same = Splitter(WordHashEmbedder(), 60).fingerprint
    assert same == Splitter(WordHashEmbedder(), 60).fingerprint
    assert same != Splitter(WordHashEmbedder(), 61).fingerprint
    assert same != Splitter(WordHashEmbedder("other"), 60).fingerprint
