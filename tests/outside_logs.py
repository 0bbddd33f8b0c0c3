"""Logs as the trainers write them, from rows with our names: the importer's counterpart, for its tests."""

import json
import math
from pathlib import Path

from steer.outside.names import OPENRLHF, PRIME_RL, TRL, VERL

VERL_NAMES = {**{ours: theirs for theirs, ours in VERL.items()}, "entropy": "actor/entropy", "seconds": "timing_s/step"}
ROW = {"reward": -0.25, "entropy": 0.412, "gradient_norm": 0.081, "response_length": 987.5, "truncated": 0.041}
VALIDATION = {"val-core/aime24/acc/mean@4": 0.125, "val-aux/aime24/acc/best@2/mean": 0.191}
PREFIX = "\x1b[36m(TaskRunner pid={pid})\x1b[0m "
TRL_NAMES = {ours: theirs for theirs, ours in reversed(TRL.items())}
OPENRLHF_NAMES = {ours: theirs for theirs, ours in reversed(OPENRLHF.items())}
PRIME_RL_NAMES = {ours: theirs for theirs, ours in reversed(PRIME_RL.items())}


def theirs(row: dict, names: dict[str, str]) -> dict[str, float]:
    """The row's values that the trainer has a name for, by that name; what is null is not printed."""
    return {names[name]: value for name, value in row.items() if name in names and value is not None}


def verl_line(step: int, values: dict[str, float], pid: int | None = 1234, form=repr) -> str:
    said = " - ".join(f"{key}:{form(value)}" for key, value in values.items())
    return (PREFIX.format(pid=pid) if pid else "") + f"step:{step} - {said}\n"


def verl_step(row: dict, pid: int | None = 1234, form=repr) -> str:
    values = theirs(row, VERL_NAMES)
    step = row["step"]
    return verl_line(step, {**values, "training/global_step": step, "perf/throughput": 4081.638}, pid, form)


def three(value: float) -> str:
    return f"{value:.3f}"


def numpy2(value: float) -> str:
    return f"np.float64({value!r})" if isinstance(value, float) and math.isfinite(value) else repr(value)


def trainer_state(rows: list[dict]) -> str:
    history = [{**theirs(row, TRL_NAMES), "epoch": 0.1, "step": row["step"]} for row in rows]
    return json.dumps({"global_step": len(rows), "max_steps": len(rows), "logging_steps": 1, "log_history": history})


def trl_console(rows: list[dict]) -> str:
    entries = ({"loss": 0.0, **theirs(row, TRL_NAMES), "epoch": 0.1} for row in rows)
    return "".join(f"{entry!r}\n" for entry in entries)


def openrlhf_console(rows: list[dict]) -> str:
    head = "INFO 08-13 19:25:45 ppo_trainer.py:547] "
    return "".join(f"{head}✨ Global step {row['step']}: {theirs(row, OPENRLHF_NAMES)!r}\n" for row in rows)


def prime_rl_lines(rows: list[dict]) -> str:
    """Several objects a step, as it writes them."""
    lines = []
    for row in rows:
        values = list(theirs(row, PRIME_RL_NAMES).items())
        for part in (values[::2], values[1::2]):
            lines.append(json.dumps({"step": row["step"], "time": 1.7e9, **dict(part)}) + "\n")
    return "".join(lines)


def verl_file(rows: list[dict]) -> str:
    return "".join(json.dumps({"step": row["step"], "data": theirs(row, VERL_NAMES)}) + "\n" for row in rows)


def panel_csv(rows: list[dict], run: str = "my - run") -> str:
    """W&B's panel export of TRL's keys."""
    names = sorted({name for row in rows for name in theirs(row, TRL_NAMES)})
    columns = [f"{run} - train/{name}{end}" for name in names for end in ("", "__MIN", "__MAX")]
    lines = [",".join(f'"{column}"' for column in ["train/global_step", *columns])]
    for row in rows:
        values = theirs(row, TRL_NAMES)
        cells = [f'"{values[name]!r}"' if name in values else '""' for name in names for _ in range(3)]
        lines.append(",".join([f'"{row["step"]}"', *cells]))
    return "\n".join(lines) + "\n"


def long_csv(rows: list[dict]) -> str:
    lines = ["run,seed,step,metric,value"]
    for row in rows:
        lines += [f"a,0,{row['step']},{key},{value!r}" for key, value in theirs(row, VERL_NAMES).items()]
    return "\n".join(lines) + "\n"


def event_files(rows: list[dict], folder: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for row in rows:
            for key, value in theirs(row, VERL_NAMES).items():
                writer.add_scalar(key, value, row["step"])


def rows(*steps: int) -> list[dict]:
    return [{"step": step, **ROW, "entropy": round(0.5 - 0.01 * step, 3)} for step in steps]


def console(*steps: int, **how) -> str:
    return "".join(verl_step(row, **how) for row in rows(*steps))
