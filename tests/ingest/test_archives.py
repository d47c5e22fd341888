"""Zip archives: what is good in them is read, what is bad is named, and none of them fills memory or disk."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import Unreadable
from ingest.readers import FileReading, Limits, read_file
from ingest.readers.archive import members_of

LIMITS = Limits(max_bytes=2**20)
ReadZip = Callable[..., FileReading]


@pytest.fixture
def read_zip(tmp_path: Path) -> ReadZip:
    def write_and_read(members: Mapping[str, str | bytes] | bytes, limits: Limits = LIMITS) -> FileReading:
        path = tmp_path / "help.zip"
        path.write_bytes(members if isinstance(members, bytes) else zipped(members))
        return read_file(path, "docs/help.zip", limits)

    return write_and_read


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def test_members_become_documents_under_the_archives_name(read_zip: ReadZip) -> None:
    reading = read_zip({"b/fees.md": "# Fees\n\nFive.", "a.csv": "q,a\nHow?,So.\n", "b/": ""})
    assert [(document.name, document.title) for document in reading.documents] == [
        ("docs/help.zip/a.csv", "A"),
        ("docs/help.zip/b/fees.md", "Fees"),
    ]
    assert reading.failures == ()


def test_bad_members_are_named_and_the_rest_is_read(read_zip: ReadZip) -> None:
    reading = read_zip(
        {
            "good.md": "Five euros.",
            "bad.docx": "no zip",
            "empty.md": "",
            "pic.png": "x",
            "inner.zip": zipped({"a.md": "x"}),
            "../out.md": "x",
            "/etc/out.md": "x",
            "a\\..\\..\\out.md": "x",
            "C:\\out.md": "x",
            "large.txt": "word " * 300_000,
        }
    )
    assert [document.name for document in reading.documents] == ["docs/help.zip/good.md"]
    reasons = {
        failure.name.removeprefix("docs/help.zip/"): (failure.stage, failure.reason) for failure in reading.failures
    }
    assert reasons["bad.docx"] == ("read", "not a Word document, whatever its name says")
    assert reasons["empty.md"] == ("open", "empty file")
    assert reasons["pic.png"] == ("open", "format .png is not supported")
    assert reasons["inner.zip"] == ("archive", "an archive inside an archive; unpack it")
    assert reasons["large.txt"] == ("archive", "1.4 MB is more than the limit of 1 MB (ingest.max_file_mb)")
    unsafe = [name for name, (_, reason) in reasons.items() if "leads out of the archive" in reason]
    assert sorted(unsafe) == ["../out.md", "/etc/out.md", "C:/out.md", "a/../../out.md"]


def test_what_systems_leave_in_archives_is_passed_over(read_zip: ReadZip) -> None:
    reading = read_zip({"a.md": "x", "__MACOSX/._a.md": "x", ".git/b.md": "x", "Thumbs.db": "x", "b/~$c.docx": "x"})
    assert (len(reading.documents), reading.failures) == (1, ())


def test_sidecars_inside_hold_for_their_member_and_the_one_beside_for_all(read_zip: ReadZip, tmp_path: Path) -> None:
    (tmp_path / "help.zip.meta.yaml").write_text("title: All of it\naudience: agent\nproduct: Wave\n")
    members = {
        "a.md": "# A\n\nx",
        "b.md": "---\naudience: customer\n---\nx",
        "b.md.meta.yaml": "title: Bee\nproduct: Tarn\n",
    }
    first, second = read_zip(members).documents
    assert (first.title, first.metadata) == ("A", {"audience": "agent", "product": "Wave"})
    assert (second.title, second.metadata) == ("Bee", {"audience": "agent", "product": "Tarn"})


def test_a_broken_sidecar_sets_its_member_aside(read_zip: ReadZip) -> None:
    reading = read_zip({"a.md": "x", "b.md": "x", "b.md.meta.yaml": "audience: [agent\n"})
    assert [document.name for document in reading.documents] == ["docs/help.zip/a.md"]
    assert [(failure.name, failure.stage) for failure in reading.failures] == [("docs/help.zip/b.md", "metadata")]


def test_an_encrypted_member_and_a_link_are_set_aside(read_zip: ReadZip) -> None:
    data = bytearray(zipped({"a.md": "x"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    assert read_zip(bytes(data)).failures[0].reason == "encrypted; pack it without a password"
    link = zipfile.ZipInfo("link.md")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert read_zip(file.getvalue()).failures[0].reason == "a link, not a file"


def test_damage_inside_is_found_by_the_checksum(read_zip: ReadZip) -> None:
    data = zipped({"a.md": "Five euros a month.", "b.md": "x"})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        start = archive.getinfo("a.md").header_offset + 30 + len("a.md")
    damaged = data[:start] + bytes([data[start] ^ 255]) + data[start + 1 :]
    reading = read_zip(damaged)
    assert [document.name for document in reading.documents] == ["docs/help.zip/b.md"]
    assert "damaged inside the archive" in reading.failures[0].reason


@pytest.mark.parametrize(
    ("members", "limits", "reason"),
    [
        ({f"{n}.md": "x" for n in range(11)}, Limits(2**20, max_members=10), "holds 11 files, more than the 10"),
        ({f"{n}.md": "x" * 2**20 for n in range(3)}, Limits(2**20, max_unpacked_bytes=2 * 2**20), "unpacks to 3 MB"),
        ({}, LIMITS, "no files in this archive"),
        ({"__MACOSX/a": "x"}, LIMITS, "no files in this archive"),
        (b"no zip", LIMITS, "not a zip archive"),
        (zipped({"a.md": "x" * 99})[:40], LIMITS, "a cut off or damaged zip archive"),
    ],
)
def test_the_whole_archive_is_refused(
    read_zip: ReadZip, members: Mapping[str, str] | bytes, limits: Limits, reason: str
) -> None:
    with pytest.raises(Unreadable, match=reason) as refused:
        read_zip(members, limits)
    assert refused.value.stage == "archive"


def test_a_member_that_shrank_too_well_is_not_unpacked(read_zip: ReadZip) -> None:
    reading = read_zip({"bomb.txt": bytes(50 * 2**20), "a.md": "x"}, Limits(max_bytes=100 * 2**20))
    assert len(reading.documents) == 1
    assert "as only a zip bomb does" in reading.failures[0].reason


def test_a_member_that_is_larger_than_it_declares_is_cut_and_refused(read_zip: ReadZip) -> None:
    data = bytearray(zipped({"a.txt": "word " * 100_000}))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(signature) + offset
        data[at : at + 4] = (10).to_bytes(4, "little")
    assert "damaged inside the archive" in read_zip(bytes(data)).failures[0].reason


def test_names_that_windows_wrote_in_its_own_encoding(read_zip: ReadZip) -> None:
    name = "资费套餐说明.md"
    raw = name.encode("gbk")
    placeholder = "x" * (len(raw) - 3) + ".md"
    data = zipped({placeholder: "Five."}).replace(placeholder.encode(), raw)
    assert read_zip(data).documents[0].name == f"docs/help.zip/{name}"


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12),
        max_size=5,
        unique=True,
    )
)
def test_no_name_leads_out_or_is_lost(names: list[str]) -> None:
    data = zipped({f"{name}.md": "x" for name in names})
    members = list(members_of(data, 100, 2**20, 2**20))
    for member in members:
        parts = member.name.split("/")
        assert member.refused or (".." not in parts and not member.name.startswith("/") and member.name.isprintable())
    hidden = [
        name
        for name in names
        if any(part.startswith((".", "~$")) for part in f"{name}.md".replace("\\", "/").split("/"))
    ]
    assert len(members) >= len(names) - len(hidden)
