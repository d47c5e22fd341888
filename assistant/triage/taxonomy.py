"""The tree of complaint categories, and what follows from each for the desk that a ticket goes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from assistant.errors import DatasetError
from index.checksums import sha256_of

Priority = Literal["low", "normal", "high", "urgent"]


@dataclass(frozen=True)
class Node:
    """A category. `queue`, `priority` and `review` hold for it as it stands: inherited where its file says nothing.

    `level` counts from 1 below the root; `review` means that a person always looks.
    """

    id: str
    name: str
    description: str
    level: int
    queue: str
    priority: Priority
    review: bool
    children: tuple[Node, ...]

    @property
    def is_leaf(self) -> bool:
        return not self.children

    def walk(self) -> Iterator[Node]:
        """The node and everything below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


class Taxonomy:
    """A tree of any depth, even or not; ids are unique in it."""

    def __init__(self, name: str, version: str, roots: Sequence[Node]) -> None:
        self.name = name
        self.version = version
        self.roots = tuple(roots)

    @classmethod
    def load(cls, path: Path) -> Taxonomy:
        """Read a YAML file. Raises DatasetError saying what is wrong with it and where."""
        try:
            read = _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except OSError as exc:
            raise DatasetError(f"{path}: {exc.strerror}; name a taxonomy in YAML") from exc
        except (UnicodeDecodeError, yaml.YAMLError) as exc:
            raise DatasetError(f"{path} is not a YAML file: {' '.join(str(exc).split())[:200]}") from exc
        except ValidationError as exc:
            first = exc.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the file"
            raise DatasetError(f"{path}: {place}: {first['msg']}") from exc
        roots = [_node(entry, 1, _NOTHING) for entry in read.nodes]
        _refuse_duplicates(path, roots)
        return cls(read.name, f"{read.version}-{sha256_of(path)[:8]}", roots)

    @classmethod
    def from_ids(cls, name: str, paths: Iterable[Sequence[str]]) -> Taxonomy:
        """The tree that paths of ids span, as labelled tickets have them; a node's name is the last part of its id."""
        tree: dict[str, _Branches] = {}
        for path in paths:
            level = tree
            for node_id in path:
                level = level.setdefault(node_id, {})
        return cls(name, "from labels", [_labelled(node_id, 1, below) for node_id, below in tree.items()])

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        """Every node by id, parents first."""
        return {node.id: node for root in self.roots for node in root.walk()}

    @cached_property
    def leaves(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes.values() if node.is_leaf)

    @cached_property
    def _parents(self) -> Mapping[str, Node]:
        return {child.id: node for node in self.nodes.values() for child in node.children}

    @property
    def depth(self) -> int:
        """Levels below the root."""
        return max((node.level for node in self.nodes.values()), default=0)

    def path(self, node_id: str) -> tuple[Node, ...]:
        """From the first level down to a node. Raises KeyError for an unknown id."""
        node = self.nodes[node_id]
        found = [node]
        while (parent := self._parents.get(found[0].id)) is not None:
            found.insert(0, parent)
        return tuple(found)

    def path_ids(self, node_id: str) -> tuple[str, ...]:
        """The ids of `path`. Raises KeyError for an unknown id."""
        return tuple(node.id for node in self.path(node_id))

    def below(self, node: Node | None) -> tuple[Node, ...]:
        """The children of a node; of None, the first level."""
        return self.roots if node is None else node.children


_Branches = dict[str, "_Branches"]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str
    name: str
    description: str = ""
    queue: str | None = None
    priority: Priority | None = None
    review: bool | None = None
    children: tuple[_Entry, ...] = ()


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    version: int = 1
    nodes: tuple[_Entry, ...]


_NOTHING = Node("", "", "", 0, "general", "normal", False, ())


def _node(entry: _Entry, level: int, parent: Node) -> Node:
    own = Node(
        id=entry.id,
        name=entry.name,
        description=entry.description,
        level=level,
        queue=entry.queue or parent.queue,
        priority=entry.priority or parent.priority,
        review=parent.review if entry.review is None else entry.review,
        children=(),
    )
    below = tuple(_node(child, level + 1, own) for child in entry.children)
    return Node(own.id, own.name, own.description, level, own.queue, own.priority, own.review, below)


def _labelled(node_id: str, level: int, below: _Branches) -> Node:
    children = tuple(_labelled(child, level + 1, deeper) for child, deeper in below.items())
    name = node_id.rsplit(" > ", 1)[-1].replace("_", " ")
    return Node(node_id, name, "", level, "general", "normal", False, children)


def _refuse_duplicates(path: Path, roots: Sequence[Node]) -> None:
    seen: set[str] = set()
    for root in roots:
        for node in root.walk():
            if node.id in seen:
                raise DatasetError(f"{path}: the id {node.id!r} stands there twice; ids must be unique")
            seen.add(node.id)
    if not seen:
        raise DatasetError(f"{path}: there are no categories in it")
