"""The chat model over the OpenAI protocol. The only module that knows LangChain's chat client."""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import httpx

from assistant.asking import Asking
from assistant.errors import AssistantError, ModelNotFound, ModelUnavailable
from assistant.serving import MOST_CHOICES, Endpoint

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

_TIMEOUT = 120.0
_STOPPED = "the model stopped while it was answering; it is being restarted, ask again"
_RARE = 0.005  # a beginning less likely than this is not followed: "Pr" where the model says "Price" in one
_NEVER = -1000.0  # log-probability; what a grammar forbids has one of minus infinity or nearly


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation with the model."""

    role: Literal["system", "user", "assistant"]
    content: str


class ChatModel(Protocol):
    """A model that continues a conversation."""

    @property
    def name(self) -> str:
        """What answers now. Raises ModelUnavailable."""
        ...

    @property
    def asking(self) -> Asking:
        """How it is asked. Raises ModelUnavailable."""
        ...

    @property
    def context_tokens(self) -> int:
        """Longest prompt and answer together, in tokens."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens in a text; never fewer than the server would count."""
        ...

    def stream(
        self, messages: Sequence[Message], max_tokens: int, stop: Sequence[str] = ()
    ) -> AsyncGenerator[str, None]:
        """Yield pieces of the answer as they come; a last message of the assistant's is continued.

        Raises ModelUnavailable.
        """
        ...

    async def choose(self, messages: Sequence[Message], choices: Sequence[str]) -> tuple[float, ...]:
        """The model's own probability of each choice as its next words, in their order, summing to 1.

        Nothing but a choice can come out. No choice may be the beginning of another. Raises ModelUnavailable.
        """
        ...


class OpenAIChatModel:
    """A model behind any OpenAI-compatible server, reached through LangChain.

    `endpoint` is asked before every request, because a restarted server answers elsewhere.
    """

    def __init__(self, endpoint: Callable[[], Endpoint], context_tokens: int, count: Callable[[str], int]) -> None:
        self.context_tokens = context_tokens
        self._endpoint = endpoint
        self._count = count
        self._clients: dict[Endpoint, ChatOpenAI] = {}

    @property
    def name(self) -> str:
        return self._endpoint().weights

    @property
    def asking(self) -> Asking:
        return self._endpoint().asking

    def count_tokens(self, text: str) -> int:
        return self._count(text)

    async def stream(
        self, messages: Sequence[Message], max_tokens: int, stop: Sequence[str] = ()
    ) -> AsyncGenerator[str, None]:
        client = self._client(self._endpoint())
        finished = False
        with _errors():
            async for chunk in client.astream(
                _turns(messages), max_tokens=max_tokens, stop=list(stop) or None, extra_body=_continuing(messages)
            ):
                finished = finished or bool(chunk.response_metadata.get("finish_reason"))
                if chunk.content:
                    yield str(chunk.content)
        if not finished:  # a closed connection can look like an end
            raise ModelUnavailable(_STOPPED)

    async def choose(self, messages: Sequence[Message], choices: Sequence[str]) -> tuple[float, ...]:
        if any(i != j and b.startswith(a) for i, a in enumerate(choices) for j, b in enumerate(choices)):
            raise ValueError(f"no choice may be another, or its beginning: {list(choices)}")
        mass = await self._masses(messages, tuple(choices), tuple(choices))
        total = sum(mass.values())
        return tuple(mass[c] / total for c in choices)

    async def _masses(
        self, messages: Sequence[Message], choices: tuple[str, ...], rests: tuple[str, ...]
    ) -> dict[str, float]:
        """Probability of each choice, of which `rests` are still to be said after the messages."""
        if len(choices) == 1:
            return {choices[0]: 1.0}
        if said := _shared_words(rests):
            messages, rests = _said(messages, said), tuple(r.removeprefix(said) for r in rests)
        mass = dict.fromkeys(choices, 0.0)
        shared: dict[str, float] = {}
        for token, probability in (await self._next_tokens(messages, rests)).items():
            meant = [c for c, rest in zip(choices, rests, strict=True) if rest.startswith(token)]
            if len(meant) == 1:
                mass[meant[0]] += probability
            elif meant:
                shared[token] = probability
        for token, probability in shared.items():
            if probability < _RARE:
                continue
            going = [(c, r.removeprefix(token)) for c, r in zip(choices, rests, strict=True) if r.startswith(token)]
            below = await self._masses(
                _said(messages, token), tuple(c for c, _ in going), tuple(rest for _, rest in going)
            )
            for choice, part in below.items():
                mass[choice] += part * probability
        return mass

    async def _next_tokens(self, messages: Sequence[Message], choices: Sequence[str]) -> dict[str, float]:
        """Probabilities of the tokens that may come next when one of the choices must be said."""
        body = {"structured_outputs": {"choice": list(choices)}, **_continuing(messages)}
        client = self._client(self._endpoint())
        with _errors():
            reply = await client.bind(max_tokens=1, logprobs=True, top_logprobs=MOST_CHOICES, extra_body=body).ainvoke(
                _turns(messages)
            )
        try:
            top = reply.response_metadata["logprobs"]["content"][0]["top_logprobs"]
            allowed = {t["token"]: math.exp(t["logprob"]) for t in top if t["token"] and t["logprob"] > _NEVER}
        except (KeyError, IndexError, TypeError) as exc:
            raise AssistantError("the model server gives no log-probabilities; serve the model with vLLM") from exc
        # a server that we did not start may report tokens that the choice does not allow
        allowed = {t: p for t, p in allowed.items() if any(c.startswith(t) for c in choices)}
        if not allowed:
            raise AssistantError("the model server did not keep to the choices; it must support structured_outputs")
        total = sum(allowed.values())
        return {t: p / total for t, p in allowed.items()}

    def _client(self, endpoint: Endpoint) -> ChatOpenAI:
        from langchain_openai import ChatOpenAI

        if endpoint not in self._clients:
            self._clients.clear()
            self._clients[endpoint] = ChatOpenAI(
                base_url=endpoint.url,
                api_key=endpoint.api_key or "none",  # type: ignore[arg-type]
                model=endpoint.model,
                temperature=0,
                timeout=_TIMEOUT,
                max_retries=0,
                http_async_client=httpx.AsyncClient(timeout=_TIMEOUT),  # LangChain's own is shared by all event loops
            )
        return self._clients[endpoint]


