"""The retriever in a chain of LangChain's."""

from __future__ import annotations

import asyncio

from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

from index.langchain import SwitchboardRetriever
from index.library import KnowledgeBase
from index.retrieval import Retriever
from tests.doubles import WordHashEmbedder


def test_a_chain_over_the_passages(filled: KnowledgeBase, embedder: WordHashEmbedder) -> None:
    retriever = SwitchboardRetriever(retriever=Retriever(filled, embedder), k=2)

    def answer(asked: dict[str, str]) -> str:
        return f"{asked['question']} {asked['context']}"

    def joined(found: list[Document]) -> str:
        return " | ".join(f"{d.metadata['source']}#{d.metadata['heading'][-1]}" for d in found[:1])

    chain = {"context": retriever | joined, "question": RunnablePassthrough()} | RunnableLambda(answer)
    assert chain.invoke("notice period") == "notice period plans.md#Notice"
    assert asyncio.run(chain.ainvoke("PUK")) == "PUK sim.md#PUK"


def test_documents_say_where_they_come_from(filled: KnowledgeBase, embedder: WordHashEmbedder) -> None:
    search = Retriever(filled, embedder)
    hits = search.search("notice period", 3).hits
    found = SwitchboardRetriever(retriever=search, k=3).invoke("notice period")
    assert [(d.id, d.page_content) for d in found] == [(h.passage.id, h.passage.text) for h in hits]
    assert [(d.metadata["score"], d.metadata["cosine"]) for d in found] == [(h.score, h.cosine) for h in hits]
    assert found[0].metadata["generation"] == filled.current().id
