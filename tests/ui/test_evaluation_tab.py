"""The reports: which are listed and served, that none leads out of its folder, and what stands where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from assistant.errors import AssistantError
from ui.reports import ReportFolder, build_reports
from ui.web.evaluation import Evaluation, reports_html

HOSTILE = '"><img src=x onerror=hacked>.html'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two reports, the second newer, among files that are none."""
    reports = tmp_path / "home" / "reports"
    reports.mkdir(parents=True)
    (tmp_path / "home" / "secret.html").write_text("secret")
    (reports / "rag-vs-tuning.html").write_text("<h1>old € report</h1>", encoding="utf-8")
    (reports / "second run.html").write_text("<h1>new report</h1>")
    (reports / "rag-vs-tuning.jsonl").write_text("{}")
    (reports / ".rag-vs-tuning.html-123").write_text("half written")
    (reports / ".hidden.html").write_text("hidden")
    (reports / "folder.html").mkdir()
    (reports / "link.html").symlink_to(tmp_path / "home" / "secret.html")
    os.utime(reports / "rag-vs-tuning.html", (1_780_000_000, 1_780_000_000))
    os.utime(reports / "second run.html", (1_780_000_060, 1_780_000_060))
    return reports


@pytest.fixture
def client(folder: Path) -> TestClient:
    app = FastAPI()
    app.include_router(build_reports(ReportFolder(folder)))
    return TestClient(app)


def test_only_reports_are_listed_newest_first(folder: Path) -> None:
    assert [r.name for r in ReportFolder(folder).reports()] == ["second run.html", "rag-vs-tuning.html"]


def test_without_a_folder_there_are_no_reports(tmp_path: Path) -> None:
    assert ReportFolder(tmp_path / "none").reports() == []
    assert ReportFolder(tmp_path / "none").read("a.html") is None


def test_a_folder_that_cannot_be_listed_is_said(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(AssistantError, match="cannot be listed"):
        ReportFolder(tmp_path / "reports").reports()
    assert "cannot be listed" in Evaluation(ReportFolder(tmp_path / "reports")).shown()


def test_a_report_is_served_in_a_sandbox_with_the_policy_of_the_file(client: TestClient) -> None:
    reply = client.get("/reports/rag-vs-tuning.html", params={"v": "7"})
    assert reply.status_code == 200
    assert reply.text == "<h1>old € report</h1>"
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["x-content-type-options"] == "nosniff"
    policy = reply.headers["content-security-policy"].split("; ")
    assert "sandbox allow-scripts" in policy
    assert "default-src 'none'" in policy
    assert "content-disposition" not in reply.headers


def test_the_policy_of_the_route_allows_no_more_than_that_of_the_report(client: TestClient) -> None:
    template = (Path(__file__).parents[2] / "eval" / "report.html").read_text(encoding="utf-8")
    own = template.split('http-equiv="Content-Security-Policy" content="')[1].split('"')[0]
    served = client.get("/reports/rag-vs-tuning.html").headers["content-security-policy"]
    assert set(served.split("; ")) == {*own.split("; "), "sandbox allow-scripts"}


def test_a_report_can_be_downloaded(client: TestClient) -> None:
    reply = client.get("/reports/second%20run.html?v=1&download=true")
    assert reply.headers["content-disposition"] == "attachment"
    assert reply.text == "<h1>new report</h1>"


@pytest.mark.parametrize(
    "name",
    [
        "../secret.html",
        "..%2Fsecret.html",
        "%2e%2e%2fsecret.html",
        "..%5Csecret.html",
        "....//secret.html",
        "%2Fetc%2Fpasswd",
        "link.html",
        "folder.html",
        ".hidden.html",
        ".rag-vs-tuning.html-123",
        "rag-vs-tuning.jsonl",
        "rag-vs-tuning.html%00",
        "RAG-VS-TUNING.HTML",
        "*.html",
        "..",
        "%2e",
        "",
    ],
)
def test_nothing_else_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"/reports/{name}").status_code in (404, 405)


@pytest.mark.parametrize("name", ["../secret.html", "/etc/passwd", "", ".", "a\x00.html", "x" * 5000])
def test_no_name_leads_out_of_the_folder(folder: Path, name: str) -> None:
    assert ReportFolder(folder).read(name) is None


def test_the_newest_is_shown_and_all_can_be_opened_and_downloaded(folder: Path) -> None:
    html = Evaluation(ReportFolder(folder)).shown()
    newest = "reports/second%20run.html?v=1780000060000000000"
    assert f'sandbox="allow-scripts" src="{newest}"></iframe>' in html
    assert f'href="{newest}" target="sb-report">second run.html</a>' in html
    assert f'href="{newest}" target="_blank" rel="noopener noreferrer"' in html
    assert f'href="{newest}&amp;download=true" download="second run.html"' in html
    assert html.index("second run.html</a>") < html.index("rag-vs-tuning.html</a>")
    assert "2026-05-28 20:27 UTC" in html


def test_a_report_written_anew_has_another_address(folder: Path) -> None:
    before = Evaluation(ReportFolder(folder)).shown()
    os.utime(folder / "second run.html", (1_780_000_120, 1_780_000_120))
    assert Evaluation(ReportFolder(folder)).shown() != before


def test_a_name_never_becomes_markup(folder: Path, client: TestClient) -> None:
    (folder / HOSTILE).write_text("hostile")
    html = reports_html(ReportFolder(folder).reports())
    assert "<img" not in html
    assert "&quot;&gt;&lt;img src=x onerror=hacked&gt;.html" in html
    address = html.split('src="')[1].split('"')[0]
    assert client.get(f"/{address}").text == "hostile"


def test_without_a_report_the_tab_says_how_to_make_one(tmp_path: Path) -> None:
    html = Evaluation(ReportFolder(tmp_path)).shown()
    assert "switchboard eval rag-vs-tuning" in html
    assert "under 45 minutes on two cores" in html
    assert "<iframe" not in html
