"""Conversations -> batches for training. Conversations that begin alike share that beginning.

Several questions about the same passages differ only after them. Laid out as one sequence, the passages once and each
question as a branch that sees the beginning and itself but not its neighbours, they cost a fraction of the tokens and
give exactly the losses that separate sequences would (the layout of tree attention; Cai et al., 2024, "Medusa").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from assistant.chat_model import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_DECISION = 4.0  # weight of an answer's first tokens: they choose the passage, abstain, or name the category
_DECIDING = 2
_OPENING = 2.0  # weight of the tokens after them: they choose the line, what follows is copied
_OPENS = 6
_ROUND = 32  # tokens; few different lengths: kernels are prepared anew for each


@dataclass(frozen=True, slots=True)
class Packed:
    """Token ids with, for each, its position, its branch (0: the shared beginning) and its weight in the loss.

    A weight is that of predicting the token itself; 0 for everything that the model is only shown.
    """

    ids: tuple[int, ...]
    positions: tuple[int, ...]
    branches: tuple[int, ...]
    weights: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.ids)


def pack(conversations: Sequence[Sequence[Message]], tokenizer: PreTrainedTokenizerBase) -> Packed:
    """Lay conversations out behind the beginning that all of them share."""
    tokenised = [_tokenise(c, tokenizer) for c in conversations]
    shared = _shared_length(tokenised)
    first_ids, first_weights = tokenised[0]
    ids, weights = list(first_ids[:shared]), list(first_weights[:shared])
    positions, branches = list(range(shared)), [0] * shared
    for number, (own_ids, own_weights) in enumerate(tokenised, start=1):
        ids += own_ids[shared:]
        weights += own_weights[shared:]
        positions += range(shared, len(own_ids))
        branches += [number] * (len(own_ids) - shared)
    return Packed(tuple(ids), tuple(positions), tuple(branches), tuple(weights))


def collate(batch: Sequence[Packed], padding_id: int) -> dict[str, torch.Tensor]:
    """Tensors for one step: input_ids, position_ids and weights of shape (batch, length), and attention_mask of shape
    (batch, 1, length, length), true where a token (row) may look at another (column)."""
    length = -(-max(len(p) for p in batch) // _ROUND) * _ROUND

    def padded(rows: Sequence[Sequence[float]], filler: float, kind: torch.dtype) -> torch.Tensor:
        return torch.tensor([[*row, *[filler] * (length - len(row))] for row in rows], dtype=kind)

    branches = padded([p.branches for p in batch], -1, torch.long)
    order = torch.arange(length)
    before = order[:, None] >= order[None, :]
    same = branches[:, :, None] == branches[:, None, :]
    shared = (branches == 0)[:, None, :]
    return {
        "input_ids": padded([p.ids for p in batch], padding_id, torch.long),
        "position_ids": padded([p.positions for p in batch], 0, torch.long),
        "weights": padded([p.weights for p in batch], 0.0, torch.float32),
        "parents": torch.tensor([[*_parents(p), *[0] * (length - len(p))] for p in batch]),
        "attention_mask": ((same | shared) & before)[:, None],
    }


def _parents(packed: Packed) -> list[int]:
    """The place of the token that precedes each in its own conversation: a branch follows the shared beginning."""
    last_shared = packed.branches.count(0) - 1
    return [
        last_shared if i > 0 and packed.branches[i] != packed.branches[i - 1] else max(i - 1, 0)
        for i in range(len(packed))
    ]


def _tokenise(conversation: Sequence[Message], tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[float]]:
    turns = [{"role": m.role, "content": m.content} for m in conversation]
    ids: list[int] = []
    weights: list[float] = []
    for end, turn in enumerate(turns, start=1):
        if turn["role"] != "assistant":
            continue
        asked = _render(tokenizer, turns[: end - 1], True)
        answered = _render(tokenizer, turns[:end], False)
        stop = len(answered)
        while stop > len(asked) and answered[stop - 1] not in tokenizer.all_special_ids:
            stop -= 1  # the template's line break after the end of a turn is not the model's to write
        weights += [0.0] * (len(asked) - len(ids))
        said = stop - len(asked)
        weights += [_weight(i) for i in range(said - 1)] + [1.0] * min(said, 1)
        ids = answered[:stop]
    return ids, weights


def _weight(place: int) -> float:
    """What the token at a place of an answer counts for; the last, which ends the turn, counts 1 everywhere."""
    return _DECISION if place < _DECIDING else _OPENING if place < _OPENS else 1.0


def _render(tokenizer: PreTrainedTokenizerBase, turns: Sequence[dict[str, str]], open_answer: bool) -> list[int]:
    text = tokenizer.apply_chat_template(list(turns), tokenize=False, add_generation_prompt=open_answer)
    return list(tokenizer(str(text), add_special_tokens=False)["input_ids"])


def _shared_length(tokenised: Sequence[tuple[Sequence[int], Sequence[float]]]) -> int:
    """How many tokens all conversations begin with; what is learned stays in the branches."""
    if len(tokenised) == 1:
        return next((i for i, w in enumerate(tokenised[0][1]) if w), len(tokenised[0][0]))
    shortest = min(len(ids) for ids, _ in tokenised)
    for place in range(shortest):
        if len({ids[place] for ids, _ in tokenised}) > 1 or any(w[place] for _, w in tokenised):
            return place
    return shortest - 1
