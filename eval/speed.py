"""How fast a model is served: tokens a second for one request and for several at once."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from assistant.serving import Endpoint, ModelServer
from assistant.settings import Settings
from assistant.weights import Weights

_TOKENS = 64
_ROUNDS = 5
_AT_ONCE = 8
_PROMPT = "Passage {n}: " + "The monthly fee of the plan is listed in the price list in force. " * 30 + "Question {n}?"


@dataclass(frozen=True, slots=True)
class Speed:
    """Medians over rounds, in output tokens a second; prompts hold about 450 tokens and are all different."""

    name: str
    alone: float
    together: float


def measure_alternately(settings: Settings, weights: Sequence[Weights], repeats: int) -> list[list[Speed]]:
    """Serve the models in turn, several times over, so that what else the machine does meets all of them alike."""
    return [[_measure(settings, w) for w in weights] for _ in range(repeats)]


def _measure(settings: Settings, weights: Weights) -> Speed:
    server = ModelServer(weights, settings)
    server.start()
    try:
        server.wait_ready()
        return asyncio.run(_time(weights.name, server.endpoint()))
    finally:
        server.stop()


async def _time(name: str, endpoint: Endpoint) -> Speed:
    async with httpx.AsyncClient(
        base_url=endpoint.url, headers={"Authorization": f"Bearer {endpoint.api_key}"}, timeout=300
    ) as client:
        await _ask(client, endpoint, 0)
        alone, together = [], []
        for number in range(1, _ROUNDS + 1):
            began = time.perf_counter()
            await _ask(client, endpoint, number)
            alone.append(_TOKENS / (time.perf_counter() - began))
            began = time.perf_counter()
            await asyncio.gather(*(_ask(client, endpoint, 100 * number + i) for i in range(_AT_ONCE)))
            together.append(_AT_ONCE * _TOKENS / (time.perf_counter() - began))
    return Speed(name, statistics.median(alone), statistics.median(together))


async def _ask(client: httpx.AsyncClient, endpoint: Endpoint, number: int) -> None:
    body = {
        "model": endpoint.model,
        "messages": [{"role": "user", "content": _PROMPT.format(n=number)}],
        "max_tokens": _TOKENS,
        "temperature": 0,
        "ignore_eos": True,
    }
    reply = await client.post("/chat/completions", json=body)
    reply.raise_for_status()
