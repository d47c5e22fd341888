"""Values of spreadsheet cells as they are shown: number formats for money, percentages, dates."""

from __future__ import annotations

import datetime
import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

_LITERAL = re.compile(r'"([^"]*)"|\\(.)|\[\$([^\]-]*)(?:-[^\]]*)?\]|\[[^\]]*\]|_.|\*.')
_DIGITS = re.compile(r"[#0?](?:[#0?,. ]*[#0?])?,*")
_FRACTION = re.compile(r"[#?0] ?[#?]+/[#?\d]+")
_TOO_LARGE = 10**13  # for decimals beside them
_MOST_SHOWN = 10  # decimals
_MOST_DIGITS = 15  # what a double holds; more are the noise of binary fractions


def shown(value: object, number_format: str) -> str:
    """The text of a cell. Dates are ISO whatever their format; numbers keep their decimals, thousands separators,
    signs of currency and percent; a format that is not understood shows the plain number."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ", "minutes")
    if isinstance(value, (datetime.date, datetime.time, datetime.timedelta)):
        return str(value)
    if isinstance(value, (int, float)):
        return _number(value, number_format)
    return str(value)


def _number(value: float, number_format: str) -> str:
    plain = f"{value:.{_MOST_DIGITS}g}" if abs(value) < 1e15 else str(value)
    try:
        exact = Decimal(plain)
    except InvalidOperation:
        return plain
    if not exact.is_finite() or abs(exact) >= _TOO_LARGE:
        return plain
    plain = f"{exact:f}" if abs(exact) > Decimal("1e-9") else plain
    section, signed = _section(exact, number_format)
    if not signed:
        exact = abs(exact)
    literals: list[str] = []

    def put_aside(match: re.Match[str]) -> str:
        literals.append(match[1] or match[2] or match[3] or "")
        return f"\x00{len(literals) - 1}\x01"

    pattern = _LITERAL.sub(put_aside, section)
    digits = _DIGITS.search(re.sub("\x00\\d+\x01", lambda m: "\x02" * len(m[0]), pattern))
    if not digits or _FRACTION.search(section) or "E+" in section.upper():
        return plain
    before, after = pattern[: digits.start()], pattern[digits.end() :]
    if "%" in before + after:
        exact *= 100
    text = before + _with_digits(exact, digits[0]) + after
    text = re.sub("\x00(\\d+)\x01", lambda m: literals[int(m[1])], text)
    return " ".join(re.sub(r"^(\D*)-", r"-\1", text).split()) if exact < 0 else " ".join(text.split())


def _section(value: Decimal, number_format: str) -> tuple[str, bool]:
    """The part of a format that is for this value, and whether the minus sign is still to be written."""
    sections = re.split(r';(?=(?:[^"]*"[^"]*")*[^"]*$)', number_format)
    if len(sections) > 1 and value < 0 and sections[1].strip():
        return sections[1], False
    if len(sections) > 2 and value == 0 and _DIGITS.search(sections[2]):
        return sections[2], True
    return sections[0], True


def _with_digits(value: Decimal, digits: str) -> str:
    whole, _, fraction = digits.rstrip(",").partition(".")
    scaled = value / 1000 ** (len(digits) - len(digits.rstrip(",")))
    places = "".join(re.findall("[0#?]", fraction))[:_MOST_SHOWN]
    least, most = places.count("0"), len(places)
    rounded = scaled.quantize(Decimal(1).scaleb(-most), ROUND_HALF_UP)
    text = f"{rounded:,f}" if "," in whole else f"{rounded:f}"
    head, _, tail = text.partition(".")
    tail = tail[:least] + tail[least:].rstrip("0")
    sign, number = ("-", head[1:]) if head.startswith("-") else ("", head)
    if "," not in whole:
        number = number.zfill(whole.count("0"))
    return f"{sign}{number}.{tail}" if tail else f"{sign}{number}"
