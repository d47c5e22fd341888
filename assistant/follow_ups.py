"""Questions that lean on what was said before."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.prompts import Exchange
from index.terms import terms

_POINTS_BACK = re.compile(
    r"\b(?:it|its|that|this|these|those|they|them|one|ones|there|then|same|instead|else)\b", re.IGNORECASE
)
_GOES_ON = re.compile(r"^\W*(?:and|or|but|so|also|what about|how about|what if|ok)\b", re.IGNORECASE)
_JOIN = " – "


def refers_back(question: str) -> bool:
    """Whether a question seems to lean on what was said before.

    It does when it is hardly more than a question word, when it goes on from the last one, or when it points back
    ("it", "that") and is too short to hold what it points to itself.
    """
    length = len(set(terms(question)))
    return length <= 2 or bool(_GOES_ON.search(question)) or (length <= 4 and bool(_POINTS_BACK.search(question)))


def trusted_rewrite(rewritten: str, question: str, history: Sequence[Exchange]) -> str:
    """The model's rewriting where it says nothing new and loses nothing; else the two questions side by side."""
    told = set(terms(" ".join([question, *(e.question for e in history), history[-1].answer])))
    words = set(terms(rewritten))
    if words and words <= told and set(terms(question)) <= words:
        return rewritten
    # of questions that already stand side by side, the first names the subject
    subject = history[-1].question.split(_JOIN)[0].rstrip("?. ")
    return f"{subject}{_JOIN}{question}"
