"""The language of a document: told from enough text, left open otherwise, and never against what its metadata says."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.language import language_of
from ingest.readers import read_document

TEXTS = {
    "en": "If you pay your bill late, we charge a fee of 5 euros. Call us when you cannot pay and we find a plan.",
    "de": "Wenn Sie Ihre Rechnung zu spät bezahlen, berechnen wir eine Gebühr. Rufen Sie uns an, wenn Sie Fragen haben.",
    "fr": "Si vous payez votre facture en retard, nous facturons des frais de cinq euros. Appelez-nous pour en parler.",
    "es": "Si usted paga su factura tarde, cobramos un cargo de cinco euros. Llámenos cuando no pueda pagar a tiempo.",
    "pl": "Jeśli zapłacisz rachunek po terminie, naliczymy opłatę w wysokości pięciu złotych. Zadzwoń do nas w razie pytań.",
    "ru": "Если вы оплатите счёт с опозданием, мы возьмём плату пять евро. Позвоните нам, если не можете заплатить.",
    "zh": "如果您逾期付款，我们会收取五元的费用。SIM 卡和 Wave Max 套餐的客户如无法付款，请致电我们的客服中心。",
    "ja": "お支払いが遅れた場合は、手数料がかかります。お支払いが難しいときは、カスタマーセンターまでお電話ください。",
}


@pytest.mark.parametrize("language", TEXTS)
def test_everyday_sentences(language: str) -> None:
    assert language_of([TEXTS[language]]) == language


@pytest.mark.parametrize("text", ["", "Fees", "E-2041 5G-Max 40", "| 9.99 | 12.50 |\n" * 50, "套餐"])
def test_too_little_text_is_left_open(text: str) -> None:
    assert language_of([text]) == ""


def test_what_the_document_says_stays(tmp_path: Path) -> None:
    said, unsaid = tmp_path / "said.md", tmp_path / "unsaid.md"
    said.write_text(f"---\nlanguage: nl\n---\n{TEXTS['en']}")
    unsaid.write_text(TEXTS["en"])
    assert read_document(said, "a", 2**20).metadata["language"] == "nl"
    assert read_document(unsaid, "b", 2**20).metadata["language"] == "en"
