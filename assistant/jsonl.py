"""Files with a JSON object a line, parsed into models."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from assistant.errors import DatasetError

_Row = TypeVar("_Row", bound=BaseModel)


def read_rows(path: Path, kind: type[_Row]) -> list[_Row]:
    """Every line of a file as a `kind`. Raises DatasetError naming the file, and the line that is wrong."""
    rows: list[_Row] = []
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    rows.append(kind.model_validate_json(line))
                except ValidationError as exc:
                    raise DatasetError(f"{path}, line {number}: {exc.errors()[0]['msg']}") from exc
    except OSError as exc:
        raise DatasetError(f"{path}: {exc.strerror}; name a folder that holds {path.name}") from exc
    except UnicodeDecodeError as exc:
        raise DatasetError(f"{path}: not UTF-8 after line {len(rows)}; save it as UTF-8") from exc
    return rows
