"""The commands under `kb`: what they print, for people and for programs, and their exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from index.library import KnowledgeBase
from ingest.reading import InProcessReader
from ingest.refresh import Refresher
from tests.doubles import WordHashEmbedder
from ui.cli import app


def kb(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["kb", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def switchboard(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ui.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture
def home_base(documents: Path) -> KnowledgeBase:
    """The knowledge base of SWITCHBOARD_HOME with two generations; a file is in quarantine in the second."""
    knowledge_base = KnowledgeBase(Path(os.environ["SWITCHBOARD_HOME"]) / "knowledge-base")
    refresher = Refresher(knowledge_base, WordHashEmbedder(), 60, InProcessReader(100_000))
    refresher.refresh([documents])
    path = documents / "sim.md"
    path.write_text(path.read_text().replace("€8", "€9"), encoding="utf-8")
    (documents / "plans.md").write_bytes(b"")
    refresher.refresh([documents])
    return knowledge_base


def test_list_rollback_and_prune(home_base: KnowledgeBase) -> None:
    new, old = json.loads(kb("list", "--json"))
    assert (new["current"], old["current"], new["documents"], new["passages"]) == (True, False, 3, 5)
    assert kb("list").splitlines()[0].split()[:2] == ["current", new["id"]]
    assert f"generation {old['id']} serves: 3 documents, 5 passages" in kb("rollback")
    assert home_base.current().id == old["id"]
    assert "removed 1; 1 kept" in kb("prune", "--keep", "1")
    assert [g["id"] for g in json.loads(kb("list", "--json"))] == [old["id"]]
    assert [e["action"] for e in json.loads(kb("audit", "--json"))] == ["refresh", "refresh", "rollback", "prune"]
    assert f"rollback {old['id']}: from {new['id']}" in kb("audit")


def test_diff_names_documents_and_passages(home_base: KnowledgeBase) -> None:
    new, old = (g.id for g in home_base.kept())
    said = kb("diff", old, new)
    assert "changed sim.md" in said
    assert "  - Replacement: A replacement SIM costs €8." in said
    assert "  + Replacement: A replacement SIM costs €9." in said
    assert "documents: 0 added, 1 changed, 0 removed; passages: 1 added, 1 removed" in said
    (change,) = json.loads(kb("diff", old, new, "--json"))
    assert change["name"] == "sim.md"
    assert change["added"][0]["text"].startswith("A replacement SIM costs €9")
    assert "documents: 0 added, 0 changed, 0 removed; passages: 0 added, 0 removed" in kb("diff", new, new)


def test_quarantine_and_status_say_what_is_set_aside(home_base: KnowledgeBase) -> None:
    (item,) = json.loads(kb("quarantine", "--json"))
    assert (item["name"], item["stage"], item["kept"]) == ("plans.md", "open", True)
    for command in ("quarantine", "status"):
        assert "plans.md (open since 20" in kb(command)
        assert "empty file; its previous version serves" in kb(command)
    home_base.roll_back()
    assert "nothing is in quarantine" in kb("quarantine")


def test_a_refresh_that_was_stopped_exits_with_3_and_force_with_0(documents: Path) -> None:
    assert switchboard("kb", "refresh", documents).returncode == 0
    (documents / "sim.md").unlink()
    stopped = switchboard("kb", "refresh")
    assert stopped.returncode == 3
    (line,) = [s for s in stopped.stderr.splitlines() if s.startswith("switchboard: ")]
    assert "2 of 5 passages (40%) would vanish" in line
    assert "--force" in line
    forced = switchboard("kb", "refresh", "--force", "--json")
    report = json.loads(forced.stdout)
    assert (forced.returncode, report["removed"], report["embedded"]) == (0, ["sim.md"], 0)
    assert "would vanish" in report["overridden"][0]
    again = switchboard("kb", "refresh")
    assert "nothing changed" in again.stdout


def test_what_cannot_be_is_one_line(home_base: KnowledgeBase) -> None:
    current = home_base.current_id()
    for arguments, words in (
        (("rollback", "nowhere"), "'nowhere' is not a generation that is kept; there are 20"),
        (("rollback", str(current)), "already"),
        (("diff", "nowhere", str(current)), "not a generation"),
    ):
        done = switchboard("kb", *arguments)
        assert done.returncode == 2
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1
    with FileLock(str(home_base.folder / "refresh.lock")):
        done = switchboard("kb", "prune", "--keep", "1", "--wait", "0.1")
    assert done.returncode == 2
    assert "another refresh of this knowledge base is running" in done.stderr


def test_nothing_heavy_is_imported_where_nothing_changed(documents: Path) -> None:
    assert switchboard("kb", "refresh", documents).returncode == 0
    code = (
        "import sys; sys.argv = ['switchboard', 'kb', 'refresh']; from ui.cli import app; app(standalone_mode=False); "
        "print(sorted({'torch', 'sentence_transformers', 'transformers', 'gradio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
