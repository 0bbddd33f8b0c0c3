"""Read rows of files in several formats; an unreadable file gives a one-line error."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

from steer.errors import UserError
from steer.io import read_jsonl

FORMATS = (".jsonl", ".jsonl.gz", ".json", ".csv", ".parquet")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a .jsonl, .jsonl.gz, .json (an array), .csv or .parquet file, in order."""
    name = path.name.lower()
    if path.is_dir():
        raise UserError(f"{path}: a folder; name the files in it, {path}/*.jsonl")
    if name.endswith((".jsonl", ".jsonl.gz")):
        return read_jsonl(path)
    readers = {".json": _json, ".csv": _csv, ".parquet": _parquet}
    if path.suffix.lower() not in readers:
        raise UserError(f"{path}: unknown format; give a file that ends in {', '.join(FORMATS)}")
    if not path.is_file():
        raise UserError(f"{path}: no such file; correct the path")
    return readers[path.suffix.lower()](path)


def _json(path: Path) -> list[dict[str, Any]]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        lines = "; if each line is a row, name it .jsonl" if "Extra data" in str(error) else "; replace the file"
        raise UserError(f"{path}: not JSON ({error}){lines}") from None
    if not isinstance(rows, list):
        raise UserError(f"{path}: not a JSON array of rows; write the rows alone as one array")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise UserError(f"{path}, row {number}: expected an object, found {type(row).__name__}; mend or remove it")
    return rows


def _csv(path: Path) -> list[dict[str, Any]]:
    # Cells may contain whole programs.
    csv.field_size_limit(1 << 30)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            rows, head = list(reader), reader.fieldnames or ()
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: no readable table ({error}); write it as CSV in UTF-8") from None
    twice = [name for name, count in Counter(head).items() if count > 1]
    if twice:
        raise UserError(f"{path}: {twice[0]!r} heads several columns; rename or remove all but one")
    for number, row in enumerate(rows, 1):
        if None in row or None in row.values():
            cells = len(row) - 1 + len(row[None]) if None in row else sum(cell is not None for cell in row.values())
            raise UserError(
                f"{path}, row {number}: {cells} cells, but the first line names {len(head)} columns; put a cell that "
                "contains a comma in double quotes"
            )
    return rows


def _parquet(path: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as parquet
    from pyarrow import ArrowInvalid

    try:
        return parquet.read_table(path).to_pylist()
    except (ArrowInvalid, OSError) as error:
        raise UserError(f"{path}: not a parquet file ({str(error).splitlines()[0]}); replace it") from None
