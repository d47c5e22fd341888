"""Tuning the embedder from start to finish: examples in, an adapter and what it changes on dev out."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from assistant.errors import TrainingError
from assistant.questions import CONTRASTS, QUESTIONS, Question, load_questions
from assistant.settings import Settings
from assistant.statistics import Estimate, estimate
from assistant.triage.taxonomy import Taxonomy
from assistant.triage.tickets import read_tickets
from assistant.tuning.pairs import question_tasks, ticket_task
from index.adaptation import EmbedderRecipe, EmbedderStep, Task, adapt
from index.blending import candidates, ranked
from index.embedding import Embedder, SentenceTransformerEmbedder
from index.generation import Generation
from index.library import KnowledgeBase
from index.retrieval import Retriever
from index.vectors import VectorIndex

_TAXONOMY, _TICKETS = "taxonomy.yaml", "tickets/train.jsonl"
_RANKS = (1, 3, 5)

Measures = Mapping[str, Estimate]


def tune_embedder(
    settings: Settings,
    base: SentenceTransformerEmbedder,
    examples: Path,
    name: str,
    recipe: EmbedderRecipe,
    tickets: bool,
    tell: Callable[[EmbedderStep], None],
) -> tuple[Path, Measures, Measures]:
    """Train on the split train; return the embedder's folder, and recall on dev before and after.

    Raises TrainingError when the name is taken or there is nothing to learn from, DatasetError, and the knowledge
    base's errors.
    """
    folder = settings.embedders / name
    if folder.exists():
        raise TrainingError(f"{folder} exists; choose another --name, or remove it")
    retriever = Retriever(KnowledgeBase(settings.knowledge_base), base)
    generation = retriever.generation()
    tasks = _tasks(examples, generation, base, tickets, random.Random(recipe.seed))
    work = folder.with_name(f".{name}")
    shutil.rmtree(work, ignore_errors=True)
    tuned = adapt(base, tasks, recipe, work, tell)
    dev = [q for q in load_questions(examples, "dev") if q.answerable]
    before, after = (recall(e, dev, generation) for e in (base, tuned))
    work.rename(folder)
    return folder, before, after


def _tasks(examples: Path, generation: Generation, embedder: Embedder, tickets: bool, rng: random.Random) -> list[Task]:
    questions = load_questions(examples, "train")
    if (examples / CONTRASTS).is_file():
        questions += load_questions(examples, "train", CONTRASTS)
    tasks = question_tasks(questions, generation, embedder, rng)
    if not tasks[0].pairs:
        raise TrainingError(f"{examples / QUESTIONS} holds no train questions about the knowledge base's documents")
    if tickets:
        taxonomy = Taxonomy.load(examples / _TAXONOMY)
        tasks.append(ticket_task(read_tickets(examples / _TICKETS, ancestors=taxonomy.path_ids), taxonomy, rng))
    return tasks


def recall(embedder: Embedder, questions: Sequence[Question], generation: Generation) -> Measures:
    """Recall@k of the gold passages with an embedder other than the generation's own, beside the generation's words."""
    index = VectorIndex.build(embedder.embed([p.indexed_text for p in generation.passages]))
    found: dict[int, list[float]] = {k: [] for k in _RANKS}
    weighing = generation.manifest.blend
    for question, vector in zip(questions, embedder.embed([q.question for q in questions]), strict=True):
        pool = candidates(index, vector, generation.words.scores(question.question), max(_RANKS))
        rows = [c.row for c in ranked(pool, weighing.scale, weighing.weight(question.question))]
        for k in _RANKS:
            seen = [generation.passages[r] for r in rows[:k]]
            found[k].append(float(any(g.matches(p) for g in question.gold for p in seen)))
    return {f"recall@{k}": estimate(values) for k, values in found.items()}
