"""Read files into one log: detect each file's container and trainer, and read its steps."""

import codecs
import json
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from steer.errors import UserError
from steer.outside import console, events, objects, tables
from steer.outside.names import TABLES, producer
from steer.outside.records import CLOSING, Joiner, Log

FORMATS = ("auto", "verl", "trl", "openrlhf", "prime-rl", "wandb", "tensorboard", "jsonl")
GZIP = b"\x1f\x8b"
WHOLE = {"trl": "trainer_state.json", "wandb": "a CSV export or wandb-summary.json", "tensorboard": "event files"}


def read(paths: Iterable[str], wanted: str = "auto") -> tuple[Log, str, list[Path]]:
    """Return the log of one run, the trainer whose keys it has, and its files."""
    log, kinds, read_files = Log(wanted), [], []
    joiner = Joiner(log)
    for given in paths:
        for path in _files(Path(given)):
            kinds.append(_read(path, wanted, log, joiner))
            read_files.append(path)
    joiner.finish()
    bared = {step: {bare(key): value for key, value in row.items()} for step, row in sorted(log.rows.items())}
    rows = {step: {key: row[key] for key in row if key not in CLOSING} for step, row in bared.items()}
    rows = {step: row for step, row in rows.items() if row}
    keys = {key for row in rows.values() for key in row}
    named = [kind for kind in kinds if kind in TABLES]
    trainer = wanted if wanted in TABLES else named[0] if named else producer(keys) or "other"
    if not keys:
        raise UserError(f"{read_files[0]}: no metrics in it; give a log with steps, or name its --format")
    if trainer == "trl" and log.step_counts == "rollout batches":
        log.step_counts = "optimizer updates"
    log.format = kinds[0] if wanted == "auto" else wanted
    log.rows = rows
    return log, trainer, read_files


def bare(key: str) -> str:
    """Remove the prefix `train/` of transformers' and OpenRLHF's loggers."""
    return key.removeprefix("train/") if not key.startswith("train/agg/") else key


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        # TRL's folder has both: the state with all digits, event files with float32.
        names = [name + end for name in ("trainer_state.json", "metrics.jsonl") for end in ("", ".gz")]
        found = [path / name for name in names if (path / name).is_file()][:1] or events.files(path)
        if not found:
            raise UserError(f"{path}: no event files, metrics.jsonl or trainer_state.json there; name the log itself")
        return found
    if not path.is_file():
        raise UserError(f"{path}: no such file; correct the path")
    return [path]


def _read(path: Path, wanted: str, log: Log, joiner: Joiner) -> str:
    """Read one file; return its format."""
    name = str(path)
    if path.name.startswith(events.NAME):
        _allow(name, "tensorboard", wanted)
        _events(path, log, joiner)
        return "tensorboard"
    inner = path.with_suffix("") if path.suffix in (".gz", ".gzip") else path
    if inner.suffix == ".wandb":
        raise UserError(f"{name}: W&B's binary log; export a CSV or `run.history()` instead")
    data, cut = path.read_bytes(), False
    if data.startswith(GZIP):
        path, (data, cut) = inner, _unpacked(data, name, log)
    data = utf8(data)
    if cut and not (data := data[: data.rfind(b"\n") + 1]).strip():
        raise UserError(f"{name}: the gzip file is cut inside its first line; copy it again")
    text = data.lstrip()
    if not text:
        raise UserError(f"{name}: no metrics in it; the file is empty")
    if text[:1] == b"{":
        document = _document(text)
        if document is not None:
            before = log.lines
            log.lines += data.count(b"\n") + (not data.endswith(b"\n"))
            if isinstance(document.get("log_history"), list):
                _allow(name, "trl", wanted)
                joiner.add(objects.state(document, name, log), name)
                return "trl"
            if "_step" in document and (
                "_runtime" in document or "_wandb" in document or path.name.startswith("wandb")
            ):
                _allow(name, "wandb", wanted)
                joiner.add(objects.summary(document, name, log), name)
                return "wandb"
            log.lines = before
        if document is None and b'"log_history"' in text:
            raise UserError(f"{name}: trainer_state.json is cut or damaged; copy it again, or give the console log")
        if document is not None or _document(text.partition(b"\n")[0]) is not None:
            _allow(name, "jsonl", wanted)
            verl = b'"data"' in text.partition(b"\n")[0]
            joiner.add(objects.lines(data, name, log), name)
            return "verl" if verl and wanted in ("auto", "verl") else "jsonl"
    if _is_table(path, text):
        _allow(name, "wandb", wanted)
        joiner.add(tables.records(data, name, log), name)
        return "wandb" if wanted == "wandb" or b"_step" in text or b"__MIN" in text else "csv"
    return _console(name, data, wanted, log, joiner)


def _events(path: Path, log: Log, joiner: Joiner) -> None:
    """Read one event file; TensorBoard's reader needs an unpacked one."""
    with open(path, "rb") as file:
        packed = file.read(2) == GZIP
    if not packed:
        joiner.add(events.records(path, log), str(path))
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder, path.name)
        plain.write_bytes(_unpacked(path.read_bytes(), str(path), log)[0])
        joiner.add(events.records(plain, log), str(path))


def _unpacked(data: bytes, name: str, log: Log) -> tuple[bytes, bool]:
    """Return the content of a gzip file as far as it is intact, and whether it is truncated."""
    found, cut = b"", False
    while data.startswith(GZIP):
        member = zlib.decompressobj(wbits=31)
        try:
            found += member.decompress(data)
        except zlib.error as error:
            raise UserError(f"{name}: damaged gzip file ({error}); copy it again") from None
        if not member.eof:
            cut = True
            log.notes.append(f"{name}: the gzip file is cut; what is whole is read")
        data = member.unused_data
    return found, cut


def utf8(data: bytes) -> bytes:
    """The text as UTF-8 without a byte order mark; PowerShell's `>` writes UTF-16."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace").encode()
    return data.removeprefix(codecs.BOM_UTF8)


def _console(name: str, data: bytes, wanted: str, log: Log, joiner: Joiner) -> str:
    found = console.formats_of(data)
    if wanted not in ("auto", *TABLES):
        what = WHOLE.get(wanted, "one JSON object a line")
        raise UserError(f"{name}: not of the format {wanted} ({what}); give --format auto")
    if wanted == "auto" and not found:
        raise UserError(f"{name}: unknown format, or no metrics in it; --format names one of {', '.join(FORMATS[1:])}")
    trainer = found[0] if wanted == "auto" else wanted
    console.read(data, trainer, name, log, joiner)
    if not log.rows:
        raise UserError(f"{name}: no metrics of {trainer} in it; a run that failed before its first step has none")
    return trainer


def _document(text: bytes) -> dict | None:
    """Return the file's single JSON object, if it is one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_table(path: Path, text: bytes) -> bool:
    first = text.partition(b"\n")[0].decode("utf-8", "replace").strip()
    names = [name.strip().strip('"') for name in first.split(",")]
    return path.suffix == ".csv" or (
        len(names) > 1 and (any(axis in names for axis in tables.AXES) or {"Name", "State"} <= set(names))
    )


def _allow(name: str, container: str, wanted: str) -> None:
    """Raise `UserError` if another container was named. A trainer's name fits any container."""
    if wanted not in ("auto", container, *TABLES) and not (container, wanted) == ("wandb", "jsonl"):
        raise UserError(f"{name}: not of the format {wanted}, it looks like {container}; give --format {container}")
