"""Low-rank adapters: a start that changes nothing, a base that stands still, a saved model that is whole."""

import copy
import json
from pathlib import Path

import pytest
import torch
import yaml
from training import SMALL, TRAINING, in_child, ragged_batch, status_of, together

from steer import cli
from steer.configs.model import Lora
from steer.engines.local import LocalEngine
from steer.engines.sampling import Sampling
from steer.engines.weights import trainer_weights
from steer.errors import UserError
from steer.io import write_jsonl
from steer.methods import load_method
from steer.models.load import load_model, new_model, save_model
from steer.models.lora import add_lora
from steer.models.tokenizer import character_tokenizer
from steer.train import parallel
from steer.train.checkpoint import Checkpoints, load
from steer.train.parallel import is_main
from steer.train.scoring import scored
from steer.train.sharding import save_trained, shard
from steer.train.update import run_updates

LORA = Lora(rank=4, alpha=8)


@pytest.fixture(scope="module")
def base():
    return new_model(SMALL.model_copy(update={"layers": 2}), character_tokenizer(), seed=0)


@pytest.fixture(scope="module")
def batch(base):
    return ragged_batch(base)


def adapted(base):
    return add_lora(copy.deepcopy(base), LORA, seed=3)


def updated(model, batch):
    """The model after three updates, and its optimizer."""
    training = TRAINING.model_copy(update={"updates": 1})
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2, fused=True)
    for k in range(3):
        run_updates(model, optimizer, load_method("steer"), batch, training, torch.Generator().manual_seed(k))
    return model, optimizer


def test_it_begins_as_the_base_model_and_trains_only_the_adapters(base, batch):
    model = adapted(base)
    before = {name: value.clone() for name, value in model.named_parameters()}
    own, expected = (scored(m, batch.sequences, TRAINING).logprob for m in (model, base))
    assert (own - expected).abs().max() < 1e-5
    updated(model, batch)
    moved = {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    assert moved == {name for name in before if ".lora_" in name}
    assert len(moved) == 2 * 2 * 7, "A and B of seven layers in two blocks"
    again = dict(adapted(base).named_parameters())
    assert all(torch.equal(value, again[name]) for name, value in before.items()), "the same seed, the same adapters"


def test_the_saved_model_is_whole_and_gives_what_the_adapted_one_gives(base, batch, tmp_path):
    model, _ = updated(adapted(base), batch)
    expected = scored(model, batch.sequences, TRAINING)
    assert (expected.logprob - scored(base, batch.sequences, TRAINING).logprob).abs().max() > 1e-3
    save_trained(model, character_tokenizer(), "fp32", tmp_path / "model")
    saved = load_model(str(tmp_path / "model"))
    assert dict(saved.named_parameters()).keys() == dict(base.named_parameters()).keys()
    found = scored(saved, batch.sequences, TRAINING)
    assert (found.logprob - expected.logprob).abs().max() < 1e-5
    assert (found.entropy - expected.entropy).abs().max() < 1e-5
    greedy = Sampling(temperature=0, max_tokens=6)
    own, other = (
        LocalEngine(m, character_tokenizer()).generate([[20, 30], [40]], greedy, torch.Generator())
        for m in (model, saved)
    )
    for (a,), (b,) in zip(own, other, strict=True):
        assert a.tokens == b.tokens, "the rollouts are the adapted model's"
        assert a.logprobs == pytest.approx(b.logprobs, abs=1e-5)


def test_a_checkpoint_holds_the_adapters_alone_and_brings_them_back(base, batch, tmp_path):
    model, optimizer = updated(adapted(base), batch)
    kept = Checkpoints(tmp_path, "a")
    kept.save(1, model, optimizer, {})
    size = sum(path.stat().st_size for path in kept.newest().glob("*.distcp"))
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    # Three numbers each, and a frame around every tensor.
    assert size < 3 * 4 * trained + 2000 * 28 * 4
    other = adapted(base)
    load(kept.newest(), other, torch.optim.AdamW([p for p in other.parameters() if p.requires_grad], fused=True))
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_on_two_processes_the_merged_weights_are_those_of_one(base, batch, tmp_path):
    def work():
        parallel.start(torch.device("cpu"))
        model, _ = updated(shard(adapted(base), "fp32", torch.device("cpu")), batch)
        weights = dict(trainer_weights(model))
        if is_main():
            torch.save(weights, tmp_path / "weights.pt")

    assert together(2, work) == [0, 0]
    found, expected = (
        torch.load(tmp_path / "weights.pt", weights_only=True),
        dict(trainer_weights(updated(adapted(base), batch)[0])),
    )
    assert found.keys() == expected.keys() == dict(base.named_parameters(remove_duplicate=False)).keys()
    assert all((found[name] - expected[name]).abs().max() < 1e-5 for name in expected)


def test_a_layer_that_is_not_there_is_named(base):
    with pytest.raises(UserError, match=r"model\.lora\.targets.*no_proj") as error:
        add_lora(copy.deepcopy(base), Lora(targets=["no_proj"]), 0)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("precision", ["bf16", pytest.param("fp32", marks=pytest.mark.slow)])
def test_an_adapted_model_is_merged_and_sampled_without_rounding(precision, base, tokenizer, problems, tmp_path):
    """By command, in bf16 too: weights of bf16 would equal the base's but for a few."""
    save_model(base, tokenizer, tmp_path / "base")
    write_jsonl(tmp_path / "train.jsonl", [p.to_json() for p in problems])
    tree = yaml.safe_load(Path("configs/tiny.yaml").read_text())
    tree["training"] |= {"steps": 1, "prompts": 2, "rollouts": 4, "updates": 1, "lr": 1e-4, "precision": precision}
    tree["training"] |= {"max_response_tokens": 6, "max_prompt_tokens": 32, "mismatch_limit": None}
    tree["model"]["lora"] = {"rank": 2, "targets": ["q_proj"]}
    tree["methods"] = {"w_reinforce": None}
    tree.pop("measurement", None)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(tree))
    given = {"--run": "w_reinforce", "--seed": "0", "--model": "base", "--out": "run", "--data": "train.jsonl"}
    paths = {k: v if k in ("--run", "--seed") else str(tmp_path / v) for k, v in given.items()}
    words = ["train", "--config", str(tmp_path / "config.yaml"), *(part for pair in paths.items() for part in pair)]
    assert status_of(in_child(lambda: cli.main(words))) == 0
    trained, before = (dict(load_model(str(tmp_path / f)).named_parameters()) for f in ("run/model", "base"))
    saved = json.loads((tmp_path / "run/model/config.json").read_text())
    assert saved["dtype"] == "float32"
    adapted_names = [name for name in before if "q_proj.weight" in name]
    moved = torch.cat([(trained[name] != before[name]).flatten() for name in adapted_names])
    assert moved.float().mean() > 0.9


