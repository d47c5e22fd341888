"""Text -> the terms that words are compared by: stems of English words, numbers and codes as written, Chinese words.

A text is cut into tokens, which keep how a word was spelt; every token has one term, and several tokens may share it.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections import Counter
from functools import lru_cache

import Stemmer

from index.chinese import HAN, cut, is_han

_NUMBER = r"\d+(?:[.,:/]\d+)*"
_TOKEN = re.compile(rf"{HAN}+|{_NUMBER}|[^\W\d_]+(?:['’][^\W\d_]+)?")
# what people write in one piece or in several: E-2041 and e2041, Wi-Fi and wifi, 5G-Max
_JOINED = re.compile(
    r"(?=[0-9\-\u2010]*[a-z])[a-z0-9]+(?:[-\u2010][a-z0-9]+)+|(?:[a-z]+[0-9]|[0-9]+[a-z])[a-z0-9]*", re.ASCII
)
_LONGEST_JOINED = 24
_CHINESE = 0.3  # share of Chinese characters among the letters
_DIALLED = re.compile(r"[*#]+\d+(?:[*#]+\d+)*[*#]*")
_AMOUNT = re.compile(rf"(?:€|\beur\b)\s?({_NUMBER})|({_NUMBER})\s?(?:€|euros?\b|eur\b)")
STOP_WORDS = frozenset(
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
    return [term(token) for token in _words(_normal(text))]


def tokens(text: str) -> list[str]:
    """What of a text is indexed: its words and numbers, and codes, dialled keys and sums of euros whole as well."""
    normal = _normal(text)
    return _words(normal) + _wholes(normal)


def passage_tokens(indexed_text: str) -> list[str]:
    """The tokens of a passage as it is indexed; its first line, of title and headings, counts twice.

    Once more was best on the train queries of scifact, and makes no difference to the sample operator's questions.
    """
    return tokens(indexed_text) + tokens(indexed_text.partition("\n")[0])


def term(token: str) -> str:
    """The term that a token is compared by."""
    if token[0].isdigit():
        return _number(token)
    return token if is_han(token[0]) else _stem(token)


def spelt(text: str) -> list[str]:
    """The words of a text as they stand there, in lower case, stop words and numbers too, in order."""
    return _TOKEN.findall(_normal(text))


def is_chinese(query: str) -> bool:
    """Whether a query is asked in Chinese; names and brands in it may be in other letters."""
    letters = [c for c in query if c.isalpha()]
    return sum(map(is_han, letters)) >= _CHINESE * len(letters) > 0


def is_code(query: str) -> bool:
    """Whether a query is a number or a code, with no word beside it that says what is asked."""
    return any(c.isdigit() for c in query) and re.search(r"[^\W\d_]{4}", query) is None and not is_chinese(query)


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def _words(normal: str) -> list[str]:
    found: list[str] = []
    for token in _TOKEN.findall(normal):
        if is_han(token[0]):
            found += cut(token)
        elif token not in STOP_WORDS:
            found.append(token.removesuffix("'s").removesuffix("’s"))
    return found


def _wholes(normal: str) -> list[str]:
    found = [re.sub(r"[-\u2010]", "", joined) for joined in _JOINED.findall(normal)]
    found = [joined for joined in found if len(joined) <= _LONGEST_JOINED]
    if "*" in normal or "#" in normal:
        # Markdown's emphasis looks like keys: only what holds a hash, or starts with a single star, is dialled
        found += [keys for keys in _DIALLED.findall(normal) if "#" in keys or not keys.startswith("**")]
    if "€" in normal or "eur" in normal:
        found += [f"€{_number(before or after)}" for before, after in _AMOUNT.findall(normal)]
    return found


def numbers(text: str) -> frozenset[str]:
    """The numbers in a text, in one form however they were written (1,000 and 1000; 5.00 and 5)."""
    return frozenset(_number(t) for t in re.findall(_NUMBER, unicodedata.normalize("NFKC", text)))


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
