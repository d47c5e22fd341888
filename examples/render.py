"""Render the sample operator's printed documents: examples/print/**/*.pdf.md and *.docx.md -> examples/documents/.

    python examples/render.py [WORD...]

With words, only the documents whose path holds one of them. PDF files are printed by Chromium (through Playwright), DOCX files are written by python-docx. Run it after a change
in examples/print/ and commit what comes out.
"""

from __future__ import annotations

import html
import shutil
import sys
from pathlib import Path

from docx import Document
from docx.document import Document as WordDocument
from markdown_it import MarkdownIt
from markdown_it.token import Token
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parent
SOURCE, TARGET = ROOT / "print", ROOT / "documents"
STYLE = """
body { font-family: "Liberation Sans", Arial, sans-serif; font-size: 10.5pt; line-height: 1.4; color: #1b1b1b; }
h1 { font-size: 20pt; color: #123a5a; margin: 0 0 6pt; } h2 { font-size: 14pt; color: #123a5a; margin: 16pt 0 4pt; }
h3 { font-size: 12pt; margin: 12pt 0 3pt; } h1, h2, h3 { break-after: avoid; }
table { border-collapse: collapse; width: 100%; margin: 6pt 0; font-size: 9.5pt; }
th, td { border: 0.75pt solid #555; padding: 3pt 5pt; text-align: left; vertical-align: top; } th { background: #e8eef3; }
tr { break-inside: avoid; }
"""
SMALL = "font-family: Arial; font-size: 7.5pt; color: #666; width: 100%; padding: 0 16mm;"


def main() -> int:
    markdown = MarkdownIt("commonmark").enable("table")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for source in sorted(SOURCE.rglob("*.md")):
            if sys.argv[1:] and not any(word in str(source.relative_to(SOURCE)) for word in sys.argv[1:]):
                continue
            target = TARGET / source.relative_to(SOURCE).with_suffix("")
            target.parent.mkdir(parents=True, exist_ok=True)
            tokens = markdown.parse(source.read_text(encoding="utf-8"))
            if target.suffix == ".pdf":
                _print(browser, markdown.renderer.render(tokens, markdown.options, {}), _title(tokens), target)
            elif target.suffix == ".docx":
                _write_docx(tokens, target)
            else:
                print(f"{source}: expected a name ending in .pdf.md or .docx.md", file=sys.stderr)
                return 2
            print(target)
        browser.close()
    return 0


def _title(tokens: list[Token]) -> str:
    return next(tokens[i + 1].content for i, t in enumerate(tokens) if t.type == "heading_open")


def _print(browser: Browser, body: str, title: str, target: Path) -> None:
    page = browser.new_page()
    page.set_content(
        f"<html lang=en><head><title>{html.escape(title)}</title><style>{STYLE}</style></head><body>{body}"
    )
    page.pdf(
        path=target,
        format="A4",
        margin={"top": "20mm", "bottom": "20mm", "left": "18mm", "right": "18mm"},
        display_header_footer=True,
        header_template=f'<div style="{SMALL}">Tarnwave · {html.escape(title)}</div>',
        footer_template=f'<div style="{SMALL}">Page <span class="pageNumber"></span> of <span class="totalPages"></span></div>',
    )
    page.close()


def _write_docx(tokens: list[Token], target: Path) -> None:
    document = Document()
    document.core_properties.title = _title(tokens)
    document.core_properties.author = "Tarnwave"
    list_style, rows = "", list[list[str]]()
    for i, token in enumerate(tokens):
        text = tokens[i + 1] if i + 1 < len(tokens) else token
        if token.type == "heading_open":
            level = int(token.tag[1])
            document.add_heading(text.content, level=level - 1)
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            list_style = "List Bullet" if token.type.startswith("bullet") else "List Number"
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            list_style = ""
        elif token.type == "paragraph_open":
            _add_runs(document, text, list_style)
        elif token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open"):
            rows[-1].append(_plain(text))
        elif token.type == "table_close":
            _add_table(document, rows)
            rows = []
    document.save(str(target))


def _add_runs(document: WordDocument, inline: Token, style: str) -> None:
    paragraph = document.add_paragraph(style=style or None)
    bold = False
    for child in inline.children or []:
        if child.type in ("strong_open", "strong_close"):
            bold = child.type == "strong_open"
        elif child.type in ("text", "code_inline"):
            paragraph.add_run(child.content).bold = bold
        elif child.type in ("softbreak", "hardbreak"):
            paragraph.add_run(" ")


def _plain(inline: Token) -> str:
    return "".join(c.content for c in inline.children or [] if c.type in ("text", "code_inline"))


def _add_table(document: WordDocument, rows: list[list[str]]) -> None:
    table = document.add_table(rows=len(rows), cols=len(rows[0]), style="Table Grid")
    for row, values in zip(table.rows, rows, strict=True):
        for cell, value in zip(row.cells, values, strict=False):
            cell.text = value
    for cell in table.rows[0].cells:
        for run in cell.paragraphs[0].runs:
            run.bold = True


if __name__ == "__main__":
    sys.exit(main())
