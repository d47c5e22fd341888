"""The report in a real headless Chromium without a network: find, filter, order, open; light, dark, narrow, wide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from eval.comparison import compare_arms, score_arms
from eval.report import write_report
from tests.eval.arms import record, settings, small_run

pytestmark = [
    pytest.mark.browser,
]
ATTACK = "<img src=x onerror=window.hacked=1></script><script>window.hacked=1</script>"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    records = [
        *small_run(150),
        *(record(a, "attack", question=f"Zebra {ATTACK}", answer=ATTACK) for a in ("base", "tuned")),
    ]
    records += [record(a, "attack", question=f"Zebra {ATTACK}") for a in ("base+retrieval", "tuned+retrieval")]
    write_report(path, settings(), records, score_arms(records), compare_arms(records))
    return path


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    opened = context.new_page()
    problems: list[str] = []
    asked: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda message: problems.append(message.text))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(report.as_uri())
    yield opened
    context.close()
    assert problems == []
    assert {url.split("#")[0] for url in asked if not url.startswith("data:")} == {report.as_uri()}


def shown(page: Page) -> list[str]:
    return [str(i) for i in page.locator("#list > details").evaluate_all("all => all.map((d) => d.id)")]


def test_find_filter_and_order(page: Page) -> None:
    expect(page.locator("#count")).to_have_text("151 of 151 questions")
    page.fill("#find", "sim (q14")
    expect(page.locator("#count")).to_have_text("11 of 151 questions")
    page.select_option("#kind", "unanswerable")
    assert shown(page) == ["q-q14", "q-q140", "q-q143", "q-q146", "q-q149"]
    page.fill("#find", "")
    page.select_option("#kind", "answerable")
    expect(page.locator("#count")).to_have_text("101 of 151 questions")
    page.check("#disagree")
    page.select_option("#order", "loss")
    page.select_option("#pair", "tuned|base+retrieval")
    assert shown(page)[0] == "q-q0"
    page.fill("#find", "no such words")
    expect(page.locator("#count")).to_contain_text("clear the filter")


def test_the_order_is_by_difference_and_what_has_none_comes_last(page: Page) -> None:
    page.fill("#find", "q1")
    page.select_option("#order", "gain")
    page.select_option("#pair", "base+retrieval|base")
    kinds = page.locator("#list .kind").all_inner_texts()
    assert "unanswerable" in kinds[-1]
    assert not any("unanswerable" in k for k in kinds[: kinds.index(next(k for k in kinds if "unanswerable" in k))])


def test_an_opened_question_shows_all_arms_side_by_side(page: Page) -> None:
    page.locator("#q-q0 > summary").click()
    columns = page.locator("#q-q0 .column")
    expect(columns).to_have_count(4)
    tops = {round(columns.nth(i).bounding_box()["y"]) for i in range(4)}  # type: ignore[index]
    assert len(tops) == 1
    expect(columns.nth(1)).to_contain_text("token F1 1.00")
    expect(columns.nth(0).locator(".flags")).to_contain_text("unsupported")
    columns.nth(1).locator("summary").click()
    expect(columns.nth(1).locator(".passage")).to_contain_text("[1] sim.md › Replacement")


def test_the_keyboard_is_enough(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("q5)")
    expect(page.locator("#count")).to_have_text("1 of 151 questions")
    page.locator("#q-q5 > summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#q-q5 .column").first).to_be_visible()


def test_more_and_a_link_to_a_question_beyond_the_first_page(page: Page, report: Path) -> None:
    expect(page.locator("#list > details")).to_have_count(100)
    page.click("#more")
    expect(page.locator("#list > details")).to_have_count(151)
    expect(page.locator("#more")).to_be_hidden()
    page.goto(f"{report.as_uri()}#q-q149")
    expect(page.locator("#q-q149")).to_have_attribute("open", "")


def test_what_was_said_never_runs(page: Page) -> None:
    page.fill("#find", "zebra")
    expect(page.locator("#list .text")).to_contain_text(ATTACK)
    page.locator("#q-attack > summary").click()
    expect(page.locator("#q-attack .answer").first).to_have_text(ATTACK)
    assert page.evaluate("window.hacked") is None
    assert page.locator("#list script, #list img").count() == 0


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_is_legible(browser: Browser, report: Path, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(report.as_uri())
    page.locator("#q-q0 > summary").click()
    page.locator(".all > summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # 4.5 to 1 is what WCAG 2 asks of text
    for place in (
        "h1",
        ".lead",
        ".card .outcome",
        ".figures small",
        "svg .name",
        "svg .tick",
        ".answer",
        ".draft",
        ".flags li",
    ):
        assert page.locator(place).first.evaluate(_CONTRAST) >= 4.5, place
    assert page.locator("svg .tick").first.evaluate("(t) => t.getBoundingClientRect().height") >= 10
    context.close()


_CONTRAST = """(element) => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  let behind = element;
  while (behind.parentElement && (channels(getComputedStyle(behind).backgroundColor)[3] ?? 1) === 0) behind = behind.parentElement;
  const style = getComputedStyle(element);
  const pair = [element.ownerSVGElement ? style.fill : style.color, getComputedStyle(behind).backgroundColor].map((c) => light(channels(c)));
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
}"""
