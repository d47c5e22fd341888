"""Conversations packed behind their shared beginning give the losses that they give one by one."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase

from assistant.chat_model import Message
from assistant.tuning.packing import collate, pack
from assistant.tuning.training import weighted_loss
from assistant.weights import Weights

PASSAGES = "[1] SIM cards > Prices\nA replacement SIM costs €8.\n\n[2] Leaving\nThe notice period is 30 days."
ASKED = (
    ("what does a new sim cost", "[1] A replacement SIM costs €8."),
    ("notice?", "[2] The notice period is 30 days."),
)


def conversation(question: str, answer: str) -> tuple[Message, ...]:
    asked = Message("user", f"{PASSAGES}\n\nQuestion: {question}")
    return (Message("system", "Answer."), asked, Message("assistant", answer))


@pytest.fixture
def tokenizer(builtin: Weights) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(builtin.path)


@pytest.fixture
def model(tokenizer: PreTrainedTokenizerBase) -> LlamaForCausalLM:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **sizes)).eval()


def test_a_branch_sees_the_beginning_and_itself_only(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase
) -> None:
    conversations = [conversation(*a) for a in ASKED] + [conversation("which colour", "[0]")]
    together = pack(conversations, tokenizer)
    alone = [pack([c], tokenizer) for c in conversations]
    assert len(together) < sum(map(len, alone)) * 0.6

    total = sum(sum(p.weights) for p in alone)
    expected = sum(float(weighted_loss(model, collate([p], 0)).detach()) * sum(p.weights) for p in alone) / total
    assert float(weighted_loss(model, collate([together], 0))) == pytest.approx(expected, rel=0.01)
    # padding beside a longer sequence changes nothing
    padded = float(weighted_loss(model, collate([alone[2], together], 0)))
    both = float(weighted_loss(model, collate([alone[2]], 0))) * sum(alone[2].weights) + expected * total
    assert padded == pytest.approx(both / (sum(alone[2].weights) + total), rel=0.01)


def test_only_what_the_assistant_says_is_learned(tokenizer: PreTrainedTokenizerBase) -> None:
    packed = pack([conversation(*ASKED[0])], tokenizer)
    learned = tokenizer.decode([i for i, w in zip(packed.ids, packed.weights, strict=True) if w])
    assert learned == "[1] A replacement SIM costs €8.<|im_end|>"


def test_every_turn_of_the_assistant_is_learned(tokenizer: PreTrainedTokenizerBase) -> None:
    turns = (
        Message("user", "A. x\nB. y"),
        Message("assistant", "B"),
        Message("user", "A. z"),
        Message("assistant", "A"),
    )
    packed = pack([turns], tokenizer)
    assert (
        tokenizer.decode([i for i, w in zip(packed.ids, packed.weights, strict=True) if w]) == "B<|im_end|>A<|im_end|>"
    )
    # the letters decide, and weigh more than the ends of the turns
    decisions = [tokenizer.decode([i]) for i, w in zip(packed.ids, packed.weights, strict=True) if w > 1]
    assert decisions == ["B", "A"]


def test_a_shared_beginning_never_holds_what_is_learned(tokenizer: PreTrainedTokenizerBase) -> None:
    same = [
        conversation("notice?", "[2] The notice period is 30 days."),
        conversation("notice?", "[2] The notice is 30 days."),
    ]
    packed = pack(same, tokenizer)
    assert not any(w for w, b in zip(packed.weights, packed.branches, strict=True) if b == 0)
