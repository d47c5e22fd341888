"""The body of a Word document -> headings and Markdown blocks, in reading order."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docx.document import Document
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import parse_xml
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement as Element

from ingest.readers.outline import Block, Heading, Part
from ingest.readers.tables import pipe_table

# built-in names are English inside the file; other programs than Word write them in their user's language
_HEADING_STYLE = re.compile(
    r"(?:heading|überschrift|titre|título|titolo|encabezado|kop|rubrik|overskrift|otsikko|nagłówek|nadpis|"
    r"заголовок|標題|标题|見出し|제목)\s*(\d)",
    re.IGNORECASE,
)
_TITLE_STYLE = re.compile(r"title|titel|titre|título|titolo|tytuł|标题|標題", re.IGNORECASE)
_CONTENTS_STYLE = re.compile(r"(?:toc|contents) ?(?:\d|heading)", re.IGNORECASE)
_LONGEST_HEADING = 200
_MOST_BOLD_WORDS = 20
_TYPED_BULLET = re.compile(r"^[•◦▪‣·●○■□\u2013\uf0b7\uf0a7][ \t]+")

_MC_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_WRAPPERS = {qn(f"w:{name}") for name in ("sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag")}
# properties, what was deleted or moved away, and text boxes, which are read apart
_UNREAD = {qn(f"w:{name}") for name in ("pPr", "rPr", "del", "moveFrom", "txbxContent", "sdtPr")} | {_MC_FALLBACK}
_AS_TEXT = {qn("w:tab"): " ", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}
_NOTES = {qn("w:footnoteReference"): "", qn("w:endnoteReference"): "e"}


class Body:
    """Reads the body of one document; knows its styles and notes."""

    def __init__(self, document: Document) -> None:
        self._body = document.element.body
        self._styles = {style.get(qn("w:styleId"), ""): style for style in document.styles.element.iter(qn("w:style"))}
        self._notes = _notes(document)
        paragraphs = self._body.iter(qn("w:p"))
        self._has_headings = any(self._styled_level(paragraph, _style(paragraph)) for paragraph in paragraphs)

    def parts(self) -> Iterator[Part]:
        """Headings and blocks in document order."""
        return self._parts_in(self._body)

    def _parts_in(self, container: Element) -> Iterator[Part]:
        for child in container:
            if child.tag == qn("w:p"):
                yield from self._paragraph(child)
            elif child.tag == qn("w:tbl"):
                yield from self._table(child)
            elif child.tag in _WRAPPERS and not _is_contents(child):
                yield from self._parts_in(child)

    def _paragraph(self, paragraph: Element) -> Iterator[Part]:
        style, text = _style(paragraph), _text(paragraph).strip()
        if not _CONTENTS_STYLE.fullmatch(self._style_name(style)):
            level = self._level(paragraph, text)
            if level is not None:
                yield Heading(level, text)
            elif text:
                yield Block(self._marker(paragraph, style, text) + _TYPED_BULLET.sub("- ", text))
        for box in _text_boxes(paragraph):
            yield from self._parts_in(box)
        yield from self._notes_of(paragraph)

    def _style_name(self, style: str) -> str:
        element = self._styles.get(style)
        return _value(element, "w:name") if element is not None else ""

    def _ancestry(self, style: str) -> Iterator[Element]:
        """A style and those it is based on; a damaged file may have them in a circle."""
        seen: set[str] = set()
        while style in self._styles and style not in seen:
            seen.add(style)
            yield self._styles[style]
            style = _value(self._styles[style], "w:basedOn")

    def _level(self, paragraph: Element, text: str) -> int | None:
        """The level of a heading; in a document without any by style, a short line in bold is one of level 2."""
        style = _style(paragraph)
        level = self._styled_level(paragraph, style)
        if level is not None:
            return level if len(text) <= _LONGEST_HEADING else None
        if self._has_headings or len(text.split()) > _MOST_BOLD_WORDS or self._marker(paragraph, style, text):
            return None
        return 2 if _is_bold(paragraph) and text[-1:] not in ".,;" else None

    def _styled_level(self, paragraph: Element, style: str) -> int | None:
        """0 for a title, 1 and up for a heading, None for text."""
        if outline := _value(paragraph, "w:pPr/w:outlineLvl"):
            return _heading_level(outline)
        for element in self._ancestry(style):
            name = _value(element, "w:name")
            if match := _HEADING_STYLE.fullmatch(name):
                return int(match[1]) or 1
            if _TITLE_STYLE.fullmatch(name):
                return 0
            if outline := _value(element, "w:pPr/w:outlineLvl"):
                return _heading_level(outline)
        return None

    def _marker(self, paragraph: Element, style: str, text: str) -> str:
        """What goes before a list item: its indent and a dash."""
        numbering = [paragraph, *self._ancestry(style)]
        number = next((value for element in numbering if (value := _value(element, "w:pPr/w:numPr/w:numId"))), "0")
        if number == "0" or _TYPED_BULLET.match(text):
            return ""
        depth = _value(paragraph, "w:pPr/w:numPr/w:ilvl")
        return "  " * min(int(depth) if depth.isdecimal() else 0, 8) + "- "

    def _table(self, table: Element) -> Iterator[Part]:
        rows = [row for row in _unwrapped(table, "w:tr") if row.find(f"{qn('w:trPr')}/{qn('w:del')}") is None]
        cells = [list(_unwrapped(row, "w:tc")) for row in rows]
        if all(len(row) <= 1 for row in cells):  # a frame around text, or a layout
            for row in cells:
                for cell in row:
                    yield from self._parts_in(cell)
            return
        grid = [[text for cell in row for text in self._cell_texts(cell)] for row in cells]
        yield Block(pipe_table(grid))
        yield from self._notes_of(table)

    def _notes_of(self, element: Element) -> Iterator[Part]:
        for reference in element.iter(*_NOTES):
            key = _NOTES[reference.tag] + reference.get(qn("w:id"), "")
            if note := self._notes.get(key):
                yield Block(f"[^{key}]: {note}")

    def _cell_texts(self, cell: Element) -> list[str]:
        """A cell's text, and blanks for the columns it reaches over; a cell merged with the one above is blank."""
        merge = cell.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}")
        span = _value(cell, "w:tcPr/w:gridSpan")
        blanks = [""] * (min(int(span), 63) - 1 if span.isdecimal() else 0)
        if merge is not None and merge.get(qn("w:val"), "continue") == "continue":
            return ["", *blanks]
        paragraphs = [paragraph for paragraph in cell.iter(qn("w:p")) if not _is_fallback(paragraph, cell)]
        listed = any(self._marker(item, _style(item), "") for item in paragraphs)
        texts = filter(None, (_text(paragraph).strip() for paragraph in paragraphs))
        return [("; " if listed else " ").join(texts), *blanks]


