"""Tables of rows and sheets: a row is found with its columns' names, and numbers read as they are shown."""

from __future__ import annotations

import csv
import datetime
import io
import json
from collections.abc import Callable

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet

from ingest.errors import Unreadable
from ingest.readers import delimited, jsonl, xlsx
from ingest.readers.number_format import shown
from ingest.readers.reading import Reading
from ingest.readers.rows import unique
from ingest.readers.text_encoding import normalise


def outline_of(reading: Reading) -> list[tuple[tuple[str, ...], str]]:
    return [(section.heading, section.text) for section in reading.sections]


class TestDelimited:
    def test_a_question_heads_its_answer_below_its_category(self) -> None:
        source = 'ID,Category,Question,Answer\n7,Billing,"Why is ""my bill"" high?","You called.\nAbroad."\n8,,Pay how?,Card.\n'
        assert outline_of(delimited.read(source.encode())) == [
            (("Billing", 'Why is "my bill" high?'), "You called.\nAbroad.\n\nID: 7"),
            (("Pay how?",), "Card.\n\nID: 8"),
        ]

    @pytest.mark.parametrize(
        "header", ["q,a", "FAQ Question,response", "Frage,Antwort", "问题,答案", "question,Answer "]
    )
    def test_question_and_answer_go_by_many_names(self, header: str) -> None:
        assert outline_of(delimited.read(f"{header}\nHow?,So.\n".encode())) == [(("How?",), "So.")]

    def test_other_tables_are_lines_of_column_and_value(self) -> None:
        source = "code,meaning,action\nE-2041,No signal,\n\n,,\nE-17,Busy,Wait\n"
        assert outline_of(delimited.read(source.encode())) == [
            ((), "code: E-2041\nmeaning: No signal"),
            ((), "code: E-17\nmeaning: Busy\naction: Wait"),
        ]

    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
    def test_delimiter_and_encoding_are_found_out(self, delimiter: str, encoding: str) -> None:
        source = (
            delimiter.join(["Tarif", "Gebühr"]) + "\r\n" + delimiter.join(["Größe S", '"9,90 €; je Monat | netto"'])
        )
        (section,) = delimited.read(source.encode(encoding)).sections
        assert section.text == "Tarif: Größe S\nGebühr: 9,90 €; je Monat | netto"

    def test_a_delimiter_that_excel_declares_is_taken(self) -> None:
        assert delimited.read(b"sep=;\na,b;c\n1,2;3\n").sections[0].text == "a,b: 1,2\nc: 3"

    def test_a_long_question_is_said_whole(self) -> None:
        question = "Why " + "very " * 40 + "high?"
        (section,) = delimited.read(f"question,answer\n{question},So.\n".encode()).sections
        assert section.text == f"{question}\n\nSo."

    def test_nameless_and_repeated_columns_keep_their_values(self) -> None:
        assert delimited.read(b"a,,a\n1,2,3\n").sections[0].text == "a: 1\ncolumn 2: 2\na (3): 3"

    @pytest.mark.parametrize(
        ("source", "reason"),
        [
            ('q,a\nx,y\n"two\nlines",fine\none,two,three\n', "line 5 has 3 fields, the header 2; put quotes.*a comma"),
            ('a,b\n1,"open\n2,3\n', "line 2: .*is a quote left open"),
        ],
    )
    def test_what_would_lose_words_is_refused_by_line(self, source: str, reason: str) -> None:
        with pytest.raises(Unreadable, match=reason):
            delimited.read(source.encode())

    @given(
        st.integers(2, 4).flatmap(
            lambda width: st.lists(
                st.lists(
                    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=12),
                    min_size=width,
                    max_size=width,
                ),
                min_size=1,
                max_size=6,
            )
        ),
        st.sampled_from(",;\t"),
    )
    def test_what_the_csv_module_writes_is_read_back(self, rows: list[list[str]], delimiter: str) -> None:
        file = io.StringIO()
        writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        names = [f"name{number}" for number in range(len(rows[0]))]
        writer.writerows([names, *rows])
        expected = []
        for row in rows:
            values = [normalise(value).strip() for value in row]
            if any(values):
                expected.append(
                    "\n".join(f"{name}: {value}" for name, value in zip(names, values, strict=True) if value)
                )
        assert [section.text for section in delimited.read(file.getvalue().encode()).sections] == expected

    @given(st.lists(st.sampled_from(["", "a", "b", " a ", "a (2)", "column 1"]), max_size=6))
    def test_column_names_are_unique(self, names: list[str]) -> None:
        assert len(set(unique(names))) == len(names)


