"""The language of a document, from its text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

_SAMPLE = 3_000  # characters
_LEAST_LETTERS = 60  # fewer say too little; a Chinese character says about as much as three letters
_HAN = re.compile("[\u3400-\u9fff]")
_KANA = re.compile("[\u3040-\u30ff]")
_LEAST_CONFIDENCE = 0.9
# codes, addresses, amounts, table rules: no language's words
_NO_WORDS = re.compile(r"https?:\S+|\S*@\S+|\S*\d\S*|[|*_#`>-]+")


def language_of(texts: Iterable[str]) -> str:
    """The ISO 639-1 code of the language that most of the texts' first 3,000 characters are in; empty where they are
    too short or too mixed to tell."""
    sample = ""
    for text in texts:
        sample += _NO_WORDS.sub(" ", text[:_SAMPLE]) + "\n"
        if len(sample) >= _SAMPLE:
            break
    han, letters = len(_HAN.findall(sample)), sum(char.isalpha() for char in sample)
    if letters + 2 * han < _LEAST_LETTERS:
        return ""
    # a product's Latin name in every sentence does not make a Chinese page English
    if han >= 0.3 * letters and len(_KANA.findall(sample)) < 0.05 * letters:
        return "zh"
    language, confidence = _identifier().classify(" ".join(sample.split()))
    return str(language) if confidence >= _LEAST_CONFIDENCE else ""


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
