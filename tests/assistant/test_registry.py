"""Versions: what is promoted is served, what is damaged or made for others is refused, and one can always go back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from assistant.asking import Asking, Judgement
from assistant.errors import VersionError
from assistant.tuning.merging import beside, merged
from assistant.tuning.registry import BASE, Card, Measured, Registry, fingerprint, verify
from assistant.weights import Weights
from index.checksums import sha256_of

JUDGED = Asking("pointing-1", Judgement(0.5, 0.8, 0.1, 0.4))


def base_model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    return LlamaForCausalLM(LlamaConfig(vocab_size=100, **sizes)).eval()


@pytest.fixture
def base(tmp_path: Path) -> Weights:
    base_model().save_pretrained(tmp_path / "base")
    return Weights("a-base", str(tmp_path / "base"))


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "versions", tmp_path / "shipped")


def adapter(folder: Path, seed: int) -> Path:
    model = get_peft_model(base_model(), LoraConfig(r=4, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM"))
    torch.manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(str(folder))
    return folder


def card(folder: Path, base: Weights, name: str, created: str = "2026-09-01T08:00:00+00:00") -> Card:
    return Card(
        version=name,
        base=base.name,
        base_sha256=fingerprint(base),
        asking=JUDGED,
        created=created,
        data={"questions.jsonl": "0" * 64},
        examples={"answers": 3},
        settings={"rank": 4},
        metrics={"dev_loss": Measured.exactly(0.5)},
        seconds=60,
        packages={"peft": "0.21.2"},
        checksums={f.name: sha256_of(f) for f in sorted(folder.iterdir())},
    )


def add(registry: Registry, base: Weights, tmp_path: Path, name: str, seed: int = 1) -> Path:
    folder = adapter(tmp_path / f"made-{name}", seed)
    return registry.add(folder, card(folder, base, name)).folder


def test_promote_serve_and_go_back(registry: Registry, base: Weights, tmp_path: Path) -> None:
    assert registry.production(base) is None
    for name in ("one", "two"):
        add(registry, base, tmp_path, name)
        registry.promote(name, base)
        found = registry.production(base)
        assert found is not None
        assert found.name == name
    back = registry.rollback(base)
    assert back is not None
    assert back.name == "one"
    assert registry.rollback(base) is None
    assert registry.production(base) is None
    with pytest.raises(VersionError, match="nothing to go back to"):
        registry.rollback(base)


def test_promoting_what_is_in_production_adds_nothing_to_go_back_to(
    registry: Registry, base: Weights, tmp_path: Path
) -> None:
    add(registry, base, tmp_path, "one")
    registry.promote("one", base)
    registry.promote("one", base)
    assert registry.rollback(base) is None


def test_the_shipped_version_serves_its_own_base_until_another_is_promoted(
    registry: Registry, base: Weights, tmp_path: Path
) -> None:
    folder = adapter(tmp_path / "shipped" / "first", 1)
    (folder / "card.json").write_text(card(folder, base, "first").model_dump_json())
    shipped = registry.production(base)
    assert shipped is not None
    assert shipped.shipped
    assert registry.production(Weights("another", base.path)) is None
    registry.promote(BASE, base)
    assert registry.production(base) is None
    again = registry.rollback(base)
    assert again is not None
    assert again.name == "first"


def test_what_is_damaged_missing_or_made_for_others_is_refused_and_production_stays(
    registry: Registry, base: Weights, tmp_path: Path
) -> None:
    add(registry, base, tmp_path, "good")
    registry.promote("good", base)
    cut = add(registry, base, tmp_path, "cut", 2) / "adapter_model.safetensors"
    cut.write_bytes(cut.read_bytes()[:-40])
    gone = add(registry, base, tmp_path, "gone", 3) / "adapter_config.json"
    gone.unlink()
    other = LlamaForCausalLM(LlamaConfig(vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=4))
    other.save_pretrained(tmp_path / "other")
    add(registry, Weights("other-base", str(tmp_path / "other")), tmp_path, "foreign", 4)
    for name, why in (("cut", "damaged"), ("gone", "missing"), ("foreign", "other-base"), ("never", "no version")):
        with pytest.raises(VersionError, match=why):
            registry.promote(name, base)
        found = registry.production(base)
        assert found is not None
        assert found.name == "good"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda t: {k: v[:, :-1] if ".lora_A." in k else v for k, v in t.items()}, "does not fit"),
        (lambda t: {k.replace("layers.1", "layers.7"): v for k, v in t.items()}, "does not fit"),
        (lambda t: {k: v * float("nan") for k, v in t.items()}, "not numbers"),
    ],
)
def test_tensors_that_do_not_fit_are_refused_though_the_card_vouches_for_them(
    registry: Registry, base: Weights, tmp_path: Path, change: object, why: str
) -> None:
    from safetensors.torch import load_file, save_file

    folder = adapter(tmp_path / "made", 1)
    file = folder / "adapter_model.safetensors"
    tensors = change(load_file(file))  # type: ignore[operator]
    save_file({k: v.contiguous() for k, v in tensors.items()}, file)
    registry.add(folder, card(folder, base, "odd"))
    with pytest.raises(VersionError, match=why):
        registry.promote("odd", base)


def test_a_merged_version_says_what_the_adapter_says(registry: Registry, base: Weights, tmp_path: Path) -> None:
    folder = add(registry, base, tmp_path, "one")
    ids = torch.arange(12)[None]
    with torch.no_grad():
        expected = PeftModel.from_pretrained(base_model(), str(folder)).eval()(ids).logits
        plain = base_model()(ids).logits
    whole = merged(base, registry.get("one"), tmp_path / "cache", lambda _: None)
    with torch.no_grad():
        said = LlamaForCausalLM.from_pretrained(whole.path, dtype=torch.float32).eval()(ids).logits
    assert (said - expected).abs().max() < 0.05 * (plain - expected).abs().max()  # bfloat16 rounds
    assert whole.asking == JUDGED
    assert whole.name == "a-base@one"
    made = Path(whole.path, "model.safetensors").stat().st_mtime_ns
    assert merged(base, registry.get("one"), tmp_path / "cache", lambda _: None) == whole
    assert Path(whole.path, "model.safetensors").stat().st_mtime_ns == made


def test_on_a_gpu_the_adapter_stays_beside_the_weights(registry: Registry, base: Weights, tmp_path: Path) -> None:
    folder = add(registry, base, tmp_path, "one")
    served = beside(base, registry.get("one"))
    assert (served.path, served.adapter) == (base.path, str(folder))
    assert json.loads((Path(served.adapter) / "adapter_config.json").read_text())["r"] == 4


def test_a_name_is_given_once(registry: Registry, base: Weights, tmp_path: Path) -> None:
    add(registry, base, tmp_path, "one")
    folder = adapter(tmp_path / "again", 2)
    for name in ("one", BASE):
        with pytest.raises(VersionError, match="already"):
            registry.add(folder, card(folder, base, name))


def test_a_shipped_name_is_taken_too(registry: Registry, base: Weights, tmp_path: Path) -> None:
    add(registry, base, tmp_path, "one")
    other = Registry(tmp_path / "others", shipped=tmp_path / "versions")
    assert [v.name for v in other.versions()] == ["one"]
    with pytest.raises(VersionError, match="already"):
        other.refuse_taken("one")
    other.refuse_taken("two")


def test_a_new_judgement_is_written_into_the_card(registry: Registry, base: Weights, tmp_path: Path) -> None:
    add(registry, base, tmp_path, "one")
    before = registry.get("one")
    asking = Asking("pointing-1", Judgement(retrieval=0.25, model=0.5, bias=-1.0, threshold=0.625))
    registry.judge_anew(before, asking, {"dev_auc_both": Measured.exactly(0.75)}, {"questions.jsonl": "a1b2"})
    after = registry.get("one")
    assert after.card.asking == asking
    assert after.card.metrics == {**before.card.metrics, "dev_auc_both": Measured.exactly(0.75)}
    assert after.card.data == {**before.card.data, "questions.jsonl (judged on)": "a1b2"}
    assert after.card.checksums == before.card.checksums
    verify(after, base)
