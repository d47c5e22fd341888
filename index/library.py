"""The knowledge base: which generation is current, and how it changes."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index.audit import AuditLog
from index.durable import replace_whole
from index.errors import DamagedGeneration, KnowledgeBaseError, NoGeneration, NoSuchGeneration
from index.generation import MANIFEST, Contents, Generation, keys_in, read_manifest, sources_of
from index.lock import writing
from index.passage_table import KEY, Keys
from index.records import CanaryResult, Manifest

log = logging.getLogger(__name__)

_POINTER = "current"
KEPT = 3


@dataclass(frozen=True, slots=True)
class Listed:
    """A generation that is kept: `manifest` is None, and `damage` says why, where it cannot be served."""

    id: str
    current: bool
    manifest: Manifest | None
    damage: str = ""


class KnowledgeBase:
    """Generations under one folder and a pointer to the current one.

    Readers keep the generation they were given until they are done with it; publishing moves the pointer and
    disturbs nobody. What changes anything is done inside `writing`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.audit = AuditLog(folder)
        self._lock = threading.Lock()
        self._opened: Generation | None = None

    @property
    def _generations(self) -> Path:
        return self.folder / "generations"

    def current_id(self) -> str | None:
        """Id of the current generation, None when nothing was published."""
        try:
            return (self.folder / _POINTER).read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None

    def current(self) -> Generation:
        """The current generation, opened once and kept until another is published.

        Raises NoGeneration when nothing was published, DamagedGeneration when its files are not whole.
        """
        wanted = self._wanted()
        opened = self._opened
        if opened is not None and opened.id == wanted:
            return opened
        with self._lock:
            while self._opened is None or self._opened.id != wanted:
                try:
                    self._opened = Generation.open(self._generations / wanted)
                except DamagedGeneration:
                    # the pointer may have moved on, and what it pointed to been removed, since it was read
                    if (now := self._wanted()) == wanted:
                        raise
                    wanted = now
            return self._opened

    def _wanted(self) -> str:
        wanted = self.current_id()
        if wanted is None:
            raise NoGeneration("the knowledge base is empty; run: switchboard kb refresh FOLDER")
        return wanted

    def open(self, generation_id: str) -> Generation:
        """A generation that is kept, by its id or the beginning of it. Raises NoSuchGeneration, DamagedGeneration."""
        wanted = self._named(generation_id)
        opened = self._opened
        return opened if opened is not None and opened.id == wanted else Generation.open(self._generations / wanted)

    def last_sources(self) -> Sequence[str]:
        """The sources of the current generation, even of one that cannot be served; none where there is none."""
        current = self.current_id()
        return () if current is None else sources_of(self._generations / current)

    def kept(self) -> Sequence[Listed]:
        """The generations that are kept, newest first."""
        current = self.current_id()
        return [_listed(folder, current) for folder in reversed(self._kept())]

    def kept_keys(self) -> Keys:
        """The keys of the passages of all generations that are kept."""
        return np.concatenate([np.zeros(0, KEY), *(keys_in(folder) for folder in self._kept())])

    @contextmanager
    def writing(self, what: str, wait: float = 0) -> Iterator[None]:
        """The only writer, for the length of a `with` block; what a dead one left half written is removed.

        Raises KnowledgeBaseBusy, saying who writes, after `wait` seconds.
        """
        with writing(self.folder, what, wait):
            for folder in self._folders():
                if not (folder / MANIFEST).is_file() and folder.name != self.current_id():
                    log.info("removing %s, which was never finished", folder.name)
                    shutil.rmtree(folder, ignore_errors=True)
            yield

    def publish(
        self,
        contents: Contents,
        judge: Callable[[Generation], CanaryResult | None] = lambda _: None,
        forced: Callable[[], Sequence[str]] = tuple,
    ) -> Generation:
        """Write a generation beside the current one, check it, have it judged, and move the pointer to it.

        `judge` may raise to refuse it; `forced` names what was overridden. Raises KnowledgeBaseError when the disk is
        full; whatever is raised, the old generation serves and nothing new is left.
        """
        generation: Generation | None = None
        try:
            generation = Generation.write(self._generations, contents, judge)
            overridden = forced()
            self.audit.add("force" if overridden else "refresh", generation.id, "; ".join(overridden))
            self._point_at(generation.id)
        except OSError as exc:
            # where only the last sync failed, the pointer has moved already
            if generation is not None and self.current_id() != generation.id:
                shutil.rmtree(generation.folder, ignore_errors=True)
            raise KnowledgeBaseError(
                f"the new generation could not be written under {self.folder} ({exc.strerror}); the old one still serves"
            ) from exc
        with self._lock:
            self._opened = generation
        self._drop_old(KEPT)
        return generation

    def roll_back(self, generation_id: str = "") -> Generation:
        """Serve an earlier generation again, the one before the current where none is named, once it is found whole.

        Raises NoSuchGeneration, DamagedGeneration.
        """
        target = self._named(generation_id) if generation_id else self._before_current()
        if target == self.current_id():
            raise NoSuchGeneration(f"generation {target} is the current one already")
        generation = Generation.open(self._generations / target, recheck=True)
        before = self.current_id()
        try:
            self.audit.add("rollback", target, f"from {before}")
            self._point_at(target)
        except OSError as exc:
            raise KnowledgeBaseError(
                f"the pointer under {self.folder} could not be moved ({exc.strerror}); {before} still serves"
            ) from exc
        with self._lock:
            self._opened = generation
        return generation

    def prune(self, keep: int) -> Sequence[str]:
        """Remove all but the `keep` newest generations, and never the current one; return the ids of those removed."""
        removed = self._drop_old(keep)
        if removed:
            self.audit.add("prune", self.current_id() or "", f"removed {', '.join(removed)}")
        return removed

    def _named(self, generation_id: str) -> str:
        kept = [folder.name for folder in self._kept()]
        found = [name for name in kept if name.startswith(generation_id)] if generation_id else []
        if generation_id in found or len(found) == 1:
            return generation_id if generation_id in found else found[0]
        what = "is the beginning of several generations" if found else "is not a generation that is kept"
        raise NoSuchGeneration(f"{generation_id!r} {what}; there are {', '.join(kept) or 'none'}")

    def _before_current(self) -> str:
        current = self._wanted()
        earlier = [folder.name for folder in self._kept() if folder.name < current]
        if not earlier:
            raise NoSuchGeneration(f"no generation before {current} is kept; switchboard kb list shows those that are")
        return earlier[-1]

    def _folders(self) -> Sequence[Path]:
        # ids begin with their time, so the order of names is the order of making
        return sorted(p for p in self._generations.iterdir() if p.is_dir()) if self._generations.is_dir() else []

    def _kept(self) -> Sequence[Path]:
        return [folder for folder in self._folders() if (folder / MANIFEST).is_file()]

    def _point_at(self, generation_id: str) -> None:
        replace_whole(self.folder / _POINTER, f"{generation_id}\n".encode())

    def _drop_old(self, keep: int) -> Sequence[str]:
        current = self.current_id()
        old = [folder for folder in self._kept() if folder.name != current]
        dropped = old[: max(0, len(old) - max(keep, 1) + 1)]
        for folder in dropped:
            log.info("removing old generation %s", folder.name)
            # without its manifest it is no generation any more, however far the rest gets
            (folder / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
        return [folder.name for folder in dropped]


def _listed(folder: Path, current: str | None) -> Listed:
    try:
        return Listed(folder.name, folder.name == current, read_manifest(folder))
    except DamagedGeneration as exc:
        return Listed(folder.name, folder.name == current, None, str(exc))
