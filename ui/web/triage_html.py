"""What the triage tab shows, as HTML. Everything that comes from outside is escaped here."""

from __future__ import annotations

from html import escape

from assistant.triage.batch import Summary
from ui.records import ClassificationRecord, LevelRecord
from ui.web.ticket_files import Job, Phase
from ui.web.tickets import Ticket

_SIBLINGS = 3
_GLIMPSE = 160  # characters of a ticket above its path


def ticket_html(ticket: Ticket | None, threshold: float) -> str:
    """A ticket's way down the tree, or why there is none yet."""
    if ticket is None:
        return (
            '<div class="sb-empty"><p>The ticket’s way through the categories appears here: at every level the one '
            "that was chosen, how likely it is, and what else came into question.</p></div>"
        )
    if ticket.error:
        return f'<p class="sb-error" role="alert">{escape(ticket.error)}</p>'
    if ticket.record is None:
        return f'<p class="sb-busy" role="status">{escape(ticket.note)}</p>'
    line = " ".join(ticket.text.split())
    glimpse = line if len(line) <= _GLIMPSE else line[: _GLIMPSE - 1].rstrip() + "…"
    return f'<p class="sb-note sb-glimpse">{escape(glimpse)}</p>{record_html(ticket.record, threshold)}'


def record_html(record: ClassificationRecord, threshold: float) -> str:
    """Where a ticket goes, and the path that led there."""
    levels = "".join(_level_html(number, level) for number, level in enumerate(record.levels, start=1))
    path = f'<ol class="sb-levels">{levels}</ol>' if levels else ""
    return f'{_badges_html(record)}{path}<p class="sb-end">{escape(stop_reason(record, threshold))}</p>'


def stop_reason(record: ClassificationRecord, threshold: float) -> str:
    """Where a ticket stopped on its way down, and why."""
    if not record.levels:
        return f"Not sorted: {record.reason}."
    last = record.levels[-1]
    if last.chosen:
        return f"Sorted down to the last level: {' > '.join(record.path)}."
    place = f"Stopped at “{record.path[-1]}”" if record.path else "Stopped before the first level"
    return (
        f"{place}: the likeliest category below, “{last.name}”, would have a path probability of "
        f"{last.path_probability:.2f}, and {threshold:.2f} is asked for."
    )


def _badges_html(record: ClassificationRecord) -> str:
    person = (
        f'<span class="sb-badge sb-person">a person should look: {escape(record.reason)}</span>'
        if record.needs_review
        else '<span class="sb-badge sb-sure">no person needed</span>'
    )
    return (
        f'<p class="sb-badges" role="status"><span class="sb-badge">queue <b>{escape(record.queue)}</b></span>'
        f'<span class="sb-badge sb-priority-{escape(record.priority)}">priority <b>{escape(record.priority)}</b></span>'
        f"{person}</p>"
    )


def _level_html(number: int, level: LevelRecord) -> str:
    others = level.others[:_SIBLINGS]
    rows = "".join(f"<li>{_option_html(o.name, o.probability)}</li>" for o in others)
    if len(level.others) > len(others):
        rest = level.others[len(others) :]
        rows += f'<li class="sb-rest">{len(rest)} more, {sum(o.probability for o in rest):.2f} together</li>'
    siblings = f'<ul class="sb-siblings">{rows}</ul>' if rows else ""
    doubt = "" if level.chosen else ' <span class="sb-badge sb-person">not sure enough</span>'
    path = f'<span class="sb-path" title="Probability of the whole path down to here">path {level.path_probability:.2f}</span>'
    return (
        f'<li class="sb-level{"" if level.chosen else " sb-unsure"}"><div class="sb-chosen">'
        f'<span class="sb-depth">Level {number}{doubt}</span>{_option_html(level.name, level.probability)}{path}</div>'
        f"{siblings}</li>"
    )


def _option_html(name: str, probability: float) -> str:
    return (
        f'<span class="sb-option"><span class="sb-name">{escape(name)}</span>{bar_html(probability)}'
        f'<span class="sb-share" title="Probability among the categories of this level">{probability:.2f}</span></span>'
    )


def bar_html(share: float) -> str:
    """A bar as long as a share from 0 to 1; its number stands beside it, so it is not read out."""
    width = 100 * min(max(share, 0.0), 1.0)
    return f'<span class="sb-bar" aria-hidden="true"><i style="width:{width:.1f}%"></i></span>'


def job_html(job: Job | None) -> str:
    """A file's progress, and what became of it."""
    if job is None:
        return ""
    parts = [f'<p class="sb-file">{escape(job.source.name)}</p>']
    if job.total:
        parts.append(_progress_html(job))
    if job.phase is Phase.FAILED:
        parts.append(f'<p class="sb-error" role="alert">{escape(job.note)}</p>')
    elif job.note:
        css = "sb-busy" if job.phase is Phase.UNDER_WAY else "sb-note"
        parts.append(f'<p class="{css}" role="status">{escape(job.note)}</p>')
    if job.summary is not None and job.phase is Phase.DONE:
        parts.append(_summary_html(job.summary))
    return "".join(parts)


def _progress_html(job: Job) -> str:
    left = f", about {clock(job.seconds_left)} left" if job.seconds_left is not None else ""
    return (
        f'<div class="sb-progress" role="progressbar" aria-label="Rows sorted" aria-valuemin="0" '
        f'aria-valuemax="{job.total}" aria-valuenow="{job.done}">{bar_html(job.done / job.total)}</div>'
        f'<p class="sb-note sb-rows">{job.done:,} of {job.total:,} rows{left}</p>'
    )


def _summary_html(summary: Summary) -> str:
    rows = "".join(
        f'<tr><td>{escape(queue)}</td><td class="sb-count">{count:,}</td><td>{bar_html(count / summary.tickets)}</td></tr>'
        for queue, count in summary.queues.items()
    )
    failed = (
        f'<p class="sb-error sb-failures">{summary.failed:,} could not be sorted; the column triage_error says why.</p>'
        if summary.failed
        else '<p class="sb-note sb-failures">Every row could be sorted.</p>'
    )
    return (
        f'<div class="sb-summary" role="status"><p><b>{summary.tickets:,}</b> tickets sorted, '
        f"<b>{summary.review:,}</b> of them for a person to look at.</p>{failed}"
        f'<div class="sb-table"><table><thead><tr><th>queue</th><th>tickets</th><th></th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></div>"
    )


def clock(seconds: float) -> str:
    """A stretch of time for people: 45 s, 3 min 05 s, 2 h 10 min."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