class TestJsonLines:
    def test_an_object_is_a_row(self) -> None:
        source = "\n".join(
            json.dumps(row, ensure_ascii=False)
            for row in [
                {
                    "question": "Wie\u2028lang?",
                    "answer": "14 Tage.",
                    "tags": ["a", 2],
                    "meta": {"ok": True, "no": None},
                },
                {"code": "E-1", "steps": [{"do": "restart"}, {"do": "wait"}]},
            ]
        )
        assert outline_of(jsonl.read(source.encode())) == [
            (("Wie lang?",), "14 Tage.\n\ntags: a, 2\nmeta.ok: true"),
            ((), "code: E-1\nsteps.1.do: restart\nsteps.2.do: wait"),
        ]

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ('{"a": 1', "line 3 is not JSON: Expecting"),
            ("[1, 2]", "line 3: expected an object"),
            ('{"a": ' + "[" * 100_000, "line 3(: nested too deeply| is not JSON)"),
        ],
    )
    def test_a_broken_line_is_named(self, line: str, reason: str) -> None:
        with pytest.raises(Unreadable, match=reason):
            jsonl.read(f'{{"a": 1}}\n\n{line}\n'.encode())


def workbook(build: Callable[[Worksheet], None], title: str = "Mobile") -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = title
    build(sheet)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def put(sheet: Worksheet, row: int, column: int, *rows: list[object]) -> None:
    for y, values in enumerate(rows, row):
        for x, value in enumerate(values, column):
            if value is not None:
                sheet.cell(y, x, value)


