"""The knowledge base as the page shows it. Everything that comes from a document is escaped here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from pathlib import PurePosixPath

from index.passages import Hit, Passage
from index.records import IndexedDocument, Manifest
from index.scope import Scope
from ui.web.passage_html import badges_html, passage_html
from ui.web.refresh_html import left_out_html

MOST_DOCUMENTS = 500  # rows in the table; the filter finds the others
MOST_PASSAGES = 200  # passages of one document
NOTHING_SHOWN = (
    '<div class="sb-empty"><p>Open a document, or look for a text: its passages appear here as the assistant '
    "reads them.</p></div>"
)


def summary_html(manifest: Manifest) -> str:
    """What the current generation is, what it was made from, and what was left out of it."""
    sources = "".join(f"<li>{escape(source)}</li>" for source in manifest.sources)
    facts = {
        "Generation": escape(manifest.id),
        "Made": escape(f"{manifest.created[:16].replace('T', ' ')} UTC"),
        "Holds": f"{manifest.documents} documents, {manifest.passages} passages",
        "Embedder": escape(manifest.embedder),
        "Sources": f"<ul>{sources}</ul>",
    }
    return f"{_facts_html(facts)}{left_out_html(manifest.quarantined, opened=True)}"


def error_html(message: str) -> str:
    """What went wrong, as a sentence."""
    return f'<p class="sb-error" role="alert">{escape(message)}.</p>'


def matching(documents: Sequence[IndexedDocument], text: str) -> list[IndexedDocument]:
    """The documents whose name, title or metadata hold every word of the text; all where it is empty."""
    words = text.casefold().split()
    return [d for d in documents if all(word in _haystack(d) for word in words)]


def documents_html(documents: Sequence[IndexedDocument], text: str) -> str:
    """The table of documents that match the filter."""
    found = matching(documents, text)
    if not found:
        return f'<p class="sb-empty">No document matches “{escape(text.strip())}”.</p>'
    # columns are those that any document fills, so that they stay while the filter is typed
    columns = [c for c in ("Product", "Audience", "Effective", "State") if any(_cells(d)[c] for d in documents)]
    head = "".join(f'<th scope="col">{c}</th>' for c in ("Document", "Passages", "Format", *columns))
    rows = "".join(_row_html(d, columns) for d in found[:MOST_DOCUMENTS])
    count = f"{len(found)} of {len(documents)} documents"
    if len(found) > MOST_DOCUMENTS:
        count += f"; the first {MOST_DOCUMENTS} are shown, the filter finds the others"
    return (
        f'<p class="sb-note" role="status">{count}</p>'
        f'<div class="sb-scroll"><table class="sb-list"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def document_html(document: IndexedDocument, passages: Sequence[Passage]) -> str:
    """One document: what is known of it, and its passages in order."""
    facts = {
        "File": escape(document.name),
        **{escape(key.replace("_", " ").capitalize()): escape(v) for key, v in document.metadata.items()},
    }
    shown = "".join(_passage_html(p, str(p.ordinal + 1)) for p in passages[:MOST_PASSAGES])
    more = ""
    if len(passages) > MOST_PASSAGES:
        more = f'<p class="sb-note">The first {MOST_PASSAGES} of {len(passages)} passages.</p>'
    badges = badges_html(document.scope, date.today())
    return f"{_heading_html(document.title or document.name)}<p>{badges}</p>{_facts_html(facts)}{shown}{more}"


def gone_html(name: str) -> str:
    """A document that the current generation does not hold, though the page still shows it."""
    return f'<p class="sb-empty">{escape(name)} is no longer in the knowledge base.</p>'


def hits_html(query: str, hits: Sequence[Hit]) -> str:
    """The passages nearest to a text, best first, with their scores."""
    passages = "".join(
        _passage_html(
            hit.passage,
            str(rank),
            f"{badges_html(hit.scope, date.today())}"
            f'<span class="sb-score" title="Score {hit.score:.2f} among the passages found; cosine {hit.cosine:.2f}">'
            f"{hit.score:.2f}</span>",
        )
        for rank, hit in enumerate(hits, start=1)
    )
    return _heading_html(f"Nearest to “{query}”") + (passages or '<p class="sb-empty">No passages.</p>')


def _passage_html(passage: Passage, rank: str, score: str = "") -> str:
    where = escape(passage.document) + (f" · page {passage.page}" if passage.page else "")
    return (
        f'<details class="sb-passage" open><summary><span class="sb-rank">{rank}</span><span class="sb-place">'
        f"<strong>{escape(passage.title)}</strong><span>{escape(passage.heading_path)}</span><small>{where}</small>"
        f'</span>{score}</summary><div class="sb-body">{passage_html(passage.text)}</div></details>'
    )


def _row_html(document: IndexedDocument, columns: Sequence[str]) -> str:
    cells = _cells(document)
    more = "".join(f'<td data-label="{c}">{escape(cells[c])}</td>' for c in columns)
    return (
        f'<tr><th scope="row"><button type="button" class="sb-open" data-document="{escape(document.name)}">'
        f"{escape(document.title or document.name)}</button><small>{escape(document.name)}</small></th>"
        f'<td data-label="Passages">{document.passages}</td>'
        f'<td data-label="Format">{escape(PurePosixPath(document.name).suffix[1:].lower())}</td>{more}</tr>'
    )


def _cells(document: IndexedDocument) -> Mapping[str, str]:
    metadata = document.metadata
    since, until = metadata.get("effective_from", ""), metadata.get("effective_until", "")
    dates = (
        f"{since} to {until}" if since and until else f"from {since}" if since else f"until {until}" if until else ""
    )
    return {
        "Product": metadata.get("product", ""),
        "Audience": metadata.get("audience", ""),
        "Effective": dates,
        "State": state(document.scope, date.today()),
    }


def state(scope: Scope | None, today: date) -> str:
    """Why a document is not searched today; empty where it is."""
    if scope is None:
        return "metadata not understood"
    if scope.effective_until is not None and scope.effective_until < today:
        return "expired"
    return "not yet valid" if scope.effective_from is not None and scope.effective_from > today else ""


def _haystack(document: IndexedDocument) -> str:
    return " ".join((document.name, document.title, *document.metadata.values(), _cells(document)["State"])).casefold()


def _heading_html(text: str) -> str:
    return f'<h3 class="sb-shown" tabindex="-1">{escape(text)}</h3>'


def _facts_html(facts: Mapping[str, str]) -> str:
    """Names and values, both already HTML."""
    return f'<dl class="sb-about">{"".join(f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in facts.items())}</dl>'
