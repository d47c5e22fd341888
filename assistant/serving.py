"""The vLLM process: start it, wait for it, watch it, restart it after a crash, stop it with all its children."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import logging
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import httpx
import psutil
from pydantic import TypeAdapter, ValidationError

from assistant.asking import UNTUNED, Asking
from assistant.errors import ModelUnavailable
from assistant.settings import Settings, VllmSettings
from assistant.weights import Weights

log = logging.getLogger(__name__)

_SERVED_NAME = "switchboard-chat"
_ADAPTER_NAME = "switchboard-tuned"
MOST_CHOICES = 26  # whose probabilities can be had at once: as many as there are letters
_BACKOFF = (1.0, 2.0, 5.0, 15.0, 60.0)
_STEADY = 300.0  # a server that ran this long had a good start: back-off begins anew
_KEEP_LOGS = 5


class State(Enum):
    """What the model server is doing."""

    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an OpenAI-compatible server answers, and for which model.

    `weights` is how people call what is served.
    """

    url: str
    api_key: str
    model: str
    weights: str
    asking: Asking = UNTUNED


_ENDPOINT = TypeAdapter(Endpoint)


class ModelServer:
    """One vLLM on a free loopback port, kept alive by a thread until `stop`.

    `endpoint()` gives where it answers now; after a restart that is another port and key.
    """

    def __init__(self, weights: Weights, settings: Settings) -> None:
        self._weights = weights
        self._settings = settings
        self._state = State.STOPPED
        self._endpoint: Endpoint | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._replacing = threading.Event()
        self._thread: threading.Thread | None = None
        self._proven: Weights | None = None
        self.refused: Weights | None = None  # what was to be served last and did not come up
        self._log_path = settings.logs / f"vllm-{os.getpid()}-{secrets.token_hex(2)}.log"
        self._failure = ""

    @property
    def state(self) -> State:
        return self._state

    def start(self) -> None:
        """Begin starting the server and return at once; `wait_ready` waits for it."""
        if self._thread is not None:
            return
        if importlib.util.find_spec("vllm") is None:
            raise ModelUnavailable(
                "vLLM is not installed; run make setup, or set models.chat_url to a server that runs"
            )
        _prune_logs(self._settings.logs)
        _forget_dead(self._settings.run)
        self._state = State.STARTING
        self._thread = threading.Thread(target=self._keep_alive, name="vllm-watch", daemon=True)
        self._thread.start()

    def wait_ready(self, progress: Callable[[str], None] = lambda _: None) -> None:
        """Block until the model answers; `progress` is told about once a second. Raises ModelUnavailable."""
        began = time.monotonic()
        while True:
            with self._changed:
                self._changed.wait(timeout=1.0)
            if self._state is State.READY:
                return
            if self._state in (State.FAILED, State.STOPPED):
                raise ModelUnavailable(self._failure or "the model server is stopped")
            progress(f"{self._state.value}, {time.monotonic() - began:.0f} s")

    def endpoint(self) -> Endpoint:
        """Where the model answers now. Raises ModelUnavailable while there is no such place."""
        endpoint = self._endpoint
        if self._state is State.READY and endpoint is not None:
            return endpoint
        words = {
            State.STARTING: "the model is starting; try again in a minute or two",
            State.RESTARTING: "the model is restarting; try again in a minute",
            State.FAILED: self._failure,
            State.STOPPED: "the model server is stopped",
        }
        raise ModelUnavailable(words.get(self._state, "the model is restarting; try again in a minute"))

    @property
    def weights(self) -> Weights:
        """What is served, or will be once the server is ready."""
        return self._weights

    def replace(self, weights: Weights) -> None:
        """Serve other weights from now on; if they do not come up, the ones that did are served again."""
        self._weights = weights
        self.refused = None
        self._replacing.set()

    def stop(self) -> None:
        """Stop the server and every process below it; safe to call more than once."""
        self._stopping.set()
        self._kill()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=15)
        self._set(State.STOPPED, None)

    def _set(self, state: State, endpoint: Endpoint | None) -> None:
        with self._changed:
            self._state, self._endpoint = state, endpoint
            self._changed.notify_all()

    def _keep_alive(self) -> None:
        failures, came_up = 0, False
        while not self._stopping.is_set():
            began = time.monotonic()
            ready = self._run_once()
            came_up = came_up or ready
            if self._stopping.is_set():
                return
            if self._replacing.is_set():
                self._replacing.clear()
                self._set(State.RESTARTING, None)
                failures = 0
                continue
            if not ready and self._proven is not None and self._proven != self._weights:
                log.error("%s did not come up; serving %s again", self._weights.name, self._proven.name)
                self.refused, self._weights = self._weights, self._proven
                continue
            failures = 0 if time.monotonic() - began > _STEADY and ready else failures + 1
            if failures > len(_BACKOFF) or (not came_up and failures > 1):
                self._failure = f"the model server ended {failures} times in a row; its log is {self._log_path}: {self._last_words()}"
                self._set(State.FAILED, None)
                return
            pause = _BACKOFF[failures - 1] if failures else _BACKOFF[0]
            log.warning("model server ended; restarting in %.0f s", pause)
            self._set(State.RESTARTING if came_up else State.STARTING, None)
            self._stopping.wait(pause)

    def _run_once(self) -> bool:
        """Run the server until it ends or stops answering; return whether it was ever ready."""
        port, key, weights = _free_port(), secrets.token_urlsafe(24), self._weights
        served = _ADAPTER_NAME if weights.adapter else _SERVED_NAME
        endpoint = Endpoint(f"http://127.0.0.1:{port}/v1", key, served, weights.name, weights.asking)
        self._process = self._spawn(weights, port, key)
        run_file = self._settings.run / f"{self._process.pid}.json"
        deadline = time.monotonic() + self._settings.vllm.start_timeout
        try:
            while not _healthy(endpoint):
                if self._stopping.wait(0.5) or self._replacing.is_set() or self._process.poll() is not None:
                    return False
                if time.monotonic() > deadline:
                    log.error("model server not ready after %d s", self._settings.vllm.start_timeout)
                    return False
            _warm_up(endpoint)
            _write_run_file(run_file, endpoint)
            self._proven = weights
            self._set(State.READY, endpoint)
            self._watch(endpoint)
            return True
        finally:
            if not self._stopping.is_set():
                self._set(State.RESTARTING if self._state is State.READY else self._state, None)
            run_file.unlink(missing_ok=True)
            self._kill()

    def _watch(self, endpoint: Endpoint) -> None:
        """Return when the process has ended, is to serve something else, or has been unwell for half a minute."""
        process = self._process
        last_well = time.monotonic()
        while process is not None and not self._stopping.wait(0.5) and process.poll() is None:
            if self._replacing.is_set():
                return
            if time.monotonic() - last_well < 5:
                continue
            if _healthy(endpoint):
                last_well = time.monotonic()
            elif time.monotonic() - last_well > 30:
                log.warning("model server does not answer health checks")
                return

    def _spawn(self, weights: Weights, port: int, key: str) -> subprocess.Popen[bytes]:
        self._settings.logs.mkdir(parents=True, exist_ok=True)
        with self._log_path.open("ab") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "assistant.guard", *_command(weights, self._settings.vllm, port)],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=_environment(self._settings, key),
            )

    def _kill(self) -> None:
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            log.warning("model server's guard did not end; killing its group")
        # also when the guard itself was killed: what it started is in its group still
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)

    def _last_words(self) -> str:
        try:
            lines = self._log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return "(no log)"
        errors = [line for line in lines[-200:] if "Error" in line]
        return (errors or lines or ["(empty log)"])[-1].strip()[:300]


