"""Puts the same questions to a model with and without passages, and writes down what came of each."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence

from assistant.answering import Answerer
from assistant.answers import Answer
from assistant.chat_model import ChatModel, Message
from assistant.grounding import find_support, without_marks
from assistant.prompts import PROMPTS, Prompts, Statement, answer_messages, answer_request, read_statements
from assistant.questions import Question
from eval.records import Arm, Record, RecordFile, Shown
from index.passages import Passage

_AT_ONCE = 4
_MAX_TOKENS = 120
_CLOSED_BOOK = "You are a telecom operator's assistant. Answer the question in one to three short sentences."


async def ask_both(
    arms: tuple[Arm, Arm],
    answerer: Answerer,
    model: ChatModel,
    questions: Sequence[Question],
    file: RecordFile,
    advance: Callable[[], None] = lambda: None,
) -> None:
    """Ask a model alone for the first arm, with retrieval for the second."""
    alone, found = arms
    await ask_alone(alone, model, questions, file, advance)
    await ask_with_retrieval(found, answerer, model, questions, file, advance)


async def ask_with_retrieval(
    arm: Arm,
    answerer: Answerer,
    model: ChatModel,
    questions: Sequence[Question],
    file: RecordFile,
    advance: Callable[[], None] = lambda: None,
) -> None:
    """Ask what has not been asked yet, as a person would be answered."""

    async def one(question: Question) -> Record:
        return _record(arm, question, await answerer.answer(question.question), model)

    await _each(arm, questions, file, one, advance)


async def ask_alone(
    arm: Arm,
    model: ChatModel,
    questions: Sequence[Question],
    file: RecordFile,
    advance: Callable[[], None] = lambda: None,
) -> None:
    """Ask what has not been asked yet, of the model alone: it has nothing to go by but what it has learned."""
    prompts = PROMPTS[model.asking.prompts]

    async def one(question: Question) -> Record:
        system = prompts.answer if prompts.pointing else _CLOSED_BOOK
        messages = [Message("system", system), Message("user", answer_request(question.question, []))]
        began = time.perf_counter()
        async with contextlib.aclosing(model.stream(messages, _MAX_TOKENS, stop=("\n\n", "Question:"))) as stream:
            draft = "".join([piece async for piece in stream]).strip()
        statements = _statements(prompts, draft)
        shown = " ".join(without_marks(s.text) for s in statements)
        return Record(
            arm=arm,
            question_id=question.id,
            question=question.question,
            style=question.style,
            answerable=question.answerable,
            reference=question.reference,
            answer=shown,
            draft=draft,
            declined=not shown,
            draft_declined=not shown,
            sentences=len(statements),
            supported=0,
            citations=0,
            correct_citations=0,
            seconds=time.perf_counter() - began,
            prompt_tokens=sum(model.count_tokens(m.content) for m in messages),
            output_tokens=model.count_tokens(draft),
        )

    await _each(arm, questions, file, one, advance)


async def _each(
    arm: Arm,
    questions: Sequence[Question],
    file: RecordFile,
    ask: Callable[[Question], Awaitable[Record]],
    advance: Callable[[], None],
) -> None:
    done = file.done()
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(question: Question) -> None:
        async with places:
            file.append(await ask(question))
            advance()

    await asyncio.gather(*(one(q) for q in questions if (arm, q.id) not in done))


def _record(arm: Arm, question: Question, answer: Answer, model: ChatModel) -> Record:
    prompts = PROMPTS[model.asking.prompts]
    statements = _statements(prompts, answer.draft)
    pointed = [s for s in statements if s.pointer is not None]
    messages, _ = answer_messages(
        prompts, answer.standalone, answer.given, model.context_tokens - _MAX_TOKENS, model.count_tokens
    )
    return Record(
        arm=arm,
        question_id=question.id,
        question=question.question,
        style=question.style,
        answerable=question.answerable,
        reference=question.reference,
        answer="" if answer.abstained else " ".join(s.text for s in answer.sentences),
        draft=answer.draft,
        declined=answer.abstained,
        draft_declined=not statements,
        sentences=len(statements),
        supported=sum(find_support(without_marks(s.text), answer.given) is not None for s in statements),
        citations=len(pointed),
        correct_citations=sum(_holds(s, answer.given) for s in pointed),
        passages=tuple(
            Shown(number=n, document=p.document, heading=p.heading_path, text=p.text)
            for n, p in enumerate(answer.given, start=1)
        ),
        seconds=answer.timings.total,
        prompt_tokens=sum(model.count_tokens(m.content) for m in messages),
        output_tokens=model.count_tokens(answer.draft),
    )


def _statements(prompts: Prompts, draft: str) -> list[Statement]:
    """What a draft states; pointing to no passage states nothing."""
    return [s for s in read_statements(prompts, draft, ended=True)[0] if s.pointer != 0 and s.text.strip()]


def _holds(statement: Statement, given: Sequence[Passage]) -> bool:
    """Whether the passage that a statement points to supports it."""
    number = statement.pointer or 0
    return 1 <= number <= len(given) and find_support(without_marks(statement.text), [given[number - 1]]) is not None
