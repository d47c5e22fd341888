"""From a question to a cited answer: rewrite, retrieve, judge, generate, check."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, field, replace

from assistant.answers import Answer, Citation, Event, Finished, Found, Sentence, Stated, Timings
from assistant.asking import Asking, Judgement
from assistant.chat_model import ChatModel, Message
from assistant.follow_ups import refers_back, trusted_rewrite
from assistant.grounding import Support, find_support, without_marks
from assistant.pointing import Weighing, pick, point, score_lines
from assistant.prompts import (
    OPENING,
    PROMPTS,
    Exchange,
    Prompts,
    Statement,
    answer_messages,
    read_statements,
    rewrite_messages,
)
from assistant.settings import AnswerSettings
from assistant.sufficiency import Rarity, SufficiencyModel, features
from index.passages import Passage
from index.quotables import quotables
from index.retrieval import Line, Retrieval, Retriever
from index.scope import NO_FILTER, Filter
from index.terms import terms

# cosine: a supported sentence this much farther from the question than the nearest line is beside the point
_ASIDE = 0.15
# cosine: lines this near to the nearest one are quoted with it
_NEARLY = 0.1
_LONGEST_QUESTION = 2000  # characters; what follows is not read


@dataclass(slots=True)
class _Stopwatch:
    started: float = field(default_factory=time.perf_counter)
    rewrite: float = 0.0
    first_token: float = 0.0
    generate: float = 0.0

    @contextlib.contextmanager
    def generating(self) -> Iterator[None]:
        """Count the time inside as the model's; its first choice is its first token."""
        began = time.perf_counter()
        yield
        taken = time.perf_counter() - began
        self.first_token = self.first_token or taken
        self.generate += taken


@dataclass(slots=True)
class _Draft:
    """An answer in the making: every sentence is checked against the passages given before it is kept."""

    given: tuple[Passage, ...]
    retrieval: Retrieval
    sentences: list[Sentence] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)

    def keep(self, text: str, support: Support) -> Stated:
        number = self._number(support)
        self.sentences.append(Sentence(text, (number,)))
        return Stated(self.sentences[-1], tuple(self.citations))

    def check(self, text: str) -> Stated | None:
        """Keep a sentence that a passage supports and the question asks for; drop any other, and repetitions."""
        bare = without_marks(text)
        if any(set(terms(bare)) <= set(terms(s.text)) for s in self.sentences):
            return None
        support = find_support(bare, self.given)
        if support is None or not self._is_asked_for(support):
            return None
        return self.keep(bare, support)

    def has_quoted(self, line: Line) -> bool:
        """Whether a sentence that was kept already rests on this line."""
        return any(c.passage == line.passage and line.text in c.quote for c in self.citations)

    def _is_asked_for(self, support: Support) -> bool:
        """Whether the lines that support a sentence are about as near to the question as the nearest line is."""
        cosines = [
            li.cosine for li in self.retrieval.lines if li.passage == support.passage and li.text in support.quote
        ]
        return max(cosines, default=0.0) >= self.retrieval.lines[0].cosine - _ASIDE

    def _number(self, support: Support) -> int:
        for citation in self.citations:
            if citation.passage.id == support.passage.id and citation.quote == support.quote:
                return citation.number
        number = len(self.citations) + 1
        score = next((h.score for h in self.retrieval.hits if h.passage == support.passage), 0.0)
        self.citations.append(Citation(number, support.passage, support.quote, score))
        return number


