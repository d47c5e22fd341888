"""The chat model over the OpenAI protocol. The only module that knows LangChain's chat client."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import httpx

from assistant.errors import AssistantError, ModelNotFound, ModelUnavailable
from assistant.serving import Endpoint

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

_TIMEOUT = 120.0
_STOPPED = "the model stopped while it was answering; ask again"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation with the model."""

    role: Literal["system", "user", "assistant"]
    content: str


class ChatModel(Protocol):
    """A model that continues a conversation."""

    @property
    def name(self) -> str: ...

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
        """Yield pieces of the answer as they come. Raises ModelUnavailable."""
        ...


class OpenAIChatModel:
    """A model behind any OpenAI-compatible server, reached through LangChain.

    `endpoint` is asked before every request, because a restarted server answers elsewhere.
    """

    def __init__(
        self, name: str, endpoint: Callable[[], Endpoint], context_tokens: int, count: Callable[[str], int]
    ) -> None:
        self.name = name
        self.context_tokens = context_tokens
        self._endpoint = endpoint
        self._count = count
        self._clients: dict[Endpoint, ChatOpenAI] = {}

    def count_tokens(self, text: str) -> int:
        return self._count(text)

    async def stream(
        self, messages: Sequence[Message], max_tokens: int, stop: Sequence[str] = ()
    ) -> AsyncGenerator[str, None]:
        from openai import APIConnectionError, APIError, APIStatusError

        client = self._client(self._endpoint())
        turns = [{"role": m.role, "content": m.content} for m in messages]
        try:
            finished = False
            async for chunk in client.astream(turns, max_tokens=max_tokens, stop=list(stop) or None):
                finished = finished or bool(chunk.response_metadata.get("finish_reason"))
                if chunk.content:
                    yield str(chunk.content)
            if not finished:  # a closed connection can look like an end
                raise ModelUnavailable(_STOPPED)
        except APIStatusError as exc:
            raise _refusal(exc.status_code, exc.message) from exc
        except (APIConnectionError, APIError, httpx.HTTPError) as exc:
            raise ModelUnavailable(
                "the model stopped while it was answering; it is being restarted, ask again"
            ) from exc

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
            )
        return self._clients[endpoint]


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


def remote_endpoint(url: str, api_key: str, served_name: str) -> tuple[Endpoint, int]:
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
    return Endpoint(url, api_key, name), int(listed[name].get("max_model_len") or 4096)
