"""The rollout and the training step on a CPU beside transformers and TRL, and what commands take to start.

    python benchmarks/speed.py rollout      tokens per second at batch 256: ours, our plain decoder, `generate`
    python benchmarks/speed.py step         32 prompts x 8 x 28 new tokens, 4 updates, beside TRL's GRPOTrainer
    python benchmarks/speed.py start        `steer --help`, planning the paper-scale DAG, the verifier's share of a step

Models are random: what is compared is the work on equal shapes. All of a section's subjects run in one process in turn.
The verifier's share is that of the tiny experiment's base model, where `make reproduce` has left one.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import torch
from measure import FOLDER, interleaved, keep, rounded
from peer import coin, trl_step

from steer.configs.schema import Architecture, Training
from steer.engines.local import LocalEngine
from steer.engines.sampling import Sampling
from steer.io import read_jsonl
from steer.methods import Method, load_method
from steer.models.head import TokenStatistics
from steer.models.load import new_model, save_model
from steer.models.statistics import policy_statistics
from steer.models.tokenizer import character_tokenizer
from steer.train.rollouts import assemble, sampling_of
from steer.train.update import Batch, run_updates

TINY = Architecture()
LARGER = Architecture(hidden_size=128, layers=4, heads=4, kv_heads=4, intermediate_size=512)
PROMPTS, SAMPLES, WIDTH, NEW, UPDATES = 32, 8, 24, 28, 4
# Phases of a step, and how many forward passes' products each takes.
PASSES = {"rollout": 1, "updates": 3}


def prompts_of(count: int, width: int) -> list[list[int]]:
    """Random lower-case letters, a token each, so that a peer who tokenizes them anew has the same lengths."""
    draw, tokenizer = random.Random(0), character_tokenizer()
    return tokenizer(["".join(draw.choices(ascii_lowercase, k=width)) for _ in range(count)])["input_ids"]


def rollout(repeats: int) -> dict[str, Any]:
    """Tokens per second at batch 256, 40 new tokens each."""
    tokenizer = character_tokenizer()
    model, prompts = new_model(TINY, tokenizer, seed=0).eval(), prompts_of(PROMPTS, WIDTH)
    sampling = Sampling(SAMPLES, max_tokens=40)
    inputs = torch.tensor(prompts)

    def peer() -> None:
        model.generate(
            inputs, attention_mask=torch.ones_like(inputs), do_sample=True, top_k=0, max_new_tokens=40,
            num_return_sequences=SAMPLES, eos_token_id=None, pad_token_id=0,
        )  # fmt: skip

    never = type("Tokenizer", (), {"eos_token_id": -1, "pad_token_id": 0})
    engines = {"ours": LocalEngine(model, never), "plain": LocalEngine(model, never, plain=True)}
    actions = {
        name: lambda engine=engine: engine.generate(prompts, sampling, torch.Generator().manual_seed(0))
        for name, engine in engines.items()
    }
    seconds = interleaved({**actions, "transformers": peer}, repeats)
    rate = {name: PROMPTS * SAMPLES * 40 / s["least"] for name, s in seconds.items()}
    for name, value in rate.items():
        print(f"{name:14} {value:9.0f} tokens/s  {value / rate['transformers']:5.2f} x transformers")
    return {"tokens_per_s": rate, "ratio": {name: value / rate["transformers"] for name, value in rate.items()}}


def one_step(
    model, optimizer, training: Training, engine: LocalEngine, prompts: list[list[int]], rewards=coin
) -> dict[str, float]:
    """Rollout with its statistics (an engine that does not tell them: a pass for them) and updates: everything but the
    verifier. `rewards` gives those of a number of responses. Seconds of each."""
    marks = [time.perf_counter()]
    method, batch = sampled_batch(model, training, engine, prompts, rewards)
    marks.append(time.perf_counter())
    run_updates(model, optimizer, method, batch, training, torch.Generator().manual_seed(2))
    marks.append(time.perf_counter())
    return {phase: end - begin for phase, (begin, end) in zip(PASSES, pairwise(marks), strict=True)}


def sampled_batch(
    model, training: Training, engine: LocalEngine, prompts: list[list[int]], rewards=coin
) -> tuple[Method, Batch]:
    """GRPO and a batch for its updates: a rollout with its statistics and advantages."""
    sampling = sampling_of(training, entropy=engine.exact)
    sampled = assemble(prompts, engine.generate(prompts, sampling, torch.Generator().manual_seed(0)), 0)
    sequences = sampled.sequences
    if engine.exact:
        old = TokenStatistics(sampled.engine_logprob, sampled.engine_entropy)
    else:
        with torch.no_grad():
            old = policy_statistics(model, sequences, training)
    method, group = load_method("grpo"), torch.arange(len(prompts)).repeat_interleave(training.rollouts)
    advantage = method.advantages(rewards(len(group)), group, sequences.lengths)
    return method, Batch(sequences, old, advantage, group, torch.ones_like(group, dtype=torch.bool))


def step(repeats: int) -> dict[str, Any]:
    """Seconds of a step (one rollout, four updates): ours, TRL's, and the arithmetic alone; where ours go."""
    tokenizer = character_tokenizer()
    prompts = prompts_of(PROMPTS, WIDTH)
    settings = {"steps": 1, "prompts": PROMPTS, "rollouts": SAMPLES, "updates": UPDATES, "max_response_tokens": NEW}
    never = type("Tokenizer", (), {"eos_token_id": -1, "pad_token_id": 0})
    actions = {}
    variants = {"ours": (True, True), "ours, a pass for old": (True, False), "ours, prompts not shared": (False, True)}
    for name, (shared, exact) in variants.items():
        model = new_model(LARGER, tokenizer, seed=0)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
        engine, training = LocalEngine(model, never, exact=exact), Training(**settings, shared_prompts=shared)
        actions[name] = lambda given=(model, optimizer, training, engine, prompts): one_step(*given)
    with tempfile.TemporaryDirectory() as folder:
        save_model(new_model(LARGER, tokenizer, seed=0), tokenizer, Path(folder, "model"))
        texts = [tokenizer.decode(p) for p in prompts]
        trainer = trl_step(str(Path(folder, "model")), tokenizer, texts, Training(**settings, lr=1e-6))
        if trainer is not None:
            actions["TRL"] = trainer
        seconds = {name: s["least"] for name, s in interleaved(actions, repeats).items()}
    rate = matrix_rate()
    seconds["arithmetic"] = operations() * sum(PASSES.values()) / rate
    for name, value in seconds.items():
        print(f"{name:26} {value:8.3f} s  {value / seconds['ours']:6.2f} x ours")
    found = {"seconds": seconds, "matrix_gflops": rate / 1e9, "of_ceiling": seconds["arithmetic"] / seconds["ours"]}
    if trainer is not None:
        found["faster_than_trl"] = seconds["TRL"] / seconds["ours"]
    turns = [actions["ours"]() for _ in range(repeats)]
    phases = {phase: min(turn[phase] for turn in turns) for phase in PASSES}
    print(f"{'phase':18} {'seconds':>8} {'arithmetic':>11} {'reached':>8}")
    for phase, passes in PASSES.items():
        alone = operations() * passes / rate
        print(f"{phase:18} {phases[phase]:8.3f} {alone:11.3f} {alone / phases[phase]:8.0%}")
    kinds = where(actions["ours"])
    for kind, share in kinds.items():
        print(f"{kind:44} {share:6.1%} of a profiled step")
    return {**found, "phases": phases, "kinds": kinds}


