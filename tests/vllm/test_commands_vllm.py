"""vLLM through the commands that users type, and in a process of its own that may die."""

import json
from contextlib import closing

import psutil
import pytest
import torch
import yaml

from steer import cli
from steer.configs.schema import Architecture, Rollout
from steer.data.tasks import distinct_problems
from steer.engines.local import LocalEngine
from steer.engines.sampling import Sampling
from steer.engines.vllm import VllmEngine
from steer.engines.weights import combine, tensor_sums, trainer_weights
from steer.errors import UserError
from steer.io import read_jsonl, write_jsonl
from steer.models.forward import Sequences, response_statistics
from steer.models.load import load_model, new_model, save_model
from steer.models.tokenizer import character_tokenizer

pytestmark = pytest.mark.vllm

SMALL = Architecture(hidden_size=64, layers=1, heads=2, kv_heads=2, intermediate_size=32, max_positions=128)
CONFIG = {
    "name": "test",
    "data": {"benchmarks": ["sums", "lists"], "rows": 5},
    "training": {
        "steps": 2,
        "prompts": 4,
        "rollouts": 4,
        "updates": 2,
        "lr": 1e-3,
        "max_prompt_tokens": 60,
        "max_response_tokens": 10,
        "correction_cap": 2.0,
    },
    "rollout": {"engine": "vllm", "dtype": "float32", "kv_cache_gib": 0.03, "enforce_eager": True},
    # A coin for each response: a model that knows nothing has a gradient too.
    "reward": {"kind": "random"},
    "evaluation": {"samples": {"default": 2, "lists": 3}, "max_response_tokens": 8, "batch": 16},
    "methods": {"grpo": None},
    "seeds": [0],
}


@pytest.fixture
def folder(tmp_path):
    tokenizer = character_tokenizer()
    save_model(new_model(SMALL, tokenizer, 0), tokenizer, tmp_path / "model")
    problems = [p.to_json() for p in distinct_problems("sums", "train", 0, 8)]
    write_jsonl(tmp_path / "train.jsonl", problems)
    for name in CONFIG["data"]["benchmarks"]:
        rows = [p.to_json() for p in distinct_problems(name, "evaluation", 0, 5)]
        write_jsonl(tmp_path / "data" / f"{name}.jsonl", rows)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    return tmp_path


def train(folder, *more):
    arguments = ["--model", f"{folder}/model", "--data", f"{folder}/train.jsonl", "--out", f"{folder}/run"]
    return cli.main(["train", "--config", f"{folder}/config.yaml", "--run", "grpo", "--seed", "0", *arguments, *more])


def trained_metrics(folder, *more, dtype=torch.float32):
    """Two steps; what the engine served at each step is the trainer's model then."""
    assert train(folder, *more) == 0
    metrics = read_jsonl(folder / "run" / "metrics.jsonl")
    assert [line["step"] for line in metrics] == [1, 2]
    start, end = load_model(f"{folder}/model", dtype=dtype), load_model(f"{folder}/run/model", dtype=dtype)
    assert metrics[0]["rollout_weights"] == combine(tensor_sums(trainer_weights(start)))
    seen = {line["rollout_weights"] for line in metrics} | {combine(tensor_sums(trainer_weights(end)))}
    assert len(seen) == 3, "each step's updates changed the weights, and the engine served the change"
    return metrics


def test_training_and_evaluation_with_vllm(folder, capsys):
    for line in trained_metrics(folder):
        assert 0 < line["rollout_mismatch_mean"] <= line["rollout_mismatch_max"] < 1e-3
        assert 0 <= line["rollout_kl_k3"] < 1e-6
        assert line["correction_mean"] == pytest.approx(1, abs=1e-3)
        assert {"seconds_sync", "seconds_rollout"} <= set(line)
    assert yaml.safe_load((folder / "run" / "config.yaml").read_text())["rollout"]["engine"] == "vllm"
    capsys.readouterr()

    arguments = ["--data", f"{folder}/data", "--out", f"{folder}/g", "--cache", f"{folder}/cache"]
    command = ["generate", "--config", f"{folder}/config.yaml", "--model", f"{folder}/run/model", *arguments]
    assert cli.main(command) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["responses"] == {"sums": 10, "lists": 15}
    for name, samples in (("sums", 2), ("lists", 3)):
        rows = read_jsonl(folder / "g" / f"{name}.jsonl.gz")
        assert [row["id"] for row in rows] == [row["id"] for row in read_jsonl(folder / "data" / f"{name}.jsonl")]
        for row in rows:
            assert len(row["responses"]) == row["sampling"]["samples"] == samples
            assert all(0 < r["tokens"] <= 8 and r["finish_reason"] in ("stop", "length") for r in row["responses"])
            assert all(r["logprob"] < 0 for r in row["responses"])
    assert cli.main(command) == 0, "all of it from the cache: no engine starts"