def _turns(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": m.role, "content": m.content} for m in messages]


def _continuing(messages: Sequence[Message]) -> dict[str, bool]:
    """vLLM's switches for going on with an answer that has been begun."""
    begun = bool(messages) and messages[-1].role == "assistant"
    return {"continue_final_message": True, "add_generation_prompt": False} if begun else {}


def _said(messages: Sequence[Message], more: str) -> list[Message]:
    """The messages with more of the answer said."""
    if messages and messages[-1].role == "assistant":
        return [*messages[:-1], Message("assistant", messages[-1].content + more)]
    return [*messages, Message("assistant", more)]


def _shared_words(texts: Sequence[str]) -> str:
    """The whole words that all texts begin with; the space after them belongs to what follows."""
    shared = common_start(texts)
    return shared[: shared.rfind(" ")] if " " in shared[1:] else ""


def common_start(texts: Sequence[str]) -> str:
    """The characters that all texts begin with."""
    first, last = min(texts), max(texts)
    same = next((i for i, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
    return first[:same]


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """The client's errors in our own words."""
    from openai import APIConnectionError, APIError, APIStatusError

    try:
        yield
    except APIStatusError as exc:
        raise _refusal(exc.status_code, exc.message) from exc
    except (APIConnectionError, APIError, httpx.HTTPError) as exc:
        raise ModelUnavailable(_STOPPED) from exc


def _refusal(status: int, message: str) -> AssistantError:
    if status in (401, 403):
        return AssistantError("the model server refused the API key; check models.chat_api_key")
    if status == 404:
        return ModelNotFound(
            f"the model server does not serve that model ({message[:200]}); check models.chat_served_name"
        )
    if status in (429, 500, 502, 503, 504):
        return ModelUnavailable(f"the model server is not able to answer now (HTTP {status}); ask again")
    return AssistantError(f"the model server refused the request (HTTP {status}): {message[:300]}")


def token_counter(weights: Path) -> Callable[[str], int]:
    """Count with the tokenizer that lies beside the weights; a safe overestimate where there is none."""
    file = weights / "tokenizer.json"
    if not file.is_file():
        return estimate_tokens
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def estimate_tokens(text: str) -> int:
    """An upper estimate for an unknown tokenizer: half the UTF-8 bytes."""
    return len(text.encode()) // 2 + 1


def remote_endpoint(url: str, api_key: str, served_name: str, prompts: str) -> tuple[Endpoint, int]:
    """Ask a server which models it has; return where to reach the wanted one and its context in tokens.

    Raises ModelUnavailable when nothing answers there, ModelNotFound when it does not have `served_name`.
    """
    url = url.rstrip("/")
    try:
        reply = httpx.get(url + "/models", headers={"Authorization": f"Bearer {api_key or 'none'}"}, timeout=10)
        reply.raise_for_status()
        listed = {str(m["id"]): m for m in reply.json()["data"]}
    except httpx.HTTPStatusError as exc:
        raise _refusal(exc.response.status_code, f"GET {url}/models") from exc
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as exc:
        raise ModelUnavailable(f"no OpenAI-compatible server answers at {url}; check models.chat_url") from exc
    name = served_name or next(iter(listed), "")
    if name not in listed:
        raise ModelNotFound(
            f"{url} does not serve {name!r}; it serves {', '.join(listed) or 'nothing'}; set models.chat_served_name"
        )
    return Endpoint(url, api_key, name, name, Asking(prompts)), int(listed[name].get("max_model_len") or 4096)
