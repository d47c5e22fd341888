"""A passage's text -> HTML with the quoted words highlighted. Nothing of the text becomes markup of its own."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby

from index.quotables import Quotable, quotables


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
