"""Labelled tickets: each form gives the same kind of ticket, and each fault is named with its place."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pytest

from assistant.errors import DatasetError
from assistant.triage.tickets import Ancestors, LabelledTicket, companion, node_ids, read_tickets

PATHS = {"billing": ("billing",), "double-charge": ("billing", "double-charge")}
LEVELS = "complaint_id,product,sub_product,issue,sub_issue,narrative\n"
CLINC = {
    "oos_val": [["v?", "oos"]],
    "val": [["how much is due", "bill_due"]],
    "train": [["do not call me", "do_not_disturb"], ["is it due", "bill_due"]],
    "oos_test": [["who won", "oos"], ["the circle's area", "oos"]],
    "test": [["when is my bill due", "bill_due"], ["be quiet", "do_not_disturb"]],
    "oos_train": [["sing", "oos"]],
}
DOMAINS = {"banking": ["bill_due"], "home": ["do_not_disturb"]}


def write(folder: Path, name: str, content: str) -> Path:
    (folder / name).write_text(content, encoding="utf-8", newline="")
    return folder / name


def clinc(folder: Path, rows: object = CLINC, domains: object = DOMAINS, indent: int | None = 1) -> Path:
    write(folder, "domains.json", json.dumps(domains))
    return write(folder, "data_full.json", json.dumps(rows, indent=indent))


def refusal(path: Path, ancestors: Ancestors | None = None, split: str = "test") -> str:
    with pytest.raises(DatasetError) as caught:
        read_tickets(path, ancestors=ancestors, split=split)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_lines_with_a_taxonomy(tmp_path: Path) -> None:
    # A line separator other than the newline belongs to the text.
    path = write(
        tmp_path,
        "test.jsonl",
        '{"id": "a", "text": "charged\u2028twice", "label": "double-charge"}\r\n\n'
        '{"id": 7, "text": "a bill", "label": "billing", "desk": "x"}\n',
    )
    assert read_tickets(path, ancestors=PATHS.__getitem__) == [
        LabelledTicket("a", "charged\u2028twice", ("billing", "double-charge")),
        LabelledTicket("7", "a bill", ("billing",)),
    ]


def test_one_level_in_a_column(tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_bytes(codecs.BOM_UTF8 + 'text,category\r\n"Où est, ma carte?",card_arrival\r\n'.encode())
    assert read_tickets(path) == [LabelledTicket("2", "Où est, ma carte?", ("card_arrival",))]


def test_levels_in_columns(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "test.csv",
        LEVELS + '1,Card,Prepaid,Fees,Other,"they\nsaid ""no"""\n2,Card,,Fees,,skips\n3, Loan ,,,,stops\n',
    )
    assert read_tickets(path) == [
        LabelledTicket(
            "1",
            'they\nsaid "no"',
            ("Card", "Card > Prepaid", "Card > Prepaid > Fees", "Card > Prepaid > Fees > Other"),
        ),
        LabelledTicket("2", "skips", ("Card", "Card > Fees")),
        LabelledTicket("3", "stops", ("Loan",)),
    ]


def test_columns_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, "test.csv", "id,body,desk,team\nx,hello,Sales,North\n")
    found = read_tickets(path, text_column="body", level_columns=("team", "desk"))
    assert found == [LabelledTicket("x", "hello", ("North", "North > Sales"))]
    with pytest.raises(DatasetError, match=r"id, body, desk, team; wanted are.* subject, team$"):
        read_tickets(path, text_column="subject", level_columns=("team",))


def test_equal_labels_under_two_parents_are_two_nodes() -> None:
    assert set(node_ids(("Card", "Fees"))) & set(node_ids(("Loan", "Fees"))) == set()


@pytest.mark.parametrize("indent", [None, 1])
def test_splits_with_domains(tmp_path: Path, indent: int | None) -> None:
    path = clinc(tmp_path, indent=indent)
    assert read_tickets(path) == [
        LabelledTicket("test-1", "when is my bill due", ("banking", "banking > bill_due")),
        LabelledTicket("test-2", "be quiet", ("home", "home > do_not_disturb")),
        LabelledTicket("oos_test-1", "who won", ()),
        LabelledTicket("oos_test-2", "the circle's area", ()),
    ]
    assert [t.text for t in read_tickets(path, split="train")] == ["do not call me", "is it due", "sing"]
    assert read_tickets(path, split="dev") == read_tickets(path, split="val")


