"""Waiting for a model that is away: in words that are the same in every tab, and not for ever."""

from __future__ import annotations

import asyncio
import time

from assistant.assembly import ChatService
from assistant.serving import State

_PATIENCE = 300.0  # seconds
_SOON = 1.0  # seconds in which a crash is noticed; asking sooner would meet the same dead server
_AWAY = (State.STARTING, State.RESTARTING)


class Patience:
    """How long one request waits for the model. `kept` says what becomes of the request meanwhile."""

    def __init__(self, service: ChatService, kept: str, seconds: float = _PATIENCE) -> None:
        self._service = service
        self._kept = kept
        self._deadline = time.monotonic() + seconds

    @property
    def over(self) -> bool:
        """Whether there is nothing left to wait for."""
        gone = self._service.state in (State.FAILED, State.STOPPED)
        return gone or time.monotonic() > self._deadline

    @property
    def note(self) -> str:
        """What to tell the person who waits."""
        return f"{away(self._service)} {self._kept}"

    async def until_ready(self) -> None:
        """Return when the model is there again, or there is nothing left to wait for."""
        await asyncio.sleep(_SOON)
        while self._service.state in _AWAY and not self.over:
            await asyncio.sleep(_SOON / 2)


def away(service: ChatService) -> str:
    """That the model is away, as a sentence."""
    return f"The model is {'starting' if service.state is State.STARTING else 'restarting'}."