class Answerer:
    """Answers questions from a knowledge base with a chat model."""

    def __init__(
        self,
        retriever: Retriever,
        model: ChatModel,
        sufficiency: SufficiencyModel,
        weighing: Weighing,
        settings: AnswerSettings,
    ) -> None:
        self._retriever = retriever
        self._model = model
        self._sufficiency = sufficiency
        self._weighing = weighing
        self._settings = settings

    def _threshold(self, asking: Asking) -> float:
        if self._settings.sufficiency >= 0:
            return self._settings.sufficiency
        return asking.judgement.threshold if asking.judgement else self._sufficiency.threshold

    async def answer(self, question: str, history: Sequence[Exchange] = (), wanted: Filter = NO_FILTER) -> Answer:
        """The whole answer at once. Raises ModelUnavailable and the knowledge base's errors."""
        async for event in self.stream(question, history, wanted):
            if isinstance(event, Finished):
                return event.answer
        raise AssertionError("the stream ends with a finished answer")

    async def stream(
        self, question: str, history: Sequence[Exchange] = (), wanted: Filter = NO_FILTER
    ) -> AsyncGenerator[Event, None]:
        """Yield Found, then a Stated for each supported sentence, then Finished; from what the filter admits."""
        watch = _Stopwatch()
        question = question.strip()[:_LONGEST_QUESTION]
        standalone = await self._standalone(question, history, watch)
        retrieval = await self._search(standalone, wanted)
        yield Found(standalone, retrieval.hits, retrieval.generation.id)
        asking = self._model.asking
        prompts = PROMPTS[asking.prompts]
        messages, given = prompt_over(self._model, prompts, standalone, retrieval, self._settings)
        probability, pointers = await self._judge(standalone, retrieval, messages, given, watch)
        draft = _Draft(given, retrieval)
        nearest = best_lines(retrieval.lines, given)
        written: list[str] = []
        quoted = False
        if given and probability >= self._threshold(asking):
            if pointers:
                with watch.generating():
                    scored = await score_lines(self._model, messages, pointers, given, retrieval.lines)
                chosen = pick(scored, self._weighing)
                written += [f"{OPENING}{s.number}] {s.line.text}" for s in chosen]
                nearest = [s.line for s in chosen] or nearest
            else:
                async with contextlib.aclosing(self._statements(prompts, messages, written, watch)) as stream:
                    async for statement in stream:
                        stated = draft.check(statement.text)
                        if stated is not None:
                            yield stated
                quoted = not draft.sentences
            for line in nearest:
                if not draft.has_quoted(line):
                    yield draft.keep(_ended(line.text), Support(line.passage, line.text, 1.0))
        elsewhere = "" if draft.sentences else await self._elsewhere(standalone, wanted, watch)
        yield Finished(
            Answer(
                question=question,
                standalone=standalone,
                sentences=tuple(draft.sentences),
                citations=tuple(draft.citations),
                abstained=not draft.sentences,
                quoted=quoted,
                sufficiency=probability,
                draft=" ".join(written) if pointers else "".join(written),
                closest=retrieval.hits,
                nearest=tuple(nearest),
                given=given,
                timings=_timings(watch, retrieval),
                model=self._model.name,
                generation=retrieval.generation.id,
                filter=wanted,
                elsewhere=elsewhere,
            )
        )

    async def _search(self, standalone: str, wanted: Filter) -> Retrieval:
        return await asyncio.to_thread(
            self._retriever.search, standalone, self._settings.passages, self._settings.prompt_passages, wanted
        )

    async def _judge(
        self,
        standalone: str,
        retrieval: Retrieval,
        messages: Sequence[Message],
        given: Sequence[Passage],
        watch: _Stopwatch,
    ) -> tuple[float, tuple[float, ...]]:
        """The probability that what was found holds the answer; and where the model points, when it was taught to."""
        probability = self._sufficiency.probability(features(standalone, retrieval, Rarity(retrieval.generation.words)))
        asking = self._model.asking
        if not given or not PROMPTS[asking.prompts].pointing:
            return probability, ()
        with watch.generating():
            pointers = await point(self._model, messages, len(given))
        return _judged(asking.judgement, probability, 1 - pointers[0]), pointers

    async def _elsewhere(self, standalone: str, wanted: Filter, watch: _Stopwatch) -> str:
        """The field of the filter without which the documents hold an answer; empty where there is none."""
        prompts = PROMPTS[self._model.asking.prompts]
        wider = {
            "region": replace(wanted, region=""),
            "product": replace(wanted, product=""),
            "language": replace(wanted, language=""),
        }
        for name, without in wider.items():
            if without == wanted:
                continue
            retrieval = await self._search(standalone, without)
            messages, given = prompt_over(self._model, prompts, standalone, retrieval, self._settings)
            probability, _ = await self._judge(standalone, retrieval, messages, given, watch)
            if (
                given
                and probability >= self._threshold(self._model.asking)
                and self._is_kept_out(given[0], wanted, retrieval)
            ):
                return name
        return ""

    def _is_kept_out(self, passage: Passage, wanted: Filter, retrieval: Retrieval) -> bool:
        scope = retrieval.generation.scopes[passage.document]
        return scope is not None and not wanted.admits(scope, self._retriever.today())

    async def _statements(
        self, prompts: Prompts, messages: Sequence[Message], written: list[str], watch: _Stopwatch
    ) -> AsyncGenerator[Statement, None]:
        """Whole statements as the model completes them; every piece is also added to `written`."""
        pending = ""
        began = waiting = time.perf_counter()
        pieces = self._model.stream(messages, self._settings.max_tokens, stop=("\n\n", "Question:"))
        async with contextlib.aclosing(pieces) as stream:
            async for piece in stream:
                now = time.perf_counter()
                watch.generate += now - waiting
                watch.first_token = watch.first_token or now - began
                written.append(piece)
                pending += piece
                whole, pending = read_statements(prompts, pending, ended=False)
                for statement in whole:
                    yield statement
                waiting = time.perf_counter()
            watch.generate += time.perf_counter() - waiting
        for statement in read_statements(prompts, pending, ended=True)[0]:
            yield statement

    async def _standalone(self, question: str, history: Sequence[Exchange], watch: _Stopwatch) -> str:
        """A follow-up, put so that it can be understood alone; the question itself when it already can."""
        recent = list(history)[-self._settings.history_turns :] if self._settings.history_turns else []
        if not recent or not refers_back(question):
            return question
        began = time.perf_counter()
        budget = self._model.context_tokens - 64
        messages = rewrite_messages(
            PROMPTS[self._model.asking.prompts], question, recent, budget, self._model.count_tokens
        )
        pieces = self._model.stream(messages, 64, stop=("\n",))
        async with contextlib.aclosing(pieces) as stream:
            rewritten = "".join([piece async for piece in stream]).strip()
        watch.rewrite = time.perf_counter() - began
        return trusted_rewrite(rewritten, question, recent)


