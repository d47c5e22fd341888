"""What is for agents only stays with them, on every surface; and filters in the API and on the page."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect

from assistant.answering import Answerer
from assistant.assembly import ChatService
from assistant.pointing import Weighing
from assistant.settings import load as load_settings
from index.library import KnowledgeBase
from index.retrieval import Retriever
from index.scope import Audience
from ingest.refresh import Refresher
from tests.assistant.test_answering import ALWAYS
from tests.doubles import ScriptedChatModel, WordHashEmbedder
from tests.ui.test_cli import refused
from ui.web.knowledge import Knowledge, Shown
from ui.web.page import build_app

SECRET = "quagga"
QUESTION = "How high is the zebra credit of an agent?"
DOCUMENTS = {
    "north.md": "---\nregion: North\nproduct: Wave 20\n---\n# Fees\n\nThe zebra fee is €7 in the snow.\n",
    "south.md": "---\nregion: South\nproduct: wave 20\n---\n# Fees\n\nThe zebra fee is €5 in the sun.\n",
    "quagga.md": "---\naudience: agent\nproduct: Quagga\nregion: Quaggaland\n---\n# Quagga zebra credit of an agent\n\n"
    "How high the zebra credit of an agent is: €99, said the quagga.\n",
}
Build = Callable[[Audience], FastAPI]


@pytest.fixture
def zebras(refresher: Refresher, knowledge_base: KnowledgeBase, tmp_path: Path) -> KnowledgeBase:
    folder = tmp_path / "zebras"
    folder.mkdir()
    for name, text in DOCUMENTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    refresher.refresh([folder])
    return knowledge_base


@pytest.fixture
def build(zebras: KnowledgeBase) -> Build:
    """Makes the whole application over the zebras, for an audience; reports quote what agents are told."""
    settings = load_settings()
    (settings.home / "reports").mkdir(parents=True)
    (settings.home / "reports" / "report.html").write_text(SECRET, encoding="utf-8")

    def app(audience: Audience) -> FastAPI:
        model = ScriptedChatModel(*["The zebra fee is €5 in the sun [1]."] * 20)
        retriever = Retriever(zebras, WordHashEmbedder(), audience)
        answerer = Answerer(
            retriever, model, ALWAYS, Weighing(cosine=16.0, near=1.0, fitted_on="a test"), settings.answer
        )
        return build_app(settings, answerer, ChatService(model, None), retriever)

    return app


def everything_said(app: FastAPI) -> str:
    """Whatever the routes answer to somebody who wants to know; gradio's own routes included."""
    said = []
    with TestClient(app, raise_server_exceptions=False) as client:
        for stream in (False, True):
            said.append(client.post("/api/ask", json={"question": QUESTION, "stream": stream}).text)
        for region in ("", "North", "Quaggaland"):
            body = {"question": QUESTION, "filter": {"region": region, "on": "2030-01-01"}}
            said.append(client.post("/api/ask", json=body).text.replace('"region":"Quaggaland"', ""))
            said.append(client.get("/api/search", params={"q": QUESTION, "k": 100, "region": region}).text)
        for path in ("/", "/config", "/reports/report.html", "/api/health", "/api/openapi.json", "/gradio_api/info"):
            said.append(client.get(path).text)
        by_page = functions_of_the_page(client)
        # the walk does reach what answers
        assert any("zebra fee is" in one for one in by_page), [one[:200] for one in by_page]
        said += by_page
    return "\n".join(said).casefold()


def functions_of_the_page(client: TestClient) -> list[str]:
    """What every function behind the page gives, in one visit, asked with the question in place of every text."""
    said = []
    for function in client.get("/config").json()["dependencies"]:
        if not function["backend_fn"]:
            continue
        data = [QUESTION if i == 0 else None for i in range(len(function["inputs"]))]
        body = {"data": data, "fn_index": function["id"], "session_hash": "visit"}
        if function["queue"] is False:
            said.append(client.post("/gradio_api/run/predict", json=body).text)
            continue
        client.post("/gradio_api/queue/join", json=body)
        said.append(client.get("/gradio_api/queue/data", params={"session_hash": "visit"}).text)
    return said


