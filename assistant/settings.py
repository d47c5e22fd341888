"""The configuration: defaults, then one TOML file, then `SWITCHBOARD_*` variables. Nothing else reads either."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

import platformdirs

from assistant.errors import SettingsError
from assistant.weights import BUILTIN_CHAT
from index.embedding import BUILTIN_EMBEDDER, TELECOM_EMBEDDER

_FILE = "config.toml"


def _setting(default: Any, about: str, least: float | None = None, most: float | None = None) -> Any:
    return field(default=default, metadata={"about": about, "least": least, "most": most})


@dataclass(frozen=True, slots=True)
class ModelSettings:
    chat: str = _setting(BUILTIN_CHAT, "The chat model: the built-in one, a folder in Hugging Face form, or a hub id.")
    chat_url: str = _setting("", "URL of an OpenAI-compatible server (ending in /v1). When set, no vLLM is started.")
    chat_api_key: str = _setting("", "API key for chat_url.")
    chat_served_name: str = _setting("", "Model name to ask chat_url for; empty: the first one it lists.")
    chat_prompts: str = _setting(
        "few-shot", "How chat_url's model is asked: few-shot, or pointing-1 when it was tuned here."
    )
    embedder: str = _setting(
        TELECOM_EMBEDDER,
        f"The embedding model: {TELECOM_EMBEDDER}, {BUILTIN_EMBEDDER} without its tuning, a folder, or a hub id.",
    )


@dataclass(frozen=True, slots=True)
class VllmSettings:
    max_model_len: int = _setting(4096, "Longest prompt and answer together, in tokens.", 1024)
    max_num_seqs: int = _setting(16, "Requests that share a step.", 1)
    kv_cache_gib: int = _setting(2, "Memory for the key-value cache on a CPU, in GiB.", 1)
    start_timeout: int = _setting(900, "Seconds to wait for the model before giving up.", 10)
    eager: bool = _setting(False, "Start without compiling: sooner ready, half as fast afterwards.")
    extra_args: str = _setting("", "More arguments for the vLLM server, separated by spaces.")


@dataclass(frozen=True, slots=True)
class IngestSettings:
    max_file_mb: int = _setting(
        20, "Larger files are left out, with this as the reason; in megabytes of 2^20 bytes.", 1
    )
    max_seconds: int = _setting(60, "A file that takes longer to read is set aside; in seconds.", 1)
    max_memory_mb: int = _setting(1500, "So is one that takes more memory to read; in megabytes of 2^20 bytes.", 256)
    passage_tokens: int = _setting(200, "Longest passage in the embedder's tokens, its heading included.", 48)
    max_drop: float = _setting(
        0.3, "Share of passages that one refresh may lose; one that would lose more is stopped before publishing.", 0, 1
    )
    on_failure: str = _setting(
        "keep", "What becomes of a document whose file can no longer be read: keep its previous version, or drop it."
    )


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    passages: int = _setting(5, "Passages retrieved for a question.", 1, 50)
    prompt_passages: int = _setting(3, "Of those, how many the model is given.", 1, 20)
    max_tokens: int = _setting(120, "Longest answer, in tokens.", 16)
    history_turns: int = _setting(4, "Earlier questions that a follow-up may refer to.", 0, 50)
    sufficiency: float = _setting(
        -1.0,
        "Answer only when the passages hold the answer with at least this probability; -1: the threshold that was fitted.",
        -1,
        1,
    )


@dataclass(frozen=True, slots=True)
class TriageSettings:
    taxonomy: str = _setting("examples/taxonomy.yaml", "The tree of complaint categories, a YAML file.")
    tickets: str = _setting(
        "examples/tickets/train.jsonl", "Labelled tickets that new ones are compared with; empty: none."
    )
    embedder: str = _setting(
        "", "The embedding model that tickets are compared by; empty: the one of the documents, models.embedder."
    )
    threshold: float = _setting(
        0.5, "Least probability of a category; below it a ticket stays at the parent, for a person.", 0, 1
    )
    at_once: int = _setting(16, "Tickets of a batch that are under way together.", 1, 1000)


@dataclass(frozen=True, slots=True)
class WebSettings:
    host: str = _setting("127.0.0.1", "Address that the page is served on.")
    audience: str = _setting(
        "agent",
        "Whom this server's page and API are for: agent, or customer, who is never shown what is for agents only.",
    )
    port: int = _setting(7860, "Port that the page is served on.", 1, 65535)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every value in force; `origins` says where each came from, by its dotted name."""

    home: Path
    models: ModelSettings = field(default_factory=ModelSettings)
    vllm: VllmSettings = field(default_factory=VllmSettings)
    ingest: IngestSettings = field(default_factory=IngestSettings)
    answer: AnswerSettings = field(default_factory=AnswerSettings)
    triage: TriageSettings = field(default_factory=TriageSettings)
    web: WebSettings = field(default_factory=WebSettings)
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def config_file(self) -> Path:
        return self.home / _FILE

    @property
    def knowledge_base(self) -> Path:
        return self.home / "knowledge-base"

    @property
    def model_cache(self) -> Path:
        return self.home / "models"

    @property
    def versions(self) -> Path:
        return self.home / "versions"

    @property
    def embedders(self) -> Path:
        return self.home / "embedders"

    @property
    def training(self) -> Path:
        return self.home / "training"

    @property
    def ticket_vectors(self) -> Path:
        return self.home / "ticket-vectors"

    @property
    def vllm_cache(self) -> Path:
        return self.home / "vllm-cache"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def run(self) -> Path:
        return self.home / "run"


