"""The evaluation tab: the reports of `switchboard eval`, the newest of them shown."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

import gradio as gr

from assistant.errors import AssistantError
from ui.reports import Report, ReportFolder
from ui.web.knowledge_html import error_html

_NO_REPORT = (
    '<div class="sb-empty"><p>There is no report yet. This command makes one:</p>'
    "<pre><code>switchboard eval rag-vs-tuning</code></pre>"
    "<p>It asks the base model and the tuned one the same questions, with the documents and without, and writes what "
    "each answered, figures with their intervals, and plots. It takes under 45 minutes on two cores; when it is "
    "stopped, the same command goes on where it was. A tuned version must be in production.</p>"
    "<p>The report appears here when this tab is opened again.</p></div>"
)


class Evaluation:
    """What the tab shows of a folder of reports."""

    def __init__(self, reports: ReportFolder) -> None:
        self._reports = reports

    def shown(self) -> str:
        """The reports there are and the newest of them, or how to make one."""
        try:
            return reports_html(self._reports.reports())
        except AssistantError as exc:
            return error_html(str(exc))


def reports_html(reports: Sequence[Report]) -> str:
    """The table of reports, newest first as given, and a frame that shows the first and whichever is chosen."""
    if not reports:
        return _NO_REPORT
    rows = "".join(_row_html(report) for report in reports)
    newest = reports[0]
    return (
        '<div class="sb-scroll"><table class="sb-list"><thead><tr><th scope="col">Report</th><th scope="col">Written</th>'
        f'<th scope="col">Size</th><th scope="col">Links</th></tr></thead><tbody>{rows}</tbody></table></div>'
        f'<iframe id="sb-report" name="sb-report" title="The evaluation report" sandbox="allow-scripts" '
        f'src="{_address(newest)}"></iframe>'
    )


def _row_html(report: Report) -> str:
    # the frame is named, so that choosing a report is a plain link
    return (
        f'<tr><th scope="row"><a class="sb-open" href="{_address(report)}" target="sb-report">{escape(report.name)}</a></th>'
        f'<td data-label="Written">{report.written:%Y-%m-%d %H:%M} UTC</td>'
        f'<td data-label="Size">{_size(report.size)}</td>'
        f'<td><a class="sb-new-tab" href="{_address(report)}" target="_blank" rel="noopener noreferrer" '
        f'aria-label="Open {escape(report.name)} in a new tab">open in a new tab</a> · '
        f'<a class="sb-download" href="{_address(report)}&amp;download=true" download="{escape(report.name)}" '
        f'aria-label="Download {escape(report.name)}">download</a></td></tr>'
    )


def _address(report: Report) -> str:
    """Relative, for a page behind a proxy's prefix; with the version, so that a new report is not a cached old one."""
    return escape(f"reports/{quote(report.name, safe='')}?v={report.version}")


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{max(1, round(count / 1000))} kB"


def build_evaluation(reports: ReportFolder, tab: gr.Tab) -> None:
    """Lay out the tab inside the current gr.Blocks; it is read anew whenever it is selected."""
    evaluation = Evaluation(reports)
    shown = gr.HTML("", elem_id="sb-eval-reports")
    tab.select(evaluation.shown, None, shown, concurrency_limit=32, show_progress="hidden", api_visibility="private")
