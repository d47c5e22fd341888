"""A refresh as the page shows it: its stages while it runs, its report afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from index.records import Quarantined
from ingest.reporting import RefreshReport
from ui.refresh_run import RefreshView, Stage

_MOST_NAMES = 500  # the command line lists them all
_FEW = 10
_KEPT = " (its previous version serves)"
_STAGES = {
    "reading": ("Reading the files", "files"),
    "embedding": ("Embedding new passages", "passages"),
    "publishing": ("Publishing", "steps"),
}


def refresh_html(view: RefreshView) -> str:
    """The running refresh, how the last one ended, or nothing where there was none."""
    if view.running:
        lead = "" if view.stages else '<p class="sb-busy" role="status">Looking at the sources…</p>'
        return f'<div class="sb-refresh" data-state="running">{lead}{"".join(map(_stage_html, view.stages))}</div>'
    # a result stays until the next one, so whoever comes later is told how old it is
    when = f'<p class="sb-note">The last refresh ended {view.ended:%Y-%m-%d %H:%M} UTC.</p>' if view.ended else ""
    if view.error:
        error = f'<p class="sb-error" role="alert">{escape(view.error)}.</p>'
        return f'<div class="sb-refresh" data-state="failed">{error}{when}</div>'
    if view.report is not None:
        return f'<div class="sb-refresh" data-state="done">{_report_html(view.report)}{when}</div>'
    return ""


def left_out_html(skipped: Sequence[Quarantined], *, opened: bool = False) -> str:
    """The files that were left out, each with its reason; a long list is never opened."""
    if not skipped:
        return '<p class="sb-note">No file was left out.</p>'
    shown = "".join(
        f"<li><strong>{escape(s.name)}</strong>: {escape(s.reason)}{_KEPT if s.kept else ''}</li>"
        for s in skipped[:_MOST_NAMES]
    )
    return _names_html(f"{_counted(len(skipped), 'file')} left out", shown, len(skipped), "sb-left-out", opened)


def duration(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _stage_html(stage: Stage) -> str:
    label, unit = _STAGES.get(stage.name, (stage.name.capitalize(), "steps"))
    state = ' data-finished=""' if stage.finished else ""
    # one step says nothing about how far it is, so its bar only moves
    value = "" if stage.total == 1 and not stage.finished else f' value="{_share(stage):.3f}"'
    return (
        f'<div class="sb-stage" data-stage="{escape(stage.name)}"{state}><span>{escape(label)}</span>'
        f'<progress class="sb-meter" max="1"{value} aria-label="{escape(label)}"></progress>'
        f"<small>{_pace(stage, unit)}</small></div>"
    )


def _share(stage: Stage) -> float:
    return 1.0 if stage.finished or not stage.total else min(1.0, stage.done / stage.total)


def _pace(stage: Stage, unit: str) -> str:
    if not stage.total:
        return "nothing new"
    if stage.total == 1:
        return duration(stage.seconds)
    count = f"{stage.done} of {stage.total} {unit}"
    if stage.finished:
        return f"{count} · {duration(stage.seconds)}"
    if not stage.done or stage.seconds <= 0:
        return count
    rate = stage.done / stage.seconds
    left = (stage.total - stage.done) / rate
    return f"{count} · {rate:.{0 if rate >= 10 else 1}f} a second · about {duration(left)} left"


def _report_html(report: RefreshReport) -> str:
    word = "Published generation" if report.published else "Nothing changed; still generation"
    times = ", ".join(f"{name} {duration(seconds)}" for name, seconds in report.seconds.items())
    return (
        f'<p role="status"><strong>{word} {escape(report.generation)}</strong></p>'
        f"<p>{_counted(report.documents, 'document')}, {_counted(report.passages, 'passage')}: "
        f"{report.embedded} embedded, {report.reused} reused; "
        f"{duration(sum(report.seconds.values()))} ({escape(times)}).</p>"
        f"<p>{len(report.added)} added, {len(report.changed)} changed, {len(report.removed)} removed, "
        f"{report.unchanged} unchanged.</p>"
        + _changes_html("Added", report.added)
        + _changes_html("Changed", report.changed)
        + _changes_html("Removed", report.removed)
        + "".join(f'<p class="sb-note">Published all the same: {escape(r)}.</p>' for r in report.overridden)
        + left_out_html(report.quarantined)
    )


def _changes_html(word: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    shown = "".join(f"<li>{escape(name)}</li>" for name in names[:_MOST_NAMES])
    return _names_html(f"{word}: {len(names)}", shown, len(names), f"sb-{word.lower()}")


def _names_html(summary: str, items: str, count: int, css: str, opened: bool = False) -> str:
    more = f'<p class="sb-note">… and {count - _MOST_NAMES} more</p>' if count > _MOST_NAMES else ""
    state = " open" if opened and count <= _FEW else ""
    return f'<details class="sb-names {css}"{state}><summary>{summary}</summary><ul>{items}</ul>{more}</details>'


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
