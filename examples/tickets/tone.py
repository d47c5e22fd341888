"""What hurry and temper do to a ticket's text: slips of the hand, missing apostrophes, lower case, words in capitals.

Numbers, codes, names and words with a capital inside stay as they are.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

PRODUCTS = (  # names of several words, or like plain ones; they keep their capitals
    r"(?:My )?Tarnwave(?: Protect)?|Tarn (?:Go|Guard|Points)|Wave \d+|5G-Max (?:\d+|Plus)|Go \d+|DSL Home|"
    r"TarnTV (?:Basic|Family|Go|Box)|TarnBox (?:Air|\d Pro)|(?:Sport|Cinema)(?= (?:add-on|pack))|Home\+Mobile|"
    r"(?:Day|Week) Pass(?: Z\d)?|World (?:Monthly )?Pass|Priority Care"
)
KINDS = {"typos": 45, "apostrophes": 15, "lower": 15, "capitals": 10, "all": 15}
SLIP_PER_WORDS = 18
PLAIN = r"(?<![\w@#.'’-])[a-z]{%d,}(?![\w'’-]|\.\w)"  # a lower-case word that is no part of an address, tag or code


def apply_tone(text: str, rng: random.Random, *, quick: bool) -> str:
    """One kind of carelessness, or several; only a quick channel goes all lower case or shouts."""
    kind = weighted(rng, KINDS)
    if kind in ("apostrophes", "all"):
        text = re.sub(r"(?<=[a-z])['’](?=(?:t|s|re|ve|ll|m|d)\b)", "", text)
    if quick and kind in ("lower", "all"):
        text = lower(text)
    if quick and kind == "capitals":
        return shout(text, rng)
    return misspell(text, rng)


def lower(text: str) -> str:
    """Lower case for capitalised words; products, abbreviations and codes keep theirs."""
    words = rf"({PRODUCTS})|(?<![\w-])[A-Z][a-z]*(?![\w-])"
    return re.sub(words, lambda found: found[0] if found[1] else found[0].lower(), text)


def misspell(text: str, rng: random.Random) -> str:
    """Swap, drop or double a letter in one of about eighteen words, in one at least."""
    words = list(re.finditer(PLAIN % 4, text))
    for found in _some(words, 1 + len(words) // SLIP_PER_WORDS, rng):
        text = text[: found.start()] + _slip(found[0], rng) + text[found.end() :]
    return text


def shout(text: str, rng: random.Random) -> str:
    """One to three words in capitals."""
    for found in _some(list(re.finditer(PLAIN % 3, text)), rng.randint(1, 3), rng):
        text = text[: found.start()] + found[0].upper() + text[found.end() :]
    return text


def weighted(rng: random.Random, weights: Mapping[str, float]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def _some(words: list[re.Match[str]], count: int, rng: random.Random) -> list[re.Match[str]]:
    """From the last to the first, so that a change does not move those still to come."""
    return sorted(rng.sample(words, min(len(words), count)), key=lambda found: -found.start())


def _slip(word: str, rng: random.Random) -> str:
    at = rng.randrange(1, len(word) - 1)  # the first letter stays: readers and writers notice it most
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    dropped = word[:at] + word[at + 1 :]
    doubled = word[:at] + word[at] * 2 + word[at + 1 :]
    return rng.choice([swapped, dropped, doubled])
