"""HTML elements -> headings and Markdown blocks, in reading order, with nothing lost and nothing twice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from bs4 import BeautifulSoup, Tag
from bs4.element import CData, NavigableString, PageElement

from ingest.readers.html_tables import table_text
from ingest.readers.outline import Block, Heading, Part

_DROPPED = [
    "script",
    "style",
    "noscript",
    "template",
    "svg",
    "iframe",
    "object",
    "embed",
    "canvas",
    "audio",
    "video",
    "input",
    "select",
    "option",
    "optgroup",
    "datalist",
    "textarea",
    "button",
    "progress",
    "meter",
]
_INLINE = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "b",
        "bdi",
        "bdo",
        "big",
        "cite",
        "code",
        "data",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "label",
        "mark",
        "math",
        "nobr",
        "q",
        "rb",
        "rp",
        "rt",
        "ruby",
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "time",
        "tt",
        "u",
        "var",
        "wbr",
    ]
)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
# a question that unfolds its answer is text, though it is a button
_UNFOLDING = re.compile(r"accordion|collaps|faq|toggle|expand", re.IGNORECASE)
_PERMALINK = re.compile(r"\s*[¶#§🔗]?\s*")


def parse(markup: str) -> BeautifulSoup:
    """Parse HTML and take out what is not text: scripts, form controls, media, permalink marks."""
    # an XML declaration or a lone word would only make BeautifulSoup warn
    soup = BeautifulSoup(re.sub(r"<\?xml[^>]*>?", "", markup) + "\n", "lxml")
    for tag in soup.find_all(_DROPPED):
        if not tag.decomposed and not _unfolds(tag):
            tag.decompose()
    for anchor in soup.find_all("a"):
        if _PERMALINK.fullmatch(anchor.get_text()) and not anchor.find("img"):
            anchor.decompose()
    return soup


def parts_of(root: Tag) -> list[Part]:
    """The headings and blocks inside an element, in reading order."""
    flow = _Flow()
    # a stack of our own, as pages nest deeper than Python recurses; None marks the end of a block
    stack: list[PageElement | None] = list(reversed(root.contents))
    while stack:
        node = stack.pop()
        if node is None:
            flow.end_block()
        elif isinstance(node, Tag):
            _visit(node, flow, stack)
        elif type(node) in (NavigableString, CData):  # comments and doctypes are subclasses of these
            flow.write(re.sub(r"\s+", " ", str(node)))
    flow.end_block()
    return flow.parts


def text_of(tag: Tag, separator: str = "\n") -> str:
    """The text inside an element, headings like any other."""
    return separator.join(part.text for part in parts_of(tag))


def line_of(tag: Tag) -> str:
    """The text inside an element, on one line."""
    return " ".join(text_of(tag).split())


class _Flow:
    """The parts so far, and the inline text that has not become a block yet."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self._inline: list[str] = []

    def write(self, text: str) -> None:
        self._inline.append(text)

    def put(self, part: Part) -> None:
        self.end_block()
        if part.text.strip():
            self.parts.append(part)

    def end_block(self) -> None:
        text = re.sub(r" *\n *", "\n", re.sub(r" {2,}", " ", "".join(self._inline))).strip()
        self._inline = []
        if text:
            self.parts.append(Block(text))


def _visit(tag: Tag, flow: _Flow, stack: list[PageElement | None]) -> None:
    name = tag.name.lower()
    if name == "title":
        return  # of the page, not on it
    if name == "br":
        flow.write("\n")
    elif name == "img":
        flow.write(str(tag.get("alt") or ""))
    elif name in _HEADINGS:
        flow.put(Heading(int(name[1]), line_of(tag)))
    elif name in _INLINE:
        stack.extend(reversed(tag.contents))
    elif (block := _whole_block(name, tag)) is not None:
        flow.put(Block(block))
    else:
        flow.end_block()
        stack.append(None)
        stack.extend(reversed(tag.contents))


def _whole_block(name: str, tag: Tag) -> str | None:
    """Markdown for an element that is written as a whole; None for one to be walked through."""
    writers: dict[str, Callable[[Tag], str | None]] = {
        "table": partial(table_text, text_of=text_of),
        "ul": _list,
        "ol": _list,
        "menu": _list,
        "dl": _definitions,
        "pre": _preformatted,
    }
    writer = writers.get(name)
    return writer(tag) if writer else None


def _unfolds(tag: Tag) -> bool:
    if tag.name != "button":
        return False
    classes = " ".join(tag.get_attribute_list("class")) if tag.get("class") else ""
    unfolding = tag.has_attr("aria-expanded") or tag.has_attr("aria-controls") or _UNFOLDING.search(classes)
    return bool(unfolding or tag.find_parent([*_HEADINGS, "summary", "dt"]))


def _preformatted(tag: Tag) -> str:
    text = tag.get_text().strip("\n").rstrip()
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}" if text else ""


def _list(tag: Tag) -> str | None:
    """A list, nested ones indented; None where its items are cards with headings or tables of their own."""
    if tag.find([*_HEADINGS, "table"]):
        return None
    items: list[str] = []
    number = 0
    for child in tag.children:
        text = _loose_text(child)
        if not text:
            continue
        if isinstance(child, Tag) and child.name in ("ul", "ol") and items:
            items[-1] += "\n" + _indented(text, "   " if tag.name == "ol" else "  ")
            continue
        number += 1
        marker = f"{number}. " if tag.name == "ol" else "- "
        items.append(marker + _indented(text, " " * len(marker)).lstrip())
    return "\n".join(items)


def _loose_text(node: PageElement) -> str:
    if isinstance(node, Tag):
        written = _list(node) if node.name in ("ul", "ol") else None
        return written if written is not None else text_of(node)
    return " ".join(str(node).split()) if type(node) in (NavigableString, CData) else ""


def _indented(text: str, indent: str) -> str:
    return "\n".join(indent + line if line else line for line in text.split("\n"))


def _definitions(tag: Tag) -> str | None:
    if tag.find([*_HEADINGS, "table"]):
        return None
    entries: list[str] = []
    for child in _definition_children(tag):
        text = _loose_text(child)
        if not text:
            continue
        if isinstance(child, Tag) and child.name == "dd" and entries:
            entries[-1] += (" " if entries[-1].endswith("**:") else "\n") + text
        elif isinstance(child, Tag) and child.name == "dt":
            entries.append(f"**{' '.join(text.split())}**:")
        else:
            entries.append(text)
    return "\n\n".join(entries)


def _definition_children(tag: Tag) -> Iterator[PageElement]:
    """Terms and definitions, also those that a page groups in divs."""
    for child in tag.children:
        if isinstance(child, Tag) and child.name not in ("dt", "dd", *_INLINE) and child.find(["dt", "dd"]):
            yield from _definition_children(child)
        else:
            yield child
