"""Answers compared with references word by word, as SQuAD does (Rajpurkar et al., 2016)."""

from __future__ import annotations

import unicodedata
from collections import Counter

from assistant.grounding import without_marks

_ARTICLES = frozenset(("a", "an", "the"))
_ASCII_MARKS = frozenset("$+<=>^`|~")  # SQuAD also removes these, which Unicode calls symbols


def words(text: str) -> list[str]:
    """The words of a text: lower case, without citation marks, punctuation and articles.

    Beyond SQuAD's ASCII, typographic punctuation goes too: models and documents differ in their quotes and dashes.
    """
    kept = "".join(c for c in without_marks(text).lower() if not _is_mark(c))
    return [w for w in kept.split() if w not in _ARTICLES]


def token_f1(said: str, reference: str) -> float:
    """Harmonic mean of token precision and recall; 0 when no word is shared."""
    left, right = Counter(words(said)), Counter(words(reference))
    common = sum((left & right).values())
    return 2 * common / (sum(left.values()) + sum(right.values())) if common else 0.0


def exact_match(said: str, reference: str) -> bool:
    """Whether two texts have the same words in the same order."""
    return words(said) == words(reference)


def _is_mark(character: str) -> bool:
    return character in _ASCII_MARKS or unicodedata.category(character).startswith("P")
