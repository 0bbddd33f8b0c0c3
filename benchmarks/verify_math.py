"""How good and how fast the mathematics verifier is, beside Math-Verify on the same pairs in the same process.

    python benchmarks/verify_math.py            labelled pairs, hostile answers, speed, memory
    python benchmarks/verify_math.py --attacks  rates by kind of attack, as the table of docs/verifiers-math.md
    python benchmarks/verify_math.py --exam     the same on cases that were written without knowledge of this verifier
    python benchmarks/verify_math.py --golds    every gold of the evaluation and training data against itself

Reads the rows under STEER_SHARED_DATA (default: ../shared/data beside the repository). Prints tables and every
disagreement for people, and one line of JSON, the last one, for machines.
"""

import argparse
import json
import logging
import os
import re
import resource
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from math_attacks import attacks  # noqa: E402

from steer.io import read_jsonl  # noqa: E402
from steer.verify.math import MathVerifier  # noqa: E402
from steer.verify.math.extract import extract_gold  # noqa: E402
from steer.verify.math.verifier import settle  # noqa: E402

EXAM = ROOT / "tests" / "math_exam.jsonl.gz"
FILES = ("math_pairs", "format_variants", "gsm8k_solutions", "math_pairs_extraction")
HOSTILE = {
    "9^{9^{9^9}}": r"\boxed{9^{9^{9^9}}}",
    "(10^9)!": r"\boxed{(10^9)!}",
    "binomial of 10^9": r"\boxed{\binom{10^9}{5\cdot 10^8}}",
    "3,000 parentheses": r"\boxed{" + "(" * 3000 + "7" + ")" * 3000 + "}",
    "1,000 fractions": r"\boxed{" + r"\frac{1}{" * 1000 + "7" + "}" * 1000 + "}",
    "(x+1)^{10^7}": r"\boxed{(x+1)^{10000000}}",
    "sum to 10^9": r"\boxed{\sum_{k=1}^{10^9} k^k}",
    "double integral": r"\boxed{\int_0^1 \int_0^1 x^{x^{y^{x}}} \sin(x^{y}) dx dy}",
    "1,900 digits": r"\boxed{" + "9" * 1900 + "}",
    "10 MB of a": "a" * 10_000_000,
    "10 MB of boxes": r"\boxed{1}" * 1_100_000,
    "10 MB, box left open": r"\boxed{" + "(" * 10_000_000,
    "control characters": r"\boxed{" + "\x00\x07\x1b" * 300 + "}",
}


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def labelled(folder: Path, name: str) -> list[tuple[str, str, str, bool]]:
    """(id, gold, response, label). Of the extraction file, the rows that hold a gold, a response and a boolean."""
    pairs = []
    for row in rows(folder / "verify" / f"{name}.jsonl"):
        if name == "math_pairs_extraction":
            f = row["fields"]
            response = next((f[k] for k in ("response", "solution", "pred", "given") if f.get(k) is not None), None)
            gold = next((f[k] for k in ("label", "gt", "ground_truth") if f.get(k) is not None), None)
            expected = f.get("expected", f.get("expected_correct", f.get("expected_score")))
            if None in (response, gold, expected) or isinstance(expected, str) or f.get("metadata"):
                continue
            pairs.append((row["id"], str(gold), response, float(expected) > 0))
        else:
            pairs.append((row["id"], row["gold"], row.get("response") or row["answer"], bool(row["label"])))
    return pairs


def reference(gold: str, response: str) -> bool:
    """Math-Verify with its defaults. A bare answer is put in a box, which is how it reads most of them."""
    from math_verify import parse, verify

    def read(text: str) -> list:
        marked = re.search(r"\\boxed|\\\(|\\\[", text) or "$" in text.replace("\\$", "")
        return parse(text if marked or len(text.split()) > 20 else f"\\boxed{{{text}}}")

    return verify(read(gold), read(response))


