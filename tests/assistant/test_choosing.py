"""Choices have the probabilities that the served model gives them."""

from __future__ import annotations

import asyncio

import pytest

from assistant.assembly import production_weights
from assistant.chat_model import Message, OpenAIChatModel, estimate_tokens
from assistant.serving import running_endpoints
from assistant.settings import load as load_settings
from tests.conftest import RunningAssistant

CASES = (
    ("", ["A", "B", "C", "D"]),
    ("[", ["0", "1", "2", "3"]),
    ("", ["Billing", "Broadband", "Broken phone", "Network"]),  # several share their first letters
)


@pytest.mark.vllm
@pytest.mark.timeout(600)
def test_a_choice_has_the_models_own_probabilities(assistant: RunningAssistant) -> None:
    settings = load_settings({"SWITCHBOARD_HOME": str(assistant.home)})
    weights = production_weights(settings, lambda _: None)
    endpoint = next(running_endpoints(settings.run, assistant.served()))
    model = OpenAIChatModel(lambda: endpoint, 4096, estimate_tokens)
    ticket = Message("user", "A. Billing\nB. Broadband\nC. Phones\nD. Network\nThe bill is wrong. Which is it?")
    asked = [([ticket, Message("assistant", said)] if said else [ticket], choices) for said, choices in CASES]

    async def choose_all() -> list[tuple[float, ...]]:
        long = (
            [ticket, Message("assistant", "The")],
            [" fault is in the bill.", " fault is in the net.", " fault is mine."],
        )
        short = [ticket, Message("assistant", "The fault is")], [" in the bill.", " in the net.", " mine."]
        return [await model.choose(messages, choices) for messages, choices in (long, short, *asked)]

    long, short, *found = asyncio.run(choose_all())
    assert long == pytest.approx(short, abs=1e-6)  # what all choices share is as good as said
    for (messages, choices), probabilities in zip(asked, found, strict=True):
        assert sum(probabilities) == pytest.approx(1, abs=1e-6)
        assert list(probabilities) == pytest.approx(
            exhaustive(weights.path, messages, choices), abs=0.08
        )  # bfloat16 tells logits of 20 apart by an eighth


def exhaustive(weights: str, messages: list[Message], choices: list[str]) -> list[float]:
    """The same by transformers: every way of spelling each choice, with only what some choice allows at each token."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(weights)
    model = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.bfloat16).eval()
    begun = messages[-1].role == "assistant"
    text = tokenizer.apply_chat_template(
        [{"role": m.role, "content": m.content} for m in messages],
        tokenize=False,
        add_generation_prompt=not begun,
        continue_final_message=begun,
    )
    start = tokenizer(text, add_special_tokens=False)["input_ids"]
    spelled = {i: tokenizer.decode([i]) for i in range(len(tokenizer)) if i not in tokenizer.all_special_ids}
    found = dict.fromkeys(choices, 0.0)

    def walk(ids: list[int], rests: dict[str, str], mass: float) -> None:
        tokens = [i for i, s in spelled.items() if s and any(r.startswith(s) for r in rests.values())]
        with torch.no_grad():
            allowed = model(torch.tensor([ids])).logits[0, -1, tokens].float().softmax(0).tolist()
        for token, probability in zip(tokens, allowed, strict=True):
            part = mass * probability
            going = {c: r.removeprefix(spelled[token]) for c, r in rests.items() if r.startswith(spelled[token])}
            if len(going) == 1:
                found[next(iter(going))] += part
            elif part > 1e-3:
                walk([*ids, token], going, part)
            else:
                for choice in going:
                    found[choice] += part / len(going)

    walk(start, {c: c for c in choices}, 1.0)
    return [found[c] for c in choices]