def running_endpoints(run: Path, model: str) -> Iterator[Endpoint]:
    """Servers that another process of the same user keeps for this model, and that answer now."""
    _forget_dead(run)
    for file in sorted(run.glob("*.json")):
        try:
            endpoint = _ENDPOINT.validate_json(file.read_bytes())
        except (OSError, ValidationError):
            continue
        if endpoint.weights == model and _healthy(endpoint):
            yield endpoint


def _forget_dead(run: Path) -> None:
    """Remove the records of servers whose owner was killed before it could."""
    for file in run.glob("*.json"):
        if file.stem.isdigit() and not psutil.pid_exists(int(file.stem)):
            file.unlink(missing_ok=True)


def _command(weights: Weights, vllm: VllmSettings, port: int) -> list[str]:
    # the module, not the `vllm` command: that one fails with the CPU distribution
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", weights.path]
    command += ["--served-model-name", _SERVED_NAME, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--dtype", "bfloat16", "--max-model-len", str(vllm.max_model_len)]
    command += ["--max-num-seqs", str(vllm.max_num_seqs), "--disable-uvicorn-access-log"]
    # probabilities among what is allowed, not among all tokens; and more of them than the 20 that are usual
    command += ["--logprobs-mode", "processed_logprobs", "--max-logprobs", str(MOST_CHOICES)]
    if weights.adapter:
        command += ["--enable-lora", "--max-lora-rank", "64", "--lora-modules", f"{_ADAPTER_NAME}={weights.adapter}"]
    if vllm.eager:
        command.append("--enforce-eager")
    return command + shlex.split(vllm.extra_args)


def _environment(settings: Settings, key: str) -> dict[str, str]:
    env = dict(os.environ)
    # the key goes by the environment: arguments are readable by every user of the machine
    env |= {"VLLM_API_KEY": key, "VLLM_CACHE_ROOT": str(settings.vllm_cache), "VLLM_NO_USAGE_STATS": "1"}
    env |= {"DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": str(settings.vllm.kv_cache_gib)}
    if is_cpu_build():
        _tune_for_cpu(env, settings)
    return env


def is_cpu_build() -> bool:
    """Whether the vLLM that is installed is the one for processors."""
    try:
        importlib.metadata.version("vllm-cpu")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _tune_for_cpu(env: dict[str, str], settings: Settings) -> None:
    """What measuring found best on processors; docs/running.md has the figures. Variables that are set stay."""
    # by default vLLM keeps one core for its scheduler; on two cores all of them compute half as much again
    env.setdefault("VLLM_CPU_NUM_OF_RESERVED_CPU", "0")
    # whole-program compilation decodes 8% faster, but is compiled anew at every start (its cache does not load on a
    # CPU); without it a restart takes 38 s instead of 85
    env.setdefault("VLLM_USE_AOT_COMPILE", "0")
    env.setdefault("TORCHINDUCTOR_CACHE_DIR", str(settings.vllm_cache / "inductor"))
    # Intel's OpenMP, which comes with the CPU build, decodes about a sixth faster than GNU's
    openmp = Path(sys.prefix) / "lib" / "libiomp5.so"
    if openmp.is_file():
        env["LD_PRELOAD"] = f"{openmp}:{env['LD_PRELOAD']}" if env.get("LD_PRELOAD") else str(openmp)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _healthy(endpoint: Endpoint) -> bool:
    try:
        return httpx.get(endpoint.url.removesuffix("/v1") + "/health", timeout=4).status_code == 200
    except httpx.HTTPError:
        return False


def _warm_up(endpoint: Endpoint) -> None:
    """Ask for one token, so that the first person does not pay for what is set up by the first request."""
    body = {"model": endpoint.model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
    try:
        httpx.post(
            endpoint.url + "/chat/completions",
            json=body,
            headers={"Authorization": f"Bearer {endpoint.api_key}"},
            timeout=120,
        )
    except httpx.HTTPError as exc:
        log.warning("warm-up request failed: %s", type(exc).__name__)


def _write_run_file(path: Path, endpoint: Endpoint) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(_ENDPOINT.dump_json(endpoint).decode())


def _prune_logs(folder: Path) -> None:
    logs = sorted(folder.glob("vllm-*.log"), key=lambda p: p.stat().st_mtime)
    for old in logs[: -(_KEEP_LOGS - 1)]:
        old.unlink(missing_ok=True)