def test_no_surface_of_a_customers_server_says_a_word_for_agents_only(build: Build) -> None:
    assert SECRET not in everything_said(build("customer"))


def test_an_agents_server_says_it(build: Build) -> None:
    with TestClient(build("agent")) as client:
        assert SECRET in client.get("/api/search", params={"q": QUESTION}).text.casefold()
        assert SECRET in client.post("/api/ask", json={"question": QUESTION}).text.casefold()
        assert SECRET in client.get("/reports/report.html").text


def test_the_knowledge_listing_for_customers_leaves_agents_documents_out(zebras: KnowledgeBase) -> None:
    knowledge = Knowledge(Retriever(zebras, WordHashEmbedder(), "customer"))
    assert "north.md" in knowledge.documents("")
    for html in (knowledge.documents(""), *knowledge.overview(""), knowledge.passages(Shown(query=QUESTION))):
        assert SECRET not in html.casefold()
    assert "no longer" in knowledge.passages(Shown(document="quagga.md"))


@pytest.mark.parametrize("stream", [False, True])
def test_a_customers_server_refuses_to_answer_as_for_an_agent(build: Build, stream: bool) -> None:
    with TestClient(build("customer")) as client:
        asked = {"question": QUESTION, "stream": stream, "filter": {"audience": "agent"}}
        for reply in (
            client.post("/api/ask", json=asked),
            client.get("/api/search", params={"q": QUESTION, "audience": "agent"}),
        ):
            assert reply.status_code == 403
            assert reply.json() == {
                "error": "this server is for customers: what is for agents only cannot be asked for here"
            }


def test_the_api_narrows(build: Build) -> None:
    with TestClient(build("agent")) as client:
        found = client.get("/api/search", params={"q": QUESTION, "region": "North", "audience": "customer"}).json()
        assert [hit["document"] for hit in found] == ["north.md"]
        wanted = {"region": "South", "audience": "customer", "on": "2026-01-01"}
        answer = client.post("/api/ask", json={"question": "zebra fee", "filter": wanted}).json()
        assert {c["document"] for c in answer["citations"]} == {"south.md"}
        assert answer["filter"] == wanted | {"product": "", "language": ""}
        for wrong in ({"on": "soon"}, {"audience": "everybody"}, {"regoin": "South"}):
            assert client.post("/api/ask", json={"question": "zebra fee", "filter": wrong}).status_code == 422


def test_a_server_for_nobody_is_not_started() -> None:
    assert "web.audience: expected agent or customer, not 'pets'" in refused("serve", SWITCHBOARD_WEB_AUDIENCE="pets")


@pytest.fixture
def served(build: Build) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(build("agent"), port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.mark.browser
def test_the_page_narrows_an_answer_and_keeps_to_it(browser: Browser, served: str, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 850})
    page.goto(served)
    page.wait_for_selector("#sb-narrow-region input")
    assert page.locator("#sb-narrow-language").is_hidden()
    page.click("#sb-narrow-region input")
    page.get_by_role("option", name="South").click()
    for turn in (1, 2):
        page.fill("#sb-question textarea", "How much is the zebra fee of this region?")
        page.press("#sb-question textarea", "Enter")
        page.wait_for_selector(f"#turn-{turn} .sb-foot")
        expect(page.locator(f"#turn-{turn} .sb-scope")).to_have_text("South")
        expect(page.locator("#sb-panel")).not_to_contain_text("€7")
    expect(page.locator("#sb-panel .sb-badge").first).to_be_attached()
    page.screenshot(path=tmp_path / "filters.png")
    page.click("#sb-new")
    expect(page.locator("#sb-narrow-region input")).to_have_value("any region")
    page.close()
