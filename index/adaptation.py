"""Fine-tunes an embedder on texts that belong together: pairs in, a LoRA adapter out."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from index.embedding import ADAPTER_CARD, SentenceTransformerEmbedder

_CLIP = 1.0
_WARM_UP = 0.1  # of all steps
_LAST = 0.02  # of the learning rate
_TOGETHER = 12  # texts read in one step: few, so that little of it is padding
_NULL = 0.5  # cosine: where a learned bound between belonging together and not begins


@dataclass(frozen=True, slots=True)
class Pair:
    """`anchor` belongs with `positive` and with none of `negatives`; an empty positive: with nothing there is."""

    anchor: str
    positive: str
    negatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """Pairs of one kind, so that a batch holds texts of like length.

    A batch has `batch` pairs; each brings up to `negatives` of its own, and is compared with those of the others, too.
    With `bounded`, what belongs together must also pass a bound that all pairs share: a cosine then says something
    about one text alone, and pairs without a positive can be learned from.
    """

    name: str
    pairs: tuple[Pair, ...]
    batch: int = 32
    negatives: int = 3
    bounded: bool = False


@dataclass(frozen=True, slots=True)
class EmbedderRecipe:
    """How to train: LoRA of `rank` on every linear layer (Hu et al., 2021); the loss is a softmax over the cosines of a
    batch, times `scale` (Henderson et al., 2017)."""

    rank: int = 32
    alpha: int = 64
    learning_rate: float = 3e-4
    epochs: float = 1.5
    scale: float = 20.0
    max_tokens: int = 256
    seed: int = 20


@dataclass(frozen=True, slots=True)
class EmbedderStep:
    """How far a training is: `loss` is the mean of the last steps, times are in seconds."""

    step: int
    steps: int
    loss: float
    seconds_left: float


def adapt(
    base: SentenceTransformerEmbedder,
    tasks: Sequence[Task],
    recipe: EmbedderRecipe,
    folder: Path,
    tell: Callable[[EmbedderStep], None] = lambda _: None,
) -> SentenceTransformerEmbedder:
    """Train, write the adapter to `folder`, and return the embedder that it makes of `base`."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(recipe.seed)
    model = base.load()
    encoder: Any = model[0].auto_model
    config = LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules="all-linear", lora_dropout=0.0)
    tuned = get_peft_model(encoder, config)
    model[0].auto_model = tuned
    bound = torch.nn.Parameter(torch.tensor(_NULL))
    parameters = [p for p in tuned.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"params": parameters, "lr": recipe.learning_rate}, {"params": [bound], "lr": recipe.learning_rate}],
        weight_decay=0.01,
    )
    rng = random.Random(recipe.seed)
    steps = max(1, int(recipe.epochs * len(_batches(tasks, rng))))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: _rate(done, steps))
    recent: list[float] = []
    began = time.monotonic()
    model.train()
    for done, (task, batch) in enumerate(_endless(tasks, rng, steps), start=1):
        loss = _loss(model, task, batch, recipe, bound, rng)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, _CLIP)
        optimizer.step()
        schedule.step()
        recent = [*recent[-19:], loss.item()]
        passed = time.monotonic() - began
        tell(EmbedderStep(done, steps, sum(recent) / len(recent), passed / done * (steps - done)))
    folder.mkdir(parents=True, exist_ok=True)
    tuned.peft_config["default"].base_model_name_or_path = base.name  # a path would name the machine it was made on
    tuned.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # a form that nobody filled in
    card = {"base": base.name, "base_fingerprint": base.fingerprint, "recipe": asdict(recipe)}
    (folder / ADAPTER_CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return SentenceTransformerEmbedder.from_name(str(folder))


def _rate(done: int, steps: int) -> float:
    return min(1.0, (done + 1) / max(1.0, _WARM_UP * steps)) * max(_LAST, 1 - done / steps)


def _batches(tasks: Sequence[Task], rng: random.Random) -> list[tuple[Task, list[Pair]]]:
    found: list[tuple[Task, list[Pair]]] = []
    for task in tasks:
        pairs = rng.sample(task.pairs, len(task.pairs))
        found += [(task, pairs[i : i + task.batch]) for i in range(0, len(pairs), task.batch)]
    rng.shuffle(found)
    return found


def _endless(tasks: Sequence[Task], rng: random.Random, steps: int) -> Iterator[tuple[Task, list[Pair]]]:
    while True:
        for batch in _batches(tasks, rng):
            if steps == 0:
                return
            steps -= 1
            yield batch


def _loss(model: Any, task: Task, batch: Sequence[Pair], recipe: EmbedderRecipe, bound: Any, rng: random.Random) -> Any:
    """Cross-entropy of finding each anchor's positive among all that the batch holds."""
    import torch
    from torch.nn.functional import cross_entropy

    own = [p.positive for p in batch if p.positive]
    others = [n for p in batch for n in rng.sample(p.negatives, min(task.negatives, len(p.negatives)))]
    texts = [*own, *others]
    cosines = _embed(model, [p.anchor for p in batch], recipe) @ _embed(model, texts, recipe).T
    # a text equal to the right one is no wrong one
    same = torch.tensor([[t == p.positive for t in texts] for p in batch])
    places = iter(range(len(own)))
    target = [next(places) if p.positive else len(texts) for p in batch]
    for row, place in enumerate(target):
        if place < len(texts):
            same[row, place] = False
    scores = (cosines * recipe.scale).masked_fill(same, -1e9)
    if task.bounded:
        scores = torch.cat([scores, (bound * recipe.scale).expand(len(batch), 1)], dim=1)
    return cross_entropy(scores, torch.tensor(target))


def _embed(model: Any, texts: Sequence[str], recipe: EmbedderRecipe) -> Any:
    """Unit vectors of texts, shape (n, dimension), in their order; texts of like length are read together."""
    import torch

    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    parts: list[Any] = []
    for start in range(0, len(order), _TOGETHER):
        read = model.tokenizer(
            [texts[i] for i in order[start : start + _TOGETHER]],
            padding=True,
            truncation=True,
            max_length=recipe.max_tokens,
            return_tensors="pt",
        )
        with torch.autocast("cpu", torch.bfloat16):
            parts.append(model(dict(read))["sentence_embedding"].float())
    back = torch.argsort(torch.tensor(order))
    return torch.nn.functional.normalize(torch.cat(parts)[back], dim=-1)
