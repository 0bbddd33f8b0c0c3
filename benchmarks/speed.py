"""The rollout and the training step on a CPU beside transformers and TRL, and how the update's time grows.

    python benchmarks/speed.py rollout      tokens per second at batch 256: ours, our plain decoder, `generate`
    python benchmarks/speed.py step         32 prompts x 8 x 28 new tokens, 4 updates, beside TRL's GRPOTrainer
    python benchmarks/speed.py growth       seconds of one update against response length and batch
    python benchmarks/speed.py start        `steer --help`, and the share of verification in finished runs

Models are random: what is compared is the work on equal shapes. All of a section's subjects run in one process in turn.
"""

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import torch
from measure import interleaved, keep, rounded

from steer.configs.schema import Architecture, Training
from steer.engines.local import LocalEngine
from steer.engines.sampling import Sampling
from steer.io import read_jsonl
from steer.methods import load_method
from steer.models.forward import Sequences
from steer.models.load import new_model, save_model
from steer.models.statistics import policy_statistics
from steer.models.tokenizer import character_tokenizer
from steer.train.update import Batch, run_updates

TINY = Architecture()
LARGER = Architecture(hidden_size=128, layers=4, heads=4, kv_heads=4, intermediate_size=512)
PROMPTS, SAMPLES, WIDTH, NEW, UPDATES = 32, 8, 24, 28, 4


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


def one_step(model, optimizer, training: Training, engine: LocalEngine, prompts: list[list[int]]) -> None:
    """Rollout, log-probabilities and updates with rewards from a coin: everything but the verifier."""
    sampling = Sampling(training.rollouts, max_tokens=training.max_response_tokens)
    groups = engine.generate(prompts, sampling, torch.Generator().manual_seed(0))
    flat = [completion.tokens for group in groups for completion in group]
    repeated = [prompt for prompt, group in zip(prompts, groups, strict=True) for _ in group]
    sequences = Sequences.from_lists(repeated, flat, 0)
    with torch.no_grad():
        old = policy_statistics(model, sequences, training)
    method, group = load_method("grpo"), torch.arange(len(prompts)).repeat_interleave(training.rollouts)
    rewards = torch.randint(0, 2, group.shape, generator=torch.Generator().manual_seed(1)).float()
    advantage = method.advantages(rewards, group, sequences.lengths)
    batch = Batch(sequences, old, advantage, group, torch.ones_like(group, dtype=torch.bool))
    run_updates(model, optimizer, method, batch, training, torch.Generator().manual_seed(2))


def step(repeats: int) -> dict[str, Any]:
    """Seconds of a step (one rollout, four updates): ours, TRL's, and the arithmetic alone."""
    tokenizer = character_tokenizer()
    prompts = prompts_of(PROMPTS, WIDTH)
    settings = {"steps": 1, "prompts": PROMPTS, "rollouts": SAMPLES, "updates": UPDATES, "max_response_tokens": NEW}
    never = type("Tokenizer", (), {"eos_token_id": -1, "pad_token_id": 0})
    actions = {}
    for name, shared in (("ours", True), ("ours, prompts not shared", False)):
        model = new_model(LARGER, tokenizer, seed=0)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
        engine, training = LocalEngine(model, never), Training(**settings, shared_prompts=shared)
        actions[name] = lambda given=(model, optimizer, training, engine, prompts): one_step(*given)
    with tempfile.TemporaryDirectory() as folder:
        save_model(new_model(LARGER, tokenizer, seed=0), tokenizer, Path(folder, "model"))
        trainer = peer_trainer(folder, tokenizer, [tokenizer.decode(p) for p in prompts])
        if trainer is not None:
            actions["TRL"] = trainer
        seconds = {name: s["least"] for name, s in interleaved(actions, repeats).items()}
    rate = matrix_rate()
    seconds["arithmetic"] = operations() / rate
    for name, value in seconds.items():
        print(f"{name:26} {value:8.3f} s  {value / seconds['ours']:6.2f} x ours")
    return {"seconds": seconds, "matrix_gflops": rate / 1e9, "of_ceiling": seconds["arithmetic"] / seconds["ours"]}


