"""Versions and their cards as the tab shows them, and promoting and rolling back with real, small weights."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from assistant.asking import Asking
from assistant.assembly import ChatService
from assistant.errors import VersionError
from assistant.settings import Settings, load
from assistant.tuning.registry import BASE, Card, Measured, Registry, Version, fingerprint
from assistant.weights import Weights
from index.checksums import sha256_of
from tests.doubles import ScriptedChatModel
from ui.web.models import Change, Shelf
from ui.web.models_html import base_html, card_html, curve_html, versions_html, when

ATTACK = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
CURVE = b'<svg xmlns="http://www.w3.org/2000/svg"><script>window.hacked=1</script></svg>'
PLACE = "model.layers.0.self_attn.q_proj"
CREATED = "2026-09-01T08:00:00+00:00"


def make_card(name: str = "one", base: str = "a-base", created: str = CREATED, **more: object) -> Card:
    values: dict[str, object] = {
        "version": name,
        "base": base,
        "base_sha256": "b" * 64,
        "asking": Asking("pointing-1"),
        "created": created,
        "data": {"questions.jsonl": "d" * 64},
        "examples": {"answers": 1200, "tickets": 30},
        "settings": {"rank": 16, "learning_rate": 0.0006},
        "metrics": {
            "judgement_auc": Measured(mean=0.9, low=0.85, high=0.95, count=160),
            "dev_loss": Measured.exactly(0.4),
        },
        "seconds": 180,
        "packages": {"peft": "0.19.1"},
        "checksums": {"adapter_model.safetensors": "c" * 64},
    }
    return Card.model_validate(values | more)


def test_the_table_marks_what_is_in_production(tmp_path: Path) -> None:
    versions = [
        Version(make_card("shipped-1"), tmp_path, shipped=True),
        Version(make_card("mine", base="another"), tmp_path, shipped=False),
    ]
    rows = versions_html(versions, "mine", "a-base").split("<tr>")[2:]
    assert [("in production" in row) for row in rows] == [False, False, True]
    assert "<b>base</b>" in rows[0]
    assert "2026-09-01 08:00 UTC" in rows[1]
    assert "shipped</td>" in rows[1]
    assert "trained here, for another base" in rows[2]
    assert "in production" in versions_html(versions, BASE, "a-base").split("<tr>")[2]
    assert "in production" not in versions_html(versions, "", "a-base")


def test_a_card_has_its_figures_with_intervals_and_counts(tmp_path: Path) -> None:
    html = card_html(Version(make_card(), tmp_path, shipped=False), production=True)
    assert "<td>judgement auc</td><td>0.900</td><td>0.850 to 0.950</td><td>160</td>" in html
    assert "<td>dev loss</td><td>0.400</td><td></td><td></td>" in html
    assert "1,200 answers, 30 tickets" in html
    assert "rank 16, learning rate 0.0006" in html
    assert "in 3 min" in html
    assert "<dd>0.19.1</dd>" in html
    assert "cccccccccccc</dd>" in html
    assert "c" * 13 not in html
    assert "in production" in html
    assert "in production" not in base_html("a-base", production=False)


def test_nothing_of_a_card_becomes_markup(tmp_path: Path) -> None:
    card = make_card(
        ATTACK,
        base=ATTACK,
        created=ATTACK,
        data={ATTACK: ATTACK},
        examples={ATTACK: 1},
        settings={ATTACK: 1},
        metrics={ATTACK: Measured.exactly(1)},
        packages={ATTACK: ATTACK},
        checksums={ATTACK: ATTACK},
        asking=Asking(ATTACK),
    )
    version = Version(card, tmp_path, shipped=False)
    for html in (card_html(version, True), versions_html([version], ATTACK, ATTACK), base_html(ATTACK, True)):
        assert "&lt;img" in html
        assert "<img" not in html
        assert "<script" not in html


def test_the_curve_is_a_picture_in_which_nothing_runs(tmp_path: Path) -> None:
    assert curve_html(tmp_path) == ""
    (tmp_path / "curve.svg").write_bytes(CURVE)
    html = curve_html(tmp_path)
    assert (
        f'<img alt="Learning curve: training and dev loss over steps" src="data:image/svg+xml;base64,{base64.b64encode(CURVE).decode()}">'
        in html
    )
    assert "<svg" not in html
    assert "<script" not in html
    assert html in card_html(Version(make_card(), tmp_path, shipped=False), production=False)
    (tmp_path / "curve.svg").write_bytes(b" " * (2**20 + 1))
    assert curve_html(tmp_path) == ""


def test_a_time_without_a_zone_is_not_called_utc() -> None:
    assert when("2026-09-01T08:00:00") == "2026-09-01 08:00"


class Following(ChatService):
    """A service that remembers what it was told to serve, or refuses to."""

    def __init__(self, refusal: str = "") -> None:
        super().__init__(ScriptedChatModel(), None)
        self.followed = 0
        self._refusal = refusal

    def follow_production(self) -> str:
        self.followed += 1
        if self._refusal:
            raise VersionError(self._refusal)
        return "scripted"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose chat model is one matrix."""
    (tmp_path / "a-base").mkdir()
    (tmp_path / "a-base" / "config.json").write_text("{}")
    save_file({f"{PLACE}.weight": torch.ones(6, 4)}, tmp_path / "a-base" / "model.safetensors")
    chat = str(tmp_path / "a-base")
    return load({"SWITCHBOARD_HOME": str(tmp_path / "home"), "SWITCHBOARD_MODELS_CHAT": chat})


