"""Our own runs, written as each trainer writes its log and imported again, are equal."""

import json
import tempfile
from pathlib import Path

import outside_logs as logs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from steer.io import read_jsonl
from steer.outside.command import import_run

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: x + 0.0)
COMMON = ["reward", "entropy", "response_length", "truncated", "loss", "gradient_norm", "lr", "seconds"]
NOISE = st.sampled_from(
    [
        "\x1b[36m(TaskRunner pid=1234)\x1b[0m test_gen_batch meta info: {'a': 1}\n",
        "(WorkerDict pid=77) Total steps: 110, num_warmup_steps: 0 [repeated 3x across cluster]\n",
        "\x1b[36m(TaskRunner pid=1234)\x1b[0m Training Progress:  45%|████▌     | 1/1 [7:13:11<10:00:24, 600.40s/it]\n",
        "[response] I count: step:3 - actor/entropy:9.000\nstep:2 - x\n[score] 1.0\n",
        "\n",
    ]
)


@st.composite
def runs(draw) -> list[dict]:
    """Steps 1 to n; each metric is absent from some steps, `entropy` and `gradient_norm` never."""
    rows = []
    for step in range(1, draw(st.integers(2, 6)) + 1):
        values = {name: draw(st.none() | NUMBERS) for name in COMMON}
        rows.append({"step": step, **values, "entropy": draw(NUMBERS), "gradient_norm": draw(NUMBERS)})
    return rows


def imported(text: str | None, name: str, write=None, **options) -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, name)
        if write is None:
            log.write_text(text, encoding="utf-8")
        else:
            write(log)
        import_run([str(log)], Path(folder, "out"), **options)
        return read_jsonl(Path(folder, "out/metrics.jsonl"))


def same(found: list[dict], rows: list[dict], names: dict[str, str], close=lambda x: x) -> None:
    assert [row["step"] for row in found] == [row["step"] for row in rows]
    for mine, row in zip(found, rows, strict=True):
        for name in names.keys() & row.keys():
            value = row[name]
            assert mine.get(name) == (None if value is None else close(value)), name


WRITERS = {
    "trl": ("trainer_state.json", logs.trainer_state, logs.TRL_NAMES),
    "openrlhf": ("a.log", logs.openrlhf_console, logs.OPENRLHF_NAMES),
    "prime-rl": ("metrics.jsonl", logs.prime_rl_lines, logs.PRIME_RL_NAMES),
    "verl": ("verl.jsonl", logs.verl_file, logs.VERL_NAMES),
    "wandb": ("panel.csv", logs.panel_csv, logs.TRL_NAMES),
    "long": ("long.csv", logs.long_csv, logs.VERL_NAMES),
    "jsonl": ("metrics.jsonl", lambda rows: "".join(json.dumps(r) + "\n" for r in rows), {n: n for n in COMMON}),
}


@pytest.mark.parametrize("kind", WRITERS)
@settings(max_examples=20, deadline=None)
@given(rows=runs())
def test_each_format(kind, rows):
    name, write, names = WRITERS[kind]
    if kind == "prime-rl":
        rows = [{**row, "response_length": None} for row in rows]
    same(imported(write(rows), name), rows, names)


@settings(max_examples=20, deadline=None)
@given(rows=runs())
def test_the_console_of_trl_counts_its_entries(rows):
    same(imported(logs.trl_console([{**row, "loss": row["loss"] or 0.0} for row in rows]), "a.log", form="trl"),
         [{**row, "loss": row["loss"] or 0.0} for row in rows], logs.TRL_NAMES)  # fmt: skip


@pytest.mark.parametrize("form", [repr, logs.numpy2, logs.three])
@settings(max_examples=30, deadline=None)
@given(rows=runs(), noise=st.lists(NOISE, min_size=7, max_size=7), start=st.integers(2, 6))
def test_a_noisy_console_of_verl_with_a_resume(form, rows, noise, start):
    """The second session does its steps again with other numbers, and they count."""
    again = [{**row, "entropy": row["entropy"] + 1.0} for row in rows if row["step"] >= start]
    text = "".join(n + logs.verl_step(row, form=form) for n, row in zip(noise, rows, strict=False))
    text += "".join(logs.verl_step(row, pid=99, form=form) for row in again)
    final = [*rows[: len(rows) - len(again)], *again]
    fixed = form is logs.three

    def shown(value):
        return float(f"{value:.3f}") if fixed else value

    found = imported(text, "train.log")
    if fixed:
        for row in found:
            row.pop("lr", None)
        final = [{key: value for key, value in row.items() if key != "lr"} for row in final]
    same(found, final, logs.VERL_NAMES, shown)


ALONE = {"reward": None, "entropy": 0.0, "response_length": 1.0, "truncated": None, "loss": 0.0, "gradient_norm": 0.0}
ALONE |= {"lr": 1.0, "seconds": None}


@settings(max_examples=40, deadline=None)
@given(rows=runs(), share=st.floats(0, 1))
@example(rows=[{"step": 1, **ALONE, "reward": 0.5}, {"step": 2, **ALONE}], share=0.9954)  # the line end alone is cut
def test_a_cut_console_gives_the_whole_steps_alone(rows, share):
    """Whatever the byte: each step that is given is as the whole log has it, and no whole step is lost."""
    lines = [logs.verl_step(row, form=logs.three) for row in rows]
    data = "".join(lines).encode()
    first = len(lines[0].encode())
    cut = data[: first + round(share * (len(data) - first))]
    whole = [row for row, end in zip(rows, ends(lines), strict=True) if end <= len(cut) + 1]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a.log").write_bytes(cut)
        about = import_run([f"{folder}/a.log"], Path(folder, "out"))
        found = read_jsonl(Path(folder, "out/metrics.jsonl"))
    assert [row["step"] for row in found] == [row["step"] for row in whole]
    tail = cut[sum(len(line.encode()) for line in lines[: len(whole)]) :]
    assert not tail.partition(b"step:")[2].partition(b" - ")[2] or any("cut" in note for note in about["notes"])


def ends(lines: list[str]) -> list[int]:
    return [sum(len(line.encode()) for line in lines[: place + 1]) for place in range(len(lines))]


@settings(max_examples=5, deadline=None)
@given(rows=runs())
def test_tensorboard(rows):
    import numpy as np

    found = imported(None, "tb", write=lambda folder: logs.event_files(rows, folder))
    assert [row["step"] for row in found] == [row["step"] for row in rows]
    for mine, row in zip(found, rows, strict=True):
        for name in logs.VERL_NAMES.keys() & row.keys():
            if row[name] is not None:
                assert np.float32(mine[name]) == np.float32(row[name])