_SECTIONS: dict[str, type[Any]] = {
    "models": ModelSettings,
    "vllm": VllmSettings,
    "ingest": IngestSettings,
    "answer": AnswerSettings,
    "triage": TriageSettings,
    "web": WebSettings,
}
_SECRET = {"models.chat_api_key"}


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the configuration. Raises SettingsError naming the file or variable, the value, and what is wanted."""
    env = os.environ if environ is None else environ
    home = Path(env.get("SWITCHBOARD_HOME") or platformdirs.user_data_path("switchboard")).expanduser().absolute()
    origins = {"home": "SWITCHBOARD_HOME" if env.get("SWITCHBOARD_HOME") else "default"}
    table = _read_table(home / _FILE)
    _refuse_unknown_variables(env)
    sections = {
        section: _section(section, kind, table.get(section, {}), home / _FILE, env, origins)
        for section, kind in _SECTIONS.items()
    }
    return Settings(home=home, origins=origins, **sections)


def describe(settings: Settings) -> list[tuple[str, str, str]]:
    """Rows of (dotted name, value, origin), secrets hidden."""
    rows = [("home", str(settings.home), settings.origins["home"])]
    for section, kind in _SECTIONS.items():
        values = getattr(settings, section)
        for item in fields(kind):
            name = f"{section}.{item.name}"
            value = str(getattr(values, item.name))
            rows.append((name, "(hidden)" if name in _SECRET and value else value, settings.origins[name]))
    return rows


def template() -> str:
    """A configuration file with every setting explained and commented out."""
    lines = ["# Switchboard's configuration. Remove the # before a line to change its value.", ""]
    for section, kind in _SECTIONS.items():
        lines.append(f"[{section}]")
        for item in fields(kind):
            lines += [f"# {item.metadata['about']} Variable: {_variable(section, item.name)}"]
            lines += [f"# {item.name} = {_toml(item.default)}", ""]
    return "\n".join(lines)


def _variable(section: str, name: str) -> str:
    return f"SWITCHBOARD_{section}_{name}".upper()


def _refuse_unknown_variables(env: Mapping[str, str]) -> None:
    known = {_variable(s, f.name) for s, kind in _SECTIONS.items() for f in fields(kind)} | {"SWITCHBOARD_HOME"}
    for name in env:
        if name.startswith("SWITCHBOARD_") and name not in known:
            raise SettingsError(f"the variable {name} is not a setting; switchboard config lists those there are")


def _read_table(path: Path) -> Mapping[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise SettingsError(f"{path} cannot be read: {exc}") from exc
    for section in table:
        if section not in _SECTIONS or not isinstance(table[section], dict):
            raise SettingsError(f"{path}: [{section}] is not a section; there are {', '.join(_SECTIONS)}")
    return table


def _section(
    section: str, kind: type[Any], table: Mapping[str, Any], path: Path, env: Mapping[str, str], origins: dict[str, str]
) -> Any:
    types = get_type_hints(kind)
    known = {item.name: item for item in fields(kind)}
    for name in table:
        if name not in known:
            raise SettingsError(f"{path}: {section}.{name} is not a setting; [{section}] has {', '.join(known)}")
    values: dict[str, Any] = {}
    for name, item in known.items():
        variable = _variable(section, name)
        if variable in env:
            origin, raw = variable, env[variable]
        elif name in table:
            origin, raw = path.name, table[name]
        else:
            origins[f"{section}.{name}"] = "default"
            continue
        values[name] = _convert(raw, types[name], item.metadata, f"{section}.{name} from {origin}")
        origins[f"{section}.{name}"] = origin
    return kind(**values)


def _convert(raw: Any, kind: type[Any], limits: Mapping[str, Any], where: str) -> Any:
    if kind is bool:
        word = str(raw).strip().lower()
        if word not in {"true", "false", "1", "0", "yes", "no"}:
            raise SettingsError(f"{where}: expected true or false, not {raw!r}")
        return word in {"true", "1", "yes"}
    try:
        value = kind(raw)
    except (TypeError, ValueError) as exc:
        raise SettingsError(f"{where}: expected {_KINDS[kind]}, not {raw!r}") from exc
    least, most = limits["least"], limits["most"]
    if (least is not None and value < least) or (most is not None and value > most):
        bounds = f"at least {least:g}" if most is None else f"from {least:g} to {most:g}"
        raise SettingsError(f"{where}: expected {_KINDS[kind]} {bounds}, not {raw!r}")
    return value


_KINDS: dict[type[Any], str] = {int: "a whole number", float: "a number", str: "text"}


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
