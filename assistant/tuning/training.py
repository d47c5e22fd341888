"""LoRA (Hu et al., 2021) on the chat model: packed conversations in, an adapter folder out."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from assistant.tuning.packing import Packed, collate
from index.allocation import keep_freed_memory

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import Trainer, TrainerCallback

_POOL = 16  # batches whose examples are sorted by length together
_PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train. `frozen_layers` counts from the input: what lies below the first adapter needs no gradients, which
    on a processor is a third of the work."""

    rank: int = 16
    alpha: int = 32
    frozen_layers: int = 12
    learning_rate: float = 6e-4
    warmup: float = 0.05
    epochs: float = 1.0
    batch: int = 4
    seed: int = 20


@dataclass(frozen=True, slots=True)
class Step:
    """Progress: losses are per learned token, in nats; seconds are left by the rate so far."""

    step: int
    steps: int
    loss: float
    seconds_left: float


def train(
    weights: Path,
    examples: Sequence[Packed],
    held_out: Sequence[Packed],
    recipe: Recipe,
    work: Path,
    report: Callable[[Step], None] = lambda _: None,
) -> list[dict[str, float]]:
    """Train an adapter and save it in `work/adapter`; return the learning curve, a row a logged step.

    Checkpoints in `work` are picked up again when the same training was interrupted.
    """
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    keep_freed_memory()
    random.seed(recipe.seed)
    torch.manual_seed(recipe.seed)
    base = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32)
    base.config.use_cache = False
    base.name_or_path = weights.name  # PEFT writes it beside the adapter: a name, not where it lay on this machine
    layers = range(recipe.frozen_layers, base.config.num_hidden_layers)
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=0.0,  # costs a quarter of the speed on a processor; one pass over the data does not overfit
        target_modules=_PROJECTIONS,
        layers_to_transform=list(layers),
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base, config)
    padding = AutoTokenizer.from_pretrained(weights).pad_token_id or 0
    trainer = _trainer(model, examples, held_out, recipe, work, padding, report)
    trainer.train(resume_from_checkpoint=any(work.glob("checkpoint-*")))
    # without a look at the vocabulary, which is not trained: it would ask a hub for the base's
    model.to(torch.bfloat16).save_pretrained(
        str(work / "adapter"), safe_serialization=True, save_embedding_layers=False
    )
    (work / "adapter" / "README.md").unlink(missing_ok=True)  # a form for a hub's page, empty
    return [row for row in trainer.state.log_history if "loss" in row or "eval_loss" in row]


def _trainer(
    model: PeftModel,
    examples: Sequence[Packed],
    held_out: Sequence[Packed],
    recipe: Recipe,
    work: Path,
    padding: int,
    report: Callable[[Step], None],
) -> Trainer:
    from torch.utils.data import SequentialSampler
    from transformers import Trainer, TrainingArguments

    ordered = _in_batches(examples, recipe)

    class AnswerTrainer(Trainer):
        """Computes the logits only where there is something to learn: elsewhere they are a fifth of the work."""

        def _get_train_sampler(self, *_: Any, **__: Any) -> Any:
            return SequentialSampler(ordered)  # in the order of `_in_batches`

        def compute_loss(  # type: ignore[override]
            self, model: Any, inputs: dict[str, torch.Tensor], return_outputs: bool = False, **_: Any
        ) -> Any:
            loss = weighted_loss(model, inputs)
            return (loss, {"loss": loss}) if return_outputs else loss

        def prediction_step(self, model: Any, inputs: Any, *_: Any, **__: Any) -> Any:
            with torch.no_grad():
                return weighted_loss(model, self._prepare_inputs(inputs)).detach(), None, None

    steps = max(1, math.ceil(len(examples) / recipe.batch * recipe.epochs))
    arguments = TrainingArguments(
        output_dir=str(work),
        per_device_train_batch_size=recipe.batch,
        per_device_eval_batch_size=recipe.batch,
        max_steps=steps,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=max(1, int(recipe.warmup * steps)),
        weight_decay=0.0,
        max_grad_norm=1.0,
        use_cpu=not torch.cuda.is_available(),
        logging_steps=max(1, steps // 100),
        eval_strategy="steps" if held_out else "no",
        eval_steps=max(1, steps // 5),
        save_strategy="steps",
        save_steps=max(1, steps // 10),
        save_total_limit=2,
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        seed=recipe.seed,
        data_seed=recipe.seed,
        dataloader_num_workers=0,
    )
    return AnswerTrainer(
        model=model,
        args=arguments,
        train_dataset=ordered,
        eval_dataset=list(held_out) or None,
        data_collator=lambda batch: collate(batch, padding),
        callbacks=[_reporter(report)],
    )


def _in_batches(examples: Sequence[Packed], recipe: Recipe) -> list[Packed]:
    """The order of training: random, but examples of one batch are of about the same length, to pad little."""
    rng = random.Random(recipe.seed)
    rounds = math.ceil(recipe.epochs)
    batches: list[list[Packed]] = []
    for _ in range(rounds):
        shuffled = rng.sample(list(examples), len(examples))
        pools = (shuffled[i : i + _POOL * recipe.batch] for i in range(0, len(shuffled), _POOL * recipe.batch))
        own = [
            b
            for pool in pools
            for ordered in (sorted(pool, key=len),)
            for b in (ordered[i : i + recipe.batch] for i in range(0, len(ordered), recipe.batch))
        ]
        rng.shuffle(own)
        batches += own
    batches.sort(
        key=lambda batch: len(batch) < recipe.batch
    )  # what is left over comes last, or it would shift the rest
    return [example for batch in batches for example in batch]


def weighted_loss(model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Cross-entropy of the learned tokens, weighted; a scalar."""
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    row, column = inputs["weights"].nonzero(as_tuple=True)
    # here, because the trainer's own autocast is that of the whole model's forward pass, which is not called
    with torch.autocast(inputs["input_ids"].device.type, torch.bfloat16):
        hidden = causal.model(
            input_ids=inputs["input_ids"],
            position_ids=inputs["position_ids"],
            attention_mask=inputs["attention_mask"],
            use_cache=False,
        ).last_hidden_state
        logits = causal.lm_head(hidden[row, inputs["parents"][row, column]]).float()
    losses = torch.nn.functional.cross_entropy(logits, inputs["input_ids"][row, column], reduction="none")
    weights = inputs["weights"][row, column]
    return (losses * weights).sum() / weights.sum()


def _reporter(report: Callable[[Step], None]) -> TrainerCallback:
    from transformers import TrainerCallback

    class Reporter(TrainerCallback):
        def __init__(self) -> None:
            self._began, self._first = time.monotonic(), 0

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self._began, self._first = time.monotonic(), state.global_step

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "loss" in logs:
                done = state.global_step - self._first
                rate = (time.monotonic() - self._began) / max(done, 1)
                report(
                    Step(state.global_step, state.max_steps, logs["loss"], rate * (state.max_steps - state.global_step))
                )

    return Reporter()
