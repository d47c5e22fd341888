"""Versions of the model: folders with an adapter and a card, and which of them is in production."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, ValidationError

from assistant.asking import Asking
from assistant.errors import VersionError
from assistant.statistics import estimate
from assistant.weights import Weights
from index.checksums import sha256_of

BASE = "base"  # the weights without any adapter; can be promoted like a version
SHIPPED = Path(__file__).resolve().parent.parent / "adapters"
CARD = "card.json"
_ADAPTER = "adapter_model.safetensors"
_CONFIG = "adapter_config.json"
_POINTER = "production.json"


class Measured(BaseModel, frozen=True):
    """A figure, its 95% interval and over how many it was taken."""

    mean: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, samples: Sequence[float]) -> Measured:
        """The mean of samples with its bootstrap interval."""
        found = estimate(samples)
        return cls(mean=round(found.mean, 4), low=round(found.low, 4), high=round(found.high, 4), count=found.count)

    @classmethod
    def exactly(cls, value: float) -> Measured:
        """A figure that is no mean over samples, and has no interval."""
        return cls(mean=round(value, 4), low=round(value, 4), high=round(value, 4), count=1)


class Card(BaseModel, frozen=True):
    """What a version is, written by the training: where it came from, with which settings, and how it did.

    `base_sha256` is that of the base's weights; `data` gives the SHA-256 of every file learned from; `metrics` are
    measured on dev questions and tickets; `seconds` is the whole training.
    """

    version: str
    base: str
    base_sha256: str
    asking: Asking
    created: str
    data: dict[str, str]
    examples: dict[str, int]
    settings: dict[str, float]
    metrics: dict[str, Measured]
    seconds: float
    packages: dict[str, str]
    checksums: dict[str, str]


@dataclass(frozen=True, slots=True)
class Version:
    """A version and the folder that it lies in; `shipped` with Switchboard, or made here."""

    card: Card
    folder: Path
    shipped: bool

    @property
    def name(self) -> str:
        return self.card.version


class _Pointer(BaseModel, frozen=True):
    version: str
    earlier: tuple[str, ...] = ()


class Registry:
    """The versions in a folder, and those that came with Switchboard."""

    def __init__(self, folder: Path, shipped: Path = SHIPPED) -> None:
        self._folder = folder
        self._shipped = shipped

    def versions(self) -> list[Version]:
        """Every version with a readable card, oldest first."""
        return sorted(self._read(), key=lambda v: (v.card.created, v.name))

    def get(self, name: str) -> Version:
        """Raises VersionError when there is no such version or its card cannot be read."""
        for version in self._read():
            if version.name == name:
                return version
        known = ", ".join(v.name for v in self.versions()) or "none"
        raise VersionError(f"there is no version {name!r}; there are: {known}, and {BASE}")

    def production(self, base: Weights) -> Version | None:
        """What is served with these base weights: what was promoted last, else what was shipped for them, else None.

        Raises VersionError when the promoted version is gone.
        """
        pointer = self._pointer()
        if pointer is not None:
            return None if pointer.version == BASE else self.get(pointer.version)
        mine = [v for v in self.versions() if v.shipped and v.card.base == base.name]
        return mine[-1] if mine else None

    def refuse_taken(self, name: str) -> None:
        """Raises VersionError when there is a version of this name, made here or shipped."""
        if name in {BASE, *(v.name for v in self._read())} or (self._folder / name).exists():
            raise VersionError(f"there is a version {name!r} already; choose another name")

    def add(self, source: Path, card: Card) -> Version:
        """Copy a finished adapter here with its card. Raises VersionError when the name is taken."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.refuse_taken(card.version)
        target = self._folder / card.version
        work = Path(tempfile.mkdtemp(prefix=".adding-", dir=self._folder))
        try:
            for file in sorted(source.iterdir()):
                shutil.copy2(file, work / file.name)
            (work / CARD).write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")
            os.replace(work, target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return Version(card, target, shipped=False)

    def judge_anew(
        self, version: Version, asking: Asking, metrics: Mapping[str, Measured], judged_on: Mapping[str, str]
    ) -> Version:
        """Write another judgement, what was measured with it and the hashes of what on, into a version's card."""
        card = version.card.model_copy(
            update={
                "asking": asking,
                "metrics": {**version.card.metrics, **metrics},
                "data": version.card.data | {f"{name} (judged on)": digest for name, digest in judged_on.items()},
            }
        )
        work = version.folder / f".{CARD}-{os.getpid()}"
        work.write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")
        os.replace(work, version.folder / CARD)
        return replace(version, card=card)

    def promote(self, name: str, base: Weights) -> Version | None:
        """Put a version, or `base`, in production, after looking whether it is whole and made for these weights.

        Raises VersionError, and what is in production stays.
        """
        version = None if name == BASE else self.get(name)
        if version is not None:
            verify(version, base)
        with self._locked():
            before = self.production(base)
            pointer = self._pointer()
            earlier = (*(pointer.earlier if pointer else ()), before.name if before else BASE)
            if name != earlier[-1]:
                self._write(_Pointer(version=name, earlier=earlier))
        return version

    def rollback(self, base: Weights) -> Version | None:
        """Return to what was in production before. Raises VersionError when there was nothing, or it is damaged."""
        with self._locked():
            pointer = self._pointer()
            if pointer is None or not pointer.earlier:
                raise VersionError("nothing was promoted here, so there is nothing to go back to")
            name = pointer.earlier[-1]
            version = None if name == BASE else self.get(name)
            if version is not None:
                verify(version, base)
            self._write(_Pointer(version=name, earlier=pointer.earlier[:-1]))
            return version

    def _read(self) -> Iterator[Version]:
        for folder, shipped in ((self._shipped, True), (self._folder, False)):
            for file in sorted(folder.glob(f"*/{CARD}")):
                try:
                    card = Card.model_validate_json(file.read_text(encoding="utf-8"))
                except (OSError, ValidationError):
                    continue  # `switchboard doctor` names it
                yield Version(card, file.parent, shipped)

    def _pointer(self) -> _Pointer | None:
        path = self._folder / _POINTER
        try:
            return _Pointer.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as exc:
            raise VersionError(f"{path} cannot be read; remove it to serve the version that was shipped") from exc

    def _write(self, pointer: _Pointer) -> None:
        handle, name = tempfile.mkstemp(prefix=".pointer-", dir=self._folder)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(pointer.model_dump_json() + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, self._folder / _POINTER)

    def _locked(self) -> FileLock:
        self._folder.mkdir(parents=True, exist_ok=True)
        return FileLock(str(self._folder / ".lock"))


def verify(version: Version, base: Weights) -> None:
    """Look whether a version is whole and fits the base. Raises VersionError saying what is wrong."""
    card = version.card
    for name, want in card.checksums.items():
        file = version.folder / name
        if not file.is_file():
            raise VersionError(f"version {version.name}: {name} is missing; train it again or choose another version")
        if sha256_of(file) != want:
            raise VersionError(f"version {version.name}: {name} is damaged (its checksum differs); train it again")
    if _ADAPTER not in card.checksums or _CONFIG not in card.checksums:
        raise VersionError(f"version {version.name}: its card does not vouch for {_ADAPTER} and {_CONFIG}")
    if card.base_sha256 != fingerprint(base):
        raise VersionError(
            f"version {version.name} was made for {card.base} with other weights than {base.name} has; "
            "train one for these, or set models.chat back"
        )
    _verify_tensors(version, base)


def fingerprint(base: Weights) -> str:
    """SHA-256 over the base's weight files, in order of name."""
    files = sorted(Path(base.path).glob("*.safetensors"))
    if len(files) == 1:
        return sha256_of(files[0])
    return "+".join(sha256_of(f) for f in files)


def _verify_tensors(version: Version, base: Weights) -> None:
    """Every pair of matrices must fit the weight that it is added to, and hold numbers."""
    import torch
    from safetensors import SafetensorError, safe_open

    try:
        rank = int(json.loads((version.folder / _CONFIG).read_text(encoding="utf-8"))["r"])
        shapes = dict(_shapes(base))
        with safe_open(version.folder / _ADAPTER, framework="pt") as file:
            names: Sequence[str] = list(file.keys())
            for name in names:
                tensor = file.get_tensor(name)
                place = name.removeprefix("base_model.model.").rsplit(".lora_", 1)[0] + ".weight"
                wanted = shapes.get(place)
                fits = wanted is not None and tuple(tensor.shape) == (
                    (rank, wanted[1]) if ".lora_A." in name else (wanted[0], rank)
                )
                if not fits:
                    raise VersionError(f"version {version.name}: {name} does not fit {base.name}")
                if not bool(torch.isfinite(tensor).all()):
                    raise VersionError(f"version {version.name}: {name} holds values that are not numbers")
    except (OSError, ValueError, KeyError, SafetensorError) as exc:
        raise VersionError(f"version {version.name}: the adapter cannot be read ({exc})") from exc
    if not names:
        raise VersionError(f"version {version.name}: the adapter is empty")


def _shapes(base: Weights) -> Iterator[tuple[str, tuple[int, ...]]]:
    from safetensors import safe_open

    for path in sorted(Path(base.path).glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - not a mapping
                yield name, tuple(file.get_slice(name).get_shape())
