"""The README's commands, run as they are written."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import RunningAssistant

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SESSION = [line[2:] for line in README.splitlines() if line.startswith("$ switchboard ")]
STATE_OF_ANOTHER = {"switchboard doctor": 1}  # it finds that the running assistant holds no port of its own settings


@pytest.mark.vllm
@pytest.mark.timeout(600)
@pytest.mark.parametrize("line", [line for line in SESSION if not line.startswith("switchboard serve")])
def test_the_session_of_the_readme(line: str, assistant: RunningAssistant) -> None:
    command = [sys.executable, "-m", "ui.cli", *shlex.split(line)[1:]]
    env = dict(os.environ) | {"SWITCHBOARD_HOME": str(assistant.home), "SWITCHBOARD_WEB_PORT": str(assistant.port)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == STATE_OF_ANOTHER.get(line, 0), done.stderr
    assert done.stdout


def test_serve_is_in_the_session_and_stops_when_told() -> None:
    (line,) = [line for line in SESSION if line.startswith("switchboard serve")]
    process = subprocess.Popen(
        [sys.executable, "-m", "ui.cli", *shlex.split(line)[1:]], stderr=subprocess.PIPE, text=True
    )
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0  # it has no knowledge base here, or was interrupted


def test_links_and_pictures_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_tree_names_what_there_is() -> None:
    named = set(re.findall(r"^([a-z]+)/ ", README, re.MULTILINE))
    there = {
        p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".") and not p.name.endswith("-info")
    }
    assert named == there - {"__pycache__"}
