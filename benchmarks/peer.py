"""TRL's GRPOTrainer on our model, prompts and sizes: the peer of a training step."""

import importlib.util
import io
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import torch

from steer.configs.schema import Training


def coin(count: int) -> torch.Tensor:
    """Rewards 0 or 1, the same in each step."""
    return torch.randint(0, 2, (count,), generator=torch.Generator().manual_seed(1)).float()


def trl_step(
    model: str,
    tokenizer: Any,
    texts: list[str],
    training: Training,
    rewards: Callable[[int], torch.Tensor] = coin,
    *,
    steps: int = 1,
    bf16: bool = False,
    cpu: bool = True,
) -> Callable[[], None] | None:
    """Return a function that makes `steps` steps of a rollout and its updates; None where TRL is not installed.

    `model`: a folder. `rewards` gives those of a number of responses and is called once a rollout. All responses have
    the full length.
    """
    if not (importlib.util.find_spec("trl") and importlib.util.find_spec("datasets")):
        print("TRL is not installed here: `make bench-setup`", file=sys.stderr)
        return None
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    config = GRPOConfig(
        output_dir=f"{model}.trl", use_cpu=cpu, bf16=bf16, fp16=False,
        per_device_train_batch_size=training.prompts * training.rollouts // training.updates,
        steps_per_generation=training.updates, gradient_accumulation_steps=1, num_generations=training.rollouts,
        max_completion_length=training.max_response_tokens,
        generation_kwargs={"min_new_tokens": training.max_response_tokens}, max_steps=steps * training.updates,
        beta=0.0, save_strategy="no", report_to=[], logging_strategy="no", disable_tqdm=True,
        gradient_checkpointing=False, learning_rate=training.lr, shuffle_dataset=False,
    )  # fmt: skip

    def judged(completions: list, **_: Any) -> list[float]:
        return rewards(len(completions)).tolist()

    data = Dataset.from_list([{"prompt": text} for text in texts])
    trainer = GRPOTrainer(model=model, reward_funcs=judged, args=config, train_dataset=data, processing_class=tokenizer)

    def train() -> None:
        with redirect_stdout(io.StringIO()):
            trainer.train()

    return train
