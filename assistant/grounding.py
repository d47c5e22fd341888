"""Which passage supports which sentence.

A sentence is supported when a few neighbouring lines of one passage hold all its numbers and nearly all its content
words, most of them in the same order, and neither side denies what the other says: the precision of the answer's words against its source, which
Adlakha et al. (2024, "Evaluating Correctness and Faithfulness of Instruction-Following Models for Question
Answering") found to follow people's judgement of faithfulness best among the measures that need no model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from index.passages import Passage
from index.quotables import quotables
from index.terms import numbers, terms

_SUPPORTED = 0.9  # share of a sentence's terms that its source must hold
_BY_ITSELF = 0.75  # share that its lines must hold without the help of title and heading
_IN_ORDER = 0.85  # share of those that must stand in the lines in the same order (ROUGE-L precision)
_LEAST_TERMS = 3  # shorter sentences say too little to be checked
_CITATION = re.compile(r"\s*\[\d+(?:\s*,\s*\d+)*\]")
_NEGATIONS = re.compile(r"\b(?:not|no|never|cannot|without|none|neither|nor|\w+n['’]t)\b|不|没|无", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Support:
    """The place in a passage that supports a sentence; `quote` is the passage's own words, `share` from 0 to 1."""

    passage: Passage
    quote: str
    share: float


def without_marks(sentence: str) -> str:
    """A sentence without its citation marks."""
    return _CITATION.sub("", sentence).strip()


def find_support(sentence: str, passages: Sequence[Passage]) -> Support | None:
    """The passage that supports a sentence best, or None when none supports it."""
    wanted = set(terms(without_marks(sentence)))
    if len(wanted) < _LEAST_TERMS:
        return None
    needed = numbers(without_marks(sentence))
    best: Support | None = None
    for passage in passages:
        support = _best_window(sentence, wanted, needed, passage)
        if support is not None and (best is None or support.share > best.share + 1e-9):
            best = support
    return best


def _best_window(sentence: str, wanted: set[str], needed: frozenset[str], passage: Passage) -> Support | None:
    lines = quotables(passage.text)
    context = set(terms(f"{passage.title} {passage.heading_path}"))
    context_numbers = numbers(f"{passage.title} {passage.heading_path}")
    denies = bool(_NEGATIONS.search(sentence))
    said = terms(without_marks(sentence))
    best: Support | None = None
    for size in (1, 2):
        for start in range(len(lines) - size + 1):
            window = lines[start : start + size]
            if size > 1 and any(line.kind == "row" for line in window):
                continue  # a row speaks of one thing; two would lend each other their numbers
            quote = " ".join(line.text for line in window)
            if not needed <= numbers(quote) | context_numbers:
                continue
            own = set(terms(quote))
            # the heading may supply the subject, not the whole statement
            share = (len(wanted & own) + 0.999 * len((wanted - own) & context)) / len(wanted)
            if share < _SUPPORTED or len(wanted & own) < _BY_ITSELF * len(wanted):
                continue
            if denies != bool(_NEGATIONS.search(quote)):
                continue
            told = [term for term in said if term in own]
            if _in_order(told, terms(quote)) < _IN_ORDER * len(told):
                continue
            if best is None or share > best.share + 1e-9:
                best = Support(passage, quote, share)
    return best


def _in_order(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of the longest common subsequence: words shuffled together from a source do not say what it says."""
    row = [0] * (len(right) + 1)
    for term in left:
        diagonal = 0
        for i, other in enumerate(right, start=1):
            diagonal, row[i] = row[i], diagonal + 1 if term == other else max(row[i], row[i - 1])
    return row[-1]