def peer_trainer(folder: str, tokenizer, texts: list[str]):
    """A step of TRL's GRPOTrainer on the same model and shapes; None where TRL is not installed."""
    try:
        from trl import GRPOConfig, GRPOTrainer
    except ImportError:
        print("TRL is not installed here: `make bench-setup`", file=sys.stderr)
        return None
    from datasets import Dataset

    config = GRPOConfig(
        output_dir=folder, use_cpu=True, bf16=False, fp16=False,
        per_device_train_batch_size=PROMPTS * SAMPLES // UPDATES,
        steps_per_generation=UPDATES, gradient_accumulation_steps=1, num_generations=SAMPLES, max_completion_length=NEW,
        generation_kwargs={"min_new_tokens": NEW}, max_steps=UPDATES, beta=0.0, save_strategy="no", report_to=[],
        logging_strategy="no", disable_tqdm=True, gradient_checkpointing=False, learning_rate=1e-6,
    )  # fmt: skip

    def coin(completions, **_) -> list[float]:
        return torch.randint(0, 2, (len(completions),)).float().tolist()

    data = Dataset.from_list([{"prompt": text} for text in texts])
    trainer = GRPOTrainer(
        model=str(Path(folder, "model")), reward_funcs=coin, args=config, train_dataset=data, processing_class=tokenizer
    )
    return trainer.train


def operations() -> float:
    """Floating-point operations of the step's products: prompts once, responses in rollout, scoring and updates."""
    layer = 4 * LARGER.hidden_size**2 + 3 * LARGER.hidden_size * LARGER.intermediate_size
    body, head = LARGER.layers * layer, LARGER.hidden_size * len(character_tokenizer())
    prompts, responses = PROMPTS * WIDTH, PROMPTS * SAMPLES * NEW
    forward = 2 * (body * (prompts + responses) + head * responses)
    return forward * (1 + 1 + 3)


def matrix_rate() -> float:
    """Floating-point operations per second of a large fp32 product with the threads in use."""
    a = torch.randn(2048, 2048)
    seconds = interleaved({"product": lambda: a @ a}, repeats=8)["product"]["least"]
    return 2 * 2048**3 / seconds


def growth(repeats: int) -> dict[str, Any]:
    """Seconds of one update with scoring, against response length and against the number of responses."""
    tokenizer = character_tokenizer()
    model = new_model(TINY, tokenizer, seed=0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
    method = load_method("grpo")
    rows = []
    for count, length in [(64, n) for n in (16, 32, 64, 128, 256)] + [(n, 32) for n in (32, 128, 256, 512)]:
        prompts = [p for p in prompts_of(count // SAMPLES, WIDTH) for _ in range(SAMPLES)]
        sequences = Sequences.from_lists(prompts, prompts_of(count, length), 0)
        training = Training(steps=1, prompts=count // SAMPLES, rollouts=SAMPLES, updates=1)

        def update(sequences=sequences, training=training, count=count) -> None:
            with torch.no_grad():
                old = policy_statistics(model, sequences, training)
            group = torch.arange(count // SAMPLES).repeat_interleave(SAMPLES)
            advantage = torch.randn(count, generator=torch.Generator().manual_seed(0))
            batch = Batch(sequences, old, advantage, group, torch.ones(count, dtype=torch.bool))
            run_updates(model, optimizer, method, batch, training, torch.Generator().manual_seed(0))

        seconds = interleaved({"update": update}, repeats)["update"]["least"]
        each = seconds / (count * length) * 1e6
        rows.append({"responses": count, "length": length, "seconds": seconds, "microseconds_per_token": each})
        print(
            f"{count:6} responses of {length:4} tokens {seconds:8.3f} s {each:8.1f} µs per response token", flush=True
        )
    return {"rows": rows}


def start(repeats: int) -> dict[str, Any]:
    """Seconds of `steer --help`; the verifier's share of a step's time in the runs below results/."""
    call = [sys.executable, "-m", "steer.cli", "--help"]
    help_s = interleaved({"help": lambda: subprocess.run(call, check=True, capture_output=True)}, repeats)["help"][
        "least"
    ]
    print(f"steer --help {help_s:.3f} s")
    shares = {}
    for path in sorted(Path("results").glob("*/runs/*/seed*/metrics.jsonl")):
        lines = [line for line in read_jsonl(path) if "seconds_verify" in line]
        if lines:
            shares[str(path.parent)] = sum(r["seconds_verify"] for r in lines) / sum(r["seconds"] for r in lines)
    for name, share in shares.items():
        print(f"{name:50} verification {share:6.1%} of a step")
    return {"help_s": help_s, "verify_share": shares}


def main() -> None:
    sections = {"rollout": rollout, "step": step, "growth": growth, "start": start}
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
