"""Bytes -> text: which encoding a file was written in, and one normal form for its characters.

It does not know languages: Korean in EUC-KR looks like Chinese to it, and Mac Roman like Windows-1252.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

import charset_normalizer

from ingest.errors import Unreadable

# UTF-32 first: its little-endian mark begins with that of UTF-16
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# what pages declare -> what browsers read for it: the superset that people really write
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
_NEVER_DECLARED = re.compile(r"utf-?(?:7|8|16|32)|punycode|idna|unicode_escape")
_SEVEN_BIT = re.compile(r"hz|iso2022")
# what people still have files in; the guesser knows many more, and on short texts likes to choose among those
_GUESSABLE = ["cp1250", "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp874", "big5", "cp932", "euc_jp", "cp949"]
_LEAST_EVIDENCE = 6  # letters of another script; fewer are more likely accents
_SAMPLE = 200_000
_NOISE_SHARE = 0.02

_LINE_BREAK = re.compile("\r\n|[\r\f\v\x1c-\x1e\x85\u2028\u2029]")
_ODD_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
# control characters, soft hyphen, zero-width marks, halves of surrogate pairs
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u2060\ufeff\ud800-\udfff]")
_LIGATURES = str.maketrans(
    {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}
)
_NOISE = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f\ufffd\ufffe\uffff\ud800-\udfff\ue000-\uf8ff]")
_WORD = re.compile(r"[^\W\d_]+")
_MISREAD = re.compile("[a-z][\u00a1-\u00ac\u00ae-\u00b6\u00b8-\u00bf][a-z]|\ufffd")
_HALF_WIDTH = re.compile("[\uff61-\uff9f]")
_CJK_FROM = "\u2e80"


def decode(data: bytes, declared: str = "") -> str:
    """Decode a text file's bytes and normalise them; `declared` is the encoding that the file itself names, if any.

    A byte order mark decides; then UTF-8 when it is valid; then the declared encoding; then GB18030 where that gives
    everyday Chinese; then charset-normalizer's guess where it is a likely one; else Windows-1252.
    Raises Unreadable for bytes that are no text.
    """
    text = _decoded(data, declared)
    noise = len(_NOISE.findall(text[:_SAMPLE]))
    if noise > 2 and noise > _NOISE_SHARE * len(text[:_SAMPLE]):
        raise Unreadable("looks like binary data, not text")
    return normalise(text)


def normalise(text: str) -> str:
    """Unix line ends, plain spaces, no invisible characters or ligatures, composed accents (NFC)."""
    text = _ODD_SPACE.sub(" ", _LINE_BREAK.sub("\n", text)).translate(_LIGATURES)
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", text))


def _decoded(data: bytes, declared: str) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    if wide := _utf16_without_mark(data):
        return data.decode(wide, "replace")
    known = _declared_encoding(declared)
    first = known if _SEVEN_BIT.match(known) else "utf-8"
    sure = _strict(data, first) or _damaged_utf8(data) or (_strict(data, known) if known else None)
    return sure or _everyday_chinese(data) or _guessed(data) or data.decode("cp1252", "replace")


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeError:
        return None


def _declared_encoding(declared: str) -> str:
    """The name of a declared encoding that may be tried, or nothing."""
    try:
        name = codecs.lookup(declared.strip()).name
        b"".decode(name)
    except (LookupError, ValueError):
        return ""
    return "" if _NEVER_DECLARED.match(name) else _SUPERSETS.get(name, name)


def _utf16_without_mark(data: bytes) -> str | None:
    """Western text in UTF-16 is every other byte a NUL, and which ones tells the byte order."""
    sample = data[: _SAMPLE // 2 * 2]
    if len(sample) < 4 or b"\x00" not in sample:
        return None
    even, odd = sample[::2].count(0) / (len(sample) / 2), sample[1::2].count(0) / (len(sample) / 2)
    if odd > 0.4 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 and odd < 0.05 else None


def _damaged_utf8(data: bytes) -> str | None:
    """UTF-8 with a few bytes broken or the end cut off: reading it as anything else would spoil every accent."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    whole = sum(not char.isascii() for char in text) - broken
    return text if whole >= 4 * broken else None


def _everyday_chinese(data: bytes) -> str | None:
    """GB18030, when nearly all that is not ASCII is punctuation or one of the 3,755 common characters of GB 2312.

    Accented Western text is seldom valid GB18030, and where it is, an accent and the ASCII letter behind it make
    a character outside that set.
    """
    text = _strict(data, "gb18030")
    if text is None:
        return None
    others = [char for char in text[:_SAMPLE] if not char.isascii()]
    common = sum(_in_gb2312(char, 0xA1, 0xD7) for char in others)
    hanzi = sum(_in_gb2312(char, 0xB0, 0xD7) for char in others)
    return text if hanzi and common >= 0.85 * len(others) else None


def _in_gb2312(char: str, first_row: int, last_row: int) -> bool:
    code = char.encode("gb2312", "ignore")
    return len(code) == 2 and first_row <= code[0] <= last_row


def _guessed(data: bytes) -> str | None:
    """The likeliest of charset-normalizer's guesses that beats Windows-1252; for short Western texts none does."""
    western = data.decode("cp1252", "replace")
    for match in charset_normalizer.from_bytes(data[:_SAMPLE], cp_isolation=_GUESSABLE):
        guess = data.decode(match.encoding, "replace")
        if _is_other_script(guess[:_SAMPLE]):
            return guess
        # a symbol amid letters, as in "ca\u00b3y", is how Central European text shows when it is read as Western
        if _MISREAD.search(western) and not _MISREAD.search(guess):
            return guess
    return None


def _is_other_script(text: str) -> bool:
    """Whether words are wholly in another script; a wrong guess puts its letters amid or beside Latin ones."""
    words = _WORD.findall(text)
    other = [word for word in words if not all(map(_is_latin, word))]
    mixed = sum(any(map(_is_latin, word)) for word in other)
    # Chinese and Japanese run on from a Latin word without a space, so some of theirs are mixed
    tolerated = 0.3 if any(max(word) >= _CJK_FROM for word in other) else 0.05
    accents = any(_is_latin(char) and not char.isascii() for word in words for char in word)
    enough = sum(map(len, other)) >= max(_LEAST_EVIDENCE, 0.4 * sum(map(len, words)))
    return enough and mixed <= tolerated * len(other) and not accents and not _HALF_WIDTH.search(text)


def _is_latin(char: str) -> bool:
    return char.isascii() or unicodedata.name(char, "").startswith("LATIN")