def test_a_sharded_trainer_in_bf16_hands_its_weights_over_and_keeps_its_process_group(folder):
    """fp32 weights by FSDP, bf16 in both forward passes; the model is saved, gathered, after vLLM has ended.

    With shared prompts the layers would compute in bf16 themselves, without FSDP.
    """
    changes = {"training.precision": "bf16", "rollout.dtype": "bfloat16", "training.lr": 0.01}
    changes["training.shared_prompts"] = "false"
    settings = [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
    for line in trained_metrics(folder, *settings, dtype=torch.bfloat16):
        assert 0 < line["rollout_mismatch_mean"] < 0.05


def test_too_many_samples_end_training_before_it_begins(folder, capsys):
    assert train(folder, "--set", "training.rollouts=4000") == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "the 4000 samples of one prompt take up to 280000; raise rollout.kv_cache_gib" in error
    assert not (folder / "run").exists()


def test_at_temperature_1_logprobs_are_those_before_top_p(folder):
    tokenizer, model = character_tokenizer(), load_model(f"{folder}/model")
    settings, prompt = Rollout.model_validate(CONFIG["rollout"]), tokenizer.encode("1+1=?\n", add_special_tokens=False)
    with closing(VllmEngine(f"{folder}/model", tokenizer, settings, samples=8, tokens=64, temperature=1)) as engine:
        found = engine.generate([prompt], Sampling(samples=8, top_p=0.5, max_tokens=20), torch.Generator())[0]
        with pytest.raises(ValueError, match="started for temperature 1"):
            engine.generate([prompt], Sampling(temperature=0.7, max_tokens=5), torch.Generator())
    sequences = Sequences.from_lists([prompt] * 8, [c.tokens for c in found], 0)
    with torch.no_grad():
        whole = response_statistics(model, sequences, 1.0).logprob[sequences.mask]
    assert (torch.tensor([value for c in found for value in c.logprobs]) - whole).abs().max() < 1e-3


def test_an_engine_of_its_own_follows_updates_and_its_death_is_one_line(folder):
    tokenizer, model = character_tokenizer(), load_model(f"{folder}/model")
    settings = Rollout.model_validate({**CONFIG["rollout"], "placement": "own"})
    before = set(psutil.Process().children(recursive=True))
    engine = VllmEngine(f"{folder}/model", tokenizer, settings, samples=2, tokens=64, temperature=1, load=False)
    prompts, greedy = [tokenizer.encode("1+1=?\n", add_special_tokens=False)], Sampling(temperature=0, max_tokens=12)
    with pytest.raises(RuntimeError, match="no fresh weights"):
        engine.generate(prompts, greedy, torch.Generator())
    for factor in (8, 0.7):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(factor)
        assert engine.wake(trainer_weights(model)) == combine(tensor_sums(trainer_weights(model)))
        found = engine.generate(prompts, greedy, torch.Generator())
        local = LocalEngine(model, tokenizer).generate(prompts, greedy, torch.Generator())
        assert found[0][0].tokens == local[0][0].tokens
        engine.sleep()
    engine.wake(trainer_weights(model))
    started = [p for p in psutil.Process().children(recursive=True) if p not in before]
    assert any("EngineCore" in " ".join(p.cmdline()) for p in started)
    for process in started:
        process.kill()
    with pytest.raises(UserError, match="vLLM's engine process died") as error:
        for _ in range(3):
            engine.generate(prompts, greedy, torch.Generator())
    assert "\n" not in str(error.value)
    with pytest.raises((UserError, RuntimeError), match=r"died|no fresh weights"):
        engine.generate(prompts, greedy, torch.Generator())
    engine.close()
