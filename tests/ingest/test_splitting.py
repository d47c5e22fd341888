"""Passages fit the embedder, lose nothing, and keep tables readable."""

from __future__ import annotations

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
