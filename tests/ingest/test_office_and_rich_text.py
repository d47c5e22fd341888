"""Slides, rich text, and what office packages must not be able to do."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import docx
import openpyxl
import pptx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.presentation import Presentation
from pptx.util import Inches

from ingest.errors import Unreadable
from ingest.readers import SUFFIXES, rtf
from ingest.readers import pptx as slides
from ingest.readers.reading import Reading


def outline_of(reading: Reading) -> list[tuple[int | None, tuple[str, ...], str]]:
    return [(section.page, section.heading, section.text) for section in reading.sections]


def deck(build: Callable[[Presentation], None]) -> bytes:
    presentation = pptx.Presentation()
    build(presentation)
    file = io.BytesIO()
    presentation.save(file)
    return file.getvalue()


class TestPptx:
    def test_slides_are_pages_with_their_lists_notes_and_tables(self) -> None:
        def build(presentation: Presentation) -> None:
            first = presentation.slides.add_slide(presentation.slide_layouts[0])
            first.shapes.title.text = "Barring"
            first.placeholders[1].text = "For agents"
            second = presentation.slides.add_slide(presentation.slide_layouts[1])
            second.shapes.title.text = "Steps"
            frame = second.placeholders[1].text_frame
            frame.text = "Check"
            deeper = frame.add_paragraph()
            deeper.text, deeper.level = "twice", 1
            second.notes_slide.notes_text_frame.text = "Say it kindly."
            third = presentation.slides.add_slide(presentation.slide_layouts[5])
            third.shapes.title.text = "Fees"
            table = third.shapes.add_table(3, 2, 0, 0, Inches(4), Inches(2)).table
            for y, row in enumerate([["Plan", "Fee"], ["S", "5"], ["", "6"]]):
                for x, text in enumerate(row):
                    table.cell(y, x).text = text
            table.cell(1, 0).merge(table.cell(2, 0))

        reading = slides.read(deck(build))
        assert reading.title == "Barring"
        assert outline_of(reading) == [
            (1, (), "For agents"),
            (2, ("Steps",), "- Check\n  - twice\n\nNotes: Say it kindly."),
            (3, ("Fees",), "| Plan | Fee |\n| --- | --- |\n| S | 5 |\n| S | 6 |"),
        ]

    def test_charts_are_their_tables_groups_are_opened_hidden_slides_are_not(self) -> None:
        def build(presentation: Presentation) -> None:
            slide = presentation.slides.add_slide(presentation.slide_layouts[6])
            data = CategoryChartData()
            data.categories = ["May", "June"]
            data.add_series("Calls", (1.5, 2))
            slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(3), Inches(3), data)
            group = slide.shapes.add_group_shape().shapes.add_group_shape()
            group.shapes.add_textbox(0, 0, Inches(1), Inches(1)).text_frame.text = "in a group"
            hidden = presentation.slides.add_slide(presentation.slide_layouts[5])
            hidden.shapes.title.text = "Draft"
            hidden.element.set("show", "0")

        assert outline_of(slides.read(deck(build))) == [
            (1, (), "|  | Calls |\n| --- | --- |\n| May | 1.5 |\n| June | 2 |\n\nin a group")
        ]


class TestRtf:
    def test_styles_tables_title_links_and_characters(self) -> None:
        source = (
            rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}}{\stylesheet{\s0 Normal;}{\s1\b heading 1;}"
            rb"{\s2 heading 2;}}{\info{\title Late fees}{\author Me}}"
            rb"\pard\s1 Billing\par\pard\s0 A fee of 5 \'80 is due \u8212? always \u-10179?\u-8704?.\par"
            rb"\trowd\cellx1000\cellx2000\pard\intbl Plan\cell Fee\cell\row"
            rb"\trowd\cellx1000\cellx2000\pard\intbl S|M\cell 5\cell\row"
            rb"\pard\s2 Refunds\par\pard Soon {\b bold} words. "
            rb'{\field{\*\fldinst{HYPERLINK "http://t.example"}}{\fldrslt See here}}\par}'
        )
        reading = rtf.read(source)
        assert reading.title == "Late fees"
        assert outline_of(reading) == [
            (None, ("Billing",), "A fee of 5 € is due — always 😀.\n\n| Plan | Fee |\n| --- | --- |\n| S\\|M | 5 |"),
            (None, ("Billing", "Refunds"), "Soon bold words. See here"),
        ]

    def test_without_styles_short_bold_lines_are_headings(self) -> None:
        source = rb"{\rtf1\ansi{\b Fees}\par\b0 Five {\b euros}\par \b Refunds\par\plain Soon.\par\b No end.\b0\par}"
        assert outline_of(rtf.read(source)) == [
            (None, ("Fees",), "Five euros"),
            (None, ("Refunds",), "Soon.\nNo end."),
        ]

    @pytest.mark.parametrize(
        ("source", "text"),
        [
            (rb"{\rtf1\ansi\ansicpg1251 \'cf\'eb\'e0\'f2\'e0}", "Плата"),
            (rb"{\rtf1\ansi\ansicpg936 \'cc\'d7\'b2\'cd}", "套餐"),
            ("{\\rtf1\\ansi\\ansicpg1252 Gebühr}".encode("cp1252"), "Gebühr"),
            ("{\\rtf1\\ansi\\ansicpg65001 套餐}".encode(), "套餐"),
        ],
    )
    def test_code_pages(self, source: bytes, text: str) -> None:
        assert rtf.read(source).sections[0].text == text

    @pytest.mark.parametrize("source", [b"plain text", b"", b"{\\rtf1\\uc{}x}"])
    def test_no_rtf_or_damaged_is_refused(self, source: bytes) -> None:
        with pytest.raises(Unreadable, match="RTF"):
            rtf.read(source)


@cache
def healthy_files() -> dict[str, bytes]:
    def build(presentation: Presentation) -> None:
        slide = presentation.slides.add_slide(presentation.slide_layouts[0])
        slide.shapes.title.text = "Late fees"

    book, word, files = openpyxl.Workbook(), docx.Document(), (io.BytesIO(), io.BytesIO())
    book.active.append(["Plan", "Fee"])
    book.save(files[0])
    word.add_paragraph("Late fees")
    word.save(files[1])
    return {".xlsx": files[0].getvalue(), ".docx": files[1].getvalue(), ".pptx": deck(build)}


def with_xml(package: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.namelist():
            new.writestr(member, change(old.read(member)) if member == name else old.read(member))
    return out.getvalue()


TEXT_PARTS = {".docx": "word/document.xml", ".xlsx": "xl/worksheets/sheet1.xml", ".pptx": "ppt/slides/slide1.xml"}
LAUGHS = (
    b'<!DOCTYPE x [<!ENTITY a "'
    + b"ha" * 1000
    + b'">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 100) for n in range(5))
    + b"]>"
)
FILE = b'<!DOCTYPE x [<!ENTITY f SYSTEM "file://PATH">]>'


@pytest.mark.parametrize("suffix", TEXT_PARTS)
@pytest.mark.parametrize(("declaration", "entity"), [(LAUGHS, b"&f;"), (FILE, b"&f;")], ids=["laughs", "file"])
@pytest.mark.parametrize("padding", [b"", b"<!--" + b" " * 20_000 + b"-->"], ids=["at once", "out of sight"])
def test_entities_neither_multiply_nor_read_files(
    tmp_path: Path, suffix: str, declaration: bytes, entity: bytes, padding: bytes
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hush")
    declaration = declaration.replace(b"PATH", str(secret).encode())

    def declare(xml: bytes) -> bytes:
        start = xml.index(b"<", xml.find(b"?>") + 1 if b"?>" in xml else 0)
        body = xml[start:]
        for text in (b"Late fees", b"Plan"):
            body = body.replace(text, text + entity)
        return xml[:start] + padding + declaration + body

    package = with_xml(healthy_files()[suffix], TEXT_PARTS[suffix], declare)
    try:
        reading = SUFFIXES[suffix](package)
    except Unreadable as refused:
        assert "declares a document type" in str(refused) or "damaged" in str(refused)
    else:
        said = str(reading.sections)
        assert padding
        assert len(said) < 1_000
        assert "hush" not in said


@pytest.mark.parametrize(("suffix", "old"), [(".xlsx", ".xls"), (".pptx", ".ppt"), (".docx", ".doc")])
def test_encrypted_cut_off_and_other_packages_are_refused(suffix: str, old: str) -> None:
    read, whole = SUFFIXES[suffix], healthy_files()[suffix]
    with pytest.raises(Unreadable, match=f"encrypted, or an old {old} file"):
        read(b"\xd0\xcf\x11\xe0" + bytes(600))
    with pytest.raises(Unreadable, match="cut off or damaged"):
        read(whole[: len(whole) // 2])
    with pytest.raises(Unreadable, match=r"damaged, or not an? "):
        read(healthy_files()[".docx" if suffix != ".docx" else ".xlsx"])


@settings(max_examples=120, deadline=None)
@given(
    suffix=st.sampled_from([".xlsx", ".pptx", ".rtf", ".csv", ".jsonl"]),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=8),
    cut=st.one_of(st.none(), st.floats(0, 1)),
)
def test_damage_is_read_or_refused(suffix: str, flips: list[tuple[float, int]], cut: float | None) -> None:
    plain = {
        ".rtf": rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\b Fees}\par \u8364? 5 \'80\trowd a\cell b\cell\row}",
        ".csv": b'question,answer\n"Why, ""so""?","Be\ncause"\n',
        ".jsonl": b'{"question": "Why?", "answer": ["a", {"b": 1}]}\n',
    }
    damaged = bytearray({**healthy_files(), **plain}[suffix])
    for place, mask in flips:
        damaged[int(place * len(damaged))] ^= mask
    if cut is not None:
        del damaged[int(cut * len(damaged)) :]
    try:
        reading = SUFFIXES[suffix](bytes(damaged))
    except Unreadable as refused:
        assert str(refused)
    else:
        assert all(section.text.strip() for section in reading.sections)
