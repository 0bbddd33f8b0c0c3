"""`steer diagnose`: does the method act, and is the run healthy?"""

import argparse
import json
from typing import Any

from steer.diagnose.act import in_words, verdict
from steer.diagnose.folders import RunOf, read_runs
from steer.diagnose.health import health


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="run folders, ours or imported, one per seed")
    parser.add_argument("--reference", nargs="+", default=[], metavar="FOLDER", help="run folders of the plain method")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def run(args: argparse.Namespace) -> None:
    references = read_runs(args.reference)
    frames = {(place, seed): f for place, r in enumerate(references) for seed, f in r.frames.items()}
    reference = {seed if len(references) == 1 else place * 10**6 + seed: f for (place, seed), f in frames.items()}
    found = [diagnose(one, reference) for one in read_runs(args.folders)]
    if args.json:
        print(json.dumps({"runs": found}, indent=2, ensure_ascii=False))
        return
    print("\n\n".join(map(text, found)))
    if not reference:
        print("\nTo compare with the plain method, name its run folders with --reference.")


def diagnose(run: RunOf, reference: dict[int, Any]) -> dict[str, Any]:
    """Return verdict, reason and facts, and the checks of every seed."""
    said = verdict(run.frames, reference)
    checks = {str(seed): health(frame, run.configs[seed]) for seed, frame in run.frames.items()}
    return {
        "run": run.name,
        "label": run.label,
        "verdict": said.verdict,
        "reason": said.reason,
        "facts": said.facts,
        "health": checks,
    }


def text(found: dict[str, Any]) -> str:
    lines = [found["label"], f"  Did the method act? {found['verdict']}: {found['reason']}."]
    lines += [f"    {phrase}" for phrase in in_words(found["facts"])]
    lines.append("  Is the run healthy?")
    for seed, rows in found["health"].items():
        for row in rows:
            if row["state"] == "warning":
                lines.append(
                    f"    seed {seed}: {row['check']}: {row['seen']} (threshold: {row['threshold']}; {row['link']})"
                )
        fine = [row["check"] for row in rows if row["state"] == "ok"]
        absent = [row["check"] for row in rows if row["state"] == "not logged"]
        said = f"no warning from {', '.join(fine) or 'any check'}; not logged: {', '.join(absent) or 'none'}"
        lines.append(f"    seed {seed}: {said}")
    return "\n".join(lines)
