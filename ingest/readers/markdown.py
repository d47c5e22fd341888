"""Markdown pages, as static site generators keep them: front matter, shortcodes, inline HTML."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence, Set
from functools import partial
from itertools import groupby

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ingest.errors import Unreadable
from ingest.readers import front_matter, html_blocks
from ingest.readers.markdown_inline import HTML_TAG, References, plain_markdown
from ingest.readers.outline import Block, Heading, Part, assemble
from ingest.readers.reading import Reading
from ingest.readers.text_encoding import decode

# the second form is a reference whose brackets were forgotten
_SHORTCODE = re.compile(r"\{\{[<%].{0,2000}?[>%]\}\}|\{\{\s*(?:rel)?ref\s[^{}\n]{0,500}\}\}", re.DOTALL)
# a fence right below a tag is taken for more HTML; its author meant code
_FENCE_BELOW_TAG = re.compile(r"(?m)(^[ \t]*</?(?:details|summary|div|p)\b[^\n]*>[ \t]*\n)(?=[ \t]*(?:```|~~~))")
_HEADING_ATTRIBUTES = re.compile(r"\s*\{[#.:][^{}]*\}\s*$")
_FOOTNOTE = re.compile(r" {0,3}\[\^")


def read(data: bytes) -> Reading:
    """Read a Markdown page: CommonMark and pipe tables; links and images become their text.

    The title is the front matter's, or the first heading of level 1. Raises Unreadable for bytes that are no text.
    """
    page = front_matter.split(decode(data))
    # markdown-it and BeautifulSoup accept any text; what remains is depth, and whatever they did not foresee
    try:
        parts = list(_parts(_FENCE_BELOW_TAG.sub(r"\1\n", _SHORTCODE.sub("", page.body))))
    except RecursionError as exc:
        raise Unreadable("lists or quotations are nested too deeply to read") from exc
    except Exception as exc:
        raise Unreadable(f"Markdown that cannot be parsed ({type(exc).__name__})") from exc
    return assemble(parts, page.title, page.metadata)


def _parts(source: str) -> Iterator[Part]:
    # the inline rule is left out: we keep the source of paragraphs, and parsing them is most of the time
    blocks = MarkdownIt("commonmark").enable("table").disable("inline")
    environment: dict[str, object] = {}
    tokens = blocks.parse(source, environment)
    references = References(environment)
    lines = source.split("\n")
    code = {line for token in tokens if token.type in ("fence", "code_block") for line in range(*(token.map or ()))}
    done = 0
    for index, token in enumerate(tokens):
        if token.level or not token.map or token.nesting < 0:
            continue
        start, end = token.map
        # between two blocks there are blank lines, and definitions that markdown-it takes out: footnotes are text
        yield from (Block(line) for line in lines[done:start] if _FOOTNOTE.match(line))
        done = end
        if token.type == "heading_open":
            yield Heading(int(token.tag[1:]), _heading_text(tokens[index + 1].content, environment))
        elif token.type == "html_block":
            yield from _html_parts(token.content, references)
        elif token.type != "hr":
            plain = partial(plain_markdown, references=references, is_table=token.type == "table_open")
            text = _block_text(lines, range(start, end), code, plain)
            # the indent of a list's lines tells their level, that of a paragraph's nothing
            yield Block(re.sub(r"(?m)^[ \t]+", "", text) if token.type == "paragraph_open" else text)
    yield from (Block(line) for line in lines[done:] if _FOOTNOTE.match(line))


def _heading_text(source: str, environment: dict[str, object]) -> str:
    """A heading without emphasis, links and attributes such as `{#id}`."""
    tokens = MarkdownIt("commonmark").parseInline(source, environment)
    text = "".join(_inline_text(child) for token in tokens for child in token.children or [])
    return _HEADING_ATTRIBUTES.sub("", text)


def _inline_text(token: Token) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return " "
    if token.type == "html_inline":
        return HTML_TAG.sub(" " if token.content.startswith("<br") else "", token.content)
    return token.content


def _html_parts(source: str, references: References) -> Iterator[Part]:
    for part in html_blocks.parts_of(html_blocks.parse(source)):
        # people do write Markdown amid HTML
        yield Block(plain_markdown(part.text, references)) if isinstance(part, Block) else part


def _block_text(lines: Sequence[str], numbers: range, code: Set[int], plain: Callable[[str], str]) -> str:
    """The source of a block, its lines of code as they are and the rest made plain."""
    runs = groupby(numbers, key=code.__contains__)
    texts = [(is_code, "\n".join(lines[number] for number in run)) for is_code, run in runs]
    return "\n".join(text if is_code else plain(text) for is_code, text in texts)
