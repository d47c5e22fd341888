"""Readers on real small files, made here: what must be kept, what must go, and what is refused with which reason."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from fpdf import FPDF
from hypothesis import given, settings
from hypothesis import strategies as st

from index.passages import Document
from ingest.errors import Unreadable
from ingest.readers import SUFFIXES, read_document
from ingest.readers.tables import pipe_table
from ingest.readers.text_encoding import decode

MEGABYTE = 2**20
Read = Callable[..., Document]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a file and read it as a document of that name."""

    def write_and_read(name: str, content: str | bytes, max_bytes: int = MEGABYTE) -> Document:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_document(path, name, max_bytes)

    return write_and_read


def outline_of(document: Document) -> list[tuple[tuple[str, ...], str]]:
    return [(section.heading, section.text) for section in document.sections]


def whole_text(document: Document) -> str:
    return "\n\n".join(section.text for section in document.sections)


class TestEveryFile:
    def test_document_carries_its_name_and_the_hash_of_its_bytes(self, read: Read) -> None:
        content = "# 资费\n\n每月 20 元。\n".encode()
        document = read("plans 2024/资费 说明.md", content)
        assert document.name == "plans 2024/资费 说明.md"
        assert document.content_hash == hashlib.sha256(content).hexdigest()
        assert document.title == "资费"
        assert outline_of(document) == [((), "每月 20 元。")]

    @pytest.mark.parametrize(
        ("name", "title"),
        [
            ("billing/Late_fees-and-refunds.txt", "Late fees and refunds"),
            ("roaming/index.txt", "Roaming"),
            ("2024-05 price list.txt", "2024-05 price list"),
            ("资费 说明.txt", "资费 说明"),
        ],
    )
    def test_title_falls_back_to_a_readable_form_of_the_name(self, read: Read, name: str, title: str) -> None:
        assert read(name, "no headings here, only a sentence.").title == title

    def test_suffix_is_matched_whatever_its_case(self, read: Read) -> None:
        assert read("FEES.MD", "# Fees\n\nFive euros.").title == "Fees"

    @pytest.mark.parametrize(
        ("name", "content", "reason"),
        [
            ("fees.odt", b"text", "format .odt is not supported"),
            ("fees", b"text", "without a suffix"),
            ("fees.txt", b"", "empty file"),
            ("fees.txt", b" \n\t\r\n", "no text found"),
            ("fees.html", b"<title>Help</title><body><script>app()</script></body>", "no text found"),
            ("fees.txt", b"\x00\x01\x02\x03" * 50, "looks like binary data, not text"),
            ("fees.pdf", b"not a PDF at all", "damaged, or not a PDF"),
            ("fees.docx", b"not a zip", "not a Word document"),
            ("fees.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "encrypted, or an old .doc"),
        ],
    )
    def test_refused_with_its_reason(self, read: Read, name: str, content: bytes, reason: str) -> None:
        with pytest.raises(Unreadable, match=reason):
            read(name, content)

    def test_too_large_names_size_limit_and_setting(self, read: Read) -> None:
        with pytest.raises(Unreadable) as refused:
            read("fees.txt", b"x" * (3 * MEGABYTE // 2), max_bytes=MEGABYTE)
        assert str(refused.value) == "1.5 MB is more than the limit of 1 MB (ingest.max_file_mb)"

    def test_a_file_of_just_the_limit_is_read(self, read: Read) -> None:
        assert whole_text(read("fees.txt", b"fee", max_bytes=3)) == "fee"

    def test_missing_file_gives_the_systems_words(self, tmp_path: Path) -> None:
        with pytest.raises(Unreadable, match="No such file or directory"):
            read_document(tmp_path / "gone.md", "gone.md", MEGABYTE)

    def test_a_pipe_is_refused_and_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.txt")
        with pytest.raises(Unreadable, match="not a regular file"):
            read_document(tmp_path / "pipe.txt", "pipe.txt", MEGABYTE)

    def test_a_markdown_stub_is_a_document_without_sections(self, read: Read) -> None:
        document = read("roaming/_index.md", "---\ntitle: Roaming\n---\n")
        assert (document.title, document.sections) == ("Roaming", ())


class TestEncodings:
    @pytest.mark.parametrize(
        ("encoding", "text"),
        [
            ("latin-1", "Café à la carte"),
            ("cp1252", "Résumé: 5 €"),
            ("cp1252", "è"),
            ("cp1252", "près très"),
            ("cp1252", "Gebühren: ÄÖÜß"),
            ("cp1252", "¿Cómo pago? 9,99 € — “ya”"),
            ("utf-8-sig", "Late fee: 5 €"),
            ("utf-16", "Late fee: 5 €"),
            ("utf-16-le", "Late fee 5"),
            ("utf-16-be", "Late fee 5"),
            ("gb18030", "套餐"),
            ("gb18030", "SIM 卡补办: 5元。请在14天内付款。"),
            ("big5", "滯納金:請在帳單日後十四天內付款,以免服務暫停。"),
            ("cp1251", "Плата за просрочку составляет пять рублей в месяц."),
            ("cp1250", "Opłata za opóźnienie wynosi pięć złotych."),
        ],
    )
    def test_text_comes_out_as_it_was_written(self, encoding: str, text: str) -> None:
        assert decode(text.encode(encoding)) == text

    def test_one_broken_byte_does_not_spoil_the_accents(self) -> None:
        assert decode("Gebühr für Überweisung, 5 €".encode() + b"\xff").startswith("Gebühr für Überweisung, 5 €")

    def test_normal_form(self) -> None:
        assert decode("cafe\u0301\r\nof\ufb01ce\u00a0now\u200b".encode()) == "café\noffice now"

    def test_html_declared_as_latin_1_is_read_as_windows_1252(self, read: Read) -> None:
        page = '<meta charset="iso-8859-1"><p>Prix : 5 € — été</p>'.encode("cp1252")
        assert whole_text(read("prix.html", page)) == "Prix : 5 € — été"

    def test_html_declared_wrongly_is_read_as_the_utf_8_that_it_is(self, read: Read) -> None:
        assert whole_text(read("a.html", '<meta charset="iso-8859-1"><p>été 套餐</p>'.encode())) == "été 套餐"


class TestMarkdown:
    def test_heading_paths_track_levels_and_leave_the_title_out(self, read: Read) -> None:
        source = "# Billing\n\nIntro.\n\nFees\n----\n\nA fee.\n\n### Late\n\nFive.\n\n## Refunds\n\nSoon.\n"
        assert outline_of(read("billing.md", source)) == [
            ((), "Intro."),
            (("Fees",), "A fee."),
            (("Fees", "Late"), "Five."),
            (("Refunds",), "Soon."),
        ]

    def test_front_matter_title_comes_before_the_first_heading(self, read: Read) -> None:
        document = read("a.md", '---\ntitle: "Billing"\n---\n# Overview\n\ntext\n')
        assert document.title == "Billing"
        assert outline_of(document) == [(("Overview",), "text")]

    def test_yaml_front_matter_becomes_strings(self, read: Read) -> None:
        source = (
            "---\ntitle: Fees\nproduct: Mobile\nversion: 1.10\nmarket: no\neffective_from: 2024-1-5\n"
            "audience: [agents, internal]\nempty:\nmenu: {main: {weight: 3}}\n---\ntext\n"
        )
        assert read("a.md", source).metadata == {
            "product": "Mobile",
            "version": "1.10",
            "market": "no",
            "effective_from": "2024-01-05",
            "audience": "agents, internal",
        }

    def test_toml_front_matter(self, read: Read) -> None:
        document = read("a.md", '+++\ntitle = "Fees"\ndate = 2024-05-01\ndraft = true\n+++\ntext\n')
        assert (document.title, document.metadata) == ("Fees", {"date": "2024-05-01", "draft": "true"})

    @pytest.mark.parametrize("broken", ["title: Fees: late\nproduct: 'x", "title: Fees: late\n\t- x\nproduct: x"])
    def test_broken_front_matter_is_read_by_lines(self, read: Read, broken: str) -> None:
        document = read("a.md", f"---\n{broken}\n---\nThe text.\n")
        assert (document.title, document.metadata["product"]) == ("Fees: late", "x")
        assert whole_text(document) == "The text."

    def test_a_rule_at_the_top_is_no_front_matter(self, read: Read) -> None:
        assert "Call us." in whole_text(read("a.md", "---\nCall us.\n\n---\n\nAny time.\n"))
        assert "unclosed" in whole_text(read("b.md", "---\nunclosed: yes\n"))

    def test_code_is_kept_as_it_is_and_its_hashes_are_no_headings(self, read: Read) -> None:
        source = "# A\n\n```\n# not a heading\n<b>[x](y)</b>\n```\n\nUse `<b>` and `[x](y)`.\n\n    # nor this\n"
        document = read("a.md", source)
        assert [heading for heading, _ in outline_of(document)] == [()]
        assert "```\n# not a heading\n<b>[x](y)</b>\n```" in whole_text(document)
        assert "Use `<b>` and `[x](y)`." in whole_text(document)

    def test_inline_markup_is_reduced_to_its_text(self, read: Read) -> None:
        source = (
            "See [the *fees*](/fees 'Fees') or [https://t.example](https://t.example), <https://u.example>.\n"
            "![A router](r.png) [![Logo](l.png)](/home) [terms][t] [t] m<sup>2</sup> "
            "<!-- draft\nnote -->done&nbsp;&amp; dusted\n"
            'Call {{< phone "x" >}}now{{% /note %}}, type <your number>, [sic] and [x]({{< relref "y" >}}).\n\n'
            "[t]: /terms\n"
        )
        assert whole_text(read("a.md", source)) == (
            "See the *fees* or https://t.example, https://u.example.\n"
            "A router Logo terms t m2 done & dusted\n"
            "Call now, type <your number>, [sic] and x."
        )

    def test_lists_and_tables_keep_their_source(self, read: Read) -> None:
        source = "- one\n  - two [x](y)\n* ![](only.png)\n\n| Plan | Price |\n|------|-------|\n| S<br>M | [5](x) |\n"
        assert whole_text(read("a.md", source)) == (
            "- one\n  - two x\n\n| Plan | Price |\n|------|-------|\n| S M | 5 |"
        )

    def test_html_blocks(self, read: Read) -> None:
        source = (
            "<details>\n<summary>Steps</summary>\n\nDo **this**.\n\n</details>\n\n<h2>Fees</h2>\n\n"
            "<table><tr><th>Plan</th><th>Price</th></tr><tr><td>S</td><td>5</td></tr></table>\n\n<script>\nx()\n</script>\n"
        )
        assert outline_of(read("a.md", source)) == [
            ((), "Steps\n\nDo **this**."),
            (("Fees",), "| Plan | Price |\n| --- | --- |\n| S | 5 |"),
        ]

    def test_a_heading_with_nothing_under_it_is_not_lost(self, read: Read) -> None:
        source = "# Peering\n\n### We operate **AS1**\n\n### Our policy is `open` {#policy}\n\nWrite to us.\n\n## End\n"
        assert outline_of(read("a.md", source)) == [
            ((), "We operate AS1"),
            (("Our policy is open",), "Write to us."),
            ((), "End"),
        ]

    def test_introduction_is_no_title_where_other_chapters_follow(self, read: Read) -> None:
        document = read("Support_manual.md", "# Introduction\n\nHello.\n\n# Network\n\nText.\n")
        assert document.title == "Support manual"
        assert outline_of(document) == [(("Introduction",), "Hello."), (("Network",), "Text.")]


class TestHtml:
    PAGE = """<?xml version="1.0"?><!DOCTYPE html><html lang="en-GB"><head><title>Late fees | Tarnwave</title>
    <meta name="viewport" content="width=9"><meta name="product" content="Mobile">
    <meta name="effective-from" content="2024-05-01"><style>p{}</style></head>
    <body><header><a href="/">Tarnwave</a><nav>Home Shop</nav></header>
    <main><nav>You are here</nav><h1>Late fees</h1><p>A fee of <b>5</b>&nbsp;euros.<br>Per bill.</p>
    <!-- secret --><script>track()</script><noscript>Turn it on</noscript>
    <h2>When <a class="headerlink" href="#w">¶</a></h2><div>After <span>14</span> days<div>or later</div>tail</div>
    <form><label>Your number</label><input value="1"><select><option>Yes</option></select><button>Send</button></form>
    </main><footer>Imprint</footer></body></html>"""

    def test_main_text_without_the_site(self, read: Read) -> None:
        document = read("late.html", self.PAGE)
        assert document.title == "Late fees"
        assert document.metadata == {"language": "en-GB", "product": "Mobile", "effective_from": "2024-05-01"}
        assert outline_of(document) == [
            ((), "A fee of 5 euros.\nPer bill."),
            (("When",), "After 14 days\n\nor later\n\ntail\n\nYour number"),
        ]

    def test_without_main_the_parts_of_the_site_go_and_the_only_h1_stays(self, read: Read) -> None:
        page = (
            "<title>Help centre</title><header><h1>Roaming</h1></header><nav>Home</nav><p>In the EU.</p>"
            "<aside>Offers</aside><section><header><h2>USA</h2></header><p>Pay.</p></section><footer>Imprint</footer>"
        )
        document = read("a.html", page)
        assert document.title == "Help centre"
        assert outline_of(document) == [(("Roaming",), "In the EU."), (("Roaming", "USA"), "Pay.")]

    def test_furniture_goes_by_its_role_and_name_and_text_by_the_same_name_stays(self, read: Read) -> None:
        page = (
            '<a class="skip-link" href="#m">Skip to content</a><div id="onetrust-banner-sdk">We use cookies</div>'
            '<div class="cookie-banner"><p>Cookies help us.</p></div><div role="banner"><a href="/">Tarnwave</a></div>'
            '<div class="top-menu"><ul><li><a href="/">Home</a></li><li><a href="/s">Shop</a></li></ul></div>'
            '<div class="sidebar"><ol class="breadcrumb"><li><a href="/">Home</a></li><li>Fees</li></ol>'
            "<h1>Late fees</h1><p>A fee of 5 euros.</p><ul class='menu'><li>Press 1 for billing, 2 for sales</li></ul>"
            "<section class='cookie-policy'><h2>Cookies</h2><p>We keep them a year.</p></section>"
            "<div class='related-articles'><a href='/x'>Ways to pay</a> <a href='/y'>Barring</a></div></div>"
            "<div class='site-footer'>Imprint</div><div id='footer'>2026</div>"
        )
        assert outline_of(read("a.html", page)) == [
            ((), "A fee of 5 euros.\n\n- Press 1 for billing, 2 for sales"),
            (("Cookies",), "We keep them a year."),
        ]

    def test_a_page_is_not_lost_to_the_name_of_the_element_around_it(self, read: Read) -> None:
        page = "<body><div class='footer'><p>All about roaming, in one long paragraph.</p></div><p>Short.</p></body>"
        assert whole_text(read("a.html", page)) == "All about roaming, in one long paragraph.\n\nShort."

    def test_every_article_is_read(self, read: Read) -> None:
        page = "<p>teaser</p><article><h2>A</h2>one</article><article><h2>B</h2>two</article>"
        assert outline_of(read("a.html", page)) == [(("A",), "one"), (("B",), "two")]

    def test_tables(self, read: Read) -> None:
        page = (
            "<table><caption>Prices</caption><thead><tr><th>Plan</th><th colspan=2>Price</th></tr></thead>"
            "<tr><td rowspan=2>S|M</td><td>5</td><td><ul><li>a</li><li>b</li></ul></td></tr>"
            "<tr><td>6</td><td>c</td></tr>"
            "</table><table><tr><th>Speed</th><td>5G</td></tr><tr><th>Data</th><td>9 GB</td></tr></table>"
        )
        assert whole_text(read("a.html", page)) == (
            "Prices\n\n| Plan | Price |  |\n| --- | --- | --- |\n| S\\|M | 5 | a; b |\n|  | 6 | c |\n\n"
            "|  |  |\n| --- | --- |\n| Speed | 5G |\n| Data | 9 GB |"
        )

    def test_lists(self, read: Read) -> None:
        page = (
            "<ul><li>one<ul><li>deeper</li></ul></li><li><p>two</p><p>more</p></li></ul><ol><li>first<li>second</ol>"
            "<dl><div><dt>SIM</dt><dd>A card</dd></div><dt>PUK</dt><dd>A code</dd></dl><pre>a  b\n c</pre>"
        )
        assert whole_text(read("a.html", page)) == (
            "- one\n  - deeper\n- two\n  more\n1. first\n2. second\n\n"
            "**SIM**: A card\n\n**PUK**: A code\n\n```\na  b\n c\n```"
        )

    @pytest.mark.parametrize(
        "page",
        [
            "<ul>w0<div>w1</div><li>w2<h3>w3</h3>w4</li><p>w5</p></ul>",
            "<table><tr><td>w0<table><tr><td>w1</td></tr></table>w2</td><td><h2>w3</h2>w4</td></tr></table>",
            "<b>w0<p>w1<div>w2</b> w3</div>w4",
            "<x-card>w0</x-card><x-card>w1<p>w2</x-card>",
            "<dl>w0<dt>w1<dd>w2<dd>w3</dl><table>w4<caption>w5</caption><tr>w6<td>w7</table>",
            "<a href=x>w0<h2>w1</h2><div>w2</div></a><blockquote>w3<ol><ol><li>w4</ol></ol></blockquote>",
            "<h2><button>w0</button></h2><button class=accordion>w1</button><div hidden>w2</div>",
            "<div>" * 1500 + "w0" + "</div>" * 1500 + "w1",
        ],
    )
    def test_odd_nesting_neither_loses_nor_repeats_nor_glues_words(self, read: Read, page: str) -> None:
        document = read("a.html", page)
        said = " ".join(
            " ".join((section.heading[-1] if section.heading else "", section.text)) for section in document.sections
        )
        words = [
            word for word in said.replace("|", " ").replace("*", " ").replace(":", " ").split() if word.startswith("w")
        ]
        assert sorted(words) == [f"w{number}" for number in range(len(words))]
        assert len(words) == page.count("w")


class TestPlainText:
    SOURCE = """\
    Tariff guide
    ============

    Valid from May.

    Fees
    ----

    Plan      Price
    S         5
    -----     -----
    M         10

    3. Late payment

    A fee is due.

    3.1 Reminders

    Two of them.

    ROAMING

    In the EU.

    1. Restart the phone.

    2. Call us

    3. Wait

    Then it works.
    """

    def test_headings_by_convention(self, read: Read) -> None:
        document = read("guide.txt", "\n".join(line[4:] for line in self.SOURCE.split("\n")))
        assert document.title == "Tariff guide"
        assert outline_of(document) == [
            ((), "Valid from May."),
            (("Fees",), "Plan      Price\nS         5\n-----     -----\nM         10"),
            (("3. Late payment",), "A fee is due."),
            (("3. Late payment", "3.1 Reminders"), "Two of them."),
            (("ROAMING",), "In the EU.\n\n1. Restart the phone.\n\n2. Call us\n\n3. Wait\n\nThen it works."),
        ]

    def test_the_head_of_an_aligned_table_is_no_heading(self, read: Read) -> None:
        source = "Plan      Price\n---------------\nS         5\n"
        assert outline_of(read("a.txt", source)) == [((), source.strip())]


def make_pdf(write: Callable[[FPDF], None], **encryption: str) -> bytes:
    pdf = FPDF()
    pdf.set_font("helvetica", size=11)
    if encryption:
        pdf.set_encryption(**encryption)  # type: ignore[arg-type]
    pdf.add_page()
    write(pdf)
    return bytes(pdf.output())


def put_line(pdf: FPDF, text: str, size: int = 11, style: str = "") -> None:
    pdf.set_font("helvetica", style, size)
    pdf.multi_cell(0, text=text, new_x="LMARGIN", new_y="NEXT", align="L")


def put_table(pdf: FPDF, rows: Sequence[Sequence[str]]) -> None:
    pdf.set_font("helvetica", "", 11)
    with pdf.table() as table:
        for cells in rows:
            row = table.row()
            for cell in cells:
                row.cell(cell)


BODY = "A fee is charged when a bill is paid after its due date, unless we agreed on another date with you before. " * 3


class TestPdf:
    def test_headings_pages_tables_and_running_lines(self, read: Read) -> None:
        class Handbook(FPDF):
            def header(self) -> None:
                put_line(self, "Tarnwave handbook", 9)

            def footer(self) -> None:
                self.set_y(-15)
                self.cell(text=f"Page {self.page_no()} of 3")

        pdf = Handbook()
        pdf.add_page()
        put_line(pdf, "Late fees", 22)
        put_line(pdf, "How much", 16)
        put_line(pdf, BODY)
        put_table(pdf, [["Plan", "Fee"], ["Mobile S", "5 euros"], ["Fibre", "7 euros"]])
        put_line(pdf, "After the table.")
        pdf.add_page()
        put_line(pdf, "It goes on here. " + BODY)
        put_line(pdf, "Disputes", 11, "B")
        put_line(pdf, "Call us first.")
        pdf.add_page()
        put_line(pdf, "Refunds", 16)
        put_line(pdf, "Soon. " + BODY)
        document = read("handbook.pdf", bytes(pdf.output()))
        assert document.title == "Late fees"
        table = "| Plan | Fee |\n| --- | --- |\n| Mobile S | 5 euros |\n| Fibre | 7 euros |"
        assert [(section.heading, section.page, section.text) for section in document.sections] == [
            (("How much",), 1, f"{BODY.strip()}\n\n{table}\n\nAfter the table."),
            (("How much",), 2, f"It goes on here. {BODY.strip()}"),
            (("How much", "Disputes"), 2, "Call us first."),
            (("Refunds",), 3, f"Soon. {BODY.strip()}"),
        ]

    def test_words_split_at_a_lines_end_are_made_whole(self, read: Read) -> None:
        def write(pdf: FPDF) -> None:
            for line in (
                "Send us your cancel-",
                "lation in writing. It is cost-",
                "free, as pay-as-",
                "you-go is cost-free too.",
            ):
                pdf.cell(text=line, new_x="LMARGIN", new_y="NEXT", h=5)

        assert whole_text(read("a.pdf", make_pdf(write))) == (
            "Send us your cancellation in writing. It is cost-free, as pay-as-you-go is cost-free too."
        )

    def test_bullets_and_columns(self, read: Read) -> None:
        def write(pdf: FPDF) -> None:
            for number, text in enumerate(
                ["One item that is so long that it needs a second line of its own, as here", "Two"]
            ):
                pdf.set_xy(15, 20 + 20 * number)
                pdf.cell(text="-")
                pdf.set_xy(20, 20 + 20 * number)
                pdf.multi_cell(60, h=5, text=text, align="L")
            for column in range(2):
                pdf.set_xy(15 + 95 * column, 70)
                pdf.multi_cell(80, h=5, text=f"Column {column} begins. " + BODY, align="L")

        document = read("a.pdf", make_pdf(write))
        assert whole_text(document) == (
            "- One item that is so long that it needs a second line of its own, as here\n- Two\n\n"
            f"Column 0 begins. {BODY.strip()}\n\nColumn 1 begins. {BODY.strip()}"
        )

    def test_bullets_that_are_drawn(self, read: Read) -> None:
        def write(pdf: FPDF) -> None:
            put_line(pdf, BODY)
            for number, text in enumerate(["One", "Two"]):
                pdf.circle(17, 62.2 + 5 * number, 0.6, style="F")
                pdf.text(20, 63 + 5 * number, text)

        assert whole_text(read("a.pdf", make_pdf(write))) == f"{BODY.strip()}\n\n- One\n- Two"

    def test_contents_and_chapter_names_beside_page_numbers_are_dropped(self, read: Read) -> None:
        class Book(FPDF):
            def header(self) -> None:
                self.cell(text=f"Chapter {'ABC'[self.page_no() - 1]}")
                self.set_x(180)
                self.cell(text=str(self.page_no()), new_x="LMARGIN", new_y="NEXT")
                self.ln(20)

        pdf = Book()
        pdf.set_font("helvetica", size=11)
        pdf.add_page()
        put_line(pdf, "Table of contents")
        for entry in ("Fees ........ 1", "Late fees ........ 2", "Refunds ........ 2", "Disputes ........ 3"):
            put_line(pdf, entry)
        put_line(pdf, "Setup fee ........ 9.99")
        for word in ("Second", "Third"):
            pdf.add_page()
            put_line(pdf, f"{word} page. {BODY}")
        assert [(section.page, section.text) for section in read("a.pdf", bytes(pdf.output())).sections] == [
            (1, "Table of contents\n\nSetup fee … 9.99"),
            (2, f"Second page. {BODY.strip()}"),
            (3, f"Third page. {BODY.strip()}"),
        ]

    def test_prices_behind_dots_are_no_contents(self, read: Read) -> None:
        lines = [f"Visit of {hours} hours ........ {5 * hours}" for hours in range(1, 6)]
        text = whole_text(read("a.pdf", make_pdf(lambda pdf: [put_line(pdf, line) for line in lines])))
        assert "Visit of 3 hours … 15\n\nVisit of 4 hours … 20" in text

    def test_a_table_without_rules(self, read: Read) -> None:
        def write(pdf: FPDF) -> None:
            put_line(pdf, BODY)
            for plan, data, price in [
                ("Plan", "Data", "Price"),
                ("Mobile S", "5 GB", "9.99"),
                ("Mobile M", "20 GB", "14.99"),
            ]:
                pdf.cell(60, text=plan)
                pdf.cell(60, text=data)
                pdf.cell(30, text=price, align="R", new_x="LMARGIN", new_y="NEXT")

        assert "| Plan | Data | Price |\n| --- | --- | --- |\n| Mobile S | 5 GB | 9.99 |" in whole_text(
            read("a.pdf", make_pdf(write))
        )

    def test_title_from_the_properties_only_if_the_page_shows_it(self, read: Read) -> None:
        def with_title(title: str) -> bytes:
            def write(pdf: FPDF) -> None:
                pdf.set_title(title)
                put_line(pdf, "Tarnwave", 24)
                put_line(pdf, "Late fees", 16)
                put_line(pdf, BODY)

            return make_pdf(write)

        assert read("a.pdf", with_title("Late fees")).title == "Late fees"
        assert read("a.pdf", with_title("An older template")).title == "Tarnwave"
        assert read("a.pdf", with_title("Microsoft Word - fees.doc")).title == "Tarnwave"

    def test_text_at_an_angle_comes_last_and_whole(self, read: Read) -> None:
        def write(pdf: FPDF) -> None:
            with pdf.rotation(90, 100, 100):
                pdf.text(100, 100, "Internal use")
            put_line(pdf, BODY)

        assert whole_text(read("a.pdf", make_pdf(write))) == f"{BODY.strip()}\n\nInternal use"

    def test_a_page_without_text(self, read: Read) -> None:
        with pytest.raises(Unreadable, match="no text layer: the pages are images or outlines; run OCR over it first"):
            read("a.pdf", make_pdf(lambda pdf: pdf.rect(10, 10, 50, 50)))

    def test_a_drawing_gives_its_words_and_no_grid(self, read: Read) -> None:
        def write(pdf: FPDF) -> None:
            put_line(pdf, "Mast 7, north side")
            for number in range(2500):
                pdf.rect(10 + number % 50, 50 + number // 50, 1, 1)

        assert whole_text(read("a.pdf", make_pdf(write))) == "Mast 7, north side"

    def test_a_page_with_far_too_many_shapes_still_gives_its_words(self, read: Read) -> None:
        def write(pdf: FPDF) -> None:
            put_line(pdf, "Site plan")
            path = " ".join(f"{number % 500} {number % 700} l" for number in range(450_000))
            pdf._out(f"0 0 m {path} S")

        assert whole_text(read("a.pdf", make_pdf(write), max_bytes=9 * MEGABYTE)) == "Site plan"

    def test_encrypted(self, read: Read) -> None:
        secret = make_pdf(lambda pdf: put_line(pdf, BODY), owner_password="o", user_password="u")
        with pytest.raises(Unreadable, match="encrypted; save it without a password"):
            read("a.pdf", secret)
        open_to_all = make_pdf(lambda pdf: put_line(pdf, BODY), owner_password="o")
        assert whole_text(read("a.pdf", open_to_all)) == BODY.strip()

    def test_cut_off(self, read: Read) -> None:
        with pytest.raises(Unreadable, match="damaged"):
            read("a.pdf", make_pdf(lambda pdf: put_line(pdf, BODY))[:300])


def make_docx(write: Callable[[docx.document.Document], None]) -> bytes:
    document = docx.Document()
    write(document)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def with_part(archive: bytes, name: str, content: str) -> bytes:
    """The archive with one of its files replaced."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(file, "w") as new:
        for member in old.namelist():
            new.writestr(member, content if member == name else old.read(member))
    return file.getvalue()


class TestDocx:
    def test_headings_lists_and_tables_in_order(self, read: Read) -> None:
        def write(document: docx.document.Document) -> None:
            document.add_heading("Tariff guide", 0)
            document.add_paragraph("Valid from May.")
            document.add_heading("Fees", 1)
            document.add_paragraph("Late payment", style="List Bullet")
            document.add_paragraph("Returned debit", style="List Bullet")
            table = document.add_table(3, 3)
            for column, text in enumerate(["Plan", "Fee", "Note"]):
                table.cell(0, column).text = text
            table.cell(1, 0).merge(table.cell(2, 0)).text = "Mobile"
            table.cell(1, 1).merge(table.cell(1, 2)).text = "5 euros"
            table.cell(2, 1).text, table.cell(2, 2).text = "7 euros", "from 2025"
            document.add_heading("Disputes", 2)
            document.add_paragraph("Call us.")

        document = read("guide.docx", make_docx(write))
        assert document.title == "Tariff guide"
        table = "| Plan | Fee | Note |\n| --- | --- | --- |\n| Mobile | 5 euros |  |\n|  | 7 euros | from 2025 |"
        assert outline_of(document) == [
            ((), "Valid from May."),
            (("Fees",), f"- Late payment\n- Returned debit\n\n{table}"),
            (("Fees", "Disputes"), "Call us."),
        ]
        assert {section.page for section in document.sections} == {None}

    def test_styles_in_another_language_and_outline_levels(self, read: Read) -> None:
        def write(document: docx.document.Document) -> None:
            document.add_paragraph("Gebühren", style=document.styles.add_style("Überschrift 1", 1))
            document.add_paragraph("Fünf Euro.")
            document.add_paragraph("Mahnung")._p.get_or_add_pPr().append(
                parse_xml(f'<w:outlineLvl {nsdecls("w")} w:val="1"/>')
            )
            document.add_paragraph("Zweimal.")

        document = read("a.docx", make_docx(write))
        assert document.title == "Gebühren"
        assert outline_of(document) == [((), "Fünf Euro."), (("Mahnung",), "Zweimal.")]

    def test_title_of_the_properties_unless_a_program_left_it_there(self, read: Read) -> None:
        def with_title(title: str) -> bytes:
            def write(document: docx.document.Document) -> None:
                document.core_properties.title = title
                document.add_paragraph("text")

            return make_docx(write)

        assert read("fees.docx", with_title("Late fees")).title == "Late fees"
        assert read("fees.docx", with_title("Word Document")).title == "Fees"

    def test_bold_lines_are_headings_where_no_style_is(self, read: Read) -> None:
        def write(document: docx.document.Document) -> None:
            document.add_paragraph("Dear customer")
            document.add_paragraph().add_run("Your rights").bold = True
            document.add_paragraph("Fourteen days.")

        assert outline_of(read("letter.docx", make_docx(write))) == [
            ((), "Dear customer"),
            (("Your rights",), "Fourteen days."),
        ]

    def test_revisions_hidden_text_controls_and_text_boxes(self, read: Read) -> None:
        namespaces = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
        mc = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
        box = "<w:txbxContent><w:p><w:r><w:t>In a box.</w:t></w:r></w:p></w:txbxContent>"
        body = (
            "<w:p><w:r><w:t>The fee is </w:t></w:r><w:del><w:r><w:delText>4</w:delText></w:r></w:del>"
            "<w:ins><w:r><w:t>5</w:t><w:noBreakHyphen/><w:t>fold</w:t></w:r></w:ins>"
            "<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r></w:p>"
            "<w:sdt><w:sdtContent><w:p><w:r><w:t>In a control.</w:t></w:r></w:p></w:sdtContent></w:sdt>"
            "<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val='Table of Contents'/></w:docPartObj></w:sdtPr>"
            "<w:sdtContent><w:p><w:r><w:t>Fees 1</w:t></w:r></w:p></w:sdtContent></w:sdt>"
            f"<w:p><w:r><mc:AlternateContent><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>"
            "</mc:AlternateContent></w:r></w:p>"
        )
        xml = f"<w:document {namespaces} {mc}><w:body>{body}</w:body></w:document>"
        archive = with_part(make_docx(lambda _: None), "word/document.xml", xml)
        assert whole_text(read("a.docx", archive)) == "The fee is 5-fold\n\nIn a control.\n\nIn a box."

    def test_a_zip_that_is_no_word_document(self, read: Read) -> None:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("fees.txt", "5 euros")
        with pytest.raises(Unreadable, match="a zip archive, but not a Word document"):
            read("a.docx", file.getvalue())

    def test_cut_off_and_broken_inside(self, read: Read) -> None:
        whole = make_docx(lambda document: document.add_paragraph("text"))
        with pytest.raises(Unreadable, match="cut off or damaged"):
            read("a.docx", whole[: len(whole) // 2])
        with pytest.raises(Unreadable, match="damaged, or not a Word document"):
            read("a.docx", with_part(whole, "word/document.xml", "<w:document"))

    def test_a_zip_bomb_is_refused_before_it_is_opened(self, read: Read) -> None:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("[Content_Types].xml", "<Types/>")
            archive.writestr("word/document.xml", bytes(201 * MEGABYTE))
        with pytest.raises(Unreadable, match="unpacks to 201 MB, more than the 200 MB that are safe"):
            read("a.docx", file.getvalue())


class TestPipeTable:
    def test_ragged_rows_empty_columns_and_bars(self) -> None:
        assert pipe_table([["a", "", "b|c"], ["1"], []]) == "| a | b\\|c |\n| --- | --- |\n| 1 |  |"

    def test_nothing_and_one_column(self) -> None:
        assert pipe_table([["", ""], []]) == ""
        assert pipe_table([["one"], ["two|three"]]) == "one\n\ntwo|three"


@cache
def healthy_files() -> dict[str, bytes]:
    def pdf(document: FPDF) -> None:
        put_line(document, "Late fees", 20)
        put_line(document, BODY)
        put_table(document, [["Plan", "Fee"], ["S", "5"]])

    def word(document: docx.document.Document) -> None:
        document.add_heading("Late fees", 1)
        document.add_table(2, 2).cell(0, 0).text = "Plan"

    return {".pdf": make_pdf(pdf), ".docx": make_docx(word), ".html": TestHtml.PAGE.encode()}


@settings(max_examples=150)
@given(
    suffix=st.sampled_from([".pdf", ".docx", ".html"]),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=8),
    cut=st.one_of(st.none(), st.floats(0, 1)),
)
def test_damage_is_read_or_refused(suffix: str, flips: list[tuple[float, int]], cut: float | None) -> None:
    damaged = bytearray(healthy_files()[suffix])
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
