"""The triage tab in a real headless Chromium with the real model: a ticket, a file, bad files, a crash of the model."""

from __future__ import annotations

import csv
import json
import re
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
SORTED = "#sb-way .sb-badges"
FILE = "#sb-tickets-file input[type=file]"
TICKET = "The same bill was collected by direct debit twice this month, and I want the second amount back."
# the first ticket waits for the labelled ones to be embedded
FIRST = 300_000


def open_tab(page: Page) -> None:
    """On a narrow screen the tab is in a menu."""
    page.wait_for_selector("#sb-question textarea")
    page.wait_for_timeout(500)
    tab = page.get_by_role("tab", name="Triage")
    if not tab.count():
        page.get_by_label("More tabs").click()
        tab = page.locator(".overflow-dropdown button", has_text="Triage")
    tab.click()


def opened(browser: Browser, url: str, width: int = 1280, scheme: str = "light") -> Page:
    page = browser.new_page(viewport={"width": width, "height": 850}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(url)
    open_tab(page)
    page.wait_for_selector("#sb-ticket textarea")
    return page


@pytest.fixture
def page(browser: Browser, assistant: RunningAssistant) -> Iterator[Page]:
    shown = opened(browser, assistant.url)
    problems: list[str] = []
    shown.on("pageerror", lambda error: problems.append(str(error)))
    yield shown
    shown.close()
    assert problems == []


def rows_file(folder: Path, rows: int) -> Path:
    path = folder / "tickets.jsonl"
    lines = [json.dumps({"id": n, "text": f"{TICKET} It is bill number {n}."}) for n in range(rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_ticket_is_sorted_by_the_keyboard_and_its_path_drawn(page: Page) -> None:
    page.fill("#sb-ticket textarea", TICKET)
    page.press("#sb-ticket textarea", "Control+Enter")
    page.wait_for_selector(SORTED, timeout=FIRST)
    expect(page.locator("#sb-way .sb-level").first).to_contain_text("Billing and payments")
    expect(page.locator("#sb-way .sb-badges")).to_contain_text("queue billing")
    assert page.locator("#sb-way .sb-level").first.locator(".sb-siblings li").count() >= 3
    expect(page.locator("#sb-way .sb-end")).to_contain_text(re.compile("Stopped|Sorted"))
    expect(page.locator("#sb-ticket textarea")).to_have_value(TICKET)


def test_an_example_is_sorted_with_one_click(page: Page) -> None:
    page.locator(".sb-ticket-example").nth(1).click()
    page.wait_for_selector(SORTED, timeout=FIRST)
    expect(page.locator("#sb-way .sb-glimpse")).to_contain_text("TarnBox")


def test_no_ticket_is_asked_for(page: Page) -> None:
    page.click("#sb-sort")
    expect(page.locator("#sb-way .sb-error")).to_contain_text("paste one")


def test_a_ticket_never_runs(page: Page) -> None:
    attack = '<img src=x onerror="window.hacked=1"> ${window.hacked=1} {{value}} <script>window.hacked=1</script> bill'
    page.fill("#sb-ticket textarea", attack)
    page.click("#sb-sort")
    page.wait_for_selector(SORTED, timeout=FIRST)
    expect(page.locator("#sb-way .sb-glimpse")).to_have_text(attack)
    assert page.evaluate("window.hacked") is None


def test_a_file_is_sorted_and_downloaded(page: Page, tmp_path: Path) -> None:
    source = tmp_path / "from the <b>shop.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows(
            [["ref", "text"], ["a", TICKET], ["b", ""], ["c", "Fibre router with a red light, no internet."]]
        )
    page.set_input_files(FILE, source)
    page.wait_for_selector("#sb-batch .sb-summary", timeout=FIRST)
    expect(page.locator("#sb-batch .sb-rows")).to_have_text("3 of 3 rows")
    expect(page.locator("#sb-batch .sb-failures")).to_contain_text("1 could not be sorted")
    expect(page.locator("#sb-batch .sb-summary")).to_contain_text("billing")
    assert page.locator("#sb-batch .sb-file b").count() == 0
    with page.expect_download() as download:
        page.click("#sb-download")
    assert download.value.suggested_filename.endswith("-sorted.csv")
    with open(download.value.path(), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["ref"] for row in rows] == ["a", "b", "c"]
    assert rows[0]["triage_queue"] == "billing"
    assert "no text" in rows[1]["triage_error"]


BAD = [
    ("in.pdf", b"%PDF-1.7", "in.pdf: tickets are read from"),
    ("in.csv", b"text\n", "there are no tickets in it"),
    ("in.csv", "text\nkäse\n".encode("latin-1"), "not UTF-8"),
    ("in.csv", b"a,b\n1,2\n", "which of a, b holds the ticket's text?"),
    ("in.jsonl", b"[]\n", "line 1: this is not a JSON object"),
]


@pytest.mark.parametrize(("name", "content", "words"), BAD)
def test_a_bad_file_is_told_in_the_tab(page: Page, tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    page.set_input_files(FILE, tmp_path / name)
    expect(page.locator("#sb-batch .sb-error")).to_contain_text(words, timeout=30_000)
    assert "Traceback" not in page.inner_text("body")
    assert page.locator(".toast-body").count() == 0
    # another file can be dropped at once
    expect(page.locator(FILE)).to_have_count(1)


def test_a_column_is_named_after_the_first_attempt(page: Page, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(f'a,b\n1,"{TICKET}"\n', encoding="utf-8")
    page.set_input_files(FILE, tmp_path / "in.csv")
    page.wait_for_selector("#sb-batch .sb-error", timeout=30_000)
    page.get_by_label("Column with the text").fill("b")
    page.click("#sb-go-on")
    page.wait_for_selector("#sb-batch .sb-summary", timeout=FIRST)


def test_a_file_is_stopped_and_gone_on_with(page: Page, tmp_path: Path) -> None:
    page.set_input_files(FILE, rows_file(tmp_path, 150))
    page.wait_for_selector("#sb-batch .sb-rows:has-text('left')", timeout=FIRST)
    page.click("#sb-stop-file")
    expect(page.locator("#sb-batch")).to_contain_text("Stopped", timeout=10_000)
    done = page.locator("#sb-batch [role=progressbar]").get_attribute("aria-valuenow")
    page.wait_for_timeout(2000)
    assert page.locator("#sb-batch [role=progressbar]").get_attribute("aria-valuenow") == done
    page.click("#sb-go-on")
    page.wait_for_selector("#sb-batch .sb-summary", timeout=FIRST)
    expect(page.locator("#sb-batch .sb-rows")).to_have_text("150 of 150 rows")


def test_two_people_sort_files_at_once(browser: Browser, assistant: RunningAssistant, tmp_path: Path) -> None:
    pages = [opened(browser, assistant.url) for _ in range(2)]
    for count, shown in zip((20, 30), pages, strict=True):
        (tmp_path / str(count)).mkdir()
        shown.set_input_files(FILE, rows_file(tmp_path / str(count), count))
    for count, shown in zip((20, 30), pages, strict=True):
        shown.wait_for_selector("#sb-batch .sb-summary", timeout=FIRST)
        expect(shown.locator("#sb-batch .sb-rows")).to_have_text(f"{count} of {count} rows")
        with shown.expect_download() as download:
            shown.click("#sb-download")
        lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
        assert [json.loads(line)["id"] for line in lines] == list(range(count))
        shown.close()


@pytest.mark.parametrize(("width", "scheme"), [(400, "light"), (400, "dark"), (1280, "dark")])
def test_a_phone_and_the_dark(browser: Browser, assistant: RunningAssistant, width: int, scheme: str) -> None:
    page = opened(browser, assistant.url, width, scheme)
    page.locator(".sb-ticket-example").first.click()
    page.wait_for_selector(SORTED, timeout=FIRST)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_a_killed_model_is_said_and_the_ticket_is_still_sorted(
    page: Page, assistant: RunningAssistant, tmp_path: Path
) -> None:
    page.set_input_files(FILE, rows_file(tmp_path, 100))
    page.wait_for_selector("#sb-batch .sb-rows:has-text('left')", timeout=FIRST)
    for process in assistant.model_processes():
        if "vllm" in " ".join(process.cmdline()).lower() and "guard" not in " ".join(process.cmdline()):
            process.kill()
            break
    page.fill("#sb-ticket textarea", TICKET)
    page.click("#sb-sort")
    page.wait_for_selector("#sb-way .sb-busy:has-text('The model is restarting')", timeout=60_000)
    expect(page.locator("#sb-batch .sb-busy")).to_contain_text("The model is restarting", timeout=60_000)
    expect(page.locator("#sb-ticket textarea")).to_have_value(TICKET)
    page.wait_for_selector(SORTED, timeout=300_000)
    page.wait_for_selector("#sb-batch .sb-summary", timeout=300_000)
    expect(page.locator("#sb-batch .sb-failures")).to_contain_text("Every row could be sorted")
    assert assistant.state() == "ready"
