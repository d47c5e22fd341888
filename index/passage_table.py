"""Passages on disk: a JSON line each, found by number, decoded when they are asked for."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import msgspec
import numpy as np
import numpy.typing as npt

from index.durable import write_whole
from index.errors import DamagedGeneration
from index.passages import Passage

Keys = npt.NDArray[np.bytes_]
KEY = "S16"
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Passage)


def key_of(text: str) -> bytes:
    """What an embedded text is known by: 16 bytes of its SHA-256."""
    return hashlib.sha256(text.encode()).digest()[:16]


def keys_of(texts: Iterable[str]) -> Keys:
    """The keys of texts, shape (n,)."""
    return np.array([key_of(t) for t in texts], dtype=KEY)


@dataclass(frozen=True, slots=True)
class PassageRows:
    """Passages ready to be written: their lines one after the other, where each ends, and the keys of their texts."""

    lines: bytes
    ends: npt.NDArray[np.int64]
    keys: Keys

    @classmethod
    def of(cls, passages: Sequence[Passage]) -> PassageRows:
        """Encode passages."""
        lines = [_encoder.encode(p) + b"\n" for p in passages]
        ends = np.cumsum([len(line) for line in lines], dtype=np.int64)
        return cls(b"".join(lines), ends, keys_of(p.indexed_text for p in passages))

    @classmethod
    def joined(cls, parts: Sequence[PassageRows]) -> PassageRows:
        """Several runs of passages, one after the other."""
        starts = np.cumsum([0, *(len(p.lines) for p in parts)])
        ends = [p.ends + start for p, start in zip(parts, starts, strict=False)]
        return cls(
            b"".join(p.lines for p in parts),
            np.concatenate(ends) if ends else np.zeros(0, np.int64),
            np.concatenate([p.keys for p in parts]) if parts else np.zeros(0, KEY),
        )

    def __len__(self) -> int:
        return len(self.ends)

    def save(self, lines: Path, ends: Path, keys: Path) -> None:
        """Write the three files. Raises OSError."""
        write_whole(lines, self.lines)
        write_whole(ends, self.ends.astype("<i8").tobytes())
        write_whole(keys, self.keys.tobytes())


class PassageTable(Sequence[Passage]):
    """The passages of a generation, in order; the files stay readable when their folder is removed."""

    def __init__(self, lines: memoryview, ends: npt.NDArray[np.int64], keys: Keys) -> None:
        self._lines = lines
        self._ends = ends
        self.keys = keys

    @classmethod
    def open(cls, lines: Path, ends: Path, keys: Path) -> PassageTable:
        """Map what `PassageRows.save` wrote. Raises DamagedGeneration."""
        try:
            mapped = mapped_file(lines)
            table = cls(mapped, np.frombuffer(mapped_file(ends), dtype="<i8"), np.frombuffer(mapped_file(keys), KEY))
        except (OSError, ValueError) as exc:
            raise DamagedGeneration(f"{lines.name} cannot be read; run: switchboard kb refresh") from exc
        last = int(table._ends[-1]) if len(table) else 0
        if len(table.keys) != len(table) or last != len(mapped):
            raise DamagedGeneration(f"{lines.name} and {ends.name} do not fit together; run: switchboard kb refresh")
        return table

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, row: int) -> Passage: ...
    @overload
    def __getitem__(self, row: slice) -> tuple[Passage, ...]: ...
    def __getitem__(self, row: int | slice) -> Passage | tuple[Passage, ...]:
        if isinstance(row, slice):
            return tuple(self[i] for i in range(*row.indices(len(self))))
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        row %= len(self)
        start = int(self._ends[row - 1]) if row else 0
        try:
            return _decoder.decode(self._lines[start : int(self._ends[row])])
        except msgspec.MsgspecError as exc:
            raise DamagedGeneration(f"passage {row} cannot be read; run: switchboard kb refresh") from exc

    def __iter__(self) -> Iterator[Passage]:
        return (self[row] for row in range(len(self)))

    def rows(self, start: int, stop: int) -> PassageRows:
        """A run of rows as they stand, nothing decoded."""
        first = int(self._ends[start - 1]) if start else 0
        last = int(self._ends[stop - 1]) if stop else 0
        return PassageRows(bytes(self._lines[first:last]), self._ends[start:stop] - first, self.keys[start:stop])


def mapped_file(path: Path) -> memoryview:
    """The bytes of a file, mapped; they outlive its name. Raises OSError."""
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
