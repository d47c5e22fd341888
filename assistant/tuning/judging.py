"""What a freshly tuned model says of questions that it has not seen, and how far its word is to be trusted."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from assistant.asking import Judgement, logit
from assistant.prompts import OPENING, TUNED, answer_messages
from assistant.questions import Question
from assistant.settings import AnswerSettings
from assistant.sufficiency import Rarity, SufficiencyModel, features
from assistant.triage.neighbours import Neighbours
from assistant.triage.taxonomy import Taxonomy
from assistant.triage.tickets import LabelledTicket
from assistant.tuning.packing import pack
from assistant.tuning.registry import Measured
from assistant.tuning.sorting import ticket_examples
from index.retrieval import Retriever

_BUDGET = 4000  # tokens; dev prompts are far shorter


@dataclass(frozen=True, slots=True)
class Opinion:
    """Two probabilities that a question can be answered, whether it can, and whether the model points to the right
    passage (None when that passage is not among those it was given)."""

    retrieval: float
    model: float
    answerable: bool
    points_right: bool | None


def opinions(
    model: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    retriever: Retriever,
    settings: AnswerSettings,
    sufficiency: SufficiencyModel,
    advance: Callable[[], None] = lambda: None,
) -> list[Opinion]:
    """Ask a transformers model which passage answers, as the served one will be asked."""
    rarity = Rarity(retriever.generation().words)
    found: list[Opinion] = []
    for question in questions:
        retrieval = retriever.search(question.question, settings.passages, settings.prompt_passages)
        hits = retrieval.hits[: settings.prompt_passages]
        messages, given = answer_messages(
            TUNED, question.question, [h.passage for h in hits], _BUDGET, lambda text: len(tokenizer(text)["input_ids"])
        )
        turns = [{"role": m.role, "content": m.content} for m in messages]
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) + OPENING
        digits = [tokenizer(str(n), add_special_tokens=False)["input_ids"][-1] for n in range(len(given) + 1)]
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            ids = torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])
            logits = model(input_ids=ids, logits_to_keep=1).logits[0, -1].float()
        pointers = logits[digits].softmax(0).tolist()
        gold = [any(g.matches(p) for g in question.gold) for p in given]
        found.append(
            Opinion(
                retrieval=sufficiency.probability(features(question.question, retrieval, rarity)),
                model=1 - pointers[0],
                answerable=question.answerable,
                points_right=gold[int(np.argmax(pointers[1:]))] if any(gold) else None,
            )
        )
        advance()
    return found


def fit_judgement(seen: Sequence[Opinion]) -> tuple[Judgement, dict[str, Measured]]:
    """The weights of both opinions, the threshold, and how well it goes on questions left out in turn (tenfold).

    The threshold is where answering and declining go wrong equally often.
    """
    values = np.asarray([[logit(o.retrieval), logit(o.model)] for o in seen])
    answerable = np.asarray([o.answerable for o in seen])
    regression = LogisticRegression(C=1.0, class_weight="balanced")
    folds = StratifiedKFold(10, shuffle=True, random_state=0)
    unseen = cross_val_predict(regression, values, answerable, cv=folds, method="predict_proba")[:, 1]
    candidates = np.unique(unseen)
    wrong = [
        (max(float(np.mean(unseen[~answerable] >= t)), float(np.mean(unseen[answerable] < t))), float(t))
        for t in candidates
    ]
    threshold = min(wrong)[1]
    regression.fit(values, answerable)
    weights = regression.coef_[0]
    judgement = Judgement(float(weights[0]), float(weights[1]), float(regression.intercept_[0]), threshold)
    pointing = [o.points_right for o in seen if o.points_right is not None]
    return judgement, {
        "dev_auc_retrieval": Measured.exactly(float(roc_auc_score(answerable, values[:, 0]))),
        "dev_auc_model": Measured.exactly(float(roc_auc_score(answerable, values[:, 1]))),
        "dev_auc_both": Measured.exactly(float(roc_auc_score(answerable, unseen))),
        "dev_unanswerable_declined": Measured.of((unseen[~answerable] < threshold).astype(float).tolist()),
        "dev_answerable_declined": Measured.of((unseen[answerable] < threshold).astype(float).tolist()),
        "dev_points_right": Measured.of([float(p) for p in pointing]),
    }


def sorting_accuracy(
    model: Any, tokenizer: Any, tickets: Sequence[LabelledTicket], neighbours: Neighbours, taxonomy: Taxonomy
) -> dict[str, Measured]:
    """Share of decisions that are right when all above them were, per level, by the model's letters alone."""
    rows: dict[int, list[float]] = {}
    for conversation in ticket_examples(tickets, neighbours, taxonomy, random.Random(0), shuffled=0.0):
        packed = pack(conversation, tokenizer)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            logits = model(input_ids=torch.tensor([packed.ids])).logits[0]
        decisions = [i for i, w in enumerate(packed.weights) if w > 1]
        for level, place in enumerate(decisions, start=1):
            said = int(logits[place - 1].argmax())
            rows.setdefault(level, []).append(float(said == packed.ids[place]))
    return {f"dev_sorted_level_{level}": Measured.of(right) for level, right in sorted(rows.items())}
