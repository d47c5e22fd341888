"""The knowledge tab in a real headless Chromium: what is known, a refresh with its progress, search."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from filelock import FileLock
from playwright.sync_api import Browser, Page, expect

from tests.conftest import EXAMPLES, RunningAssistant

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.browser,
    pytest.mark.timeout(900),
]
FILTER, QUERY = "#sb-kb-filter :is(input, textarea)", "#sb-kb-query :is(input, textarea)"
REFRESHED = 120_000
ZEBRA = (
    "---\nproduct: Zebra <b>net</b>\naudience: agent\n---\n# Zebra <img src=x onerror=window.hacked=1>\n\n"
    "## Stripes <script>window.hacked=1</script>\n\nThe zebra fee costs €77. [Pay](javascript:window.hacked=1)\n"
)


@pytest.fixture
def page(browser: Browser, assistant: RunningAssistant) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 850})
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    open_tab(opened, assistant)
    yield opened
    opened.close()
    assert problems == []


@pytest.fixture
def extra(assistant: RunningAssistant, tmp_path: Path) -> Iterator[Path]:
    """A second source of the knowledge base, with one document of its own; it is none any more afterwards."""
    folder = tmp_path / "extra"
    folder.mkdir()
    (folder / "giraffe.md").write_text("# Giraffes\n\nA giraffe is not charged for.\n", encoding="utf-8")
    refresh(assistant, EXAMPLES / "documents", folder)
    yield folder
    refresh(assistant, EXAMPLES / "documents", force=True)  # more goes than the gate lets through


def open_tab(page: Page, assistant: RunningAssistant) -> None:
    page.goto(assistant.url)
    page.wait_for_selector("#sb-question textarea")
    tab = page.get_by_role("tab", name="Knowledge", exact=True)
    if tab.count() and tab.first.is_visible():
        tab.first.click()
    else:  # a narrow page puts tabs that do not fit behind a button
        page.locator("#sb-tabs .overflow-menu > button").first.click()
        page.locator("#sb-tabs .overflow-dropdown button", has_text="Knowledge").click()
    page.wait_for_selector("#sb-kb-documents table")


def refresh(assistant: RunningAssistant, *sources: Path, force: bool = False) -> None:
    env = dict(os.environ) | {"SWITCHBOARD_HOME": str(assistant.home)}
    command = [sys.executable, "-m", "ui.cli", "kb", "refresh", *map(str, sources), *(["--force"] if force else [])]
    subprocess.run(command, env=env, check=True)


def test_the_tab_shows_what_is_served(page: Page, assistant: RunningAssistant) -> None:
    generation = httpx.get(f"{assistant.url}/api/health", timeout=30).json()["generation"]
    summary = page.locator("#sb-kb-summary")
    expect(summary).to_contain_text(generation)
    expect(summary).to_contain_text(str(EXAMPLES / "documents"))
    expect(summary).to_contain_text("No file was left out.")


def test_the_filter_narrows_the_table_as_it_is_typed(page: Page) -> None:
    rows = page.locator("#sb-kb-documents tbody tr")
    everything = rows.count()
    page.locator(FILTER).press_sequentially("my-tarnwave-app", delay=20)
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("My Tarnwave app")
    page.fill(FILTER, "no such document <b>")
    expect(page.locator("#sb-kb-documents .sb-empty")).to_contain_text("No document matches “no such document <b>”")
    page.fill(FILTER, "")
    expect(rows).to_have_count(everything)


def test_the_keyboard_opens_a_document_and_the_focus_follows(page: Page) -> None:
    row = page.locator("#sb-kb-documents tbody tr", has_text="The Priority Care register")
    row.locator("button.sb-open").focus()
    page.keyboard.press("Enter")
    heading = page.locator("#sb-kb-passages .sb-shown")
    expect(heading).to_have_text("The Priority Care register")
    expect(heading).to_be_focused()
    passages = page.locator("#sb-kb-passages .sb-passage")
    expect(passages).to_have_count(int(row.locator("td[data-label=Passages]").inner_text()))
    expect(passages.first).to_contain_text("accessibility/priority-care-register.html")


def test_a_search_finds_what_the_command_line_finds(page: Page, assistant: RunningAssistant) -> None:
    query = "what does a replacement SIM cost"
    page.fill(QUERY, query)
    page.press(QUERY, "Enter")
    page.wait_for_selector("#sb-kb-passages .sb-score")
    hits = httpx.get(f"{assistant.url}/api/search", params={"q": query, "k": 10}, timeout=30).json()
    expect(page.locator("#sb-kb-passages .sb-place small")).to_have_text(
        [h["document"] + (f" · page {h['page']}" if h["page"] else "") for h in hits]
    )
    expect(page.locator("#sb-kb-passages .sb-score")).to_have_text([f"{h['score']:.2f}" for h in hits])
    page.fill(QUERY, "   ")
    page.click("#sb-kb-search")
    expect(page.locator("#sb-kb-passages .sb-empty")).to_be_visible()
    expect(page.locator("#sb-kb-passages .sb-passage")).to_have_count(0)


def test_a_refresh_shows_its_progress_and_report_to_everybody(
    browser: Browser, assistant: RunningAssistant, extra: Path
) -> None:
    first, second = (browser.new_page(viewport={"width": 1280, "height": 850}) for _ in range(2))
    for page in (first, second):
        open_tab(page, assistant)
        expect(page.locator("#sb-kb-documents")).to_contain_text("giraffe.md")
    (extra / "giraffe.md").unlink()
    (extra / "scan.jpg").write_bytes(b"\xff\xd8\xff")
    for number in range(20):
        text = ZEBRA + "".join(f"\n## Zebra {number}-{n}\n\nStripe {n} costs €{n}.\n" for n in range(20))
        (extra / f"zebra-{number}.md").write_text(text, encoding="utf-8")
    first.click("#sb-kb-refresh")
    first.wait_for_selector("#sb-kb-progress [data-state=running]", timeout=REFRESHED)
    second.click("#sb-kb-refresh")
    first.click("#sb-kb-refresh")
    for page in (first, second):
        expect(page.locator("#sb-kb-note")).to_contain_text("A refresh is running already")
    first.wait_for_selector("#sb-kb-progress [data-stage=embedding] progress", timeout=REFRESHED)
    for page in (first, second):
        report = page.locator("#sb-kb-progress [data-state=done]")
        expect(report).to_contain_text("20 added, 0 changed, 1 removed", timeout=REFRESHED)
        expect(page.locator("#sb-kb-note")).to_be_hidden()
        expect(page.locator("#sb-kb-summary .sb-left-out")).to_contain_text("scan.jpg: format .jpg is not supported")
        expect(page.locator("#sb-kb-documents")).not_to_contain_text("giraffe.md")
    hits = httpx.get(f"{assistant.url}/api/search", params={"q": "zebra fee", "k": 1}, timeout=30).json()
    assert "€77" in hits[0]["text"]
    nothing_runs(first)
    first.close()
    second.close()


def nothing_runs(page: Page) -> None:
    """Open a hostile document and search for it."""
    page.fill(FILTER, "zebra-7.md")
    expect(page.locator("#sb-kb-documents tbody tr")).to_have_count(1)
    page.locator("#sb-kb-documents button.sb-open").click()
    expect(page.locator("#sb-kb-passages .sb-about")).to_contain_text("Zebra <b>net</b>")
    page.fill(QUERY, "zebra fee <script>window.hacked=1</script>")
    page.press(QUERY, "Enter")
    expect(page.locator("#sb-kb-passages")).to_contain_text("€77")
    hostile = ", ".join(f":is(#sb-kb-passages, #sb-kb-documents) {tag}" for tag in ("script", "img", "[href]"))
    assert page.locator(hostile).count() == 0
    assert page.evaluate("window.hacked") is None


def test_a_refresh_of_somebody_else_is_said_and_what_is_served_stays(page: Page, assistant: RunningAssistant) -> None:
    before = httpx.get(f"{assistant.url}/api/health", timeout=30).json()["generation"]
    with FileLock(str(assistant.home / "knowledge-base" / "refresh.lock")):
        page.click("#sb-kb-refresh")
        failed = page.locator("#sb-kb-progress [data-state=failed]")
        expect(failed).to_contain_text("another refresh of this knowledge base is running", timeout=REFRESHED)
    expect(page.locator("#sb-kb-summary")).to_contain_text(before)
    page.click("#sb-kb-refresh")
    done = page.locator("#sb-kb-progress [data-state=done]")
    expect(done).to_contain_text(f"Nothing changed; still generation {before}", timeout=REFRESHED)


@pytest.mark.parametrize(("width", "scheme"), [(400, "light"), (400, "dark"), (1280, "dark")])
def test_a_phone_and_the_dark(browser: Browser, assistant: RunningAssistant, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    open_tab(page, assistant)
    page.locator("#sb-kb-documents button.sb-open").nth(2).click()
    heading = page.locator("#sb-kb-passages .sb-shown")
    expect(heading).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
