"""Nothing outlives its owner, and a crash is survived; with real processes, a small one in vLLM's place where it may be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from assistant import serving
from assistant.errors import ModelUnavailable
from assistant.serving import ModelServer, State, running_endpoints
from assistant.settings import Settings, VllmSettings
from assistant.weights import Weights

# answers health checks as vLLM does, has a child of its own as vLLM does, and says no word about models
SERVER = """
import http.server, subprocess, sys
subprocess.Popen(["sleep", "300"])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    do_POST = do_GET
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
WEIGHTS = Weights("a-model", "/nowhere")


def until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    monkeypatch.setattr(serving, "_command", lambda _w, _v, port: [sys.executable, "-c", SERVER, str(port)])
    monkeypatch.setattr(serving, "_BACKOFF", (0.1, 0.1, 0.1))
    made = ModelServer(WEIGHTS, Settings(home=tmp_path))
    yield made
    made.stop()


def family(server: ModelServer) -> list[psutil.Process]:
    assert server._process is not None
    guard = psutil.Process(server._process.pid)
    return [guard, *guard.children(recursive=True)]


def test_start_answer_stop(server: ModelServer, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="stopped"):
        server.endpoint()
    server.start()
    server.wait_ready()
    endpoint = server.endpoint()
    assert endpoint.url.startswith("http://127.0.0.1:")
    assert len(endpoint.api_key) > 20
    assert until(lambda: len(family(server)) == 3)
    processes = family(server)
    server.stop()
    assert not any(alive(p.pid) for p in processes)
    assert server.state is State.STOPPED
    assert list((tmp_path / "run").glob("*.json")) == []


@pytest.mark.parametrize("victim", [0, 1], ids=["guard", "server"])
def test_a_killed_server_comes_back_by_itself(server: ModelServer, victim: int) -> None:
    server.start()
    server.wait_ready()
    before = server.endpoint()
    assert until(lambda: len(family(server)) == 3)
    processes = family(server)
    processes[victim].kill()
    assert until(lambda: server.state is not State.READY)
    with pytest.raises(ModelUnavailable, match="restarting"):
        server.endpoint()
    server.wait_ready()
    assert server.endpoint() != before
    assert not any(alive(p.pid) for p in processes)


def test_a_server_that_never_comes_up_is_given_up_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        serving, "_command", lambda *_: [sys.executable, "-c", "raise ValueError('no such quantisation')"]
    )
    monkeypatch.setattr(serving, "_BACKOFF", (0.1, 0.1))
    server = ModelServer(WEIGHTS, Settings(home=tmp_path))
    server.start()
    with pytest.raises(ModelUnavailable, match="no such quantisation"):
        server.wait_ready()
    assert server.state is State.FAILED
    server.stop()


def test_a_server_that_is_not_ready_in_time_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_command", lambda *_: ["sleep", "300"])
    monkeypatch.setattr(serving, "_BACKOFF", (0.1,))
    server = ModelServer(WEIGHTS, replace(Settings(home=tmp_path), vllm=VllmSettings(start_timeout=1)))
    server.start()
    with pytest.raises(ModelUnavailable):
        server.wait_ready()
    server.stop()


def test_two_servers_do_not_collide(server: ModelServer, tmp_path: Path) -> None:
    other = ModelServer(WEIGHTS, Settings(home=tmp_path))
    try:
        server.start()
        other.start()
        server.wait_ready()
        other.wait_ready()
        assert server.endpoint().url != other.endpoint().url
        assert server.endpoint().api_key != other.endpoint().api_key
        assert {e.url for e in running_endpoints(tmp_path / "run", "a-model")} == {
            server.endpoint().url,
            other.endpoint().url,
        }
        assert list(running_endpoints(tmp_path / "run", "another-model")) == []
    finally:
        other.stop()


def test_run_files_are_private_and_those_of_dead_processes_are_removed(server: ModelServer, tmp_path: Path) -> None:
    server.start()
    server.wait_ready()
    (file,) = (tmp_path / "run").glob("*.json")
    assert file.stat().st_mode & 0o077 == 0
    dead = tmp_path / "run" / "999999999.json"
    dead.write_text(
        json.dumps({"url": "http://127.0.0.1:9/v1", "api_key": "k", "served_name": "s", "model": "a-model"})
    )
    assert len(list(running_endpoints(tmp_path / "run", "a-model"))) == 1
    assert not dead.exists()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_when_the_owner_is_killed_nothing_remains(tmp_path: Path, how: signal.Signals) -> None:
    owner = (
        "import subprocess, sys, time\n"
        "g = subprocess.Popen([sys.executable, '-m', 'assistant.guard', 'sh', '-c', 'sleep 301 & setsid sleep 302 & sleep 303'],"
        " stdin=subprocess.PIPE, start_new_session=True)\n"
        "print(g.pid, flush=True); time.sleep(300)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", owner], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    guard = psutil.Process(int(process.stdout.readline()))
    assert until(lambda: len(guard.children(recursive=True)) >= 3)
    family = [guard, *guard.children(recursive=True)]
    os.kill(process.pid, how)
    process.wait()
    assert until(lambda: not any(alive(p.pid) for p in family))


def test_the_command_line_holds_no_key(tmp_path: Path) -> None:
    command = serving._command(WEIGHTS, VllmSettings(extra_args="--seed 3"), 4321)
    assert command[-2:] == ["--seed", "3"]
    assert "4321" in command
    assert "--api-key" not in command
    assert serving._environment(Settings(home=tmp_path), "secret")["VLLM_API_KEY"] == "secret"
