"""The whole assistant with the real model, over HTTP and from the command line; at last it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import psutil
import pytest

from assistant.serving import running_endpoints
from tests.conftest import RunningAssistant

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]

QUESTION = "What does a replacement SIM card cost if I lost my phone?"


def ask(assistant: RunningAssistant, question: str = QUESTION, **more: object) -> dict[str, object]:
    reply = httpx.post(f"{assistant.url}/api/ask", json={"question": question} | more, timeout=120)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def test_an_answer_with_citations_that_hold(assistant: RunningAssistant) -> None:
    answer = ask(assistant)
    assert not answer["abstained"]
    assert "€8" in str(answer["answer"])
    citations = answer["citations"]
    assert isinstance(citations, list)
    assert citations
    hits = httpx.get(f"{assistant.url}/api/search", params={"q": QUESTION, "k": 5}, timeout=30).json()
    for citation in citations:
        assert citation["passage"] in [h["text"] for h in hits]
        assert citation["document"].split("/")[0] in {"sim", "fraud", "billing", "mobile"}
    assert answer["generation"] == httpx.get(f"{assistant.url}/api/health").json()["generation"]


def test_an_answer_from_the_command_line_uses_the_running_model(assistant: RunningAssistant) -> None:
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "ui.cli", "ask", QUESTION, "--json"],
        env=dict(os.environ) | {"SWITCHBOARD_HOME": str(assistant.home)},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    answer = json.loads(done.stdout)
    assert set(answer) >= {"answer", "citations", "abstained", "timings", "model", "generation"}
    assert set(answer["citations"][0]) >= {"number", "document", "heading", "page", "quote", "score"}
    # far less than a model of its own would take to start
    assert time.monotonic() - started < 40


def test_what_the_documents_do_not_hold_is_declined(assistant: RunningAssistant) -> None:
    answer = ask(assistant, "Which bicycle should I buy for my holiday in Patagonia?")
    assert answer["abstained"]
    assert "don't say" in str(answer["answer"])
    assert answer["citations"] == []
    assert answer["closest"]


def test_a_follow_up_is_understood(assistant: RunningAssistant) -> None:
    first = {"question": "What does the Week Pass for Zone 3 cost?", "answer": "It costs €29."}
    answer = ask(assistant, "and how much data does it hold?", history=[first])
    assert "Zone 3" in str(answer["standalone"])


def test_a_question_longer_than_the_models_context(assistant: RunningAssistant) -> None:
    history = [{"question": "why " * 900, "answer": "because " * 2000}] * 20
    answer = ask(assistant, ("and what does a replacement SIM cost? " * 100)[:3900], history=history)
    assert answer["generation"]


def test_the_time_added_is_small(assistant: RunningAssistant) -> None:
    questions = [
        "What does Wave 20 cost?",
        QUESTION,
        "How do I pay by card?",
        "What is the notice period?",
        "router red light",
    ]
    added = sorted(dict(ask(assistant, q)["timings"])["added"] for q in questions)  # type: ignore[call-overload]
    assert added[len(added) // 2] < 0.050


def test_two_people_at_once_both_stream(assistant: RunningAssistant) -> None:
    """Each stream brings its passages while the model has said nothing to either."""
    times: dict[str, list[float]] = {"a": [], "b": []}

    def listen(name: str, question: str) -> None:
        body = {"question": question, "stream": True}
        with httpx.stream("POST", f"{assistant.url}/api/ask", json=body, timeout=120) as reply:
            for line in reply.iter_lines():
                if line.startswith("event: "):
                    times[name].append(time.monotonic())

    both = [
        threading.Thread(target=listen, args=("a", "How do I move my eSIM to a new phone?")),
        threading.Thread(target=listen, args=("b", "When is my service suspended if I pay late?")),
    ]
    with assistant.held():
        for thread in both:
            thread.start()
        deadline = time.monotonic() + 60
        while not (times["a"] and times["b"]) and time.monotonic() < deadline:
            time.sleep(0.02)
        released = time.monotonic()
    for thread in both:
        thread.join()
    for name in times:
        assert times[name][0] < released < times[name][-1]


def test_bad_requests_are_refused_in_words(assistant: RunningAssistant) -> None:
    assert httpx.post(f"{assistant.url}/api/ask", json={"question": ""}).status_code == 422
    assert httpx.get(f"{assistant.url}/api/search", params={"q": "x", "k": 0}).status_code == 422


def test_the_model_server_cannot_be_used_without_its_key(assistant: RunningAssistant) -> None:
    endpoint = next(running_endpoints(assistant.home / "run", assistant.served()))
    assert httpx.get(f"{endpoint.url}/models", timeout=10).status_code == 401


def test_killing_switchboard_leaves_no_process(assistant_home: Path) -> None:
    """Runs last here: a second assistant beside the first, killed while its model starts."""
    second = RunningAssistant(assistant_home)
    deadline = time.monotonic() + 120
    while len(second.model_processes()) < 3 and time.monotonic() < deadline:
        time.sleep(0.2)
    family = second.model_processes()
    assert len(family) >= 3
    os.kill(second.process.pid, signal.SIGKILL)
    second.process.wait()
    gone, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []
    assert len(gone) == len(family)
