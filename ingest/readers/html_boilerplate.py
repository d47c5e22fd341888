"""What web pages repeat around their text: cookie banners, menus, breadcrumbs, share buttons, sidebars."""

from __future__ import annotations

import re

from bs4 import BeautifulSoup, Tag

_ROLES = frozenset({"navigation", "contentinfo", "search", "menu", "menubar", "banner"})
_CONSENT = re.compile(
    r"(?:.*[-_])?(?:cookies?|consent|gdpr|privacy)[-_]?(?:banner|bar|notice|notification|consent|pop-?up|dialog|modal"
    r"|overlay|message|law|layer|box|prompt|toast|alert)(?:[-_].*)?|onetrust.*|cybotcookiebot.*|usercentrics.*|didomi.*"
    r"|cc-window|osano.*",
    re.IGNORECASE,
)
_FURNITURE = re.compile(
    r"(?:site|page|global|main|masthead|top)?[-_]?(?:footer|sidebar|side-bar|topbar|skip(?:-?to)?-?(?:link|content|nav)s?"
    r"|newsletter(?:-signup)?|share(?:-(?:buttons|bar|links))?|social(?:-(?:media|links|icons|share))?|back-to-top"
    r"|breadcrumbs?)",
    re.IGNORECASE,
)
# lists of links by these names; text by the same names is left alone
_LINK_LIST = re.compile(
    r"(?:.*[-_])?(?:nav|navbar|navigation|menu|submenu|megamenu|pagination|pager|related(?:[-_](?:articles?|links?"
    r"|pages?|posts?|topics?))?|toc|table-of-contents|tags?|language-(?:switcher|selector))",
    re.IGNORECASE,
)
_WALKED = frozenset(
    {"html", "body", "main", "article", "head", "h1", "h2", "h3", "h4", "h5", "h6", "table", "tr", "td", "th"}
)
_MOSTLY_LINKS = 0.7
_MOST_OF_PAGE = 0.5


def drop_boilerplate(soup: BeautifulSoup) -> None:
    """Take out of a page what its roles, ids and classes name as furniture.

    What holds the page's heading of level 1, its main part or half of its text stays, whatever it is called.
    """
    whole = len(soup.get_text(" ", strip=True))
    for tag in soup.find_all(True):
        if not tag.decomposed and tag.name not in _WALKED and _is_named_furniture(tag) and _may_go(tag, whole):
            tag.decompose()


def _is_named_furniture(tag: Tag) -> bool:
    if str(tag.get("role", "")).strip().lower() in _ROLES:
        return True
    names = [str(tag.get("id") or ""), *map(str, tag.get_attribute_list("class") if tag.get("class") else [])]
    if any(_CONSENT.fullmatch(name) or _FURNITURE.fullmatch(name) for name in names):
        return True
    return any(_LINK_LIST.fullmatch(name) for name in names) and _is_mostly_links(tag)


def _is_mostly_links(tag: Tag) -> bool:
    links = sum(len(link.get_text(strip=True)) for link in tag.find_all("a", href=True) if not link.find_parent("a"))
    return links >= _MOSTLY_LINKS * max(1, len(tag.get_text(strip=True)))


def _may_go(tag: Tag, whole: int) -> bool:
    if tag.find(["main", "article", "h1"]) or tag.select_one("[role=main]"):
        return False
    return len(tag.get_text(" ", strip=True)) <= _MOST_OF_PAGE * whole or _is_mostly_links(tag)
