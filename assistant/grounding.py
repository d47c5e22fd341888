"""Which passage supports which sentence.

A sentence is supported when a few neighbouring lines of one passage hold all its numbers and nearly all its content
words, and neither side denies what the other says: the precision of the answer's words against its source, which
Adlakha et al. (2024, "Evaluating Correctness and Faithfulness of Instruction-Following Models for Question
Answering") found to follow people's judgement of faithfulness best among the measures that need no model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.quotables import quotables
from index.passages import Passage
from index.terms import numbers, terms

_SUPPORTED = 0.8
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
    if not wanted:
        return None
    needed = numbers(without_marks(sentence))
    best: Support | None = None
    for passage in passages:
        support = _best_window(sentence, wanted, needed, passage)
        if support is not None and (best is None or support.share > best.share + 1e-9):
            best = support
    return best


def _best_window(sentence: str, wanted: set[str], needed: frozenset[str], passage: Passage) -> Support | None:
    lines = [q.text for q in quotables(passage.text)]
    context = set(terms(f"{passage.title} {passage.heading_path}"))
    context_numbers = numbers(f"{passage.title} {passage.heading_path}")
    denies = bool(_NEGATIONS.search(sentence))
    best: Support | None = None
    for size in (1, 2):
        for start in range(len(lines) - size + 1):
            quote = " ".join(lines[start : start + size])
            if not needed <= numbers(quote) | context_numbers:
                continue
            own = set(terms(quote))
            # the heading may supply the subject, not the whole statement
            share = (len(wanted & own) + 0.999 * len((wanted - own) & context)) / len(wanted)
            if not wanted & own or share < _SUPPORTED or denies != bool(_NEGATIONS.search(quote)):
                continue
            if best is None or share > best.share + 1e-9:
                best = Support(passage, quote, share)
    return best


def closest_words(question: str, passage: Passage, most: int = 3) -> str:
    """The run of at most `most` lines of a passage that shares most terms with a question."""
    lines = [q.text for q in quotables(passage.text)]
    if not lines:
        return passage.text.strip()
    asked = set(terms(question))
    hits = [len(asked & set(terms(line))) for line in lines]
    centre = max(range(len(lines)), key=lambda i: (hits[i], -i))
    chosen = {centre}
    for step in range(1, most):
        if centre + step < len(lines) and hits[centre + step] > 0:
            chosen.add(centre + step)
        else:
            break
    return " ".join(_ended(lines[i]) for i in sorted(chosen))


def _ended(line: str) -> str:
    return line if line.endswith((".", "!", "?", ":", "。", "！", "？")) else line + "."