# Kinds of work by the names of torch's operations, in the order in which they are looked for.
KINDS = {
    "products": ("mm", "bmm", "linear", "matmul"),
    "softmax, exponential, activations": ("softmax", "exp", "log", "silu", "sigmoid"),
    "moving (gather, copy, concatenate, compare)": (
        "index", "copy", "cat", "gather", "scatter", "fill", "zero", "empty", "sort", "unique", "nonzero", "roll",
        "repeat", "clone", "slice", "view", "where", "stack", "searchsorted", "to", "item", "select", "rand",
    ),
    "optimizer and norm of the gradient": ("adamw", "foreach", "vector_norm", "linalg"),
}  # fmt: skip


def where(action: Callable[[], Any]) -> dict[str, float]:
    """Shares of a profiled call's wall time by kind of operation; the rest is Python and the profiler itself."""
    from torch.profiler import ProfilerActivity, profile

    started = time.perf_counter()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        action()
        wall = time.perf_counter() - started
    shares = dict.fromkeys([*KINDS, "other arithmetic"], 0.0)
    for event in profiler.key_averages():
        words = set(event.key.removeprefix("aten::").strip("_").replace("::", "_").split("_")) | {event.key[6:]}
        kind = next((k for k, names in KINDS.items() if any(n in words or n in event.key for n in names)), None)
        shares[kind or "other arithmetic"] += event.self_cpu_time_total / 1e6 / wall
    return {**shares, "between operations (Python, the profiler)": 1 - sum(shares.values())}


