"""Rows with named columns -> sections, one a row, so that each becomes a passage of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from index.passages import Section
from ingest.errors import Unreadable
from ingest.readers.outline import one_line
from ingest.readers.text_encoding import normalise

Row = Mapping[str, str]

_QUESTION = re.compile(
    r"(?:(?:faq|customer|user) )?(?:questions?|q|query|frage|pregunta|domanda|pergunta)|问题|問題|提问|问",
    re.IGNORECASE,
)
_ANSWER = re.compile(
    r"(?:(?:faq|agent|model|expected) )?(?:answers?|a|response|reply|antwort|réponse|respuesta|risposta|resposta)"
    r"|答案|回答|答复|答覆|答",
    re.IGNORECASE,
)
_TOPIC = re.compile(
    r"category|topic|section|theme|kategorie|thema|catégorie|rubrique|categoría|tema|分类|分類|类别|類別|主题|主題",
    re.IGNORECASE,
)
_LONGEST_HEADING = 120  # what a heading path keeps of a question; a longer one is said again in the text
_MOST_ROWS = 200_000


def sections_of(rows: Iterable[Row]) -> tuple[Section, ...]:
    """One section a row that says anything.

    Where the columns hold a question and an answer, the question is the section's heading, below its category where
    there is one, and the answer its text; everything else is written as "column: value" lines.
    Raises Unreadable for more than 200,000 rows.
    """
    sections: list[Section] = []
    for row in rows:
        if len(sections) == _MOST_ROWS:
            raise Unreadable(f"more than {_MOST_ROWS:,} rows; split it into several files")
        filled = {name: text for name, value in row.items() if (text := normalise(value).strip())}
        if filled:
            sections.append(_section(filled, question=_named(row, _QUESTION), answer=_named(row, _ANSWER)))
    return tuple(sections)


def _named(columns: Iterable[str], pattern: re.Pattern[str]) -> str:
    """The first column whose name says what the pattern asks for, or nothing."""
    return next((name for name in columns if pattern.fullmatch(" ".join(re.split(r"[\s_-]+", name.strip())))), "")


def _section(row: Row, question: str, answer: str) -> Section:
    if not (question in row and answer in row):
        return Section((), _lines(row, row))
    topic = _named(row, _TOPIC)
    asked = one_line(row[question])
    texts = [row[answer], _lines(row, [name for name in row if name not in (question, answer, topic)])]
    if len(asked) > _LONGEST_HEADING:
        texts.insert(0, asked)
    heading = (one_line(row[topic]), asked) if topic else (asked,)
    return Section(heading, "\n\n".join(filter(None, texts)))


def _lines(row: Row, names: Iterable[str]) -> str:
    return "\n".join(f"{name}: {row[name]}" for name in names)


def unique(names: Sequence[str]) -> list[str]:
    """Column names, each once and none empty: a nameless column is called by its number, a repeated one gets one."""
    found: list[str] = []
    for number, name in enumerate(names, 1):
        clean = one_line(name) or f"column {number}"
        found.append(clean if clean not in found else f"{clean} ({number})")
    return found
