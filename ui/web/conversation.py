"""A conversation as the page holds it, and its HTML. Everything that comes from outside is escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from html import escape

from assistant.answers import Answer, Citation, Event, Finished, Found, Sentence, Stated, abstention
from assistant.prompts import Exchange
from index.passages import Hit
from index.scope import NO_FILTER, Filter
from ui.web.passage_html import badges_html, passage_html


class Phase(Enum):
    """How far the answer to a question has come."""

    SEARCHING = "Searching the documents…"
    WRITING = "Reading the passages and writing…"
    WAITING = ""
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and what is known of its answer so far."""

    number: int
    question: str
    phase: Phase = Phase.SEARCHING
    note: str = ""
    standalone: str = ""
    generation: str = ""
    hits: tuple[Hit, ...] = ()
    sentences: tuple[Sentence, ...] = ()
    citations: tuple[Citation, ...] = ()
    answer: Answer | None = None
    wanted: Filter = NO_FILTER

    def after(self, event: Event) -> Turn:
        """The turn as it stands after one more event of the answer."""
        if isinstance(event, Found):
            return replace(
                self,
                phase=Phase.WRITING,
                note="",
                hits=event.hits,
                standalone=event.standalone,
                generation=event.generation,
                sentences=(),
                citations=(),
            )
        if isinstance(event, Stated):
            return replace(self, sentences=(*self.sentences, event.sentence), citations=event.citations)
        assert isinstance(event, Finished)
        return replace(self, phase=Phase.DONE, note="", answer=event.answer)

    @property
    def finished(self) -> bool:
        return self.phase in (Phase.DONE, Phase.STOPPED, Phase.FAILED)


def history(turns: Sequence[Turn]) -> list[Exchange]:
    """What earlier turns contribute to understanding a follow-up."""
    return [Exchange(t.answer.standalone, t.answer.text) for t in turns if t.answer is not None]


def conversation_html(turns: Sequence[Turn]) -> str:
    """The questions and answers, newest last."""
    if not turns:
        return (
            '<div class="sb-empty"><p>Ask a question as the customer put it. Every sentence of the answer '
            "carries a mark that opens the passage it comes from.</p></div>"
        )
    return "".join(_turn_html(t) for t in turns)


def _turn_html(turn: Turn) -> str:
    return (
        f'<article class="sb-turn" id="turn-{turn.number}">'
        f'<div class="sb-question"><span class="sb-who">Question</span><p>{escape(turn.question)}</p></div>'
        f'<div class="sb-answer"><span class="sb-who">Answer</span>{_answer_html(turn)}</div></article>'
    )


def _answer_html(turn: Turn) -> str:
    parts: list[str] = []
    if scope := filter_text(turn.wanted):
        parts.append(f'<p class="sb-note sb-scope">{escape(scope)}</p>')
    if turn.standalone and turn.standalone != turn.question:
        parts.append(f'<p class="sb-note">Understood as: {escape(turn.standalone)}</p>')
    if turn.sentences:
        lead = '<p class="sb-note">In the document’s own words:</p>' if turn.answer and turn.answer.quoted else ""
        text = " ".join(_sentence_html(turn, s) for s in turn.sentences)
        parts.append(f'{lead}<p class="sb-text">{text}</p>')
    if turn.answer is not None and turn.answer.abstained:
        parts.append(_abstention_html(turn, turn.answer))
    if turn.phase in (Phase.SEARCHING, Phase.WRITING, Phase.WAITING):
        parts.append(f'<p class="sb-busy" role="status">{escape(turn.note or turn.phase.value)}</p>')
    elif turn.phase is Phase.STOPPED:
        parts.append('<p class="sb-note">Stopped.</p>')
    elif turn.phase is Phase.FAILED:
        parts.append(f'<p class="sb-error" role="alert">{escape(turn.note)}</p>')
    elif turn.answer is not None:
        parts.append(_footer_html(turn.answer))
    return "".join(parts)


