"""Looks at everything that has to be right before Monday morning, and says what to do where it is not."""

from __future__ import annotations

import importlib.util
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from assistant.chat_model import remote_endpoint
from assistant.errors import AssistantError
from assistant.settings import Settings
from assistant.weights import resolve
from index.embedding import SentenceTransformerEmbedder
from index.errors import KnowledgeBaseError
from index.library import KnowledgeBase
from index.retrieval import Retriever

_DISK_GB, _MEMORY_GB = 3.0, 6.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; `remedy` is what to do about it when it is not `ok`."""

    name: str
    ok: bool
    finding: str
    remedy: str = ""


def examine(settings: Settings) -> list[Check]:
    """Every check, in the order in which they matter."""
    checks: list[tuple[str, Callable[[Settings], Check]]] = [
        ("embedder", _embedder),
        ("chat model", _chat_model),
        ("vLLM", _vllm),
        ("knowledge base", _knowledge_base),
        ("disk", _disk),
        ("memory", _memory),
        ("port", _port),
    ]
    return [_guarded(name, check, settings) for name, check in checks]


def _guarded(name: str, check: Callable[[Settings], Check], settings: Settings) -> Check:
    try:
        return check(settings)
    except (AssistantError, KnowledgeBaseError) as exc:
        finding, _, remedy = str(exc).partition("; ")
        return Check(
            name, False, finding, remedy or "see the documentation of this setting: switchboard config --template"
        )


def _embedder(settings: Settings) -> Check:
    embedder = SentenceTransformerEmbedder.from_name(settings.models.embedder)
    vector = embedder.embed(["How do I unlock my phone?"])
    return Check("embedder", True, f"{embedder.name}, {vector.shape[1]} dimensions")


def _chat_model(settings: Settings) -> Check:
    models = settings.models
    if models.chat_url:
        endpoint, context = remote_endpoint(
            models.chat_url, models.chat_api_key, models.chat_served_name, models.chat_prompts
        )
        return Check("chat model", True, f"{endpoint.model} at {endpoint.url}, {context} tokens of context")
    weights = resolve(models.chat, settings.model_cache)
    return Check("chat model", True, f"{weights.name} in {weights.path}")


def _vllm(settings: Settings) -> Check:
    if settings.models.chat_url:
        return Check("vLLM", True, "not needed: models.chat_url is set")
    if importlib.util.find_spec("vllm") is None:
        return Check("vLLM", False, "not installed", "run make setup, or set models.chat_url to a server that runs")
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        return Check(
            "vLLM", False, "no C++ compiler to compile the model with", "install g++, or set vllm.eager = true"
        )
    return Check("vLLM", True, "installed, with a C++ compiler")


def _knowledge_base(settings: Settings) -> Check:
    embedder = SentenceTransformerEmbedder.from_name(settings.models.embedder)
    manifest = Retriever(KnowledgeBase(settings.knowledge_base), embedder).generation().manifest
    return Check(
        "knowledge base",
        True,
        f"generation {manifest.id}: {manifest.documents} documents, {manifest.passages} passages, {len(manifest.quarantined)} left out",
    )


def _disk(settings: Settings) -> Check:
    place = _existing(settings.home)
    free = shutil.disk_usage(place).free / 1e9
    remedy = f"free at least {_DISK_GB:.0f} GB there, or set SWITCHBOARD_HOME to another disk"
    return Check("disk", free >= _DISK_GB, f"{free:.1f} GB free at {place}", remedy)


def _existing(path: Path) -> Path:
    return next(p for p in (path, *path.parents) if p.exists())


def _memory(settings: Settings) -> Check:
    free = psutil.virtual_memory().available / 1e9
    if settings.models.chat_url:
        return Check("memory", True, f"{free:.1f} GB free")
    remedy = f"close other programs until {_MEMORY_GB:.0f} GB are free, or lower vllm.kv_cache_gib"
    return Check("memory", free >= _MEMORY_GB, f"{free:.1f} GB free", remedy)


def _port(settings: Settings) -> Check:
    host, port = settings.web.host, settings.web.port
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            remedy = "stop the program that uses it (it may be a running Switchboard), or set web.port"
            return Check("port", False, f"{host}:{port}: {exc.strerror}", remedy)
    return Check("port", True, f"{host}:{port} is free")
