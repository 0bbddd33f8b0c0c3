"""How evenly the work of an update is shared out over processes, by counting the tokens of every pass; nothing runs.

Efficiency: tokens that must enter at least, each prompt once, over processes × the longest pass of each round, summed.
An update of the papers: 32 prompts with 8 responses on 8 processes, passes of at most 16,384 tokens. Peers on the same
lengths: passes of padded sequences dealt out in turn, and Karmarkar and Karp's differencing (1982) as verl uses it,
first over processes, then within each one over as many passes as the fullest process needs, every response with its
own prompt.

Lengths: drawn with the mean and the share at the limit that public verl runs of Qwen2.5-Math-1.5B printed
(Parkdev22222/entropy_collapse, seed 4, steps 1 and 100), and recorded ones of the reference run of SmolLM2-135M, scaled
from its limit of 40 tokens to 3,072.
"""

import heapq
import math
import time
from itertools import count
from pathlib import Path

import numpy as np
from measure import keep, rounded

from steer.io import read_jsonl
from steer.models.packing import Entering, in_rounds

PROCESSES, BUDGET, PROMPTS, RESPONSES, LIMIT, UPDATES = 8, 16_384, 32, 8, 3072, 16
RECORDED = Path(__file__).resolve().parents[1] / "results/reference/smollm2/generations/grpo/seed0"
# Mean length and share at the limit, as printed.
PRINTED = {"verl, step 1": (1117.25, 0.101), "verl, step 100": (950.773, 0.026)}


def drawn(mean: float, cut: float, generator: np.random.Generator) -> list[int]:
    """Lengths of one update: log-normal with that mean, the share `cut` at the limit."""
    whole = (mean - cut * LIMIT) / (1 - cut)
    lengths = generator.lognormal(math.log(whole) - 0.18, 0.6, PROMPTS * RESPONSES)
    lengths[generator.random(len(lengths)) < cut] = LIMIT
    return np.clip(lengths, 2, LIMIT).astype(int).tolist()


def recorded(generator: np.random.Generator) -> list[int]:
    lengths = []
    for path in sorted(RECORDED.glob("*.jsonl.gz")):
        lengths += [response["tokens"] * LIMIT // 40 for row in read_jsonl(path) for response in row["responses"]]
    start = generator.integers(0, len(lengths))
    return [min(LIMIT, lengths[(start + i) % len(lengths)]) for i in range(PROMPTS * RESPONSES)]


def update(lengths: list[int], generator: np.random.Generator) -> Entering:
    prompt = np.repeat(generator.integers(60, 400, PROMPTS), RESPONSES).tolist()
    return Entering([n - 1 for n in lengths], prompt, [i // RESPONSES for i in range(len(lengths))])


def ours(entering: Entering) -> float:
    rounds = in_rounds(entering, len(entering.own), BUDGET, PROCESSES)
    return PROCESSES * sum(max(map(entering.tokens, together)) for together in rounds)


def padded(entering: Entering) -> float:
    """Passes of at most `BUDGET` tokens with padding, in order, dealt out in turn; their real tokens."""
    passes: list[list[int]] = [[]]
    whole = [own + prompt for own, prompt in zip(entering.own, entering.prompt, strict=True)]
    for row in range(len(whole)):
        rows = [*passes[-1], row]
        if len(rows) * max(whole[i] for i in rows) > BUDGET and passes[-1]:
            passes.append([])
        passes[-1].append(row)
    sizes = [entering.tokens(rows) for rows in passes]
    return PROCESSES * sum(max(sizes[i : i + PROCESSES]) for i in range(0, len(sizes), PROCESSES))


def differencing(sizes: list[int], parts: int) -> list[list[int]]:
    """Karmarkar and Karp: the two most uneven partial divisions are joined, largest part with smallest."""
    ties = count()
    heap = [(-size, next(ties), [(size, [i]), *((0, []) for _ in range(parts - 1))]) for i, size in enumerate(sizes)]
    heapq.heapify(heap)
    while len(heap) > 1:
        one, other = heapq.heappop(heap)[2], heapq.heappop(heap)[2]
        joined = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(one, reversed(other), strict=True)]
        joined.sort(key=lambda part: part[0], reverse=True)
        heapq.heappush(heap, (joined[-1][0] - joined[0][0], next(ties), joined))
    return [rows for _, rows in heap[0][2]]


def karmarkar_karp(entering: Entering) -> float:
    whole = [own + prompt for own, prompt in zip(entering.own, entering.prompt, strict=True)]
    shares = differencing(whole, PROCESSES)
    passes = max(math.ceil(sum(whole[i] for i in rows) / BUDGET) for rows in shares)
    columns = []
    for rows in shares:
        parts = differencing([whole[i] for i in rows], passes)
        columns.append(sorted((sum(whole[rows[i]] for i in part) for part in parts), reverse=True))
    return PROCESSES * sum(map(max, zip(*columns, strict=True)))


WAYS = {"ours": ours, "padded, in turn": padded, "Karmarkar-Karp": karmarkar_karp}


def main() -> None:
    generator = np.random.default_rng(0)
    kinds = {name: lambda given=given: drawn(*given, generator) for name, given in PRINTED.items()}
    kinds["SmolLM2-135M, recorded"] = lambda: recorded(generator)
    found = []
    print(f"| {'lengths':24} | {' | '.join(WAYS)} | its balance alone |\n|{'-' * 26}|{'---:|' * (len(WAYS) + 1)}")
    for name, lengths in kinds.items():
        needed, repeated, seconds, spent = 0, 0, 0.0, dict.fromkeys(WAYS, 0.0)
        for _ in range(UPDATES):
            entering = update(lengths(), generator)
            needed += entering.tokens(list(range(len(entering.own))))
            repeated += sum(entering.own) + sum(entering.prompt)
            started = time.perf_counter()
            spent["ours"] += ours(entering)
            seconds += time.perf_counter() - started
            for way in list(WAYS)[1:]:
                spent[way] += WAYS[way](entering)
        row = {way: needed / value for way, value in spent.items()}
        # What the peer would reach if every response had to have its own prompt.
        row["balance of Karmarkar-Karp alone"] = repeated / spent["Karmarkar-Karp"]
        found.append({"lengths": name, **row, "seconds_an_update": seconds / UPDATES})
        shown = " | ".join(f"{row[way]:{max(5, len(way))}.3f}" for way in WAYS)
        print(f"| {name:24} | {shown} | {row['balance of Karmarkar-Karp alone']:17.3f} |")
    keep("balance", {"efficiency": rounded(found), "least": rounded(min(row["ours"] for row in found))})


if __name__ == "__main__":
    main()
