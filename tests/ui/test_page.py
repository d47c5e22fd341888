"""The page in a real headless Chromium: ask, watch it stream, open a citation, survive a crash of the model."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import EXAMPLES, RunningAssistant

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.browser,
    pytest.mark.timeout(900),
]
QUESTION = "What does a replacement SIM card cost if I lost my phone?"
ANSWER_SECONDS = 60_000


@pytest.fixture
def page(browser: Browser, assistant: RunningAssistant) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 850})
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto(assistant.url)
    opened.wait_for_selector("#sb-question textarea")
    yield opened
    opened.close()
    assert problems == []


def ask(page: Page, question: str) -> None:
    page.fill("#sb-question textarea", question)
    page.press("#sb-question textarea", "Enter")


def answered(page: Page, turn: int = 1) -> None:
    page.wait_for_selector(f"#turn-{turn} .sb-foot", timeout=ANSWER_SECONDS)


def test_ask_watch_it_come_and_open_a_citation(page: Page) -> None:
    ask(page, QUESTION)
    # the passages are there before the answer is
    page.wait_for_selector("#sb-panel .sb-passage", timeout=ANSWER_SECONDS)
    answered(page)
    expect(page.locator("#turn-1 .sb-text")).to_contain_text("€8")
    mark = page.locator("#turn-1 a.sb-cite").first
    target = page.locator(f"[id='{(mark.get_attribute('href') or '')[1:]}']")
    assert target.get_attribute("open") is None
    mark.click()
    expect(target).to_have_attribute("open", "")
    expect(target.locator("mark").first).to_contain_text("€8")
    expect(target.locator("summary")).to_be_focused()


def test_the_keyboard_is_enough(page: Page) -> None:
    page.locator("h1").click()
    page.keyboard.press("/")
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    answered(page)
    page.locator("#turn-1 a.sb-cite").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".sb-passage.sb-target")).to_have_attribute("open", "")


def test_stop_keeps_the_conversation_usable(page: Page, assistant: RunningAssistant) -> None:
    with assistant.held():
        ask(page, "How do I move my eSIM to a new phone?")
        page.wait_for_selector("#turn-1 .sb-busy", timeout=ANSWER_SECONDS)
        page.click("#sb-stop")
        page.wait_for_selector("#turn-1 .sb-note, #turn-1 .sb-foot", timeout=10_000)
    ask(page, QUESTION)
    answered(page, 2)


def test_a_long_conversation_scrolls_in_its_box_to_the_newest_answer(page: Page) -> None:
    for turn in range(1, 6):
        ask(page, f"{QUESTION} ({turn})")
        answered(page, turn)
    page.wait_for_timeout(300)
    box, last = page.evaluate(
        "['#sb-conversation', '#turn-5'].map((s) => document.querySelector(s).getBoundingClientRect().bottom)"
    )
    assert last <= box + 1
    assert page.evaluate("document.elementFromPoint(300, 200).closest('#sb-conversation') !== null")


def test_a_new_conversation_is_empty(page: Page) -> None:
    ask(page, QUESTION)
    answered(page)
    page.click("#sb-new")
    expect(page.locator(".sb-turn")).to_have_count(0)


def test_an_example_is_asked_with_one_click(page: Page) -> None:
    page.locator(".sb-example").first.click()
    answered(page)
    expect(page.locator(".sb-turn")).to_have_count(1)


def test_an_answer_can_be_copied_with_its_marks(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page, QUESTION)
    answered(page)
    page.click("#turn-1 .sb-copy")
    expect(page.locator("#turn-1 .sb-copy")).to_have_text("Copied")
    copied = str(page.evaluate("navigator.clipboard.readText()"))
    assert "€8" in copied
    assert "[1]" in copied


@pytest.mark.parametrize(
    "attack",
    [
        "<script>window.hacked=1</script> what does a SIM cost",
        '<img src=x onerror="window.hacked=1"> what does a SIM cost',
        "[SIM](javascript:window.hacked=1) what does a SIM cost",
    ],
)
def test_a_question_never_runs(page: Page, attack: str) -> None:
    ask(page, attack)
    answered(page)
    expect(page.locator("#turn-1 .sb-question p")).to_have_text(attack)
    assert page.evaluate("window.hacked") is None


ATTACKING = {
    "attack.md": "# Zebra <img src=x onerror=window.hacked=1>\n\n## Zebra fee <script>window.hacked=1</script>\n\n"
    "The zebra fee costs €77. [Pay](javascript:window.hacked=1) <script>window.hacked=1</script>\n\n"
    "| Zebra | Fee |\n|---|---|\n| <svg onload=window.hacked=1> striped zebra | €77 |\n",
    "attack.html": "<title>Zebra &lt;script&gt;window.hacked=1&lt;/script&gt;</title><h1>Zebra fee</h1>"
    "<p onclick='window.hacked=1'>The zebra fee is &lt;img src=x onerror=window.hacked=1&gt; €77.</p><script>window.hacked=1</script>",
    "attack.txt": "ZEBRA FEE\n=========\n\nThe zebra fee of €77 <img src=x onerror=window.hacked=1> is due in May.\n",
}


def refresh(assistant: RunningAssistant, *sources: Path) -> None:
    env = dict(os.environ) | {"SWITCHBOARD_HOME": str(assistant.home)}
    subprocess.run([sys.executable, "-m", "ui.cli", "kb", "refresh", *map(str, sources)], env=env, check=True)


def test_a_new_document_is_found_at_once_and_never_runs(
    page: Page, assistant: RunningAssistant, tmp_path: Path
) -> None:
    for name, text in ATTACKING.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    refresh(assistant, EXAMPLES / "documents", tmp_path)
    try:
        ask(page, "How much is the zebra fee?")
        answered(page)
        expect(page.locator("#sb-panel")).to_contain_text("€77")
        page.evaluate("document.querySelectorAll('.sb-passage').forEach((passage) => (passage.open = true))")
        page.wait_for_timeout(300)
        assert page.evaluate("window.hacked") is None
        assert page.locator("#sb-panel script, #sb-panel img, #sb-panel svg, #sb-panel [href^=javascript]").count() == 0
    finally:
        refresh(assistant, EXAMPLES / "documents")


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1280, "dark")])
def test_a_phone_and_the_dark(browser: Browser, assistant: RunningAssistant, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(assistant.url)
    page.wait_for_selector("#sb-question textarea")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    text, ground = page.evaluate(
        "[getComputedStyle(document.querySelector('h1')).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert (brightness(text) > brightness(ground)) is (scheme == "dark")
    page.close()


def brightness(color: str) -> float:
    """Mean of the channels of a CSS rgb() color."""
    channels = [float(c) for c in color[color.index("(") + 1 : -1].split(",")[:3]]
    return sum(channels) / 3


def test_a_killed_model_is_said_and_the_question_is_still_answered(page: Page, assistant: RunningAssistant) -> None:
    with assistant.held() as processes:
        ask(page, "How do I move my eSIM to a new phone?")
        page.wait_for_selector("#turn-1 .sb-busy", timeout=ANSWER_SECONDS)
        processes[0].kill()
    page.wait_for_selector("#turn-1 .sb-busy:has-text('restarting')", timeout=30_000)
    page.wait_for_selector("#turn-1 .sb-foot", timeout=300_000)
    assert assistant.state() == "ready"
    ask(page, QUESTION)
    answered(page, 2)
