"""The models tab in a real headless Chromium: look at a card, promote, be refused, roll back."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from peft import LoraConfig
from playwright.sync_api import Browser, Page, expect
from safetensors import safe_open
from safetensors.torch import save_file

from assistant.asking import UNTUNED
from assistant.tuning.registry import Card, Measured, Registry, fingerprint
from assistant.weights import Weights
from index.checksums import sha256_of
from tests.conftest import RunningAssistant

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.browser,
    pytest.mark.timeout(900),
]
PLACE = "model.layers.0.self_attn.q_proj"
CURVE = '<svg xmlns="http://www.w3.org/2000/svg" width="70" height="40"><script>window.hacked=1</script><path d="M0 0h9"/></svg>'
SERVED = 300_000


def open_tab(page: Page) -> None:
    """On a narrow screen the tab is in a menu."""
    page.wait_for_selector("#sb-question textarea")
    page.wait_for_timeout(500)
    tab = page.get_by_role("tab", name="Models")
    if not tab.count():
        page.get_by_label("More tabs").click()
        tab = page.locator(".overflow-dropdown button", has_text="Models")
    tab.click()


def add(home: Path, base: Weights, name: str) -> Path:
    """A whole version for the built-in model that changes nothing in it."""
    made = home / f"made-{name}"
    LoraConfig(r=2, target_modules=["q_proj"], layers_to_transform=[0], task_type="CAUSAL_LM").save_pretrained(
        str(made)
    )
    with safe_open(next(Path(base.path).glob("*.safetensors")), framework="pt") as file:
        rows, columns = file.get_slice(f"{PLACE}.weight").get_shape()
    matrices = {
        f"base_model.model.{PLACE}.lora_A.weight": torch.ones(2, columns),
        f"base_model.model.{PLACE}.lora_B.weight": torch.zeros(rows, 2),
    }
    save_file(matrices, made / "adapter_model.safetensors")
    (made / "curve.svg").write_text(CURVE, encoding="utf-8")
    card = Card(
        version=name,
        base=base.name,
        base_sha256=fingerprint(base),
        asking=UNTUNED,
        created="2026-09-01T08:00:00+00:00",
        data={},
        examples={"answers": 3},
        settings={"rank": 2},
        metrics={"judgement_auc": Measured(mean=0.9, low=0.85, high=0.95, count=160)},
        seconds=60,
        packages={},
        checksums={f.name: sha256_of(f) for f in made.iterdir()},
    )
    try:
        return Registry(home / "versions").add(made, card).folder
    finally:
        shutil.rmtree(made)


@pytest.fixture
def versions(assistant: RunningAssistant, builtin: Weights) -> Iterator[Path]:
    """A folder with the versions `same` and `damaged`; afterwards there is none, and the first model is back."""
    folder = assistant.home / "versions"
    shutil.rmtree(folder, ignore_errors=True)
    add(assistant.home, builtin, "same")
    damaged = add(assistant.home, builtin, "damaged") / "adapter_model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:100])
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
    time.sleep(5)  # what is in production is looked at every two seconds
    assistant.wait_ready()


@pytest.fixture
def page(browser: Browser, assistant: RunningAssistant, versions: Path) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 850})
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto(assistant.url)
    open_tab(opened)
    opened.wait_for_selector("#sb-versions table")
    yield opened
    opened.close()
    assert problems == []


def in_production(page: Page) -> str:
    return page.locator("#sb-versions tr:has(.sb-sure) b").inner_text()


def choose(page: Page, name: str) -> None:
    page.locator("#sb-version").get_by_label(name, exact=True).check()
    expect(page.locator("#sb-card h3")).to_contain_text(name)


def test_a_card_is_looked_at(page: Page) -> None:
    expect(page.locator("#sb-versions")).to_contain_text("Answering now: ")
    choose(page, "same")
    expect(page.locator("#sb-card .sb-figures")).to_contain_text("0.850 to 0.950")
    assert page.evaluate("document.querySelector('#sb-card img').naturalWidth") > 0
    assert page.locator("#sb-card svg").count() == 0
    assert page.evaluate("window.hacked") is None


def test_a_version_that_appears_is_shown_without_reloading(page: Page, versions: Path, builtin: Weights) -> None:
    add(versions.parent, builtin, "new")
    expect(page.locator("#sb-versions")).to_contain_text("new", timeout=20_000)
    choose(page, "new")


def test_a_damaged_version_is_refused_and_production_stays(page: Page, assistant: RunningAssistant) -> None:
    before = in_production(page)
    choose(page, "damaged")
    page.click("#sb-promote")
    expect(page.locator("#sb-confirm")).to_contain_text("Promote damaged?")
    page.click("#sb-yes")
    expect(page.locator("#sb-models-said .sb-error")).to_contain_text("is damaged", timeout=60_000)
    assert in_production(page) == before
    assert assistant.state() == "ready"


def test_no_changes_nothing(page: Page) -> None:
    before = in_production(page)
    choose(page, "same")
    page.click("#sb-promote")
    page.click("#sb-no")
    expect(page.locator("#sb-confirm")).to_be_hidden()
    assert in_production(page) == before


def test_promote_and_roll_back(page: Page, assistant: RunningAssistant) -> None:
    before = in_production(page)
    choose(page, "same")
    page.locator("#sb-promote").focus()
    page.keyboard.press("Enter")
    page.locator("#sb-yes").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#sb-models-said")).to_contain_text("same is in production.", timeout=120_000)
    expect(page.locator("#sb-versions tr:has(.sb-sure) b")).to_have_text("same")
    expect(page.locator("#sb-versions")).to_contain_text("@same", timeout=SERVED)
    expect(page.locator(".sb-status")).to_contain_text("model ready", timeout=20_000)
    page.click("#sb-promote")
    expect(page.locator("#sb-models-said")).to_contain_text("same is in production already")
    page.click("#sb-rollback")
    expect(page.locator("#sb-confirm")).to_contain_text("Roll back")
    page.click("#sb-yes")
    expect(page.locator("#sb-models-said")).to_contain_text(f"{before} is in production again", timeout=120_000)
    expect(page.locator("#sb-versions")).not_to_contain_text("@same", timeout=20_000)
    assistant.wait_ready()


@pytest.mark.parametrize(("width", "scheme"), [(400, "light"), (400, "dark"), (1280, "dark")])
def test_a_phone_and_the_dark(
    browser: Browser, assistant: RunningAssistant, versions: Path, width: int, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 850}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(assistant.url)
    open_tab(page)
    page.wait_for_selector("#sb-versions table")
    choose(page, "same")
    page.click("#sb-promote")
    page.wait_for_selector("#sb-confirm")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
