"""SmolLM2-135M on a CPU: a rollout and a training step beside transformers and TRL.

The shapes are those of configs/smollm2.yaml: 4 prompts x 8 responses x 40 tokens, 2 updates. All responses have the
full length, so that the subjects do equal work. Half of the groups have equal rewards, as half had in the reference
runs of GRPO; "ours, all groups" passes these through the update as well. `make smollm2` fetches the weights.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import torch
from measure import FOLDER, interleaved, keep, rounded
from peer import trl_step
from speed import matrix_rate, one_step, sampled_batch

from steer.cli import keep_freed_memory
from steer.configs.load import load_config
from steer.configs.schema import Config
from steer.data.tasks import make_problems
from steer.engines.local import LocalEngine
from steer.engines.sampling import Sampling
from steer.models.gguf import dequantised
from steer.models.load import load_model, save_model
from steer.models.tokenizer import render_prompt
from steer.train.sharding import prepared
from steer.train.update import run_updates

CONFIG = FOLDER.parent / "configs/smollm2.yaml"
NEVER = type("Tokenizer", (), {"eos_token_id": -1, "pad_token_id": 0})  # no response ends before the limit
BATCH = 64


def rewards(count: int) -> torch.Tensor:
    """Rewards in groups of eight: in turn all alike and half of them right."""
    index = torch.arange(count)
    return ((index // 8) % 2 * (index % 2)).float()


def rollout(model: Any, tokenizer: Any, texts: list[str], config: Config, repeats: int) -> dict[str, Any]:
    """Tokens per second at the batch that the evaluation takes, ours and transformers' `generate`."""
    samples, new = BATCH // len(texts), config.training.max_response_tokens
    prompts, padded = (
        tokenizer(texts)["input_ids"],
        tokenizer(texts, return_tensors="pt", padding=True, padding_side="left"),
    )
    engine, sampling = LocalEngine(model, NEVER), Sampling(samples, max_tokens=new)

    def peer() -> None:
        model.generate(
            **padded, do_sample=True, top_k=0, top_p=1.0, max_new_tokens=new, min_new_tokens=new,
            num_return_sequences=samples,
        )  # fmt: skip

    actions = {
        "ours": lambda: engine.generate(prompts, sampling, torch.Generator().manual_seed(0)),
        "transformers": peer,
    }
    rate = {name: BATCH * new / s["least"] for name, s in interleaved(actions, repeats).items()}
    for name, value in rate.items():
        print(f"rollout, {name:20} {value:8.0f} tokens/s")
    return {"tokens_per_s": rate, "ratio": rate["ours"] / rate["transformers"]}


def step(source: str, tokenizer: Any, texts: list[str], config: Config, repeats: int) -> dict[str, Any]:
    """Seconds of a step: ours, ours with every group in the update, and TRL's."""
    prompts, actions = tokenizer(texts)["input_ids"], {}
    for name, skip in (("ours", True), ("ours, all groups", False)):
        training = config.training.model_copy(update={"skip_idle": skip})
        model = load_model(source)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
        given = (model, optimizer, training, LocalEngine(model, NEVER, exact=True), prompts, rewards)
        actions[name] = lambda given=given: one_step(*given)
    trainer = trl_step(source, tokenizer, texts, config.training, rewards)
    if trainer is not None:
        actions["TRL"] = trainer
    seconds = {name: s["least"] for name, s in interleaved(actions, repeats).items()}
    for name, value in seconds.items():
        print(f"step, {name:23} {value:8.2f} s  {value / seconds['ours']:6.2f} x ours")
    return {"seconds": seconds, "faster_than_trl": seconds["TRL"] / seconds["ours"] if trainer else None}


def update(source: str, tokenizer: Any, texts: list[str], config: Config, repeats: int) -> dict[str, Any]:
    """Seconds of the updates of one batch in fp32 and in bf16, every group in them, on a CPU that computes in bf16.

    Freed memory is kept, as in every command of steer: both take new pages for nothing otherwise.
    """
    keep_freed_memory()
    prompts, actions = tokenizer(texts)["input_ids"], {}
    for precision in ("fp32", "bf16"):
        training = config.training.model_copy(update={"skip_idle": False, "precision": precision})
        model, _ = prepared(load_model(source), training, torch.device("cpu"))
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
        given = sampled_batch(model, training, LocalEngine(model, NEVER, exact=True), prompts, rewards)
        actions[precision] = lambda given=(model, optimizer, *given, training): run_updates(
            *given, torch.Generator().manual_seed(2)
        )
    seconds = {name: s["least"] for name, s in interleaved(actions, repeats).items()}
    for name, value in seconds.items():
        print(f"updates, {name:20} {value:8.2f} s  {value / seconds['fp32']:6.2f} x fp32")
    return {"seconds": seconds, "bf16_over_fp32": seconds["bf16"] / seconds["fp32"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    config = load_config(CONFIG)
    families = config.data.benchmarks[: config.training.prompts]
    with tempfile.TemporaryDirectory() as folder:
        model, tokenizer = dequantised(FOLDER.parent / config.model.path)
        texts = [render_prompt(tokenizer, next(make_problems(name, "train", 0)).prompt) for name in families]
        source = str(Path(folder, "model"))
        save_model(model, tokenizer, source)
        found = {"rollout": rollout(model, tokenizer, texts, config, args.repeats)}
        del model
        found["step"] = step(source, tokenizer, texts, config, args.repeats)
        if torch.ops.mkldnn._is_mkldnn_bf16_supported():
            found["update"] = update(source, tokenizer, texts, config, args.repeats)
    rate = matrix_rate() / 1e9
    keep("real_model", {"threads": args.threads, "repeats": args.repeats, **rounded({**found, "matrix_gflops": rate})})


if __name__ == "__main__":
    main()
