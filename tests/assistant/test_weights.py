"""From a model's name to weights, and a conversion that two processes may try at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from assistant import weights
from assistant.errors import ModelNotFound
from assistant.weights import BUILTIN_CHAT, resolve


@pytest.mark.parametrize("name", ["no-such-model", "./nowhere", "/nowhere/at/all", "a/b/c"])
def test_a_name_that_leads_nowhere(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="is not a model"):
        resolve(name, tmp_path)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"config\.json"):
        resolve(str(tmp_path), tmp_path)


def test_a_folder_with_a_model_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert resolve(str(tmp_path), tmp_path).path == str(tmp_path)


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The conversion's surroundings without its minute of work."""
    converted: list[Path] = []

    def convert(source: Path, target: Path) -> None:
        assert source.suffix == ".gguf"
        converted.append(target)
        (target / "model.safetensors").write_bytes(b"weights")

    monkeypatch.setattr(weights, "_convert", convert)
    return converted


def test_converted_once_and_found_again(cheap: list[Path], tmp_path: Path) -> None:
    first, second = resolve(BUILTIN_CHAT, tmp_path), resolve(BUILTIN_CHAT, tmp_path)
    assert first == second
    assert len(cheap) == 1
    assert json.loads((Path(first.path) / "checksums.json").read_text()).keys() == {"model.safetensors"}


def test_altered_weights_are_converted_again(cheap: list[Path], tmp_path: Path) -> None:
    folder = Path(resolve(BUILTIN_CHAT, tmp_path).path)
    (folder / "model.safetensors").write_bytes(b"weight")
    resolve(BUILTIN_CHAT, tmp_path)
    assert len(cheap) == 2
    assert (folder / "model.safetensors").read_bytes() == b"weights"


def test_a_failed_conversion_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(source: Path, target: Path) -> None:
        (target / "half").write_bytes(b"x")
        raise OSError("disk full")

    monkeypatch.setattr(weights, "_convert", fail)
    with pytest.raises(OSError, match="disk full"):
        resolve(BUILTIN_CHAT, tmp_path)
    assert [p.name for p in tmp_path.iterdir() if not p.name.endswith(".lock")] == []


def test_two_processes_at_once_convert_once(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from assistant import weights\n"
        "def convert(source, target):\n"
        "    open(sys.argv[2], 'a').write('x'); time.sleep(1.5); (target / 'model.safetensors').write_bytes(b'w')\n"
        "weights._convert = convert\n"
        "print(weights.resolve(weights.BUILTIN_CHAT, Path(sys.argv[1])).path)\n"
    )
    count = tmp_path / "count"
    run = [sys.executable, "-c", script, str(tmp_path / "cache"), str(count)]
    both = [subprocess.Popen(run, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    paths = {p.communicate(timeout=60)[0].strip() for p in both}
    assert len(paths) == 1
    assert count.read_text() == "x"