def test_vllm_that_would_round_adapters_away_is_refused(base, tokenizer, problems, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("steer.train.run.check_installed", lambda rollout: None)
    save_model(base, tokenizer, tmp_path / "base")
    write_jsonl(tmp_path / "train.jsonl", [p.to_json() for p in problems])
    sets = ["--set", "model.lora={rank: 2}", "--set", "rollout.engine=vllm"]
    sets += ["--set", "training.max_prompt_tokens=32", "--set", "training.max_response_tokens=6"]
    where = ["--model", str(tmp_path / "base"), "--data", str(tmp_path / "train.jsonl"), "--out", str(tmp_path / "run")]
    assert cli.main(["train", "--config", "configs/tiny.yaml", "--run", "grpo", "--seed", "0", *where, *sets]) == 2
    assert "key `rollout.dtype`: bfloat16 rounds away what `model.lora` adds" in capsys.readouterr().err


def test_generation_settings_that_cannot_be_saved_are_refused_before_the_first_step(
    base, tokenizer, problems, tmp_path, capsys
):
    save_model(base, tokenizer, tmp_path / "base")
    write_jsonl(tmp_path / "train.jsonl", [p.to_json() for p in problems])
    (tmp_path / "base/generation_config.json").write_text('{"do_sample": false, "temperature": 0.6, "top_p": 0.9}')
    where = ["--model", str(tmp_path / "base"), "--data", str(tmp_path / "train.jsonl"), "--out", str(tmp_path / "run")]
    assert cli.main(["train", "--config", "configs/tiny.yaml", "--run", "grpo", "--seed", "0", *where]) == 2
    said = capsys.readouterr().err
    assert "generation_config.json could not be saved with the trained model" in said
    assert not (tmp_path / "run").exists()
