"""What tests share: a small operator's documents, a knowledge base of them, and one real model server a session."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from hypothesis import settings as hypothesis_settings
from playwright.sync_api import Browser, sync_playwright

from assistant.assembly import production_weights
from assistant.settings import load as load_settings
from assistant.weights import BUILTIN_CHAT, Weights, resolve
from index.library import KnowledgeBase
from ingest.reading import InProcessReader
from ingest.refresh import Refresher
from tests.doubles import WordHashEmbedder

# how long an example takes says nothing on a busy machine
hypothesis_settings.register_profile("switchboard", deadline=None)
hypothesis_settings.load_profile("switchboard")

EXAMPLES = Path(__file__).parents[1] / "examples"
DOCUMENTS = {
    "sim.md": "# SIM cards\n\n## Replacement\n\nA replacement SIM costs €8. It is free when the SIM is faulty.\n\n"
    "## PUK\n\nThree wrong PINs lock the SIM. The PUK is shown in the app.\n",
    "plans.md": "# Plans\n\n## Price list\n\n| Plan | Price | Data |\n|---|---|---|\n| Wave 5 | €12 | 5 GB |\n"
    "| Wave 20 | €18 | 20 GB |\n\n## Notice\n\nThe notice period is 30 days.\n",
    "roaming/zones.txt": "ROAMING ZONES\n=============\n\nZone 3\n------\n\nA day pass for Zone 3 costs €7 and holds 1 GB.\n",
}


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees or changes the state of the person who runs it."""
    for name in [n for n in os.environ if n.startswith("SWITCHBOARD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SWITCHBOARD_HOME", str(tmp_path / "home"))


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """A folder with DOCUMENTS."""
    folder = tmp_path / "documents"
    for name, text in DOCUMENTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def embedder() -> WordHashEmbedder:
    return WordHashEmbedder()


@pytest.fixture
def knowledge_base(tmp_path: Path) -> KnowledgeBase:
    return KnowledgeBase(tmp_path / "kb")


@pytest.fixture
def refresher(knowledge_base: KnowledgeBase, embedder: WordHashEmbedder) -> Refresher:
    return Refresher(knowledge_base, embedder, 60, InProcessReader(100_000))


@pytest.fixture
def filled(refresher: Refresher, documents: Path, knowledge_base: KnowledgeBase) -> KnowledgeBase:
    """A knowledge base that holds DOCUMENTS."""
    refresher.refresh([documents])
    return knowledge_base


# of a module, not of the session: while Playwright is open, asyncio.run works in no other test
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium; `make test` installs it, and fails in continuous integration where it can't."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield launched
        launched.close()


class RunningAssistant:
    """`switchboard serve` over the sample operator, as a user would run it, with the real vLLM behind it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = (home / "serve.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ui.cli", "serve", "--port", str(self.port)],
            env=dict(os.environ) | {"SWITCHBOARD_HOME": str(home)},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def state(self) -> str:
        """What /api/health says of the model; empty while nothing answers."""
        try:
            return str(httpx.get(f"{self.url}/api/health", timeout=5).json().get("model", ""))
        except httpx.HTTPError:
            return ""

    def served(self) -> str:
        """The name of what is served: the built-in model with the version in production."""
        return production_weights(load_settings({"SWITCHBOARD_HOME": str(self.home)}), lambda _: None).name

    def wait_ready(self, seconds: float = 600) -> None:
        deadline = time.monotonic() + seconds
        while self.state() != "ready":
            assert self.process.poll() is None, (self.home / "serve.log").read_text()[-3000:]
            assert time.monotonic() < deadline, (self.home / "serve.log").read_text()[-3000:]
            time.sleep(0.5)

    def model_processes(self) -> list[psutil.Process]:
        """The guard and everything of vLLM's below it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    @contextlib.contextmanager
    def held(self) -> Iterator[list[psutil.Process]]:
        """The model's processes, stopped while the block lasts: answers come too fast to do anything meanwhile."""
        held_up = [p for p in self.model_processes() if _is_vllm(" ".join(p.cmdline()).lower())]
        for process in held_up:
            process.suspend()
        try:
            yield held_up
        finally:
            for process in held_up:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        finally:
            self.process.kill()
            self._log.close()


def _is_vllm(command: str) -> bool:
    return "vllm" in command and "guard" not in command


@pytest.fixture(scope="session")
def builtin(request: pytest.FixtureRequest) -> Weights:
    """The built-in chat model's weights, converted once; the running assistant uses the same ones."""
    return resolve(BUILTIN_CHAT, request.config.cache.mkdir("switchboard-home") / "models")


@pytest.fixture(scope="session")
def assistant_home(request: pytest.FixtureRequest) -> Path:
    """A home whose converted weights and compiled model outlast the session; its knowledge base is made anew."""
    home = request.config.cache.mkdir("switchboard-home")
    shutil.rmtree(home / "knowledge-base", ignore_errors=True)
    subprocess.run(
        [sys.executable, "-m", "ui.cli", "kb", "refresh", str(EXAMPLES / "documents")],
        env=dict(os.environ) | {"SWITCHBOARD_HOME": str(home)},
        check=True,
        capture_output=True,
    )
    return Path(home)


@pytest.fixture(scope="session")
def assistant(assistant_home: Path) -> Iterator[RunningAssistant]:
    """One running assistant for all tests that need the real model."""
    running = RunningAssistant(assistant_home)
    running.wait_ready()
    yield running
    running.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
