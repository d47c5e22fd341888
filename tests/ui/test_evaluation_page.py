"""The evaluation tab in a real headless Chromium: no report, a report in its sandbox, another one chosen, saved."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import RunningAssistant

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.browser,
    pytest.mark.timeout(900),
]
REPORT = (
    "<!doctype html><title>{0}</title><h1>{0}</h1><p id=ran></p><script>\n"
    "document.getElementById('ran').textContent = 'a script in ' + self.origin;\n"
    "if (parent !== self) try {{ parent.document.body.textContent = 'taken over' }} catch (error) {{ }}\n"
    "</script><img src='/api/health'>"
)


@pytest.fixture
def reports(assistant: RunningAssistant) -> Iterator[Path]:
    """The assistant's folder of reports, empty; what was in it is put back afterwards."""
    folder, aside = assistant.home / "reports", assistant.home / "reports-aside"
    if folder.exists():
        folder.rename(aside)
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)
    if aside.exists():
        aside.rename(folder)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 850})
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    yield opened
    opened.close()
    assert problems == []


def write(reports: Path, name: str, title: str, seconds: int) -> None:
    (reports / name).write_text(REPORT.format(title), encoding="utf-8")
    os.utime(reports / name, (seconds, seconds))


def open_tab(page: Page, assistant: RunningAssistant) -> None:
    page.goto(assistant.url)
    page.wait_for_selector("#sb-question textarea")
    choose(page, "Evaluation")


def choose(page: Page, name: str) -> None:
    tab = page.get_by_role("tab", name=name, exact=True)
    if tab.count() and tab.first.is_visible():
        tab.first.click()
    else:  # a narrow page puts tabs that do not fit behind a button
        page.locator("#sb-tabs .overflow-menu > button").first.click()
        page.locator("#sb-tabs .overflow-dropdown button", has_text=name).click()


def test_without_a_report_the_command_is_said_and_a_report_is_seen_when_it_is_there(
    page: Page, assistant: RunningAssistant, reports: Path
) -> None:
    open_tab(page, assistant)
    expect(page.locator("#sb-eval-reports code")).to_have_text("switchboard eval rag-vs-tuning")
    write(reports, "rag-vs-tuning.html", "First", 1_780_000_000)
    choose(page, "Chat")
    choose(page, "Evaluation")
    expect(page.frame_locator("#sb-report").locator("h1")).to_have_text("First")
    write(reports, "rag-vs-tuning.html", "Written anew", 1_780_000_060)
    choose(page, "Chat")
    choose(page, "Evaluation")
    expect(page.frame_locator("#sb-report").locator("h1")).to_have_text("Written anew")


def test_the_newest_is_shown_and_another_can_be_chosen(page: Page, assistant: RunningAssistant, reports: Path) -> None:
    write(reports, "old.html", "Old", 1_780_000_000)
    write(reports, "new.html", "New", 1_780_000_060)
    open_tab(page, assistant)
    frame = page.frame_locator("#sb-report")
    expect(frame.locator("h1")).to_have_text("New")
    expect(page.locator("#sb-eval-reports a.sb-open")).to_have_text(["new.html", "old.html"])
    page.locator("#sb-eval-reports a.sb-open").nth(1).focus()
    page.keyboard.press("Enter")
    expect(frame.locator("h1")).to_have_text("Old")
    assert len(page.context.pages) == 1


def test_a_report_runs_in_a_sandbox_and_reaches_nothing(page: Page, assistant: RunningAssistant, reports: Path) -> None:
    write(reports, "report.html", "Report", 1_780_000_000)
    answered: list[str] = []
    page.context.on("response", lambda response: answered.append(response.url))
    open_tab(page, assistant)
    expect(page.frame_locator("#sb-report").locator("#ran")).to_have_text("a script in null")
    expect(page.locator("h1").first).to_have_text("Switchboard")
    with page.context.expect_page() as opening:
        page.locator("a.sb-new-tab").click()
    opened = opening.value
    expect(opened.locator("#ran")).to_have_text("a script in null")
    assert opened.title() == "Report"
    assert [url for url in answered if "/reports/report.html" in url]
    assert not [url for url in answered if url.endswith("/api/health")]


def test_a_report_can_be_saved(page: Page, assistant: RunningAssistant, reports: Path) -> None:
    write(reports, "second run.html", "Second", 1_780_000_000)
    open_tab(page, assistant)
    with page.expect_download() as saving:
        page.locator("a.sb-download").click()
    assert saving.value.suggested_filename == "second run.html"
    assert Path(saving.value.path()).read_text(encoding="utf-8") == REPORT.format("Second")


@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_is_no_wider_than_the_window(
    browser: Browser, assistant: RunningAssistant, reports: Path, width: int
) -> None:
    write(reports, f"{'long' * 20}.html", "Long", 1_780_000_000)
    page = browser.new_page(viewport={"width": width, "height": 800})
    open_tab(page, assistant)
    expect(page.frame_locator("#sb-report").locator("h1")).to_have_text("Long")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator("#sb-report").bounding_box()
    assert box is not None
    assert box["width"] > 0.75 * width
    page.close()