def agreement(folder: Path, verifier: MathVerifier) -> dict:
    """Both verifiers on the labelled pairs; prints each of our disagreements with its reason."""
    results = {}
    print(f"{'pairs':24} {'n':>5} {'ours':>8} {'reference':>10} {'false accepts (ours, reference)':>32}")
    for name in FILES:
        pairs = labelled(folder, name)
        ours = verifier.verify([(gold, response, None) for _, gold, response, _ in pairs])
        theirs = [reference(gold, response) for _, gold, response, _ in pairs]
        right = [(v.verdict == "correct") == label for v, (*_, label) in zip(ours, pairs, strict=True)]
        right_reference = [t == label for t, (*_, label) in zip(theirs, pairs, strict=True)]
        accepts = sum(v.verdict == "correct" and not label for v, (*_, label) in zip(ours, pairs, strict=True))
        accepts_reference = sum(t and not label for t, (*_, label) in zip(theirs, pairs, strict=True))
        share, share_reference = sum(right) / len(pairs), sum(right_reference) / len(pairs)
        print(f"{name:24} {len(pairs):5} {share:8.2%} {share_reference:10.2%} {accepts:20}, {accepts_reference}")
        for (identity, gold, response, label), verdict, ok in zip(pairs, ours, right, strict=True):
            if not ok:
                print(f"    label {int(label)}, {verdict.verdict}: {identity}")
                print(f"        gold {gold[-60:]!r}, response {response[-60:]!r}")
                print(f"        extracted {verdict.extracted!r}: {verdict.reason}")
        results[name] = {"n": len(pairs), "ours": share, "reference": share_reference,
                         "false_accepts": accepts, "false_accepts_reference": accepts_reference}  # fmt: skip
    return results


def settled_ms(folder: Path) -> float:
    """Mean time of a pair that is settled before the comparison in another process, in milliseconds."""
    pairs = [pair for name in FILES[:3] for pair in labelled(folder, name)]
    pairs = [(gold, response) for _, gold, response, _ in pairs if settle(gold, response, None).verdict]
    start = time.perf_counter()
    for gold, response in pairs:
        settle(gold, response, None)
    return (time.perf_counter() - start) / len(pairs) * 1000


def hostile(verifier: MathVerifier) -> float:
    """Slowest wall time over the hostile answers, in seconds."""
    slowest = 0.0
    for name, response in HOSTILE.items():
        for gold in ("7", "x^2+1", r"(-\infty,2)\cup(3,\infty)"):
            start = time.perf_counter()
            verdict = verifier.verify([(gold, response, None)])[0]
            seconds = time.perf_counter() - start
            slowest = max(slowest, seconds)
            if gold == "7":
                print(f"{name:24} {seconds:7.3f} s  {verdict.verdict:12} {verdict.reason}")
    return slowest


def throughput(folder: Path) -> float:
    """Pairs a second with two workers, started and with an empty cache: all labelled pairs and all evaluation golds."""
    pairs = [(gold, response, None) for name in FILES[:3] for _, gold, response, _ in labelled(folder, name)]
    pairs += [(gold, rf"We get $\boxed{{ {extract_gold(gold)} }}$.", None) for _, gold in golds(folder, training=False)]
    with MathVerifier(workers=2) as verifier:
        verifier.verify([("x+1", "1+x", None), (r"\int_0^1 t dt", "t", None)])
        start = time.perf_counter()
        verifier.verify(pairs)
        return len(pairs) / (time.perf_counter() - start)


def golds(folder: Path, training: bool) -> list[tuple[str, str]]:
    """(name, gold) of every row of the six benchmarks and GSM8K, and of the training set."""
    named = []
    for name in ("aime24", "aime25", "amc23", "math500", "minerva", "olympiadbench", "gsm8k"):
        for number, row in enumerate(rows(folder / "math" / f"{name}.jsonl")):
            gold = row["solution"] if name in ("aime25", "minerva") else row.get("answer", row.get("final_answer"))
            if name == "gsm8k":
                gold = gold.rpartition("####")[2].strip()
            named.append((f"{name}/{number}", ", ".join(gold) if isinstance(gold, list) else str(gold)))
    if training:
        import pandas

        table = pandas.read_parquet(folder / "train" / "dapo_math_17k.parquet")
        named += [(f"dapo/{n}", str(row["ground_truth"])) for n, row in enumerate(table["reward_model"])]
    return named


def respelled(gold: str) -> str:
    """The same gold in another spelling, so that more than equal text is compared."""
    if not re.search(r",\d{3}(?!\d)", gold):  # the comma of 1,000 stays as it is
        gold = gold.replace(",", ", ")
    return gold.replace("=", " = ").replace("\\frac", "\\dfrac ")


