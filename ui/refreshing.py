"""A refresh with the configured parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from assistant.errors import SettingsError
from assistant.settings import Settings
from index.embedding import SentenceTransformerEmbedder
from index.library import KnowledgeBase
from ingest.canaries import CANARIES
from ingest.errors import SourceError
from ingest.isolation import IsolatedReader
from ingest.readers import Limits
from ingest.refresh import Refresher, RefreshPolicy


def open_refresher(settings: Settings, *, wait: float = 0, retry: bool = False, force: bool = False) -> Refresher:
    """The refresher of the configured knowledge base; the rest is explained at RefreshPolicy.

    Raises EmbedderNotFound, SettingsError.
    """
    ingest = settings.ingest
    if ingest.on_failure not in ("keep", "drop"):
        raise SettingsError(f"ingest.on_failure: expected keep or drop, not {ingest.on_failure!r}")
    policy = RefreshPolicy(
        max_drop=ingest.max_drop,
        keep_failed=ingest.on_failure == "keep",
        reading=f"{ingest.max_file_mb} MB, {ingest.max_seconds} s, {ingest.max_memory_mb} MB",
        canaries=(settings.home / CANARIES,),
        wait=wait,
        retry=retry,
        force=force,
    )
    return Refresher(
        KnowledgeBase(settings.knowledge_base),
        SentenceTransformerEmbedder.from_name(settings.models.embedder),
        ingest.passage_tokens,
        IsolatedReader(Limits(ingest.max_file_mb * 2**20), ingest.max_seconds, ingest.max_memory_mb),
        policy,
    )


def remembered_sources(settings: Settings) -> Sequence[Path]:
    """The sources of the current generation. Raises SourceError where there is none."""
    sources = KnowledgeBase(settings.knowledge_base).last_sources()
    if not sources:
        raise SourceError("no sources are known yet; run: switchboard kb refresh FOLDER")
    return [Path(s) for s in sources]
