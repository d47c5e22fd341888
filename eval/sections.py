"""The parts of the report: facts, verdict, figures, plots and differences as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from assistant.statistics import Estimate
from eval import plots
from eval.comparison import MEASURES, PAIRS, ArmScores, Difference, MeasureName, Unit, shared
from eval.figures import ARM_NAMES, change, counted, figure, interval
from eval.records import ARMS, Arm, Record, RunSettings
from eval.verdict import Finding, findings, headline, leader, tied


class _Row(NamedTuple):
    measure: MeasureName
    explained: str


_GROUPS: tuple[tuple[str, tuple[_Row, ...]], ...] = (
    (
        "What a person reads",
        (
            _Row("f1", "words shared with the reference; a declined answer scores 0"),
            _Row("exact", "the reference word for word"),
        ),
    ),
    (
        "What the model writes, before it is checked",
        (
            _Row("draft_f1", "the same, of the model's own words"),
            _Row("supported", "share that a given passage holds, averaged over drafts"),
            _Row("supported_pooled", "the same, over all sentences together"),
            _Row("citation_precision", "marks that name the passage that holds the sentence"),
        ),
    ),
    (
        "Knowing what the documents don't say",
        (
            _Row("unanswerable_declined", "higher is better"),
            _Row("answerable_declined", "lower is better"),
            _Row("unanswerable_draft_declined", "by the model itself, before any check"),
            _Row("answerable_draft_declined", "by the model itself; lower is better"),
        ),
    ),
    (
        "What it costs",
        (
            _Row("seconds", "mean; lower is better"),
            _Row("prompt_tokens", "mean of the prompt"),
            _Row("output_tokens", "mean of the draft"),
        ),
    ),
)
_JUDGED = {1: "better", -1: "worse", 0: ""}
_PLOTTED: tuple[MeasureName, ...] = (
    *("f1", "draft_f1", "exact", "supported", "citation_precision"),
    *("unanswerable_declined", "answerable_declined", "seconds", "output_tokens"),
)


def facts(settings: RunSettings, records: Sequence[Record], scores: Mapping[Arm, ArmScores]) -> str:
    """What was asked, of what, and what is missing."""
    some = next(iter(scores.values()))
    told = {
        "Asked": f"{counted(some.questions, 'question')}: {some.answerable} answerable, {some.questions - some.answerable} not",
        "Adapter": settings.adapter or "none",
        "Knowledge base": settings.generation,
        "Questions": settings.questions[:12],
        "Begun": f"{settings.created:%Y-%m-%d %H:%M %Z}",
        **settings.options,
    }
    items = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in told.items())
    left_out = len({r.question_id for r in records}) - some.questions
    missing = [ARM_NAMES[a] for a in ARMS if a not in scores]
    warnings = (
        [f"Not asked of every arm yet, and left out of the figures: {counted(left_out, 'question')}."]
        if left_out
        else []
    )
    warnings += [f"Not run: {', '.join(missing)}."] if missing else []
    warned = f'<p class="warning" role="note">{" ".join(warnings)}</p>' if warnings else ""
    return f'<dl class="facts">{items}</dl>{warned}'


def verdict(scores: Mapping[Arm, ArmScores], differences: Sequence[Difference]) -> str:
    """What retrieval and tuning do, in words."""
    cards = "".join(_finding(f) for f in findings(differences))
    return f'<p class="lead">{headline(differences)}</p><p>{leader(scores, differences)}</p><div class="cards">{cards}</div>'


def _finding(finding: Finding) -> str:
    also = "".join(
        f'<li><span>{s.label}</span> <span class="{_tone(s.gain)}">{s.value} {_JUDGED[s.gain]}</span></li>'
        for s in finding.also
    )
    also += f"<li>No difference shown: {', '.join(finding.same)}</li>" if finding.same else ""
    return (
        f'<article class="card {_tone(finding.gain)}"><h3>{finding.title}</h3>'
        f'<p class="outcome">{finding.outcome}</p><p class="main">{finding.sentence}</p><ul>{also}</ul></article>'
    )


def figures(settings: RunSettings, scores: Mapping[Arm, ArmScores], differences: Sequence[Difference]) -> str:
    """The table of every measure of every arm."""
    heads = "".join(
        f'<th role="columnheader" scope="col">{_name(a)}<small>{escape(settings.models.get(a, ""))}</small></th>'
        for a in scores
    )
    groups = ""
    for title, rows in _GROUPS:
        body = ""
        for row in rows:
            body += _row(row, scores, differences)
            body += _median_row(scores) if row.measure == "seconds" else ""
        groups += (
            f'<tbody role="rowgroup"><tr role="row" class="group"><th role="rowheader" scope="rowgroup" colspan="{len(scores) + 1}">'
            f"{title}</th></tr>{body}</tbody>"
        )
    return (
        '<table role="table" class="figures"><thead role="rowgroup"><tr role="row">'
        f'<td role="cell"></td>{heads}</tr></thead>{groups}</table>'
    )


def _row(row: _Row, scores: Mapping[Arm, ArmScores], differences: Sequence[Difference]) -> str:
    measure = MEASURES[row.measure]
    found = {a: s.estimates[row.measure] for a, s in scores.items() if row.measure in s.estimates}
    best = _best(row.measure, found)
    level = set[Arm]().union(*(tied(a, row.measure, differences) for a in best))
    cells = ""
    for arm in scores:
        if arm not in found:
            cells += _cell(arm, '<span class="none">–</span>')
            continue
        badge = '<span class="badge">best</span>' if arm in best else ""
        if arm in level and not badge:
            badge = '<span class="badge tied">level</span>'
        value, ends = figure(found[arm].mean, measure.unit), interval(found[arm], measure.unit)
        cells += _cell(arm, f"<b>{value}</b>{badge}<small>{ends}</small>", "best" if arm in best else "")
    return f'<tr role="row"><th role="rowheader" scope="row">{measure.label}<small>{row.explained}</small></th>{cells}</tr>'


def _best(name: MeasureName, found: Mapping[Arm, Estimate]) -> set[Arm]:
    """The arms with the best mean; none where there is nothing to choose."""
    better = MEASURES[name].better
    means = {a: better * e.mean for a, e in found.items()}
    if not better or len(means) < 2:
        return set()
    best = {a for a, m in means.items() if m == max(means.values())}
    return best if len(best) < len(means) else set()


def _median_row(scores: Mapping[Arm, ArmScores]) -> str:
    cells = "".join(_cell(a, f"<b>{figure(s.median_seconds, 'seconds')}</b>") for a, s in scores.items())
    return f'<tr role="row"><th role="rowheader" scope="row">Seconds, median<small>half of the answers are faster</small></th>{cells}</tr>'


def _cell(arm: Arm, content: str, kind: str = "") -> str:
    return f'<td role="cell" class="{kind}" data-arm="{ARM_NAMES[arm]}">{content}</td>'


def plotted(records: Sequence[Record], scores: Mapping[Arm, ArmScores], differences: Sequence[Difference]) -> str:
    """The plots, with a legend."""
    drawn = [(MEASURES[m].label, plots.bars(m, scores)) for m in _PLOTTED]
    spent = {a: [r.seconds for r in own] for a, own in shared(records).items()}
    drawn += [
        ("Declining, upper left is best", plots.declining(scores)),
        ("Paired differences in token F1", plots.forest(differences, "f1")),
        ("Seconds an answer, how they spread", plots.seconds(spent)),
    ]
    figures = "".join(f"<figure><figcaption>{title}</figcaption>{svg}</figure>" for title, svg in drawn if svg)
    legend = "".join(f"<li>{_name(a)}</li>" for a in scores)
    return f'<ul class="legend">{legend}</ul><div class="plots">{figures}</div>'


def pairs(differences: Sequence[Difference]) -> str:
    """Every paired difference; empty with one arm."""
    there = [p for p in PAIRS if any((d.arm, d.against) == p for d in differences)]
    if not there:
        return ""
    by_place = {(d.arm, d.against, d.measure): d for d in differences}
    heads = "".join(f'<th scope="col">{ARM_NAMES[a]}<small>less {ARM_NAMES[b].lower()}</small></th>' for a, b in there)
    rows = ""
    for measure in MEASURES.values():
        cells = ""
        for arm, against in there:
            d = by_place.get((arm, against, measure.name))
            cells += _difference(d, measure.unit) if d else "<td>–</td>"
        rows += f'<tr><th scope="row">{measure.label}</th>{cells}</tr>'
    return (
        '<details class="all"><summary>All paired differences</summary><p class="hint">On the same questions, with 95% '
        "paired bootstrap intervals. Where neither better nor worse is said, no difference is shown, or none is good.</p>"
        '<div class="wide" role="region" tabindex="0" aria-label="All paired differences"><table class="pairs"><thead>'
        f"<tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def _difference(d: Difference, unit: Unit) -> str:
    judged = _JUDGED[d.gain]
    return f'<td class="{_tone(d.gain)}">{change(d.estimate.mean, unit)} {judged}<small>{interval(d.estimate, unit)}</small></td>'


def _name(arm: Arm) -> str:
    return f'<i class="swatch {plots.arm_class(arm)}"></i>{ARM_NAMES[arm]}'


def _tone(gain: int) -> str:
    return {1: "good", -1: "bad", 0: "same"}[gain]