def operations() -> float:
    """Floating-point operations of the products of one forward pass: prompts once for all their responses."""
    layer = 4 * LARGER.hidden_size**2 + 3 * LARGER.hidden_size * LARGER.intermediate_size
    body, head = LARGER.layers * layer, LARGER.hidden_size * len(character_tokenizer())
    prompts, responses = PROMPTS * WIDTH, PROMPTS * SAMPLES * NEW
    return 2 * (body * (prompts + responses) + head * responses)


def matrix_rate() -> float:
    """Floating-point operations per second of a large fp32 product with the threads in use."""
    a = torch.randn(2048, 2048)
    seconds = interleaved({"product": lambda: a @ a}, repeats=8)["product"]["least"]
    return 2 * 2048**3 / seconds


def start(repeats: int) -> dict[str, Any]:
    """Seconds of `steer --help` and of planning the paper-scale DAG; the verifier's share of a step."""
    binaries = Path(sys.executable).parent
    calls = {"steer --help": [binaries / "steer", "--help"], "paper-scale DAG": [
        binaries / "snakemake", "--dry-run", "--quiet", "all", "--cores", "2", "--configfile", "configs/paper/all.yaml",
    ]}  # fmt: skip
    root, found = FOLDER.parent, {}
    for (name, call), times in zip(calls.items(), (repeats, 2), strict=True):
        action = partial(subprocess.run, call, check=True, capture_output=True, cwd=root)
        found[name] = interleaved({name: action}, times)[name]["least"]
        print(f"{name:20} {found[name]:7.3f} s")
    shares = verification(root / "results/tiny")
    for run, share in shares.items():
        print(f"the {run} run waits for the verifier for {share:6.1%} of a step")
    return {"help_s": found["steer --help"], "dry_paper_s": found["paper-scale DAG"], "verify_share": shares}


def verification(results: Path, steps: int = 20) -> dict[str, float]:
    """What a step of the tiny experiment waits for the verifier, as a share of it, in the `first` run and in a `later`
    one, which finds kept verdicts; the first two steps are not counted, in which the verifier's processes start."""
    if not (results / "base_model").is_dir():
        print(f"verification: left out, {results} holds no base model; run `make reproduce` first", file=sys.stderr)
        return {}
    shares = {}
    with tempfile.TemporaryDirectory() as folder:
        for when, run in (("first", "grpo"), ("later", "steer")):
            given = ["--config", FOLDER.parent / "configs/tiny.yaml", "--set", f"training.steps={steps}"]
            given += ["--run", run, "--seed", 0, "--model", results / "base_model", "--out", f"{folder}/{run}"]
            given += ["--data", results / "data/train.jsonl", "--verdicts", f"{folder}/verdicts", "--threads", 1]
            call = [sys.executable, "-m", "steer.cli", "train", *map(str, given)]
            subprocess.run(call, check=True, capture_output=True)
            lines = read_jsonl(f"{folder}/{run}/metrics.jsonl")[2:]
            shares[when] = sum(line["seconds_verify"] for line in lines) / sum(line["seconds"] for line in lines)
    return shares


def main() -> None:
    sections = {"rollout": rollout, "step": step, "start": start}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("section", choices=sections)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    keep(
        args.section,
        {"threads": args.threads, "repeats": args.repeats, **rounded(sections[args.section](args.repeats))},
    )


if __name__ == "__main__":
    main()
