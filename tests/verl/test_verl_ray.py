"""In processes that Ray starts: the plugin, and our reward function through verl's reward loop."""

import json

import numpy as np
import pytest
import ray
import torch
from tensordict import TensorDict
from verl import DataProto
from verl.experimental.reward_loop.reward_loop import RewardLoopWorker

from steer.configs.load import load_config
from steer.data.problem import Problem
from steer.engines.verl import check
from steer.engines.verl.overrides import planned_command
from steer.models.tokenizer import character_tokenizer


@pytest.fixture(scope="module")
def on_ray():
    ray.init(num_cpus=4, num_gpus=0, include_dashboard=False, object_store_memory=10**8, log_to_driver=False)
    yield
    ray.shutdown()


def test_the_plugin_is_loaded_in_a_worker(on_ray):
    @ray.remote
    def where() -> str:
        from verl.trainer.ppo.v1 import get_trainer_cls

        return get_trainer_cls("steer").__module__

    assert ray.get(where.remote()) == "steer.engines.verl.trainer"


MATH = Problem("m", "sums", "math", "1 + 1?", gold="2")
UNREADABLE = Problem("u", "sums", "math", "Why?", gold="since every prime above two is odd")
DOUBLES = {"kind": "function", "entry_point": "f", "cases": [{"args": [2], "expected": 4}]}
CODE = Problem("c", "lists", "code", "Write f.", tests=DOUBLES)
RESPONSES = [
    (MATH, r"\boxed{2}", 1.0, "correct"),
    (MATH, r"\boxed{3}", -1.0, "wrong"),
    (UNREADABLE, r"\boxed{7}", 0.0, "unverifiable"),
    (CODE, "```python\ndef f(x):\n    return x + x\n```", 1.0, "correct"),
    (CODE, "```python\ndef f(x):\n    return 5\n```", -1.0, "wrong"),
]


def item(tokenizer, problem: Problem, response: str) -> DataProto:
    ids = torch.tensor([[*tokenizer.encode(response, add_special_tokens=False), tokenizer.eos_token_id]])
    mask = torch.ones(1, ids.shape[1] + 1, dtype=torch.long)
    tensors = TensorDict({"responses": ids, "prompts": ids[:, :1], "attention_mask": mask}, 1)
    plain = {
        "data_source": problem.benchmark,
        "reward_model": {"style": "rule", "ground_truth": problem.gold},
        "extra_info": {"split": "train", "index": 0, "problem": json.dumps(problem.to_json())},
    }
    return DataProto(batch=tensors, non_tensor_batch={k: np.array([v], dtype=object) for k, v in plain.items()})


def test_verdicts_come_through_verls_reward_loop(on_ray, tmp_path):
    tokenizer = character_tokenizer()
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "qwen2"}')
    overrides = {"engine": "verl", "model.path": str(tmp_path), "verl.overrides": {"trainer.device": "cpu"}}
    config = check.compose(planned_command(load_config("configs/nano.yaml", overrides), "some.yaml", "steer", 0)[3:])
    worker = ray.remote(RewardLoopWorker).remote(config)
    found = ray.get([worker.compute_score.remote(item(tokenizer, p, text)) for p, text, _, _ in RESPONSES])
    assert [(f["reward_score"], f["reward_extra_info"]["verdict"]) for f in found] == [r[2:] for r in RESPONSES]
    assert [f["reward_extra_info"]["unverifiable"] for f in found] == [0.0, 0.0, 1.0, 0.0, 0.0]
