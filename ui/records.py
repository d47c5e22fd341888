"""Answers and hits as the plain records that programs read: the command line's --json and the HTTP API."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date

from pydantic import BaseModel, Field

from assistant.answers import Answer, Citation
from assistant.errors import AudienceRefused
from assistant.triage.classification import Classification
from index.passages import Hit
from index.retrieval import Line
from index.scope import Audience, Filter


class FilterRecord(BaseModel, extra="forbid"):
    """What may be found; empty: any, and `on` None: what holds today. Without `audience`, that of the server."""

    product: str = Field(default="", max_length=200)
    region: str = Field(default="", max_length=200)
    language: str = Field(default="", max_length=35)
    audience: Audience | None = None
    on: date | None = None

    @classmethod
    def of(cls, wanted: Filter) -> FilterRecord:
        return cls(
            product=wanted.product,
            region=wanted.region,
            language=wanted.language,
            audience=wanted.audience,
            on=wanted.day,
        )

    def filter(self, default: Audience) -> Filter:
        """The filter for a server, or a command, of this audience. Raises AudienceRefused where it would widen it."""
        audience = self.audience or default
        if audience == "agent" and default == "customer":
            raise AudienceRefused("this server is for customers: what is for agents only cannot be asked for here")
        return Filter(self.product.strip(), self.region.strip(), audience, self.language.strip().lower(), self.on)


class HitRecord(BaseModel):
    document: str
    title: str
    heading: str
    page: int | None
    score: float
    text: str

    @classmethod
    def of(cls, hit: Hit) -> HitRecord:
        p = hit.passage
        return cls(
            document=p.document,
            title=p.title,
            heading=p.heading_path,
            page=p.page,
            score=round(hit.score, 4),
            text=p.text,
        )


class CitationRecord(BaseModel):
    number: int
    document: str
    title: str
    heading: str
    page: int | None
    quote: str
    score: float
    passage: str
    passage_id: str

    @classmethod
    def of(cls, citation: Citation) -> CitationRecord:
        p = citation.passage
        return cls(
            number=citation.number,
            document=p.document,
            title=p.title,
            heading=p.heading_path,
            page=p.page,
            quote=citation.quote,
            score=round(citation.score, 4),
            passage=p.text,
            passage_id=p.id,
        )


class LineRecord(BaseModel):
    document: str
    heading: str
    page: int | None
    text: str

    @classmethod
    def of(cls, line: Line) -> LineRecord:
        p = line.passage
        return cls(document=p.document, heading=p.heading_path, page=p.page, text=line.text)


class AnswerRecord(BaseModel):
    """`timings` in seconds; `quoted` is true where the passage's own words stand in for the model's.

    `elsewhere` names the field of the filter, if any, without which there would be an answer. `nearest` are the lines nearest to the question; after an abstention they are what comes closest.
    """

    question: str
    standalone: str
    answer: str
    citations: list[CitationRecord]
    abstained: bool
    quoted: bool
    sufficiency: float
    closest: list[HitRecord]
    nearest: list[LineRecord]
    timings: dict[str, float]
    model: str
    generation: str
    filter: FilterRecord
    elsewhere: str

    @classmethod
    def of(cls, answer: Answer) -> AnswerRecord:
        return cls(
            question=answer.question,
            standalone=answer.standalone,
            answer=answer.text,
            citations=[CitationRecord.of(c) for c in answer.citations],
            abstained=answer.abstained,
            quoted=answer.quoted,
            sufficiency=round(answer.sufficiency, 4),
            closest=[HitRecord.of(h) for h in answer.closest],
            nearest=[LineRecord.of(line) for line in answer.nearest],
            timings={stage: round(seconds, 4) for stage, seconds in asdict(answer.timings).items()},
            model=answer.model,
            generation=answer.generation,
            filter=FilterRecord.of(answer.filter),
            elsewhere=answer.elsewhere,
        )


class OptionRecord(BaseModel):
    id: str
    name: str
    probability: float


class LevelRecord(BaseModel):
    """One level: `chosen` is false where the ticket stopped above it; `others` are the siblings, likeliest first."""

    id: str
    name: str
    probability: float
    path_probability: float
    chosen: bool
    others: list[OptionRecord]


class ClassificationRecord(BaseModel):
    """Where a ticket goes."""

    label: str
    path: list[str]
    levels: list[LevelRecord]
    queue: str
    priority: str
    needs_review: bool
    reason: str

    @classmethod
    def of(cls, found: Classification) -> ClassificationRecord:
        return cls(
            label=found.path[-1].id if found.path else "",
            path=[node.name for node in found.path],
            levels=[
                LevelRecord(
                    id=step.node.id,
                    name=step.node.name,
                    probability=round(step.probability, 4),
                    path_probability=round(step.path_probability, 4),
                    chosen=level < len(found.path),
                    others=[OptionRecord(id=n.id, name=n.name, probability=round(p, 4)) for n, p in step.others],
                )
                for level, step in enumerate(found.steps)
            ],
            queue=found.queue,
            priority=found.priority,
            needs_review=found.needs_review,
            reason=found.reason,
        )
