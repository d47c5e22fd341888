"""Supervised fine-tuning from start to finish: examples in, a version with its card out."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import random
import shutil
import time
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from assistant import sufficiency
from assistant.asking import Asking, Judgement
from assistant.errors import TrainingError
from assistant.prompts import TUNED
from assistant.questions import CONTRASTS, QUESTIONS, load_questions
from assistant.settings import AnswerSettings, Settings
from assistant.triage.neighbours import Neighbours
from assistant.triage.taxonomy import Taxonomy
from assistant.triage.tickets import LabelledTicket, read_tickets
from assistant.tuning.answering import answer_examples
from assistant.tuning.curve import draw_curve
from assistant.tuning.judging import fit_judgement, opinions, sorting_accuracy
from assistant.tuning.packing import Packed, pack
from assistant.tuning.registry import CARD, Card, Measured, Registry, Version, fingerprint
from assistant.tuning.rewriting import load_follow_ups, rewrite_examples
from assistant.tuning.sorting import sample, ticket_examples
from assistant.tuning.training import Recipe, Step, train
from assistant.weights import Weights
from index.checksums import sha256_of
from index.embedding import Embedder
from index.retrieval import Retriever

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_PACKAGES = ("torch", "transformers", "peft")
_HELD_OUT = 24  # sequences that the loss is measured on while training
_DEV_TICKETS = 200
_FOLLOW_UPS = "followups.jsonl"
_TAXONOMY, _TICKETS = "taxonomy.yaml", "tickets"


class SftConfig(BaseModel, frozen=True):
    """What to learn from and how. Questions are shown `rounds` times, each time in other surroundings, contrasts once;
    `tickets_per_leaf` 0 leaves triage out."""

    model_config = ConfigDict(extra="forbid")

    name: str = ""
    rounds: int = 2
    tickets_per_leaf: int = 3
    recipe: Recipe = Recipe()

    @classmethod
    def load(cls, path: Path) -> SftConfig:
        """Read a TOML file. Raises TrainingError naming what is wrong in it."""
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except OSError as exc:
            raise TrainingError(f"{path}: {exc.strerror}; name a TOML file") from exc
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
            raise TrainingError(f"{path} is not TOML: {exc}") from exc
        except ValidationError as exc:
            error = exc.errors()[0]
            raise TrainingError(f"{path}: {'.'.join(map(str, error['loc']))}: {error['msg']}") from exc


@dataclass(frozen=True, slots=True)
class Prepared:
    """Sequences to learn from and to measure on, and how many conversations of each kind they hold."""

    train: list[Packed]
    held_out: list[Packed]
    counts: dict[str, int]


class Sft:
    """One run over a folder of examples whose documents are in the knowledge base."""

    def __init__(
        self,
        folder: Path,
        base: Weights,
        retriever: Retriever,
        embedder: Embedder,
        config: SftConfig,
        settings: Settings,
    ) -> None:
        self._folder, self._base, self._config = folder, base, config
        self._settings = settings
        self._retriever, self._embedder = retriever, embedder
        self._data = self._hashes()
        digest = hashlib.sha256(
            json.dumps([self._data, config.model_dump(), fingerprint(base), retriever.generation().id]).encode()
        )
        self._work = settings.training / digest.hexdigest()[:12]

    def run(self, registry: Registry, say: Callable[[str], None], step: Callable[[Step], None]) -> Version:
        """Train, measure on dev, write the card and add the version. An interrupted run is gone on with.

        Raises TrainingError, VersionError, DatasetError, and the knowledge base's errors.
        """
        from transformers import AutoTokenizer

        began = time.monotonic()
        if self._config.name:
            registry.refuse_taken(self._config.name)  # now, not after an hour
        tokenizer = AutoTokenizer.from_pretrained(self._base.path)
        self._work.mkdir(parents=True, exist_ok=True)
        say("preparing examples")
        taxonomy, tickets = self._tickets()
        neighbours = (
            Neighbours.open(tickets["train"], self._embedder, self._settings.ticket_vectors) if tickets else None
        )
        prepared = self._prepare(tokenizer, taxonomy, tickets, neighbours)
        tokens = sum(len(p) for p in prepared.train)
        say(f"{len(prepared.train)} sequences, {tokens:,} tokens, {sum(prepared.counts.values())} conversations")
        curve = train(Path(self._base.path), prepared.train, prepared.held_out, self._config.recipe, self._work, step)
        say("measuring on dev")
        adapter = self._work / "adapter"
        model = _merged(self._base, adapter)
        judgement, metrics = _judged(model, tokenizer, self._folder, self._retriever, self._settings.answer)
        if neighbours is not None and taxonomy is not None:
            dev = random.Random(0).sample(tickets["dev"], min(_DEV_TICKETS, len(tickets["dev"])))
            metrics |= sorting_accuracy(model, tokenizer, dev, neighbours, taxonomy)
        losses = [row["eval_loss"] for row in curve if "eval_loss" in row]
        metrics |= {"dev_loss": Measured.exactly(losses[-1])} if losses else {}
        draw_curve(curve, adapter / "curve.svg")
        card = self._card(prepared, Asking(TUNED.name, judgement), metrics, time.monotonic() - began)
        version = registry.add(adapter, card)
        shutil.rmtree(self._work)
        return version

    def _prepare(
        self,
        tokenizer: PreTrainedTokenizerBase,
        taxonomy: Taxonomy | None,
        tickets: dict[str, list[LabelledTicket]],
        neighbours: Neighbours | None,
    ) -> Prepared:
        rng = random.Random(self._config.recipe.seed)
        kinds: dict[str, list[Any]] = {}
        held_out: list[Any] = []
        for split in ("train", "dev"):
            questions = load_questions(self._folder, split)
            if not questions:
                raise TrainingError(f"{self._folder / QUESTIONS} holds no {split} questions")
            rounds = [questions] * (self._config.rounds if split == "train" else 1)
            if split == "train" and (self._folder / CONTRASTS).is_file():
                rounds.append(load_questions(self._folder, split, CONTRASTS))
            parts = {"answers": [e for asked in rounds for e in answer_examples(asked, self._retriever, rng)]}
            follow_ups = self._folder / _FOLLOW_UPS
            if follow_ups.is_file():
                parts["rewrites"] = rewrite_examples(load_follow_ups(follow_ups, split))
            if neighbours is not None and taxonomy is not None:
                chosen = sample(tickets[split], self._config.tickets_per_leaf if split == "train" else 1, rng)
                parts["tickets"] = ticket_examples(chosen, neighbours, taxonomy, rng)
            if split == "train":
                kinds = parts
            else:
                held_out = [
                    c for part in parts.values() for c in rng.sample(part, min(len(part), _HELD_OUT // len(parts)))
                ]
        return Prepared(
            train=[pack(c, tokenizer) for part in kinds.values() for c in part],
            held_out=[pack(c, tokenizer) for c in held_out],
            counts={kind: sum(len(c) for c in part) for kind, part in kinds.items()},
        )

    def _tickets(self) -> tuple[Taxonomy | None, dict[str, list[LabelledTicket]]]:
        if not self._config.tickets_per_leaf or not (self._folder / _TAXONOMY).is_file():
            return None, {}
        taxonomy = Taxonomy.load(self._folder / _TAXONOMY)
        return taxonomy, {
            split: read_tickets(self._folder / _TICKETS / f"{split}.jsonl", ancestors=taxonomy.path_ids)
            for split in ("train", "dev")
        }

    def _hashes(self) -> dict[str, str]:
        names = [QUESTIONS, CONTRASTS, _FOLLOW_UPS, _TAXONOMY, *(f"{_TICKETS}/{s}.jsonl" for s in ("train", "dev"))]
        return {name: sha256_of(self._folder / name) for name in names if (self._folder / name).is_file()}

    def _card(self, prepared: Prepared, asking: Asking, metrics: dict[str, Measured], seconds: float) -> Card:
        adapter = self._work / "adapter"
        now = datetime.now(UTC)
        return Card(
            version=self._config.name or f"sft-{now:%Y%m%d-%H%M%S}",
            base=self._base.name,
            base_sha256=fingerprint(self._base),
            asking=asking,
            created=now.isoformat(timespec="seconds"),
            data=self._data,
            examples=prepared.counts,
            settings=self._config.model_dump(exclude={"name", "recipe"}) | asdict(self._config.recipe),
            metrics=metrics,
            seconds=round(seconds),
            packages={name: importlib.metadata.version(name) for name in _PACKAGES},
            checksums={f.name: sha256_of(f) for f in sorted(adapter.iterdir()) if f.is_file() and f.name != CARD},
        )


def judge(
    base: Weights, version: Version, folder: Path, retriever: Retriever, settings: AnswerSettings
) -> tuple[Asking, dict[str, Measured], dict[str, str]]:
    """How far a version's word counts under the present settings, fitted on the dev questions of a folder; how well,
    and the SHA-256 of their file.

    Raises DatasetError and the knowledge base's errors.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base.path)
    judgement, metrics = _judged(_merged(base, version.folder), tokenizer, folder, retriever, settings)
    return Asking(version.card.asking.prompts, judgement), metrics, {QUESTIONS: sha256_of(folder / QUESTIONS)}


def _judged(
    model: Any, tokenizer: PreTrainedTokenizerBase, folder: Path, retriever: Retriever, settings: AnswerSettings
) -> tuple[Judgement, dict[str, Measured]]:
    questions = load_questions(folder, "dev")
    return fit_judgement(opinions(model, tokenizer, questions, retriever, settings, sufficiency.load()))


def _merged(base: Weights, adapter: Path) -> Any:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base.path, dtype=torch.float32)
    return PeftModel.from_pretrained(model, str(adapter)).merge_and_unload().eval()
