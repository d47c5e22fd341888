"""Sidecars: whose they are, what they say, and what is refused rather than guessed."""

from __future__ import annotations

import hashlib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from ingest.errors import Unreadable
from ingest.readers import Limits, read_file
from ingest.sidecars import is_sidecar, sidecar_of

LIMITS = Limits(max_bytes=2**20)
PAGE = "---\ntitle: Fees\nAudience: customer\nproduct: Mobile\n---\nA fee of 5 euros.\n"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "fees.md"
    path.write_text(PAGE)
    return path


def describe(path: Path, text: str | bytes, suffix: str = ".meta.yaml") -> Path:
    sidecar = path.with_name(path.name + suffix)
    sidecar.write_bytes(text if isinstance(text, bytes) else text.encode())
    return sidecar


def test_a_sidecar_belongs_to_the_file_of_its_full_name(page: Path) -> None:
    assert sidecar_of(page) is None
    sidecar = describe(page, "product: Wave")
    assert sidecar_of(page) == sidecar
    assert sidecar_of(page.with_suffix(".txt")) is None
    assert sidecar_of(sidecar) is None
    assert (is_sidecar(sidecar), is_sidecar(page), is_sidecar(Path("a.yaml"))) == (True, False, False)


def test_its_values_win_over_front_matter_and_the_rest_stays(page: Path) -> None:
    describe(page, "title: What late payment costs\naudience: agent only\nEffective From: 2026-9-1\nregion: [EU, UK]\n")
    (document,) = read_file(page, "fees.md", LIMITS).documents
    assert document.title == "What late payment costs"
    assert document.metadata == {
        "audience": "agent only",
        "product": "Mobile",
        "effective_from": "2026-09-01",
        "region": "EU, UK",
    }


def test_the_content_hash_covers_both_files(page: Path) -> None:
    def content_hash() -> str:
        return read_file(page, "fees.md", LIMITS).documents[0].content_hash

    alone = content_hash()
    assert alone == hashlib.sha256(PAGE.encode()).hexdigest()
    describe(page, "product: A")
    with_a = content_hash()
    describe(page, "product: B")
    assert len({alone, with_a, content_hash()}) == 3


def test_an_empty_sidecar_says_nothing(page: Path) -> None:
    describe(page, "# nothing yet\n")
    assert read_file(page, "fees.md", LIMITS).documents[0].title == "Fees"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("product: Wave\naudience: [agent\nregion: EU\n", r"fees.md.meta.yaml, line 3: .*expected"),
        ("- agent\n", "expected lines such as 'product: Mobile', not a list"),
        ("audience: {who: agent}\n", "audience: expected one value or a list"),
        ("audience: staff of shop 7\n", "audience 'staff of shop 7': expected customer or agent"),
        ("effective_from: next spring\n", "effective_from 'next spring': expected a date"),
        ("effective_from: 2026-05-01\neffective_until: 2026-04-01\n", "is before effective_from"),
        ("effective_from: 2026-13-45\n", "fees.md.meta.yaml: month must be in"),
        (b"product: caf\xe9\n", "not UTF-8 at byte 12"),
        ("a: " + "[" * 2000, "nested too deeply|expected"),
        ("x" * 70_000, "more than 64 KB"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_place(page: Path, text: str | bytes, reason: str) -> None:
    describe(page, text)
    with pytest.raises(Unreadable, match=reason) as refused:
        read_file(page, "fees.md", LIMITS)
    assert refused.value.stage == "metadata"


def test_aliases_that_multiply_do_not_fill_the_memory(page: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]"
        for before, name in zip("abcdefgh", "bcdefghi", strict=False)
    ]
    describe(page, "\n".join(lines))
    with pytest.raises(Unreadable, match="nothing nested"):
        read_file(page, "fees.md", LIMITS)


def test_front_matter_that_names_an_unknown_audience_is_refused(page: Path) -> None:
    page.write_text("---\naudience: shops\n---\nText.\n")
    with pytest.raises(Unreadable, match="audience 'shops'") as refused:
        read_file(page, "fees.md", LIMITS)
    assert refused.value.stage == "metadata"


def test_broken_front_matter_does_not_lose_whom_a_page_is_for(page: Path) -> None:
    page.write_text("---\ntitle: Fees: late\naudience:\n  - agent\n---\nText.\n")
    with pytest.raises(Unreadable, match=r"line 3: audience") as refused:
        read_file(page, "fees.md", LIMITS)
    assert refused.value.stage == "metadata"


def test_documents_and_refusals_come_whole_out_of_a_worker_process(page: Path) -> None:
    describe(page, "product: Wave")
    broken = page.with_name("broken.md")
    broken.write_text("text")
    describe(broken, "audience: shops")
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as worker:
        assert worker.submit(read_file, page, "fees.md", LIMITS).result() == read_file(page, "fees.md", LIMITS)
        with pytest.raises(Unreadable, match="audience 'shops'") as refused:
            worker.submit(read_file, broken, "broken.md", LIMITS).result()
    assert refused.value.stage == "metadata"
