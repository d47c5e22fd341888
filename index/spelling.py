"""A misspelt query -> the same query with words that the index knows. The only module that knows rapidfuzz."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from index.embedding import Embedder
from index.terms import STOP_WORDS, spelt, term

_SHORTEST = 3  # letters; of so short a word only a letter left out is put back
_ONE_ERROR = 4  # letters from which any one error is forgiven
_TWO_ERRORS = 7
_UNSURE = 6  # letters from which a form that no passage holds, of a word that some do, may be an error too
_WORD = re.compile(r"[^\W\d_]+")
_UNMARKED = frozenset(word.replace("'", "") for word in STOP_WORDS)  # dont, havent


def _is_plain(word: str) -> bool:
    return word.isascii() and word.isalpha()


def whole_words(embedder: Embedder) -> Callable[[str], bool]:
    """Says of a word whether an embedder reads it as one token: its vocabulary holds the common words whole."""

    @lru_cache(maxsize=4096)
    def is_whole(word: str) -> bool:
        return embedder.count_tokens(word) - embedder.count_tokens("") == 1

    return is_whole


class Lexicon:
    """The words of an index, by which those of a query are corrected.

    `held` says in how many passages each word is found. Only a word that is not held is ever changed: to the nearest
    one by the letters that must be put in, left out, changed or swapped with their neighbour; of those equally near,
    to the most frequent. A word that is two held words without the space between is parted.
    """

    def __init__(self, held: Mapping[str, int]) -> None:
        # a stop word is in nearly every passage, though no index says so
        common = dict.fromkeys(STOP_WORDS, sum(held.values()))
        self._held = {word: count for word, count in (common | dict(held)).items() if _is_plain(word)}
        self._terms = frozenset(map(term, self._held))
        self._choices = [word for word in self._held if len(word) > _SHORTEST]

    def correct(self, query: str, is_english: Callable[[str], bool] = lambda _: False) -> str:
        """The query with its misspelt words corrected; a word of which `is_english` says so is none of them."""
        changes = {
            word: better
            for word in dict.fromkeys(w.removesuffix("'s") for w in spelt(query))
            if (better := self._better(word, is_english)) is not None
        }
        if not changes:
            return query
        return _WORD.sub(lambda match: changes.get(match.group().lower(), match.group()), query)

    def _better(self, word: str, is_english: Callable[[str], bool]) -> str | None:
        if len(word) < _SHORTEST or not _is_plain(word) or word in self._held or is_english(word):
            return None
        if word in _UNMARKED or word.removesuffix("s") in self._held:
            return None
        if term(word) in self._terms:
            # 'rooming' may be a form of 'room' and may be 'roaming': it is looked for as both
            other = self._nearest(word, 1) if len(word) >= _UNSURE else None
            is_other_word = other and len(other) == len(word) and other[-1] == word[-1] and term(other) != term(word)
            return f"{word} {other}" if is_other_word else None
        near = self._nearest(word, 1)
        if len(word) < _ONE_ERROR:
            return near if near and len(near) > len(word) else None
        return near or self._parted(word) or (self._nearest(word, 2) if len(word) >= _TWO_ERRORS else None)

    def _nearest(self, word: str, errors: int) -> str | None:
        found = process.extract(word, self._choices, scorer=OSA.distance, score_cutoff=errors, limit=None)
        # the first letter is seldom wrong, and without it too many words are near
        same = [(distance, -self._held[choice], choice) for choice, distance, _ in found if choice[0] == word[0]]
        return min(same)[2] if same else None

    def _parted(self, word: str) -> str | None:
        for middle in range(3, len(word) - 2):
            left, right = word[:middle], word[middle:]
            if left in self._held and right in self._held:
                return f"{left} {right}"
        return None