def registry_of(settings: Settings) -> Registry:
    return Registry(settings.versions, settings.home / "shipped")


def add(settings: Settings, name: str, created: str = CREATED, columns: int = 4) -> Path:
    """A version for the base of `settings`; with other `columns` than 4 it does not fit."""
    made = settings.home / f"made-{name}"
    made.mkdir(parents=True)
    (made / "adapter_config.json").write_text('{"r": 2}')
    matrices = {
        f"base_model.model.{PLACE}.lora_A.weight": torch.ones(2, columns),
        f"base_model.model.{PLACE}.lora_B.weight": torch.ones(6, 2),
    }
    save_file(matrices, made / "adapter_model.safetensors")
    base = Weights(settings.models.chat, settings.models.chat)
    sums = {f.name: sha256_of(f) for f in made.iterdir()}
    card = make_card(name, base.name, created, base_sha256=fingerprint(base), checksums=sums)
    return registry_of(settings).add(made, card).folder


def carried_out(shelf: Shelf, change: Change) -> list[str]:
    async def collect() -> list[str]:
        return [words async for words in shelf.carry_out(change)]

    return asyncio.run(collect())


def in_production(shelf: Shelf) -> str:
    """The name in the marked row of the table."""
    marked = [row for row in shelf.view(None).table.split("<tr>") if "in production" in row]
    return marked[0].split("<b>")[1].split("</b>")[0] if marked else ""


def test_promote_and_roll_back(settings: Settings) -> None:
    add(settings, "one")
    add(settings, "two", "2026-09-02T08:00:00+00:00")
    service = Following()
    shelf = Shelf(settings, service, registry_of(settings))
    assert in_production(shelf) == BASE
    assert shelf.view(None).names == (BASE, "one", "two")
    assert Change("two").question == "Promote two? Answers pause for about 40 seconds."
    busy, done = carried_out(shelf, Change("two"))
    assert "sb-busy" in busy
    assert "two is in production. Answers pause" in done
    assert in_production(shelf) == "two"
    assert shelf.view(None).chosen == "two"
    assert shelf.view("one").chosen == "one"
    assert shelf.refusal(Change("two")) == "two is in production already."
    assert shelf.refusal(Change("one")) == shelf.refusal(Change()) == ""
    assert "base is in production again" in carried_out(shelf, Change())[-1]
    assert in_production(shelf) == BASE
    assert service.followed == 2


def test_what_is_damaged_or_does_not_fit_is_refused_and_production_stays(settings: Settings) -> None:
    add(settings, "good")
    folder = add(settings, "damaged")
    (folder / "adapter_model.safetensors").write_bytes(b"cut off")
    add(settings, "wide", columns=5)
    service = Following()
    shelf = Shelf(settings, service, registry_of(settings))
    carried_out(shelf, Change("good"))
    for name, words in (("damaged", "is damaged"), ("wide", "does not fit"), ("nowhere", "there is no version")):
        refused = carried_out(shelf, Change(name))[-1]
        assert "sb-error" in refused
        assert words in refused
        assert in_production(shelf) == "good"
    assert service.followed == 1


def test_there_may_be_nothing_to_go_back_to(settings: Settings) -> None:
    refused = carried_out(Shelf(settings, Following(), registry_of(settings)), Change())[-1]
    assert "nothing was promoted here" in refused


def test_a_version_that_cannot_be_served_is_said(settings: Settings) -> None:
    add(settings, "one")
    shelf = Shelf(settings, Following("the disk is full"), registry_of(settings))
    refused = carried_out(shelf, Change("one"))[-1]
    assert "one is in production now, but cannot be served: the disk is full; what was served before stays." in refused


def test_a_promoted_version_that_is_gone_is_said_and_the_rest_is_shown(settings: Settings) -> None:
    folder = add(settings, "one")
    add(settings, "two")
    shelf = Shelf(settings, Following(), registry_of(settings))
    carried_out(shelf, Change("one"))
    folder.rename(settings.home / "elsewhere")
    view = shelf.view("one")
    assert "sb-error" in view.table
    assert "there is no version &#x27;one&#x27;" in view.table
    assert in_production(shelf) == ""
    assert (view.names, view.chosen) == ((BASE, "two"), BASE)


def test_answers_from_elsewhere_are_said(settings: Settings, tmp_path: Path) -> None:
    assert "Answering now: scripted" in Shelf(settings, Following(), registry_of(settings)).view(None).table
    remote = load({"SWITCHBOARD_HOME": str(tmp_path / "home"), "SWITCHBOARD_MODELS_CHAT_URL": "http://model:8000/v1"})
    assert "versions are not served here" in Shelf(remote, Following(), registry_of(remote)).view(None).table