def prompt_over(
    model: ChatModel, prompts: Prompts, question: str, retrieval: Retrieval, settings: AnswerSettings
) -> tuple[list[Message], tuple[Passage, ...]]:
    """What a model is asked about the first passages that were found, and those of them that there is room for."""
    passages = [h.passage for h in retrieval.hits[: settings.prompt_passages]]
    budget = model.context_tokens - settings.max_tokens
    return answer_messages(prompts, question, passages, budget, model.count_tokens)


def best_lines(lines: Sequence[Line], given: Sequence[Passage]) -> list[Line]:
    """The line nearest to the question and, of its passage's lines that are nearly as near, the one before and the one
    after it; in their order."""
    nearest = next((line for line in lines if line.passage in given), None)
    if nearest is None:
        return []
    near = {li.text for li in lines if li.passage == nearest.passage and li.cosine >= nearest.cosine - _NEARLY}
    ordered = [q.text for q in quotables(nearest.passage.text) if q.text in near]
    first = ordered.index(nearest.text)
    chosen = ordered[max(0, first - 1) : first + 2]
    return [next(li for li in lines if li.passage == nearest.passage and li.text == text) for text in chosen]


def _judged(judgement: Judgement | None, by_retrieval: float, by_model: float) -> float:
    return judgement.probability(by_retrieval, by_model) if judgement else by_retrieval


def _ended(line: str) -> str:
    return line if line.endswith((".", "!", "?", ":", "。", "！", "？")) else line + "."


def _timings(watch: _Stopwatch, retrieval: Retrieval) -> Timings:
    total = time.perf_counter() - watch.started
    model = watch.rewrite + watch.generate
    return Timings(
        rewrite=watch.rewrite,
        embed=retrieval.embed_seconds,
        search=retrieval.search_seconds,
        first_token=watch.first_token,
        generate=watch.generate,
        added=total - model - retrieval.embed_seconds,
        total=total,
    )
