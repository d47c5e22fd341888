"""A refresh with the configured parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from assistant.settings import Settings
from index.embedding import SentenceTransformerEmbedder
from index.library import KnowledgeBase
from ingest.errors import SourceError
from ingest.refresh import Refresher


def open_refresher(settings: Settings) -> Refresher:
    """The refresher of the configured knowledge base. Raises EmbedderNotFound."""
    return Refresher(
        KnowledgeBase(settings.knowledge_base),
        settings.knowledge_base,
        SentenceTransformerEmbedder.from_name(settings.models.embedder),
        settings.ingest.passage_tokens,
        settings.ingest.max_file_mb * 2**20,
    )


def remembered_sources(settings: Settings) -> Sequence[Path]:
    """The sources of the current generation. Raises SourceError where there is none."""
    knowledge_base = KnowledgeBase(settings.knowledge_base)
    if knowledge_base.current_id() is None:
        raise SourceError("no sources are known yet; run: switchboard kb refresh FOLDER")
    return [Path(s) for s in knowledge_base.current().manifest.sources]
