"""Evaluation reports: those there are, and the route that serves them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from assistant.errors import AssistantError

# A report holds what models and documents said. It brings its own policy; this one holds even for a file that lost
# it, and its sandbox takes the page's origin from the report's script wherever it is opened.
_HEADERS = {
    "Content-Security-Policy": (
        "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class Report:
    """A report's file: when it was written, how many bytes it has, and what changes when it is written anew."""

    name: str
    written: datetime
    size: int
    version: int


class ReportFolder:
    """The *.html files of one folder; nothing else of it is listed or read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def reports(self) -> list[Report]:
        """The reports, newest first; none where the folder does not exist. Raises AssistantError."""
        try:
            found = [_report(path) for path in self.folder.iterdir() if _is_report(path)]
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise AssistantError(f"the reports in {self.folder} cannot be listed: {exc.strerror}") from exc
        return sorted(found, key=lambda report: (-report.version, report.name))

    def read(self, name: str) -> bytes | None:
        """A report's bytes; None where no report has exactly this name."""
        try:
            # compared with what is there, never joined to a path: a name cannot lead out of the folder
            path = next((p for p in self.folder.iterdir() if p.name == name and _is_report(p)), None)
            return path.read_bytes() if path is not None else None
        except OSError:
            return None


def build_reports(reports: ReportFolder) -> APIRouter:
    """The route /reports/NAME; with ?download=true the browser saves the file."""
    router = APIRouter()

    @router.get("/reports/{name}", include_in_schema=False)
    def report(name: str, download: Annotated[bool, Query()] = False) -> Response:
        content = reports.read(name)
        if content is None:
            return JSONResponse({"error": "there is no report of this name"}, status_code=404)
        # a name may hold what a header may not: the browser takes the name from the address
        saved = {"Content-Disposition": "attachment"} if download else {}
        return Response(content, media_type="text/html; charset=utf-8", headers=_HEADERS | saved)

    return router


def _is_report(path: Path) -> bool:
    return path.suffix == ".html" and not path.name.startswith(".") and path.is_file() and not path.is_symlink()


def _report(path: Path) -> Report:
    facts = path.stat()
    return Report(path.name, datetime.fromtimestamp(facts.st_mtime, UTC), facts.st_size, facts.st_mtime_ns)