def test_companions(tmp_path: Path) -> None:
    test = write(tmp_path, "test.csv", "text,category\na,b\n")
    assert companion(test) is None
    train = write(tmp_path, "train.csv", "text,category\na,b\n")
    assert companion(test) == train
    assert companion(train) is None
    lines = write(tmp_path, "test.jsonl", '{"id": "a", "text": "t", "label": "billing"}\n')
    dev = write(tmp_path, "dev.jsonl", "")
    assert (companion(lines), companion(lines, "dev")) == (None, dev)
    assert companion(clinc(tmp_path)) == tmp_path / "data_full.json"


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("", "line 1: it is empty; wanted is JSONL"),
        (" \n\n", "line 1: it is empty"),
        ('[{"id": "a"}]', "line 1: this is a JSON list; wanted is JSONL"),
        ("text,category\n", "it holds no tickets"),
        (
            "text,label\na,b\n",
            "line 1: the columns are text, label; wanted are, .* text, category or narrative, product",
        ),
        ("text,text,category\na,b,c\n", "line 1: the columns are text, text, category"),
        ("text;category\na;b\n", "line 1: the columns are text;category; wanted are, separated by commas"),
        ("text,category\na,b\n  ,b\n", "line 3: there is no text"),
        ("text,category\na,\n", "line 2: there is no label"),
        ("text,category\na,b\na, b, c\n", "line 3: the row has 3 cells, the header 2"),
        ("text,category\na,Bills > Fees\n", "line 2: ' > ' in a label"),
        ('text,category\na,b\n"open,b\nc,d\n', "line 3: the row that starts here is no CSV"),
        (f"text,category\n{'x' * 140_000},b\n", "line 2: the row that starts here is no CSV"),
        ("id,text,category\n1,a,b\n2,a,b\n1,a,b\n", "line 4: id '1' stands at line 2 too"),
        ("id,text,category\n,a,b\n", "line 2: there is no id"),
    ],
)
def test_a_table_that_cannot_be_used(tmp_path: Path, content: str, wanted: str) -> None:
    path = write(tmp_path, "test.csv", content)
    with pytest.raises(DatasetError, match=wanted) as caught:
        read_tickets(path)
    assert str(caught.value).startswith(f"{path}")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ('{"id": "b", "text": "t", "label": "roaming"}', "line 2: label 'roaming' is not in the taxonomy"),
        ('{"id": "b", "text": "t"}', "line 2, label: Field required; wanted is"),
        ('{"id": "b", "text": 3, "label": "billing"}', "line 2, text: Input should be a valid string"),
        ('{"id": "b", "text": " ", "label": "billing"}', "line 2: there is no text"),
        ('{"id": "a", "text": "t", "label": "billing"}', "line 2: id 'a' stands at line 1 too"),
        ('{"id": "b", "text"', "line 2: Invalid JSON"),
        ("text,category", "line 2: Invalid JSON"),
    ],
)
def test_a_line_that_cannot_be_used(tmp_path: Path, line: str, wanted: str) -> None:
    path = write(tmp_path, "test.jsonl", '{"id": "a", "text": "t", "label": "billing"}\n' + line + "\n")
    message = refusal(path, PATHS.__getitem__)
    assert wanted in message
    assert str(path) in message
    assert "line 1 column" not in message


def test_lines_need_a_taxonomy(tmp_path: Path) -> None:
    path = write(tmp_path, "test.jsonl", '{"id": "a", "text": "t", "label": "billing"}\n')
    assert "--taxonomy" in refusal(path)
    assert "label 'billing' is not in the taxonomy" in refusal(path, lambda _: ())


def test_splits_that_cannot_be_used(tmp_path: Path) -> None:
    assert "'dry' is not a split of this file; there are train, val, test" in refusal(clinc(tmp_path), split="dry")
    unknown = clinc(tmp_path, domains={"home": ["do_not_disturb"]})
    assert "test, row 1: label 'bill_due' is not in" in refusal(unknown)
    assert "test, 0, 1: Field required" in refusal(clinc(tmp_path, {"test": [["only text"]]}))
    assert "test, row 1: there is no text" in refusal(clinc(tmp_path, {"test": [["", "bill_due"]]}))
    broken = write(tmp_path, "data_full.json", '{\n "test": [\n  ["a", ]\n ]\n}')
    assert "line 3" in refusal(broken)
    path = clinc(tmp_path)
    (tmp_path / "domains.json").unlink()
    assert "domains.json: No such file" in refusal(path)


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_bytes("text,category\na,b\nd\xe9j\xe0,b\n".encode("latin-1"))
    assert "line 3, byte 2: it is not UTF-8" in refusal(path)
    with pytest.raises(DatasetError, match="not UTF-8"):
        companion(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "test.csv")
    assert "directory" in refusal(tmp_path)