def check_golds(folder: Path) -> dict:
    """Every gold against itself, as text and respelled; prints those that are not `correct`."""
    named = golds(folder, training=True)
    failures = []
    with MathVerifier(workers=2) as verifier:
        for respell in (str, respelled):
            pairs = [(gold, rf"Thus it is $\boxed{{{respell(extract_gold(gold))}}}$.", None) for _, gold in named]
            for (name, gold), verdict in zip(named, verifier.verify(pairs), strict=True):
                if verdict.verdict != "correct":
                    failures.append(name)
                    print(f"{name}: {gold[-100:]!r}: {verdict.verdict}: {verdict.reason}")
    print(f"{len(named)} golds, {len(set(failures))} not correct against themselves")
    return {"golds": len(named), "not_correct": sorted(set(failures))}


def generated(folder: Path, seed: int = 2026, count: int = 60) -> list[tuple[str, str, str, bool]]:
    """Attacks on the evaluation's golds and rewritings of them: (kind, gold, response, right)."""
    spoken = [extract_gold(gold).strip("$ ") for name, gold in golds(folder, training=False) if "gsm8k" not in name]
    return list(attacks(spoken, seed, count))


def exam() -> list[tuple[str, str, str, bool]]:
    """The cases of tests/math_exam.jsonl.gz, which were written without knowledge of this verifier."""
    return [(row["kind"], row["gold"], row["response"], row["accept"]) for row in read_jsonl(EXAM)]


def kinds_table(cases: list[tuple[str, str, str, bool]]) -> list[dict]:
    """Both verifiers on cases of several kinds; prints the rows of a Markdown table."""
    with MathVerifier(workers=2) as verifier:
        verdicts = verifier.verify([(gold, response, None) for _, gold, response, _ in cases])
    kinds: dict[tuple[str, bool], list[tuple[str, bool]]] = {}
    for (kind, gold, response, right), verdict in zip(cases, verdicts, strict=True):
        kinds.setdefault((kind, right), []).append((verdict.verdict, reference(gold, response)))
    print("| kind | must be | pairs | ours right, % | unverifiable | Math-Verify right, % |\n|---|---|---|---|---|---|")
    table = []
    for (kind, right), found in kinds.items():
        n, label = len(found), "accepted" if right else "rejected"
        ours = sum((verdict == "correct") == right and verdict != "unverifiable" for verdict, _ in found)
        unsure = sum(verdict == "unverifiable" for verdict, _ in found)
        theirs = sum(accepted == right for _, accepted in found)
        print(f"| {kind} | {label} | {n} | {100 * ours / n:.1f} | {unsure} | {100 * theirs / n:.1f} |")
        table.append(
            {"kind": kind, "right": right, "n": n, "ours": ours / n, "unverifiable": unsure, "reference": theirs / n}
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--golds", action="store_true", help="check every gold against itself instead")
    parser.add_argument("--attacks", action="store_true", help="rates by kind of generated attack instead")
    parser.add_argument("--exam", action="store_true", help="rates on the cases of tests/math_exam.jsonl.gz instead")
    args = parser.parse_args()
    folder = Path(os.environ.get("STEER_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        sys.exit(f"{folder}: no such folder; set STEER_SHARED_DATA to the folder of benchmark rows")
    if args.golds:
        print(json.dumps(check_golds(folder)))
        return
    logging.disable(logging.WARNING)
    if args.attacks or args.exam:
        print(json.dumps(kinds_table(exam() if args.exam else generated(folder))))
        return
    with MathVerifier(workers=2) as verifier:
        verifier.verify([("x+1", "1+x", None), (r"\int_0^1 t dt", "t", None)])  # starts both pools
        results = {"pairs": agreement(folder, verifier)}
        results["slowest_hostile_s"] = hostile(verifier)
    results["settled_ms"] = settled_ms(folder)
    results["pairs_per_s"] = throughput(folder)
    results["worker_memory_mib"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"settled before comparing   {results['settled_ms']:8.4f} ms a pair")
    print(f"throughput, two workers    {results['pairs_per_s']:8.0f} pairs/s")
    print(f"slowest hostile answer     {results['slowest_hostile_s']:8.3f} s")
    print(f"largest worker             {results['worker_memory_mib']:8.0f} MiB")
    from measure import keep, rounded

    keep("verify_math", rounded(results))


if __name__ == "__main__":
    main()
