"""The knowledge base: which generation is current, and how it changes."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from pathlib import Path

from index.errors import KnowledgeBaseError, NoGeneration
from index.generation import Contents, Generation

log = logging.getLogger(__name__)

_POINTER = "current"
_KEEP = 3


class KnowledgeBase:
    """Generations under one folder and a pointer to the current one.

    Readers keep the generation they were given until they are done with it; publishing moves the pointer and
    disturbs nobody.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._opened: Generation | None = None

    @property
    def _generations(self) -> Path:
        return self._folder / "generations"

    def current_id(self) -> str | None:
        """Id of the current generation, None when nothing was published."""
        try:
            return (self._folder / _POINTER).read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None

    def current(self) -> Generation:
        """The current generation, opened once and kept until another is published.

        Raises NoGeneration when nothing was published, DamagedGeneration when its files are not whole.
        """
        wanted = self.current_id()
        if wanted is None:
            raise NoGeneration("the knowledge base is empty; run: switchboard kb refresh FOLDER")
        with self._lock:
            if self._opened is None or self._opened.id != wanted:
                self._opened = Generation.open(self._generations / wanted)
            return self._opened

    def publish(self, contents: Contents) -> Generation:
        """Write a generation beside the current one, check it by opening it, and move the pointer to it."""
        try:
            generation = Generation.open(Generation.write(self._generations, contents))
            self._point_at(generation.id)
        except OSError as exc:
            raise KnowledgeBaseError(
                f"the new generation could not be written under {self._folder} ({exc.strerror}); the old one still serves"
            ) from exc
        with self._lock:
            self._opened = generation
        self._drop_old(generation.id)
        return generation

    def _point_at(self, generation_id: str) -> None:
        new = self._folder / f".{_POINTER}-{os.getpid()}"
        with new.open("w", encoding="utf-8") as file:
            file.write(generation_id + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self._folder / _POINTER)

    def _drop_old(self, current: str) -> None:
        # ids begin with their time, so the order of names is the order of making
        old = sorted(p for p in self._generations.iterdir() if p.is_dir() and p.name != current)
        for folder in old[: -(_KEEP - 1)]:
            log.info("removing old generation %s", folder.name)
            shutil.rmtree(folder, ignore_errors=True)
