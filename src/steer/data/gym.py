"""Problems that the package reasoning-gym makes: a task, its settings and a range of indices. docs/data.md.

An item is drawn from the task's seed plus its index, so training and evaluation share no item exactly when their ranges
of `seed + index` do not meet.
"""

import json
import os
import subprocess
import sys
from typing import Any

from steer.configs.dataset import DataSet
from steer.configs.load import nearest
from steer.data.benchmarks.prompts import Question
from steer.data.benchmarks.source import Item
from steer.errors import UserError

INSTALL = "`make reasoning-gym` installs it"


# In a separate interpreter with a fixed hash seed, because some tasks draw from sets of texts.
MAKER = """
import json, sys
asked, out = json.load(sys.stdin), sys.stdout
sys.stdout = sys.stderr  # some tasks print

def made():
    try:
        from reasoning_gym.factory import DATASETS, create_dataset
        import reasoning_gym
    except ImportError as error:
        return {"absent": str(error)}
    if asked["task"] not in DATASETS:
        return {"known": sorted(DATASETS)}
    where = "key `settings`"
    try:
        task = create_dataset(asked["task"], **asked["settings"], size=asked["start"] + asked["size"])
        rows = []
        for index in range(asked["start"], asked["start"] + asked["size"]):
            where = f"item {index}"
            row = task[index]
            rows.append([str(row["question"]), "" if row["answer"] is None else str(row["answer"])])
    except Exception as error:
        return {"wrong": f"{where}: {type(error).__name__}: {error}"}
    return {"module": type(task).__module__, "rows": rows}

print(json.dumps(made()), file=out)
"""


def gym_items(name: str, spec: DataSet) -> list[Item]:
    """The items of the set `name`, with what its judge needs in `tests` (`steer.verify.gym`)."""
    settings = {"seed": 0, **spec.settings}
    made = _made(name, spec, settings)
    tests = {"kind": "reasoning_gym", "task": spec.reasoning_gym, "module": made["module"]}
    tests["settings"] = {**settings, "size": spec.start + spec.size}  # of which the items of some tasks depend
    return [
        Item(
            f"{name}-{index}",
            Question(question),
            gold=gold,
            tests={**tests, "index": index},
            solution=f"<answer>{gold}</answer>" if gold else "",
        )
        for index, (question, gold) in enumerate(made["rows"], spec.start)
    ]


def _made(name: str, spec: DataSet, settings: dict[str, Any]) -> dict[str, Any]:
    """The task's module and its rows of (question, answer)."""
    asked = {"task": spec.reasoning_gym, "settings": settings, "start": spec.start, "size": spec.size}
    done = subprocess.run(
        [sys.executable, "-c", MAKER],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    if done.returncode:
        raise UserError(f"data set {name!r}: {spec.reasoning_gym}: {done.stderr.strip()[-300:]}")
    said = json.loads(done.stdout)
    if "rows" in said:
        return said
    if "absent" in said:
        raise UserError(f"data set {name!r} needs the package reasoning-gym ({said['absent']}); {INSTALL}")
    if "known" in said:
        near = nearest(spec.reasoning_gym, said["known"])
        raise UserError(f"data set {name!r}: reasoning-gym has no task {spec.reasoning_gym!r}{near}")
    raise UserError(f"data set {name!r}: {' '.join(said['wrong'].split())[:300]}")


def check_ranges(training: dict[str, DataSet], evaluation: dict[str, DataSet]) -> None:
    """Raise `UserError` where a training set draws an item that an evaluation set draws, too."""
    for trained, one in training.items():
        for evaluated, other in evaluation.items():
            same = one.reasoning_gym == other.reasoning_gym and _others(one) == _others(other)
            common = sorted(set(_drawn(one)) & set(_drawn(other))) if same and one.reasoning_gym else []
            if common:
                raise UserError(
                    f"data sets {trained!r} (training) and {evaluated!r} (evaluation) share {len(common)} items of "
                    f"{one.reasoning_gym}, which are drawn from seed + index; give one of them a larger `start`"
                )


def _drawn(spec: DataSet) -> range:
    """What the items' random numbers start from."""
    first = spec.settings.get("seed", 0) + spec.start
    return range(first, first + spec.size)


def _others(spec: DataSet) -> dict[str, Any]:
    return {key: value for key, value in spec.settings.items() if key != "seed"}
