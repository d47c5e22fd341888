"""What an answer is, finished and in the making."""

from __future__ import annotations

from dataclasses import dataclass

from index.passages import Hit, Passage
from index.retrieval import Line
from index.scope import NO_FILTER, Filter


@dataclass(frozen=True, slots=True)
class Citation:
    """A passage that an answer rests on; `quote` is the passage's own words, `score` that of its hit."""

    number: int
    passage: Passage
    quote: str
    score: float


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of an answer with the numbers of its citations."""

    text: str
    citations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds per stage; `added` is what is left of `total` beyond the embedder's and the model's own time."""

    rewrite: float
    embed: float
    search: float
    first_token: float
    generate: float
    added: float
    total: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer. `draft` is what the model wrote before unsupported sentences were taken out; `quoted`
    says that the passage's own words stand in for it. An abstention has no citations and shows the `closest` passages
    and the `nearest` lines in them; `elsewhere` names the field of the filter without which there would be an answer."""

    question: str
    standalone: str
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    abstained: bool
    quoted: bool
    sufficiency: float
    draft: str
    closest: tuple[Hit, ...]
    nearest: tuple[Line, ...]
    given: tuple[Passage, ...]
    timings: Timings
    model: str
    generation: str
    filter: Filter = NO_FILTER
    elsewhere: str = ""

    @property
    def text(self) -> str:
        """The answer as prose, each sentence followed by its citation marks."""
        if self.abstained:
            return f"{abstention(self.standalone)} {self.other_scope}".rstrip()
        return " ".join(s.text + "".join(f" [{n}]" for n in s.citations) for s in self.sentences)

    @property
    def other_scope(self) -> str:
        """A sentence where the answer was declined only because of the filter; else empty."""
        return f"There is an answer for other {self.elsewhere}s." if self.elsewhere else ""


@dataclass(frozen=True, slots=True)
class Found:
    """The passages are there; the model begins to write."""

    standalone: str
    hits: tuple[Hit, ...]
    generation: str


@dataclass(frozen=True, slots=True)
class Stated:
    """One more sentence, checked, with the citations known so far."""

    sentence: Sentence
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    """The whole answer."""

    answer: Answer


Event = Found | Stated | Finished


def abstention(question: str) -> str:
    """What is said when the documents do not hold the answer."""
    asked = question if len(question) <= 200 else question[:200].rstrip() + "…"
    return f"As far as I can tell, the documents don't say: I found no answer to “{asked}” in them."
