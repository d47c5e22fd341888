"""`kb watch` says in one line what each refresh did, and ends when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from index.library import KnowledgeBase
from ingest.errors import SourceError
from ingest.refresh import Refresher
from ui.watching import line_of


def test_one_line_for_a_refresh(filled: KnowledgeBase, refresher: Refresher, documents: Path) -> None:
    (documents / "sim.md").unlink()
    (documents / "broken.pdf").write_bytes(b"%PDF-1.4 nothing of the kind")
    line = line_of(refresher.refresh([documents]))
    assert line.startswith("0 added, 0 changed, 1 removed, 1 in quarantine; ")
    assert line.endswith(f" s; generation {filled.current().id}")
    assert "; still generation " in line_of(refresher.refresh([documents]))
    assert line_of(SourceError("docs: no such file or folder")) == "not refreshed: docs: no such file or folder"


def test_the_command_refreshes_and_ends_with_control_c(documents: Path) -> None:
    path = os.pathsep.join(p for p in sys.path if p)
    with subprocess.Popen(
        [sys.executable, "-m", "ui.cli", "kb", "watch", str(documents)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"watching {documents}; Ctrl-C ends it\n"
            assert " 3 added, 0 changed, 0 removed; " in process.stdout.readline()
            (documents / "sim.md").unlink()
            assert " not refreshed: the refresh was stopped before publishing: 2 of 5 " in process.stdout.readline()
            (documents / "sim.md").write_text("# SIM cards\n\nA replacement SIM costs €9.\n", encoding="utf-8")
            (documents / "puk.md").write_text("# PUK\n\nThe PUK is shown in the app.\n", encoding="utf-8")
            assert " 1 added, 1 changed, 0 removed; " in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        finally:
            process.kill()
