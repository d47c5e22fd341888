"""The HTTP API: ask, search, health."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import date
from typing import Annotated

from fastapi import FastAPI, Query
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, Field

from assistant.answering import Answerer
from assistant.answers import Event, Found, Stated
from assistant.assembly import ChatService
from assistant.errors import AssistantError, AudienceRefused, ModelUnavailable
from assistant.prompts import Exchange
from index.errors import KnowledgeBaseError
from index.retrieval import Retriever
from index.scope import Audience
from ui.records import AnswerRecord, CitationRecord, FilterRecord, HitRecord


class PastExchange(BaseModel):
    question: str = Field(max_length=4000)
    answer: str = Field(max_length=20000)


class AskRequest(BaseModel):
    """With `stream`, the reply is a stream of server-sent events: found, sentence, answer, error."""

    question: str = Field(min_length=1, max_length=4000)
    history: list[PastExchange] = Field(default=[], max_length=50)
    stream: bool = False
    filter: FilterRecord = FilterRecord()


class ErrorReply(BaseModel):
    error: str


def build_api(answerer: Answerer, service: ChatService, retriever: Retriever) -> FastAPI:
    """The application with the API's routes."""
    app = FastAPI(title="Switchboard", docs_url="/api/docs", openapi_url="/api/openapi.json", redoc_url=None)

    @app.exception_handler(AssistantError)
    @app.exception_handler(KnowledgeBaseError)
    async def refuse(_: object, exc: Exception) -> Response:
        away = isinstance(exc, ModelUnavailable | KnowledgeBaseError)
        status = 403 if isinstance(exc, AudienceRefused) else 503 if away else 500
        return JSONResponse({"error": str(exc)}, status_code=status)

    refusals: dict[int | str, dict[str, object]] = {403: {"model": ErrorReply}, 503: {"model": ErrorReply}}

    @app.post("/api/ask", response_model=AnswerRecord, responses=refusals)
    async def ask(request: AskRequest) -> Response | AnswerRecord:
        history = [Exchange(e.question, e.answer) for e in request.history]
        wanted = request.filter.filter(retriever.audience)
        if request.stream:
            return StreamingResponse(
                _events(answerer.stream(request.question, history, wanted)), media_type="text/event-stream"
            )
        return AnswerRecord.of(await answerer.answer(request.question, history, wanted))

    @app.get("/api/search", responses=refusals)
    async def search(
        q: Annotated[str, Query(min_length=1, max_length=2000)],
        k: Annotated[int, Query(ge=1, le=100)] = 5,
        product: Annotated[str, Query(max_length=200)] = "",
        region: Annotated[str, Query(max_length=200)] = "",
        language: Annotated[str, Query(max_length=35)] = "",
        audience: Audience | None = None,
        on: date | None = None,
    ) -> list[HitRecord]:
        asked = FilterRecord(product=product, region=region, language=language, audience=audience, on=on)
        retrieval = await asyncio.to_thread(retriever.search, q, k, 0, asked.filter(retriever.audience))
        return [HitRecord.of(hit) for hit in retrieval.hits]

    @app.get("/api/health")
    async def health() -> dict[str, str]:
        return {"model": service.state.value, "generation": (await asyncio.to_thread(retriever.generation)).id}

    return app


async def _events(events: AsyncIterator[Event]) -> AsyncIterator[str]:
    try:
        async for event in events:
            yield _event(event)
    except (AssistantError, KnowledgeBaseError) as exc:
        yield f"event: error\ndata: {ErrorReply(error=str(exc)).model_dump_json()}\n\n"


def _event(event: Event) -> str:
    if isinstance(event, Found):
        hits = ",".join(HitRecord.of(h).model_dump_json() for h in event.hits)
        return f"event: found\ndata: [{hits}]\n\n"
    if isinstance(event, Stated):
        record = asdict(event.sentence) | {"sources": [CitationRecord.of(c).model_dump() for c in event.citations]}
        return f"event: sentence\ndata: {json.dumps(record, ensure_ascii=False)}\n\n"
    return f"event: answer\ndata: {AnswerRecord.of(event.answer).model_dump_json()}\n\n"