def _value(element: Element, path: str) -> str:
    """The `w:val` of a descendant, empty where there is none."""
    found = element.find("/".join(qn(step) for step in path.split("/")))
    return str(found.get(qn("w:val"), "")) if found is not None else ""


def _style(paragraph: Element) -> str:
    return _value(paragraph, "w:pPr/w:pStyle")


def _is_on(run: Element, switch: str) -> bool:
    """Whether a run has a property that is on unless its value says otherwise."""
    element = run.find(f"{qn('w:rPr')}/{qn(switch)}")
    return element is not None and element.get(qn("w:val"), "true") not in ("0", "false", "off")


def _is_bold(paragraph: Element) -> bool:
    runs = [run for run in paragraph.iter(qn("w:r")) if _text(run).strip()]
    return bool(runs) and all(_is_on(run, "w:b") for run in runs)


def _heading_level(outline: str) -> int | None:
    """Word counts outline levels from 0; 9 is body text."""
    return int(outline) + 1 if outline.isdecimal() and int(outline) < 9 else None


def _text(element: Element) -> str:
    """The text of a paragraph or a part of it, as it reads with all changes accepted."""
    if element.tag in (qn("w:t"), qn("m:t")):
        return element.text or ""
    if element.tag in _AS_TEXT:
        return _AS_TEXT[element.tag]
    if element.tag in _NOTES:
        return f"[^{_NOTES[element.tag]}{element.get(qn('w:id'), '')}]"
    if element.tag in _UNREAD or (element.tag == qn("w:r") and _is_on(element, "w:vanish")):
        return ""
    return "".join(_text(child) for child in element)


def _unwrapped(container: Element, name: str) -> Iterator[Element]:
    """The children of a kind, also those inside content controls and tracked insertions."""
    for child in container:
        if child.tag == qn(name):
            yield child
        elif child.tag in _WRAPPERS:
            yield from _unwrapped(child, name)


def _text_boxes(paragraph: Element) -> Iterator[Element]:
    """The text boxes anchored in a paragraph; Word writes each twice, the second time for older programs."""
    for child in paragraph:
        if child.tag == qn("w:txbxContent"):
            yield child
        elif child.tag != _MC_FALLBACK:
            yield from _text_boxes(child)


def _is_fallback(element: Element, within: Element) -> bool:
    for ancestor in element.iterancestors():
        if ancestor is within:
            return False
        if ancestor.tag == _MC_FALLBACK:
            return True
    return False


def _is_contents(element: Element) -> bool:
    gallery = _value(element, "w:sdtPr/w:docPartObj/w:docPartGallery")
    return gallery == "Table of Contents"


def _notes(document: Document) -> dict[str, str]:
    """Footnotes and endnotes by their number, an endnote's preceded by e."""
    kinds = {RELATIONSHIP_TYPE.FOOTNOTES: ("w:footnote", ""), RELATIONSHIP_TYPE.ENDNOTES: ("w:endnote", "e")}
    notes: dict[str, str] = {}
    for relation in document.part.rels.values():
        if relation.reltype not in kinds or relation.is_external:
            continue
        tag, prefix = kinds[relation.reltype]
        for note in parse_xml(relation.target_part.blob).iter(qn(tag)):
            texts = (_text(paragraph).strip() for paragraph in note.iter(qn("w:p")))
            if note.get(qn("w:type")) is None:  # the others are separator lines
                notes[prefix + note.get(qn("w:id"), "")] = " ".join(filter(None, texts))
    return notes
