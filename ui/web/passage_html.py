"""A passage's text -> HTML with the quoted words highlighted. Nothing of the text becomes markup of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape
from itertools import groupby

from index.quotables import Quotable, quotables
from index.scope import Scope

_SOON = 14  # days


def passage_html(text: str, quotes: Sequence[str] = ()) -> str:
    """Paragraphs, lists and tables of a passage; lines that stand in one of `quotes` are marked."""
    lines = quotables(text)
    if not lines:
        return f"<p>{escape(text)}</p>"
    parts: list[str] = []
    for kind, group in groupby(lines, key=lambda q: (q.kind, -1 if q.kind == "item" else q.block)):
        block = list(group)
        if kind[0] == "row":
            parts.append(_table(block, quotes))
        elif kind[0] == "item":
            parts.append(f"<ul>{''.join(f'<li>{_line(q, quotes)}</li>' for q in block)}</ul>")
        else:
            parts.append(f"<p>{' '.join(_line(q, quotes) for q in block)}</p>")
    return "".join(parts)


def badges_html(scope: Scope | None, today: date) -> str:
    """Where, for whom and when a document holds, as small marks; empty where it holds for everybody, always."""
    if scope is None:
        return _badge("not searched: its metadata cannot be understood", "sb-warn")
    marks = [_badge(", ".join(values)) for values in (scope.product, scope.region) if values]
    if scope.audience == "agent":
        marks.append(_badge("agents only", "sb-warn"))
    return "".join(marks) + _validity_html(scope, today)


def _validity_html(scope: Scope, today: date) -> str:
    first, last = scope.effective_from, scope.effective_until
    if last is not None and last < today:
        return _badge(f"expired on {_day(last, today)}", "sb-warn")
    if first is not None and first > today:
        return _badge(f"not valid before {_day(first, today)}", "sb-warn")
    if last is not None:
        return _badge(f"holds until {_day(last, today)}", "sb-warn" if (last - today).days <= _SOON else "")
    return ""


def _day(day: date, today: date) -> str:
    return f"{day.day} {day:%B}" + (f" {day.year}" if day.year != today.year else "")


def _badge(text: str, css: str = "") -> str:
    return f'<span class="{f"sb-badge {css}".rstrip()}">{escape(text)}</span>'


def _line(line: Quotable, quotes: Sequence[str]) -> str:
    return f"<mark>{escape(line.text)}</mark>" if _is_quoted(line, quotes) else escape(line.text)


def _table(rows: Sequence[Quotable], quotes: Sequence[str]) -> str:
    head = "".join(f"<th>{escape(h)}</th>" for h in rows[0].header)
    body = ""
    for row in rows:
        quoted = _is_quoted(row, quotes)
        cells = "".join(f"<td>{f'<mark>{escape(c)}</mark>' if quoted and c else escape(c)}</td>" for c in row.cells)
        body += f"<tr>{cells}</tr>"
    return f'<div class="sb-table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _is_quoted(line: Quotable, quotes: Sequence[str]) -> bool:
    return any(line.text in quote for quote in quotes)
