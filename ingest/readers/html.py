"""HTML pages: what the page says, without the site around it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bs4 import BeautifulSoup, Tag
from bs4.dammit import EncodingDetector

from ingest.errors import Unreadable
from ingest.readers.html_blocks import line_of, parse, parts_of
from ingest.readers.html_boilerplate import drop_boilerplate
from ingest.readers.outline import Heading, Part, assemble, one_line
from ingest.readers.reading import Reading
from ingest.readers.text_encoding import decode

_SITE_PARTS = ("nav", "footer", "aside")
# what pages tell browsers, search engines and social networks; the rest may be worth filtering by
_TECHNICAL_META = re.compile(
    r"viewport|generator|robots|googlebot|theme-color|color-scheme|referrer|format-detection|csrf|handheldfriendly"
    r"|mobileoptimized|(?:application-name|apple|msapplication|google|twitter|next|bing|yandex|msvalidate|og|fb)\b.*",
    re.IGNORECASE,
)
_SITE_SEPARATOR = "\\s*[-|·»•:/\u2013\u2014\u2039\u203a]\\s*"


def read(data: bytes) -> Reading:
    """Read an HTML page: the `main` or `article` element where there is one, sections by h1 to h6,
    without menus, cookie banners and other furniture.

    Metadata: `meta` tags with a name, and the page's language as `language`.
    Raises Unreadable for bytes that are no text.
    """
    declared = EncodingDetector.find_declared_encoding(data, is_html=True) or ""
    text = decode(data, declared)
    # lxml and BeautifulSoup are lenient by design; what still escapes them on damaged pages is not documented
    try:
        soup = parse(text)
        drop_boilerplate(soup)
        parts = [part for root in _content(soup) for part in parts_of(root)]
        title, metadata = _title(soup, parts), _metadata(soup)
    except RecursionError as exc:
        raise Unreadable("lists or tables are nested too deeply to read") from exc
    except Exception as exc:
        raise Unreadable(f"damaged HTML ({type(exc).__name__})") from exc
    return assemble(parts, title, metadata)


def _content(soup: BeautifulSoup) -> list[Tag]:
    """The elements that hold the page's own text."""
    main = [tag for tag in soup.select("main, [role=main]") if _has_text(tag)]
    articles = [tag for tag in soup.find_all("article") if not tag.find_parent("article") and _has_text(tag)]
    for nav in soup.find_all("nav"):
        nav.decompose()
    if main or articles:
        return main[:1] or articles
    _drop_site_parts(soup)
    return [soup]  # and not its body: the parser leaves unknown elements, `header` among them, in the head


def _has_text(tag: Tag) -> bool:
    return bool(tag.get_text(strip=True))


def _drop_site_parts(soup: BeautifulSoup) -> None:
    for tag in soup.find_all(_SITE_PARTS):
        if not tag.decomposed:
            tag.decompose()
    # the site's header may hold the only h1 of the page, and a section's header holds its heading
    headed = any(not heading.find_parent("header") for heading in soup.find_all("h1"))
    for header in soup.find_all("header"):
        if not header.decomposed and not header.find_parent("section") and (headed or not header.find("h1")):
            header.decompose()


def _title(soup: BeautifulSoup, parts: Sequence[Part]) -> str:
    """The `title` element without the site's name, which a heading tells apart; or else the first h1."""
    element = soup.find("title")
    title = one_line(element.get_text()) if element else ""
    headings = [one_line(part.text) for part in parts if isinstance(part, Heading) and part.level == 1]
    for pattern in (r"{}{}.+", r".+{1}{0}"):
        for heading in headings:
            if re.fullmatch(pattern.format(re.escape(heading), _SITE_SEPARATOR), title, re.IGNORECASE):
                return heading
    first = soup.find("h1")
    return title or next(iter(headings), "") or (line_of(first) if first else "")


def _metadata(soup: BeautifulSoup) -> dict[str, str]:
    metadata: dict[str, str] = {}
    for tag in soup.find_all("meta", attrs={"name": True, "content": True}):
        name = str(tag["name"]).strip()
        if not _TECHNICAL_META.fullmatch(name):
            metadata.setdefault(name, str(tag["content"]))
    language = soup.html.get("lang") or soup.html.get("xml:lang") if soup.html else None
    return {**({"language": str(language)} if language else {}), **metadata}
