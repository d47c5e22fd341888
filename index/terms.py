"""Text -> the terms that words are compared by: stems of English words, numbers as written, pairs of Chinese characters."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections import Counter
from functools import lru_cache

import Stemmer

_TOKEN = re.compile(r"[\u3400-\u9fff]+|\d+(?:[.,:/]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?")
_STOP = frozenset(
    """
    a about after all also am an and any are as at be because been before being but by can could did do does doing
    don't for from get got had has have having he her here his how i i'd i'm i've if in into is isn't it it's its
    just let me might more most must my need no not now of off on once only or other our out over own per please
    same she should so some such than that that's the their them then there these they this those through to too
    under until up us very want was we were what what's when where whether which while who why will with within
    would yes you your
    """.split()
)
_local = threading.local()


def terms(text: str) -> list[str]:
    """Every term of a text in order, stop words left out."""
    found: list[str] = []
    for match in _TOKEN.finditer(unicodedata.normalize("NFKC", text).lower()):
        token = match.group()
        if "\u3400" <= token[0] <= "\u9fff":
            found += [token[i : i + 2] for i in range(len(token) - 1)] or [token]
        elif token[0].isdigit():
            found.append(_number(token))
        elif token not in _STOP:
            found.append(_stem(token.removesuffix("'s").removesuffix("’s")))
    return found


def numbers(text: str) -> frozenset[str]:
    """The numbers in a text, in one form however they were written (1,000 and 1000; 5.00 and 5)."""
    return frozenset(_number(t) for t in re.findall(r"\d+(?:[.,:/]\d+)*", unicodedata.normalize("NFKC", text)))


def _number(token: str) -> str:
    token = re.sub(r"(?<=\d),(?=\d{3}(?:\D|$))", "", token)
    return re.sub(r"\.0+$", "", token)


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    # a Stemmer is not safe to share between threads
    stemmer = getattr(_local, "stemmer", None)
    if stemmer is None:
        stemmer = _local.stemmer = Stemmer.Stemmer("english")
    return str(stemmer.stemWord(word))


def overlap(left: str, right: str) -> float:
    """How alike two texts are by their terms: the harmonic mean of precision and recall, from 0 to 1."""
    a, b = Counter(terms(left)), Counter(terms(right))
    common = sum((a & b).values())
    return 2 * common / (sum(a.values()) + sum(b.values())) if common else 0.0
