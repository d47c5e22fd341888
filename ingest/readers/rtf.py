"""Rich text (.rtf): text by striprtf; headings, tables and the title by marks that are set before it runs."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from striprtf.striprtf import rtf_to_text

from ingest.errors import Unreadable
from ingest.readers.outline import Block, Heading, Part, assemble, one_line
from ingest.readers.reading import Reading
from ingest.readers.tables import pipe_table
from ingest.readers.titles import sensible_title

# control characters that no text holds; striprtf passes them through as text
_BOLD, _PLAIN, _ROW, _CELL, _ROW_END = "\x01", "\x02", "\x03", "\x04", "\x05"
_LEVEL = "\x06"  # between two of them, the level of the paragraph's heading
_MARKS = re.compile("[\x01-\x06]")
_TOKEN = re.compile(r"\\([a-zA-Z]+)(-?\d+)? ?|\\'[0-9a-fA-F]{2}|\\[^a-zA-Z]|[{}]")
_STYLE = re.compile(r"\{[^{}]*?\\s(\d+)\b[^{}]*?(?: |\})(?P<name>[^\\{};]+);\s*\}")
_HEADING_NAME = re.compile(
    r"(?:heading|überschrift|titre|título|标题|標題)\s*(\d)|(?P<title>title|titel)", re.IGNORECASE
)
_TITLE = re.compile(r"\{\\info\b.{0,2000}?\{\\title\s([^{}]{1,500})\}", re.DOTALL)
_CODE_PAGE = re.compile(r"\\ansicpg(\d+)")
_BULLET = re.compile(r"^[ \t]*[•◦▪·\uf0b7][ \t]*")
# Apple's: the name of a file beside this one, and the character that stands for it
_PICTURE = re.compile(r"\{\\NeXTGraphic[^{}]*\}(?:\\'[0-9a-fA-F]{2}|[^\\{}\n])?")
_MOST_BOLD_WORDS = 15


def read(data: bytes) -> Reading:
    """Read rich text: headings by style or outline level, or else short lines all in bold; tables by their cells.

    Raises Unreadable for a file that is no RTF or is damaged.
    """
    if not data.lstrip().startswith(b"{\\rtf"):
        raise Unreadable("not an RTF file, whatever its name says")
    source = data.decode(_encoding(data), "replace")
    # striprtf trusts its input: damage shows as ValueError, TypeError, IndexError and others
    try:
        marked = _marked(source)
        text = _plain(marked)
        title = _TITLE.search(source)
        name = sensible_title(_plain("{\\rtf1 " + title[1] + "}")) if title else ""
    except Exception as exc:
        raise Unreadable("damaged RTF; open it in a word processor and save it again") from exc
    return assemble(list(_parts(text)), name)


def _encoding(data: bytes) -> str:
    """What bytes that are not escaped are in; most files escape all that is not ASCII."""
    page = _CODE_PAGE.search(data[:4_000].decode("ascii", "replace"))
    if page and page[1] == "65001":
        return "utf-8"
    name = f"cp{page[1]}" if page else "cp1252"
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "cp1252"


def _plain(source: str) -> str:
    text = str(rtf_to_text(source, errors="replace"))  # type: ignore[no-untyped-call]
    # an emoji is written as the two halves of its UTF-16 form
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _marked(source: str) -> str:
    """The source with marks where bold begins and ends, before headings, and around rows and cells of tables."""
    levels = _heading_styles(source)
    source = _PICTURE.sub("", source)
    states: list[bool] = []
    bold = False
    out: list[str] = []
    done = 0
    for match in _TOKEN.finditer(source):
        token, word, number = match[0], match[1], match[2]
        out.append(source[done : match.start()])
        done = match.end()
        before = bold
        if token == "{":
            states.append(bold)
        elif token == "}" and states:
            bold = states.pop()
        elif word == "b":
            bold = number != "0"
        elif word == "plain":
            bold = False
        # a field's link is left out: what the reader sees is its text, and striprtf looks for it at great cost
        out.append("\\field " if word == "field" else token)
        out.append(_mark_of(word, number, levels))
        if bold != before:
            out.append(_BOLD if bold else _PLAIN)
    return "".join([*out, source[done:]])


def _mark_of(word: str | None, number: str | None, levels: dict[str, int]) -> str:
    if word == "trowd":
        return _ROW
    if word == "cell":
        return _CELL
    if word == "row":
        return _ROW_END
    if word == "outlinelevel" and number and 0 <= int(number) < 9:
        return f"{_LEVEL}{int(number) + 1}{_LEVEL}"
    if word == "s" and number in levels:
        return f"{_LEVEL}{levels[number]}{_LEVEL}"
    return ""


def _heading_styles(source: str) -> dict[str, int]:
    """Style number -> level, from the style sheet; 0 for the title's."""
    levels: dict[str, int] = {}
    begin = source.find("\\stylesheet")
    for match in _STYLE.finditer(source, max(begin, 0), begin + 100_000 if begin >= 0 else 0):
        if name := _HEADING_NAME.fullmatch(match["name"].strip()):
            levels[match[1]] = int(name[1]) if name[1] else 0
    return levels


def _parts(text: str) -> Iterator[Part]:
    styled = bool(re.search(f"{_LEVEL}\\d{_LEVEL}", text))
    rows: list[list[str]] = []
    for chunk in re.split(f"({_ROW}[^{_ROW_END}]*{_ROW_END})", text):
        if chunk.startswith(_ROW):
            rows.append([_MARKS.sub("", cell.removesuffix("|")) for cell in re.split(f"\\|{_CELL}", chunk)[:-1]])
            continue
        if rows and chunk.strip():
            yield Block(pipe_table(rows))
            rows = []
        yield from _paragraphs(chunk, styled)
    if rows:
        yield Block(pipe_table(rows))


def _paragraphs(text: str, styled: bool) -> Iterator[Part]:
    bold = False
    run: list[str] = []
    for line in text.split("\n"):
        level, bold = _level(line, bold, styled)
        words = _MARKS.sub("", re.sub(f"{_LEVEL}\\d{_LEVEL}", "", line))
        if level is not None and words.strip():
            yield Block("\n".join(run))
            run = []
            yield Heading(level, words)
        elif words.strip():
            run.append(_BULLET.sub("- ", words.strip()))
        else:
            yield Block("\n".join(run))
            run = []
    yield Block("\n".join(run))


def _level(line: str, bold: bool, styled: bool) -> tuple[int | None, bool]:
    """The level of a paragraph that is a heading, and whether bold goes on after it."""
    all_bold = True
    for piece in re.split(f"([{_BOLD}{_PLAIN}])", line):
        if piece in (_BOLD, _PLAIN):
            bold = piece == _BOLD
        elif _MARKS.sub("", piece).strip() and not bold:
            all_bold = False
    words = one_line(_MARKS.sub("", line))
    if styled:
        found = re.findall(f"{_LEVEL}(\\d){_LEVEL}", line)
        return (int(found[-1]) if found and len(words) <= 200 else None), bold
    is_heading = all_bold and words and len(words.split()) <= _MOST_BOLD_WORDS and words[-1] not in ".,;:!"
    return (2 if is_heading else None), bold
