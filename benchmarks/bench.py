"""`make bench`: every benchmark in turn, one table at the end, and one line of JSON.

Each section is a script of its own that prints its own table and keeps its numbers in benchmarks/<section>.json. The
verifiers' sections need a folder of benchmark rows (`STEER_SHARED_DATA`, else ../shared/data) and are left out without.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from measure import FOLDER

SECTIONS = {
    "head": ["head.py"],
    "rollout": ["speed.py", "rollout"],
    "step": ["speed.py", "step"],
    "growth": ["speed.py", "growth"],
    "start": ["speed.py", "start"],
    "verify_code": ["verify_code.py"],
    "verify_math": ["verify_math.py"],
}
# What the table shows of a section, as (label, keys to follow).
SHOWN = {
    "head": [("head: time over full logits, largest size", ("rows", -1, "ratio", "seconds")),
             ("head: peak memory over full logits", ("rows", -1, "ratio", "peak_mib"))],
    "rollout": [("rollout: tokens/s over transformers.generate", ("ratio", "ours"))],
    "step": [("step: seconds", ("seconds", "ours")), ("step: seconds, TRL", ("seconds", "TRL")),
             ("step: share of the arithmetic ceiling", ("of_ceiling",))],
    "start": [("steer --help: seconds", ("help_s",))],
    "verify_math": [("mathematics: pairs/s", ("pairs_per_s",))],
}  # fmt: skip


def value(tree, keys):
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else tree[key]
        if tree is None:
            return None
    return tree


def main() -> None:
    data = Path(os.environ.get("STEER_SHARED_DATA", FOLDER.parents[1] / "shared" / "data"))
    found = {}
    for name, (script, *arguments) in SECTIONS.items():
        if name == "verify_math" and not data.is_dir():
            print(f"{name}: left out, {data} is not a folder")
            continue
        print(f"== {name}", flush=True)
        done = subprocess.run([sys.executable, str(FOLDER / script), *arguments], stdout=subprocess.PIPE, text=True)
        print(done.stdout, flush=True)
        if done.returncode:
            sys.exit(f"{name}: failed with status {done.returncode}")
        found[name] = json.loads(done.stdout.splitlines()[-1])
    for name, lines in SHOWN.items():
        for label, keys in lines:
            shown = value(found.get(name), keys) if name in found else None
            if shown is not None:
                print(f"{label:50} {shown:12.4g}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
