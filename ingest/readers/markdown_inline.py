"""Inline Markdown -> the same Markdown without links, images, tags, comments and entities."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from re import Match

from markdown_it.common.utils import normalizeReference

_TAG_NAMES = (
    "a abbr address article aside audio b bdi bdo big blockquote br button canvas caption center cite code col "
    "colgroup data dd del details dfn div dl dt em embed fieldset figcaption figure font footer form h1 h2 h3 h4 "
    "h5 h6 header hr i iframe img input ins kbd label legend li link main map mark math nav nobr noscript object "
    "ol optgroup option p param picture pre progress q s samp section select small source span strike strong sub "
    "summary sup svg table tbody td template textarea tfoot th thead time tr tt u ul var video wbr"
).replace(" ", "|")
# named tags only: `<your network id>` is not HTML but a blank that the reader is to fill in
HTML_TAG = re.compile(rf"</?(?:{_TAG_NAMES})(?:\s[^<>]{{0,2000}})?/?>", re.IGNORECASE)

_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.{1,5000}?)(?<!`)\1(?!`)", re.DOTALL)
_KEPT_CODE = re.compile("\x02(\\d+)\x03")  # normalised text has no control characters, so these are free
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_NOT_TEXT = re.compile(
    r"<(script|style|select|textarea|button|iframe|svg)\b[^<>]{0,2000}>.{0,20000}?</\1\s*>", re.DOTALL | re.I
)
_BREAK = re.compile(r"[ \t]*<br\s*/?>[ \t]*\n?", re.IGNORECASE)
_AUTOLINK = re.compile(r"<((?:[a-z][a-z0-9+.-]{1,31}:|[\w.+-]+@)[^\s<>]+)>", re.IGNORECASE)
_TEXT = r"((?:\\.|[^\[\]\\]|\[(?:\\.|[^\[\]\\]){0,300}\]){0,1000}?)"
_TARGET = r"""\(\s*(?:<[^<>\n]*>|(?:[^\s()<>]|\([^\s()]{0,300}\)){0,3000})(?:\s+(?:"[^"]*"|'[^']*'|\([^()]*\)))?\s*\)"""
_IMAGE = re.compile(rf"!\[{_TEXT}\]{_TARGET}")
_LINK = re.compile(rf"(?<!\\)\[{_TEXT}\]{_TARGET}")
_REFERENCE = re.compile(r"(?<!\\)(!?)\[((?:\\.|[^\[\]\\]){1,500})\](?:\[([^\[\]]{0,500})\])?")
# entities, but for a bar, which would divide a cell of a table
_ENTITY = re.compile(
    r"&(?!#124;|#x7c;|vert;|verbar;|VerticalLine;)(?:#\d{1,7}|#x[\da-f]{1,6}|[a-z]\w{1,31});", re.IGNORECASE
)
_EMPTY_ITEM = re.compile(r"^[ \t]*[-*+][ \t]*(?:\n|\Z)", re.MULTILINE)


class References:
    """The link definitions of a page, `[label]: address`, as markdown-it collects them."""

    def __init__(self, environment: Mapping[str, object]) -> None:
        references = environment.get("references")
        self._labels = frozenset(references) if isinstance(references, dict) else frozenset()

    def __contains__(self, label: str) -> bool:
        return normalizeReference(label) in self._labels


def plain_markdown(source: str, references: References, is_table: bool = False) -> str:
    """Reduce links to their text, images to their alternative text and tags to what they hold; keep code spans.

    In a table a line break becomes a space, as a row is one line.
    """
    code: list[str] = []

    def set_aside(match: Match[str]) -> str:
        code.append(match[0])
        return f"\x02{len(code) - 1}\x03"

    text = _CODE_SPAN.sub(set_aside, source)
    text = _NOT_TEXT.sub("", _COMMENT.sub("", text))
    text = _BREAK.sub(" " if is_table else "\n", text)
    text = _LINK.sub(r"\1", _IMAGE.sub(r"\1", text))
    text = _REFERENCE.sub(lambda match: _referred(match, references), text)
    text = HTML_TAG.sub("", _AUTOLINK.sub(_address, text))
    text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    text = text if is_table else _EMPTY_ITEM.sub("", text)
    return _KEPT_CODE.sub(lambda match: code[int(match[1])], text)


def _referred(match: Match[str], references: References) -> str:
    label = match[3] or match[2]
    return match[2] if label in references and not label.startswith("^") else match[0]


def _address(match: Match[str]) -> str:
    return match[1].removeprefix("mailto:")
