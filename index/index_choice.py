"""Which kind of vector index a generation has, and how close to exact search it was measured to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class IndexChoice:
    """The kind ("exact", "graph" or "quantised") and what it searches with.

    `recall` is the recall@10 against exact search, the lower of that for vectors of the index and that for points
    between two of them; `asked` is how many were searched for, none of an exact index. `bytes_per_passage` counts what is mapped from disk, exact vectors included.
    """

    kind: str
    recall: float
    asked: int
    bytes_per_passage: float
    parameters: Mapping[str, float] = field(default_factory=dict)
