"""The retriever as one of LangChain's, for chains that others build."""

from __future__ import annotations

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from index.passages import Hit
from index.retrieval import Retriever
from index.scope import NO_FILTER, Filter


class SwitchboardRetriever(BaseRetriever):
    """Gives the `k` best passages for a query that the filter `wanted` admits, best first, as LangChain's documents.

    A document's `id` is the passage's, its `page_content` the passage's text; `metadata` holds `source`, `title`,
    `heading` (the path, outermost first), `page` (None where there are none), `score` and `cosine`, `duplicates` (the
    ids of passages that say the same) and `generation`. `ainvoke` searches in a thread, so that the loop goes on.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    retriever: Retriever
    k: int = 5
    wanted: Filter = NO_FILTER

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        found = self.retriever.search(query, self.k, wanted=self.wanted)
        return [_document(hit, found.generation.id) for hit in found.hits]


def _document(hit: Hit, generation: str) -> Document:
    passage = hit.passage
    return Document(
        id=passage.id,
        page_content=passage.text,
        metadata={
            "source": passage.document,
            "title": passage.title,
            "heading": list(passage.heading),
            "page": passage.page,
            "score": hit.score,
            "cosine": hit.cosine,
            "duplicates": [p.id for p in hit.duplicates],
            "generation": generation,
        },
    )
