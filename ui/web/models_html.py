"""What the models tab shows, as HTML. Everything that comes from outside is escaped here."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path

from assistant.tuning.registry import BASE, Card, Measured, Version

_CURVE = "curve.svg"
_LARGEST_CURVE = 2**20  # bytes
_SHORT = 12  # characters of a checksum


def versions_html(versions: list[Version], production: str, chat: str) -> str:
    """The table of versions, the base first; `production` is the name of the one that is served, or empty."""
    rows = [_row_html(BASE, "", chat, "the model without an adapter", production)]
    for version in versions:
        card = version.card
        origin = "shipped" if version.shipped else "trained here"
        origin += "" if card.base == chat else ", for another base"
        rows.append(_row_html(version.name, when(card.created), card.base, origin, production))
    return (
        '<div class="sb-table"><table class="sb-versions"><thead><tr><th>version</th><th>made</th><th>base</th>'
        f"<th>from</th></tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row_html(name: str, made: str, base: str, origin: str, production: str) -> str:
    mark = ' <span class="sb-badge sb-sure">in production</span>' if name == production else ""
    return (
        f"<tr><td><b>{escape(name)}</b>{mark}</td><td>{escape(made)}</td><td>{escape(base)}</td>"
        f"<td>{escape(origin)}</td></tr>"
    )


def base_html(chat: str, production: bool) -> str:
    """The card of the model without any adapter."""
    rows = _rows_html({"model": chat, "what it is": "the configured chat model as it came, without an adapter"})
    return f"{_title_html(BASE, production)}{rows}"


def card_html(version: Version, production: bool) -> str:
    """A version's card: where it came from, its settings and its figures."""
    card = version.card
    facts = {
        "base": card.base,
        "made": f"{when(card.created)}, in {card.seconds / 60:.0f} min",
        "from": "shipped with Switchboard" if version.shipped else "trained here",
        "examples": ", ".join(f"{count:,} {kind}" for kind, count in card.examples.items()) or "none",
        "settings": ", ".join(f"{key.replace('_', ' ')} {value:g}" for key, value in card.settings.items()) or "none",
        "asked with": card.asking.prompts,
    }
    return (
        f"{_title_html(version.name, production)}{_rows_html(facts)}{_figures_html(card.metrics)}"
        f"{curve_html(version.folder)}{_origin_html(card)}"
    )


def _title_html(name: str, production: bool) -> str:
    mark = ' <span class="sb-badge sb-sure">in production</span>' if production else ""
    return f'<h3 class="sb-heading">{escape(name)}{mark}</h3>'


def _rows_html(facts: Mapping[str, str]) -> str:
    pairs = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in facts.items())
    return f'<dl class="sb-facts">{pairs}</dl>'


def _figures_html(metrics: Mapping[str, Measured]) -> str:
    if not metrics:
        return '<p class="sb-note">No figures were measured.</p>'
    rows = "".join(
        f"<tr><td>{escape(key.replace('_', ' '))}</td><td>{found.mean:.3f}</td><td>{_interval(found)}</td>"
        f"<td>{found.count if found.count > 1 else ''}</td></tr>"
        for key, found in metrics.items()
    )
    return (
        '<div class="sb-table"><table class="sb-figures"><thead><tr><th>on dev examples</th><th>mean</th>'
        f"<th>95% interval</th><th>count</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _interval(found: Measured) -> str:
    return f"{found.low:.3f} to {found.high:.3f}" if found.count > 1 else ""


def curve_html(folder: Path) -> str:
    """The learning curve, where one lies there: as an image, in which no script of an SVG runs."""
    try:
        file = folder / _CURVE
        picture = file.read_bytes() if file.stat().st_size <= _LARGEST_CURVE else b""
    except OSError:
        return ""
    if not picture:
        return ""
    data = base64.b64encode(picture).decode("ascii")
    return (
        '<figure class="sb-curve"><img alt="Learning curve: training and dev loss over steps" '
        f'src="data:image/svg+xml;base64,{data}"><figcaption class="sb-note">Learning curve</figcaption></figure>'
    )


def _origin_html(card: Card) -> str:
    parts = (
        ("Learned from", card.data),
        ("Files", card.checksums),
        ("Base weights", {card.base: card.base_sha256}),
    )
    sums = "".join(f"<h4>{title}</h4>{_rows_html(_shortened(found))}" for title, found in parts if found)
    packages = _rows_html(card.packages) if card.packages else '<p class="sb-note">none recorded</p>'
    return (
        f'<details class="sb-more"><summary>Packages</summary>{packages}</details>'
        f'<details class="sb-more"><summary>Checksums (SHA-256, the first {_SHORT} characters)</summary>{sums}</details>'
    )


def _shortened(sums: Mapping[str, str]) -> Mapping[str, str]:
    return {name: digest[:_SHORT] for name, digest in sums.items()}


def when(created: str) -> str:
    """A card's time stamp for people."""
    return created[:16].replace("T", " ") + (" UTC" if created.endswith("+00:00") else "")
