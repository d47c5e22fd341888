"""Vectors that were computed once, by the key of their text, for all generations of one embedder."""

from __future__ import annotations

import logging
import os
import zlib
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.durable import replace_whole
from index.embedding import Advance, Embedder, Vectors
from index.passage_table import Keys, keys_of

log = logging.getLogger(__name__)

_SPARE = 2  # the file may hold so many times what is needed before the rest is dropped
_LEAST = 10_000  # vectors that are always kept
_HEAD = 8  # bytes that say how many dimensions the vectors have


class VectorCache:
    """One file a fingerprint, appended to; every vector with its key and a checksum.

    Only the holder of the refresh lock may use it. A row cut short by a kill, or damaged, is as if it were not there.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self._path = folder / f"{fingerprint}.vectors"

    def find(self, keys: Keys) -> tuple[npt.NDArray[np.bool_], Vectors]:
        """Which of the keys, shape (n,), are known, and their vectors, shape (known, dimension), in the keys' order."""
        rows = self._rows()
        if rows is None or not len(keys):
            return np.zeros(len(keys), bool), np.zeros((0, 0), np.float32)
        stored = np.array(rows["key"])
        order = np.argsort(stored, kind="stable")
        place = np.minimum(np.searchsorted(stored, keys, sorter=order, side="right") - 1, len(order) - 1)
        nearest = order[np.maximum(place, 0)]
        known = stored[nearest] == keys
        places = nearest[known]
        vectors = np.asarray(rows["vector"][places])
        whole = np.fromiter((zlib.crc32(v.data) for v in vectors), np.uint32, len(vectors)) == rows["crc"][places]
        if whole.all():
            return known, vectors
        log.warning("%d vectors of the cache are damaged; they are computed again", int((~whole).sum()))
        known[np.flatnonzero(known)[~whole]] = False
        return known, vectors[whole]

    def add(self, keys: Keys, vectors: Vectors) -> None:
        """Append vectors, shape (n, dimension). Raises OSError."""
        if not len(keys):
            return
        rows = np.zeros(len(keys), _record(vectors.shape[1]))
        rows["key"], rows["vector"] = keys, vectors
        rows["crc"] = [zlib.crc32(v.data) for v in np.ascontiguousarray(vectors, np.float32)]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._dimension() != vectors.shape[1]
        with self._path.open("wb" if fresh else "r+b") as file:
            if fresh:
                file.write(vectors.shape[1].to_bytes(_HEAD, "little"))
            size = rows.dtype.itemsize
            end = _HEAD + (file.seek(0, os.SEEK_END) - _HEAD) // size * size
            file.seek(end)
            try:
                file.write(rows.tobytes())
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), end)
                raise

    def prune(self, needed: Callable[[], Keys]) -> None:
        """Once the file holds much more than what is needed, drop the rest but for the newest. Raises OSError."""
        rows = self._rows()
        if rows is None or len(rows) <= _LEAST or len(rows) <= _SPARE * len(keys := np.unique(needed())):
            return
        newest = np.zeros(len(rows), bool)
        newest[-max(len(keys), _LEAST) // 2 :] = True
        kept = rows[np.isin(rows["key"], keys) | newest]
        replace_whole(self._path, (kept["vector"].shape[1]).to_bytes(_HEAD, "little") + kept.tobytes())

    def drop_others(self, fingerprints: Collection[str]) -> None:
        """Remove the files of embedders that are neither this one nor among those given."""
        for path in self._path.parent.glob("*.vectors"):
            if path != self._path and path.stem not in fingerprints:
                path.unlink(missing_ok=True)

    def _dimension(self) -> int:
        try:
            with self._path.open("rb") as file:
                return int.from_bytes(file.read(_HEAD), "little")
        except FileNotFoundError:
            return 0

    def _rows(self) -> np.memmap[tuple[int], np.dtype[np.void]] | None:
        dimension = self._dimension()
        if not 0 < dimension < 1 << 20:
            return None
        record = _record(dimension)
        count = (self._path.stat().st_size - _HEAD) // record.itemsize
        if count <= 0:
            return None
        return np.memmap(self._path, record, "r", offset=_HEAD, shape=(count,))


class RememberingEmbedder:
    """An embedder for texts that are asked for again and again: their vectors are computed once, for good."""

    def __init__(self, embedder: Embedder, cache: VectorCache) -> None:
        self._embedder = embedder
        self._cache = cache
        self._held: dict[str, Vectors] = {}
        self.name = embedder.name
        self.fingerprint = embedder.fingerprint

    @property
    def max_tokens(self) -> int:
        return self._embedder.max_tokens

    def count_tokens(self, text: str) -> int:
        return self._embedder.count_tokens(text)

    def embed(self, texts: Sequence[str], advance: Advance = lambda _: None) -> Vectors:
        asked = [t for t in dict.fromkeys(texts) if t not in self._held]
        keys = keys_of(asked)
        known, found = self._cache.find(keys)
        self._held.update(zip((asked[i] for i in np.flatnonzero(known)), found, strict=True))
        new = [asked[i] for i in np.flatnonzero(~known)]
        if new:
            vectors = self._embedder.embed(new, advance)
            self._cache.add(keys[~known], vectors)
            self._held.update(zip(new, vectors, strict=True))
        return np.stack([self._held[t] for t in texts])


def _record(dimension: int) -> np.dtype[np.void]:
    return np.dtype([("key", "S16"), ("crc", "<u4"), ("vector", "<f4", (dimension,))])
