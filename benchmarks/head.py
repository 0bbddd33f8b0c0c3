"""The head without whole logits beside full logits: time and peak memory, forward and backward.

    python benchmarks/head.py                          a table over tokens and vocabulary
    python benchmarks/head.py --full                   4,096 tokens x 1,536 x 151,936 (2.3 GiB a copy of the logits)
    python benchmarks/head.py --one KIND TOKENS HIDDEN VOCABULARY

Every cell is a process of its own, taken in turn.
"""

import argparse
import json
import time
from types import SimpleNamespace

import torch
from measure import fit, in_own_process, keep, peak_mib, rounded, shown_fit

KINDS = ("plain", "fused")
TOKENS, VOCABULARY = 256, 151_936


def one(kind: str, tokens: int, hidden: int, vocabulary: int, threads: int) -> dict[str, float]:
    """Seconds of forward and backward, and MiB above what inputs and their gradients take."""
    from steer.models.head import head_statistics

    torch.set_num_threads(threads)
    generator = torch.Generator().manual_seed(0)
    head = torch.nn.Linear(hidden, vocabulary, bias=False)
    states = torch.randn(tokens, hidden, generator=generator).requires_grad_()
    chosen = torch.randint(0, vocabulary, (tokens,), generator=generator)
    before = peak_mib()
    started = time.perf_counter()
    found = head_statistics(SimpleNamespace(lm_head=head), states, chosen, 1.0, frozenset(), kind)
    (found.logprob.sum() + 0.01 * found.entropy.sum()).backward()
    return {"seconds": time.perf_counter() - started, "peak_mib": peak_mib() - before}


def growth(rows: list[dict]) -> dict[str, dict]:
    """How seconds and memory grow with tokens, and with the vocabulary, where the other stands still."""
    groups = {
        "tokens": [row for row in rows if row["vocabulary"] == VOCABULARY],
        "vocabulary": [row for row in rows if row["tokens"] == TOKENS],
    }
    found = {}
    for over, mine in groups.items():
        for kind in KINDS:
            sizes = [row[over] for row in mine]
            fits = {f: fit(sizes, [row[kind][f] for row in mine]) for f in ("seconds", "peak_mib")}
            print(f"{kind} over {over}: time {shown_fit(fits['seconds'])}; memory {shown_fit(fits['peak_mib'])}")
            found[f"{kind} over {over}"] = fits
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", nargs=4, metavar=("KIND", "TOKENS", "HIDDEN", "VOCABULARY"))
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2)
    args = parser.parse_args()
    if args.one:
        kind, *sizes = args.one
        print(json.dumps(one(kind, *map(int, sizes), args.threads)))
        return
    sizes = [(TOKENS, 512, v) for v in (16_384, 32_768, 65_536)] + [(t, 512, VOCABULARY) for t in (128, 256, 512, 1024)]
    sizes = [(4096, 1536, VOCABULARY)] if args.full else sizes
    print(f"{'tokens':>7} {'hidden':>7} {'vocabulary':>10} {'time plain':>11} {'fused':>8} {'ratio':>6}"
          f" {'MiB plain':>10} {'fused':>8} {'ratio':>6}")  # fmt: skip
    rows = []
    for size in sizes:
        turns = [
            {kind: in_own_process("head.py", "--threads", args.threads, "--one", kind, *size) for kind in KINDS}
            for _ in range(args.repeats)
        ]
        best = {k: {f: min(turn[k][f] for turn in turns) for f in ("seconds", "peak_mib")} for k in KINDS}
        ratio = {f: best["fused"][f] / best["plain"][f] for f in ("seconds", "peak_mib")}
        rows.append({"tokens": size[0], "hidden": size[1], "vocabulary": size[2], **best, "ratio": ratio})
        print(f"{size[0]:7} {size[1]:7} {size[2]:10} {best['plain']['seconds']:10.2f}s {best['fused']['seconds']:7.2f}s"
              f" {ratio['seconds']:6.2f} {best['plain']['peak_mib']:10.0f} {best['fused']['peak_mib']:8.0f}"
              f" {ratio['peak_mib']:6.2f}", flush=True)  # fmt: skip
    fits = {} if args.full else growth(rows)
    keep("head_full" if args.full else "head", {"threads": args.threads, "rows": rounded(rows), "fits": rounded(fits)})


if __name__ == "__main__":
    main()