def filter_text(wanted: Filter) -> str:
    """What a question was narrowed to, such as “Wave 20 · North”; empty where it was not."""
    customers = "for customers" if wanted.audience == "customer" else ""
    return " · ".join(filter(None, (wanted.product, wanted.region, wanted.language, customers)))


def _abstention_html(turn: Turn, answer: Answer) -> str:
    nearest = "".join(
        f'<li>{escape(line.text)} <a class="sb-cite" href="#{passage_anchor(turn, line.passage.id)}" '
        f'aria-label="Open this passage of {escape(line.passage.title)}">open</a></li>'
        for line in answer.nearest
    )
    words = f'<p class="sb-note">The nearest words in them, which may be about something else:</p><ul class="sb-nearest">{nearest}</ul>'
    said = f"{abstention(turn.standalone)} {answer.other_scope}".rstrip()
    return f'<p class="sb-text sb-abstained">{escape(said)}</p>{words if nearest else ""}'


def _sentence_html(turn: Turn, sentence: Sentence) -> str:
    marks = "".join(_mark_html(turn, c) for c in turn.citations if c.number in sentence.citations)
    return f"{escape(sentence.text)}{marks}"


def _mark_html(turn: Turn, citation: Citation) -> str:
    p = citation.passage
    place = f"{p.title}, {p.heading_path}" + (f", page {p.page}" if p.page else "")
    return (
        f'<a class="sb-cite" href="#{passage_anchor(turn, p.id)}" title="{escape(place)}" '
        f'aria-label="Citation {citation.number}: {escape(place)}">{citation.number}</a>'
    )


def _footer_html(answer: Answer) -> str:
    return (
        '<p class="sb-foot"><button type="button" class="sb-copy">Copy</button>'
        f'<span title="{escape(answer.generation)}">{answer.timings.total:.1f} s · {escape(answer.model)} · '
        f"documents of {escape(_day(answer.generation))}</span></p>"
    )


def _day(generation: str) -> str:
    stamp = generation[:13]
    return f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]} {stamp[9:11]}:{stamp[11:13]} UTC" if len(stamp) == 13 else generation


def passage_anchor(turn: Turn, passage_id: str) -> str:
    """The id that a passage has in the side panel."""
    return f"p-{turn.number}-{passage_id}"


def panel_html(turns: Sequence[Turn]) -> str:
    """The passages found for every question, the newest question's first and open."""
    if not any(t.hits for t in turns):
        return '<div class="sb-empty"><p>The passages that were found appear here with their scores.</p></div>'
    newest = max(t.number for t in turns if t.hits)
    return "".join(_panel_turn(t, t.number == newest) for t in reversed(turns) if t.hits)


def _panel_turn(turn: Turn, is_open: bool) -> str:
    passages = "".join(_panel_passage(turn, rank, hit) for rank, hit in enumerate(turn.hits, start=1))
    return f'<details class="sb-found"{" open" if is_open else ""}><summary>{escape(_short(turn.question))}</summary>{passages}</details>'


def _panel_passage(turn: Turn, rank: int, hit: Hit) -> str:
    p = hit.passage
    cited = [c for c in turn.citations if c.passage.id == p.id]
    nearest = turn.answer.nearest if turn.answer is not None and turn.answer.abstained else ()
    near = [line.text for line in nearest if line.passage == p]
    numbers = "".join(f'<span class="sb-cited">{c.number}</span>' for c in cited)
    where = escape(p.document) + (f" · page {p.page}" if p.page else "")
    return (
        f'<details class="sb-passage" id="{passage_anchor(turn, p.id)}"{" open" if near else ""}><summary>'
        f'<span class="sb-rank">{rank}</span><span class="sb-place"><strong>{escape(p.title)}</strong>'
        f"<span>{escape(p.heading_path)}</span><small>{where}</small><span>{badges_html(hit.scope, date.today())}</span></span>"
        f'{numbers}<span class="sb-score" title="Score {hit.score:.2f} among the passages found; cosine {hit.cosine:.2f}">{hit.score:.2f}</span></summary>'
        f'<div class="sb-body">{passage_html(p.text, [*(c.quote for c in cited), *near])}</div></details>'
    )


def _short(text: str, most: int = 90) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
