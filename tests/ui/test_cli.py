"""The command line without a model: what it prints, and one clear line with exit code 2 for what cannot be done."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest


def switchboard(*arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ui.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
        env=dict(os.environ) | environ,
        check=False,
    )


def refused(*arguments: str | Path, **environ: str) -> str:
    """The one line on stderr of a command that ends with exit code 2."""
    done = switchboard(*arguments, **environ)
    lines = [line for line in done.stderr.splitlines() if line.startswith("switchboard: ")]
    assert done.returncode == 2, done.stderr
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


COMMANDS = [
    "",
    "kb",
    "kb refresh",
    "kb status",
    "kb search",
    "kb list",
    "kb rollback",
    "kb diff",
    "kb prune",
    "kb quarantine",
    "kb audit",
    "ask",
    "serve",
    "doctor",
    "config",
    "eval",
    "eval retrieval",
    "eval answers",
    "eval hostile",
    "eval kills",
    "eval refresh",
    "eval pointing",
    "eval sufficiency",
    "eval rag-vs-tuning",
    "eval triage",
    "eval speed",
    "train",
    "train sft",
    "train judgement",
    "models",
    "models list",
    "models show",
    "models promote",
    "models rollback",
    "triage",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_those_that_do_something_by_an_example(command: str) -> None:
    done = switchboard(*command.split(), "--help")
    assert done.returncode == 0
    groups = ("", "kb", "eval", "train", "models")
    assert ("Example: switchboard" in done.stdout) is (command not in groups)


def test_refresh_status_search(documents: Path) -> None:
    report = json.loads(switchboard("kb", "refresh", documents, "--json").stdout)
    assert (report["documents"], report["published"], report["quarantined"]) == (3, True, [])
    status = json.loads(switchboard("kb", "status", "--json").stdout)
    assert status["id"] == report["generation"]
    hits = json.loads(switchboard("kb", "search", "price of a new SIM card", "-k", "2", "--json").stdout)
    assert len(hits) == 2
    assert hits[0]["document"] == "sim.md"
    assert hits[0]["heading"] == "Replacement"
    assert set(hits[0]) >= {"document", "heading", "page", "score", "text"}
    again = json.loads(switchboard("kb", "refresh", "--json").stdout)
    assert (again["published"], again["generation"]) == (False, report["generation"])


def test_no_such_folder(tmp_path: Path) -> None:
    assert "no such file or folder" in refused("kb", "refresh", tmp_path / "nowhere")


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no files in this folder" in refused("kb", "refresh", tmp_path / "empty")


def test_refresh_without_sources_before_the_first() -> None:
    assert "switchboard kb refresh FOLDER" in refused("kb", "refresh")


def test_search_and_ask_before_the_first_refresh() -> None:
    assert "knowledge base is empty" in refused("kb", "search", "x")
    assert "knowledge base is empty" in refused("ask", "x")


def test_models_that_do_not_exist(documents: Path) -> None:
    assert "not an embedding model" in refused("kb", "refresh", documents, SWITCHBOARD_MODELS_EMBEDDER="nothing")
    switchboard("kb", "refresh", documents)
    assert "'nothing' is not a model" in refused("ask", "x", SWITCHBOARD_MODELS_CHAT="nothing")
    assert "no OpenAI-compatible server" in refused("ask", "x", SWITCHBOARD_MODELS_CHAT_URL="http://127.0.0.1:9/v1")


def test_a_hub_that_cannot_be_reached(documents: Path) -> None:
    offline = {"HF_HUB_OFFLINE": "1"}
    assert "owner/name" in refused("kb", "refresh", documents, SWITCHBOARD_MODELS_EMBEDDER="owner/name", **offline)


def test_a_truncated_index(documents: Path, tmp_path: Path) -> None:
    switchboard("kb", "refresh", documents)
    (vectors,) = (tmp_path / "home").rglob("vectors.faiss")
    vectors.write_bytes(vectors.read_bytes()[:100])
    assert "vectors.faiss" in refused("kb", "search", "x")


def test_a_port_in_use(documents: Path) -> None:
    switchboard("kb", "refresh", documents)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"cannot serve on 127.0.0.1:{port}" in refused("serve", "--port", str(port))


def test_a_configuration_that_cannot_be_used() -> None:
    assert "SWITCHBOARD_ANSWER_PASSAGES" in refused("config", SWITCHBOARD_ANSWER_PASSAGES="none")


def test_config_says_where_values_come_from() -> None:
    rows = json.loads(switchboard("config", "--json", SWITCHBOARD_WEB_PORT="1234").stdout)
    assert {"name": "web.port", "value": "1234", "origin": "SWITCHBOARD_WEB_PORT"} in rows


def test_the_template_is_toml() -> None:
    assert set(tomllib.loads(switchboard("config", "--template").stdout)) >= {"models", "answer", "web"}


def test_doctor_says_what_to_do(documents: Path) -> None:
    done = switchboard("doctor", "--json", SWITCHBOARD_MODELS_CHAT="nothing")
    checks = {c["name"]: c for c in json.loads(done.stdout)}
    assert done.returncode == 1
    assert checks["embedder"]["ok"]
    assert not checks["chat model"]["ok"]
    assert "models.chat" in checks["chat model"]["remedy"]
    assert not checks["knowledge base"]["ok"]
    assert "kb refresh" in checks["knowledge base"]["remedy"]
