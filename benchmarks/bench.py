"""`make bench`: every benchmark in turn, one table at the end, and one line of JSON.

Each section is a script of its own that prints its own table and keeps its numbers in benchmarks/<section>.json. The
sections on mathematical answers and on outside runs need a folder of real data (`STEER_SHARED_DATA`, else
../shared/data), the one on a real model its weights (`make smollm2`).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from measure import FOLDER, shown_fit

SECTIONS = {
    "head_full": ["head.py", "--full"],
    "head": ["head.py"],
    "rollout": ["speed.py", "rollout"],
    "step": ["speed.py", "step"],
    "start": ["speed.py", "start"],
    "real_model": ["real_model.py"],
    "growth": ["growth.py"],
    "balance": ["balance.py"],
    "plan_cpu": ["plan_cpu.py"],
    "plan_gpu": ["plan_gpu.py"],
    "verify_code": ["verify_code.py"],
    "verify_math": ["verify_math.py"],
}
# What the last table shows of a section: label, keys to follow, what is aimed at.
SHOWN = [
    ("head, 4,096 x 1,536 x 151,936: time / full logits", ("head_full", "rows", -1, "ratio", "seconds"), "<= 1.0"),
    ("head, same: peak memory / full logits", ("head_full", "rows", -1, "ratio", "peak_mib"), "<= 0.2"),
    ("rollout: tokens/s / transformers' generate", ("rollout", "ratio", "ours"), ">= 2"),
    ("step: seconds", ("step", "seconds", "ours"), ""),
    ("step: seconds, TRL", ("step", "seconds", "TRL"), ""),
    ("step: times faster than TRL", ("step", "faster_than_trl"), ">= 2"),
    ("SmolLM2, rollout: tokens/s / transformers' generate", ("real_model", "rollout", "ratio"), ">= 2"),
    ("SmolLM2, step: times faster than TRL", ("real_model", "step", "faster_than_trl"), ">= 3"),
    ("step: share of the arithmetic ceiling", ("step", "of_ceiling"), ""),
    ("step: waits for the verifier, first run", ("start", "verify_share", "first"), "<= 0.05"),
    ("step: waits for the verifier, later runs", ("start", "verify_share", "later"), "<= 0.05"),
    ("eight processes: least share of useful tokens", ("balance", "least"), ">= 0.95"),
    ("plan on this CPU: a step's largest error", ("plan_cpu", "largest_error"), "<= 0.15"),
    ("steer --help: seconds", ("start", "help_s"), "<= 0.3"),
    ("planning the paper-scale DAG: seconds", ("start", "dry_paper_s"), "<= 10"),
    ("programs: small ones judged per second", ("verify_code", "trivial_per_second"), ""),
    ("mathematics: pairs per second", ("verify_math", "pairs_per_s"), ""),
]


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
        needed = {
            "plan_gpu": data / "outside/verl_runs.csv",
            "verify_math": data,
            "real_model": FOLDER.parent / "models/smollm2-135m-instruct",
        }.get(name)
        if needed and not needed.exists():
            print(f"{name}: left out, there is no {needed}")
            continue
        print(f"== {name}", flush=True)
        done = subprocess.run([sys.executable, str(FOLDER / script), *arguments], stdout=subprocess.PIPE, text=True)
        print(done.stdout, flush=True)
        if done.returncode:
            sys.exit(f"{name}: failed with status {done.returncode}")
        found[name] = json.loads(done.stdout.splitlines()[-1])
    print(f"| {'what':52} | measured | aim     |\n|{'-' * 54}|---------:|---------|")
    for label, keys, wanted in SHOWN:
        shown = value(found, keys)
        if shown is not None:
            print(f"| {label:52} | {shown:8.3g} | {wanted:7} |")
    print()
    for part in found["growth"]["axes"]:
        fits = [shown_fit(part["fits"][kind]) for kind in ("seconds", "peak_mib")]
        print(f"{part['what'] + ' over ' + part['over']:32} time {fits[0]}; memory {fits[1]}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
