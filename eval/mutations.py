"""Damaged files of every format, read by one isolated reader: none may do more than be refused."""

from __future__ import annotations

import io
import random
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pptx

from eval.errors import EvaluationError
from ingest.errors import Unreadable
from ingest.isolation import IsolatedReader
from ingest.reading import Limits

_LIMITS = Limits(2**24)
_SECONDS = 20
_MEGABYTES = 1500
_PACKED = frozenset({".docx", ".xlsx", ".pptx", ".zip"})
_FATAL = {"crash": "deaths", "memory": "memory", "time": "timeouts"}

_PAGE = (
    "# SIM cards\n\n## Replacement\n\nA replacement SIM costs €8.\n\n| Plan | Price |\n|---|---|\n| Wave 5 | €12 |\n"
)
_HTML = (
    "<!doctype html><html lang='en'><head><title>SIM cards</title><meta charset='utf-8'></head><body><nav>Home</nav>"
    "<main><h1>SIM cards</h1><p>A replacement SIM costs &euro;8.</p><ul><li>by post<li>in a shop</ul>"
    "<table><tr><th>Plan<th>Price<tr><td rowspan=2>Wave 5<td>&euro;12<tr><td>&euro;13</table></main></body></html>"
)
_RTF = (
    r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}}\pard\b SIM cards\b0\par A replacement SIM costs \u8364?8.\par"
    r"\trowd\cellx2000\cellx4000\intbl Wave 5\cell 12\cell\row\pard}"
)


@dataclass(frozen=True, slots=True)
class Mutations:
    """What became of damaged files: `deaths` ended the reading process, `memory` and `timeouts` met a limit; `escaped`
    are errors that came out of the reader otherwise, and should be none."""

    files: int
    read: int
    refused: int
    deaths: int
    memory: int
    timeouts: int
    escaped: tuple[str, ...]


def read_mutations(
    folder: Path, documents: Path, count: int, seed: int = 0, advance: Callable[[], None] = lambda: None
) -> Mutations:
    """Read `count` damaged files, written to an empty folder; `documents` holds a PDF and a DOCX to damage.

    Raises EvaluationError where there is none.
    """
    rng = random.Random(seed)
    sound = seeds(documents)
    counts: Counter[str] = Counter()
    escaped: list[str] = []
    with IsolatedReader(_LIMITS, _SECONDS, _MEGABYTES) as reader:
        for number in range(count):
            suffix = rng.choice(sorted(sound))
            path = folder / f"damaged{number:05}{suffix}"
            path.write_bytes(_damaged(rng, suffix, sound))
            try:
                counts[_outcome(reader, path)] += 1
            except Exception as exc:  # whatever it is, it is what is looked for
                escaped.append(f"{path.name}: {type(exc).__name__}: {exc}")
            path.unlink()
            advance()
    return Mutations(
        count,
        counts["read"],
        counts["refused"],
        counts["deaths"],
        counts["memory"],
        counts["timeouts"],
        tuple(escaped),
    )


def _outcome(reader: IsolatedReader, path: Path) -> str:
    try:
        reader.read(path, path.name)
    except Unreadable as exc:
        return _FATAL.get(exc.stage, "refused")
    return "read"


def seeds(documents: Path) -> Mapping[str, bytes]:
    """A sound file of each format, by suffix. Raises EvaluationError."""
    files = {".md": _PAGE.encode(), ".html": _HTML.encode(), ".rtf": _RTF.encode(), ".csv": b"Plan,Price\nWave 5,12\n"}
    files |= {suffix: _smallest(documents, suffix) for suffix in (".pdf", ".docx")}
    files |= {".xlsx": _workbook(), ".pptx": _slides()}
    return files | {".zip": _packed({f"inside/page{suffix}": data for suffix, data in files.items()})}


def _smallest(documents: Path, suffix: str) -> bytes:
    found = sorted(documents.rglob(f"*{suffix}"), key=lambda path: (path.stat().st_size, path))
    if not found:
        raise EvaluationError(f"{documents} holds no {suffix} to damage; name a folder with one by --documents")
    return found[0].read_bytes()


def _workbook() -> bytes:
    book = openpyxl.Workbook()
    for row in (("Plan", "Price"), ("Wave 5", 12.5), ("Wave 20", 18)):
        book.active.append(row)
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


def _slides() -> bytes:
    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[1])
    slide.shapes.title.text = "SIM cards"
    slide.placeholders[1].text = "A replacement SIM costs €8."
    held = io.BytesIO()
    show.save(held)
    return held.getvalue()


def _packed(members: Mapping[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return held.getvalue()


def _damaged(rng: random.Random, suffix: str, sound: Mapping[str, bytes]) -> bytes:
    data, other = sound[suffix], sound[rng.choice(sorted(sound))]
    if suffix in _PACKED and rng.random() < 0.6:  # damage within, behind checksums that hold
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = rng.choice(sorted(members))
        return _packed(members | {name: _mutated(rng, members[name], other)})
    return _mutated(rng, data, other)


def _mutated(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Bits flipped, a piece cut out, the end cut off, or a piece of another file in the place of one of its own."""
    start, end = sorted(rng.choices(range(len(data) + 1), k=2))
    match rng.randrange(4):
        case 0:
            flipped = bytearray(data or b"\0")
            for _ in range(rng.choice((1, 4, 30))):
                flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
            return bytes(flipped)
        case 1:
            return data[:start] + data[min(end, start + rng.choice((1, 20, 2_000))) :]
        case 2:
            return data[:end]
        case _:
            first = rng.randrange(len(other))
            return data[:start] + other[first : first + rng.choice((4, 100, 5_000))] + data[end:]