class TestXlsx:
    def test_merged_headers_name_each_column_and_captions_head_tables(self) -> None:
        def build(sheet: Worksheet) -> None:
            put(sheet, 1, 1, ["Tariffs from September"])
            sheet.merge_cells("A1:E1")
            put(sheet, 3, 2, ["Plan", "Price", None, "Data"], [None, "monthly", "yearly", None])
            sheet.merge_cells("C3:D3")
            sheet.merge_cells("B3:B4")
            put(sheet, 5, 2, ["Wave S", 9.9, 99.5, "5 GB"], ["Wave M", 19.9, None, "20 GB"])

        assert outline_of(xlsx.read(workbook(build))) == [
            (
                ("Mobile", "Tariffs from September"),
                "| Plan | Price monthly | Price yearly | Data |\n| --- | --- | --- | --- |\n"
                "| Wave S | 9.9 | 99.5 | 5 GB |\n| Wave M | 19.9 |  | 20 GB |",
            )
        ]

    def test_several_tables_on_a_sheet_and_notes_below(self) -> None:
        def build(sheet: Worksheet) -> None:
            put(sheet, 1, 1, ["Country", "Price"], ["France", 1], ["Spain", 2])
            put(sheet, 1, 5, ["Code", "Meaning"], ["E-1", "Busy"])
            put(sheet, 6, 1, ["Roaming"], ["Zone", "MB"], ["A", 100])
            put(sheet, 10, 1, ["Prices include VAT."])

        assert outline_of(xlsx.read(workbook(build, "Sheet1"))) == [
            (
                (),
                "| Country | Price |\n| --- | --- |\n| France | 1 |\n| Spain | 2 |\n\n"
                "| Code | Meaning |\n| --- | --- |\n| E-1 | Busy |",
            ),
            (("Roaming",), "| Zone | MB |\n| --- | --- |\n| A | 100 |\n\nPrices include VAT."),
        ]

    def test_rows_below_a_gap_keep_the_header_and_new_tables_have_their_own(self) -> None:
        def build(sheet: Worksheet) -> None:
            put(sheet, 1, 1, ["Plan", "Fee"], ["S", 5], [], ["M", 6])
            put(sheet, 6, 1, ["Shop", "Town"], ["North", "Aber"])
            for cell in sheet[6]:
                cell.font = Font(bold=True)

        (_, text) = outline_of(xlsx.read(workbook(build)))[0]
        assert text == (
            "| Plan | Fee |\n| --- | --- |\n| S | 5 |\n\n| Plan | Fee |\n| --- | --- |\n| M | 6 |\n\n"
            "| Shop | Town |\n| --- | --- |\n| North | Aber |"
        )

    def test_a_cell_merged_over_rows_is_in_each_and_a_row_merged_across_heads_those_below(self) -> None:
        def build(sheet: Worksheet) -> None:
            put(
                sheet,
                1,
                1,
                ["Group", "Pack", "MB"],
                ["Day", "D1", 100],
                [None, "D2", 200],
                ["Holidays"],
                ["Xmas", "X", 9],
            )
            sheet.merge_cells("A2:A3")
            sheet.merge_cells("A4:C4")

        assert outline_of(xlsx.read(workbook(build))) == [
            (("Mobile",), "| Group | Pack | MB |\n| --- | --- | --- |\n| Day | D1 | 100 |\n| Day | D2 | 200 |"),
            (("Mobile", "Holidays"), "| Group | Pack | MB |\n| --- | --- | --- |\n| Xmas | X | 9 |"),
        ]

    def test_hidden_sheets_are_passed_over(self) -> None:
        book = openpyxl.Workbook()
        book.active.append(["Plan", "Fee"])
        secret = book.create_sheet("Margins")
        secret.append(["secret", 1])
        secret.sheet_state = "hidden"
        file = io.BytesIO()
        book.save(file)
        assert "secret" not in str(xlsx.read(file.getvalue()))

    def test_a_sheet_that_declares_a_million_rows_and_holds_two_is_read(self) -> None:
        def build(sheet: Worksheet) -> None:
            put(sheet, 1, 1, ["Plan", "Fee"])
            put(sheet, 1_048_576, 16_000, ["far", "away"])

        assert "| far | away |" in str(xlsx.read(workbook(build)).sections[0].text)

    @pytest.mark.parametrize(
        ("value", "number_format", "text"),
        [
            (9.9, "General", "9.9"),
            (0.1 + 0.2, "General", "0.3"),
            (1234.5, '#,##0.00 "€"', "1,234.50 €"),
            (1234.5, "[$€-407] #,##0.00", "€ 1,234.50"),
            (-5, '"$"#,##0.00_);[Red]("$"#,##0.00)', "($5.00)"),
            (-5, '"$"#,##0.00', "-$5.00"),
            (5, r'_-* #,##0.00\ "kr"_-;-* #,##0.00\ "kr"_-', "5.00 kr"),
            (0.25, "0%", "25%"),
            (0.1234, "0.0%", "12.3%"),
            (2.5, "0.##", "2.5"),
            (2, "0.##", "2"),
            (1234567, '#,##0.0,,"M"', "1.2M"),
            (7, "000", "007"),
            (0.5, "# ?/?", "0.5"),
            (1200, "0.00E+00", "1200"),
            (True, "General", "TRUE"),
            (datetime.datetime(2026, 9, 1), "dd.mm.yyyy", "2026-09-01"),
            (datetime.datetime(2026, 9, 1, 8, 30), "dd.mm.yyyy hh:mm", "2026-09-01 08:30"),
            (datetime.time(8, 30), "hh:mm", "08:30:00"),
            ("text", "@", "text"),
        ],
    )
    def test_values_are_as_shown(self, value: object, number_format: str, text: str) -> None:
        assert shown(value, number_format) == text

    @given(st.one_of(st.floats(), st.integers()), st.text('0#?,.%;"€$-_*[]\\ E+/@', max_size=14))
    def test_no_format_fails(self, value: float, number_format: str) -> None:
        assert isinstance(shown(value, number_format), str)

    @given(st.integers(-(10**9), 10**9))
    @settings(max_examples=50)
    def test_cents_are_exact(self, cents: int) -> None:
        assert shown(cents / 100, "0.00") == f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02}"

    def test_no_workbook_is_refused(self) -> None:
        with pytest.raises(Unreadable, match="not an Excel workbook"):
            xlsx.read(b"nothing")
