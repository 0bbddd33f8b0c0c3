"""Read TensorBoard's event files with its own reader."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from steer.outside.records import LARGEST, Log, Record

NAME = "events.out.tfevents."


def files(folder: Path) -> list[Path]:
    """List the event files below the folder, by the time in their names."""
    return sorted(folder.rglob(f"{NAME}*"), key=_time)


def _time(path: Path) -> tuple[float, str]:
    first = path.name.removeprefix(NAME).partition(".")[0]
    return (float(first) if first.isdecimal() else 0.0), str(path)


def records(path: Path, log: Log) -> Iterator[Record]:
    """Read the scalars of one event file, by step; values have the fewest digits that give the same float32."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util.tensor_util import make_ndarray

    if cut(path):
        log.notes.append(f"{path.name}: cut inside its last record; the values before it are whole")
    step, row = None, {}
    for event in EventFileLoader(str(path)).Load():
        for value in event.summary.value:
            log.lines += 1
            number = _scalar(value, make_ndarray)
            if number is None or not 0 <= event.step < LARGEST:
                continue
            if step is not None and (event.step != step or value.tag in row):
                yield Record(step, row)
                row = {}
            step = event.step
            row[value.tag] = number
    if row:
        yield Record(step, row)


def _scalar(value, make_ndarray) -> float | None:
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        return _shortest(value.simple_value)
    if kind != "tensor" or value.tensor.dtype not in (1, 2):  # DT_FLOAT, DT_DOUBLE
        return None
    array = make_ndarray(value.tensor)
    return None if array.size != 1 else _shortest(array.item()) if array.dtype == np.float32 else float(array.item())


def _shortest(value: float) -> float:
    return float(str(np.float32(value)))


def cut(path: Path) -> bool:
    """Check whether the file ends inside a record: length (8 bytes), checksum (4), content, checksum (4)."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        while (place := file.tell()) < size:
            head = file.read(12)
            if len(head) < 12:
                return True
            end = place + 16 + struct.unpack("<Q", head[:8])[0]
            if end > size:
                return True
            file.seek(end)
    return False
