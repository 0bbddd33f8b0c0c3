"""The trainer: prompts, updates in micro-batches, masked samples, exact resume."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from training import TRAINING, ParityVerifier, each_method, trainer

from steer import cli
from steer.errors import UserError
from steer.io import read_jsonl, write_jsonl
from steer.methods import Method, load_method
from steer.models.load import load_model, save_model
from steer.train import loop
from steer.train.base import Base
from steer.train.problems import short_prompts
from steer.train.prompts import choose_prompts, without_long_prompts
from steer.train.scoring import scored
from steer.train.seeds import step_seed
from steer.train.update import Batch, optimizer_of, run_updates
from steer.verify.responses import Verdict

CORRECT, WRONG = Verdict("correct", "1", "", 0.0), Verdict("wrong", "2", "", 0.0)
FAILED = Verdict("unverifiable", None, "died", 0.0)


# A model of random weights is too uncertain for GTPO's filter; SIREN adds nothing before it has an anchor.
OVERRIDES = {"entropic": {"penalty.above": 1e-4}, "gtpo": {"shaping.threshold": 10}}
MEMORY = {"entropic": {"penalty": {"strength": -0.5}}, "siren": {"penalty": {"anchor": 0.3}}}


def updated(model, batch, method, **training):
    """(losses of a step's updates, weights after them)."""
    model = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    given, draw = TRAINING.model_copy(update=training), torch.Generator().manual_seed(1)
    acting = load_method(method, OVERRIDES.get(method))
    acting.memory.update(MEMORY.get(method, {}))
    records = run_updates(model, optimizer, acting, batch, given, draw)
    weights = torch.cat([p.detach().flatten() for p in model.parameters()])
    return torch.tensor([record.metrics["loss"] for record in records]), weights


def weights_after_updates(model, batch, method, micro_batch):
    return updated(model, batch, method, micro_batch=micro_batch)[1]


@pytest.mark.parametrize("method", each_method())
def test_the_update_does_not_depend_on_the_micro_batch(model, batch, method):
    """Loss and weights, through the head with whole logits and, for single sequences, the one without."""
    losses, whole = updated(model, batch, method, head="plain")
    before = torch.cat([p.detach().flatten() for p in model.parameters()])
    assert (whole - before).abs().max() > 1e-4
    for size, head in ((1, "plain"), (2, "plain"), (1, "fused")):
        found, parts = updated(model, batch, method, micro_batch=size, head=head)
        assert (parts - whole).abs().max() < 2e-5, f"micro-batch {size}, {head} head"
        torch.testing.assert_close(found, losses, rtol=0, atol=1e-5)


def test_no_gradient_is_held_while_the_next_rollouts_are_sampled(model, batch):
    """`steer plan` counts on it: they are as large as a share of the weights."""
    own = copy.deepcopy(model)
    optimizer = torch.optim.SGD(own.parameters(), lr=0.5)
    run_updates(own, optimizer, load_method("steer"), batch, TRAINING, torch.Generator().manual_seed(1))
    assert all(parameter.grad is None for parameter in own.parameters())


def test_the_base_models_log_probabilities_stay_while_the_model_moves(model, batch):
    own = copy.deepcopy(model)
    base = Base(own)
    first = base.logprob(batch.sequences, TRAINING)
    run_updates(
        own, optimizer_of(own, TRAINING), load_method("grpo"), batch, TRAINING, torch.Generator().manual_seed(1)
    )
    moved = [parameter.detach().clone() for parameter in own.parameters()]
    assert torch.equal(base.logprob(batch.sequences, TRAINING), first)
    assert all(torch.equal(a, b) for a, b in zip(own.parameters(), moved, strict=True))
    assert torch.equal(first, scored(model, batch.sequences, TRAINING).logprob)
    assert (first - scored(own, batch.sequences, TRAINING).logprob).abs().max() > 1e-3


def test_halving_the_loss_halves_sgds_step_and_leaves_adamws(model, batch):
    """Why weights that only make the gradient smaller do nothing under AdamW, whose first step is the rate's size."""
    steps = {}
    for optimizer in ("sgd", "adamw"):
        for scale in (1.0, 0.5):
            own = copy.deepcopy(model)
            given = TRAINING.model_copy(update={"optimizer": optimizer, "updates": 1, "gradient_clip": 1e9})
            scaled = replace(batch, advantage=scale * batch.advantage)
            draw = torch.Generator().manual_seed(1)
            run_updates(own, optimizer_of(own, given), load_method("grpo"), scaled, given, draw)
            pairs = zip(own.parameters(), model.parameters(), strict=True)
            steps[optimizer, scale] = torch.cat([(a - b).detach().flatten() for a, b in pairs])
    torch.testing.assert_close(steps["sgd", 0.5], 0.5 * steps["sgd", 1.0], rtol=1e-3, atol=1e-7)
    apart = (steps["adamw", 0.5] - steps["adamw", 1.0]).norm() / steps["adamw", 1.0].norm()
    assert apart < 0.01


def test_a_response_without_a_verdict_changes_nothing(model, batch):
    """The same weights whatever an unjudged response holds, and none at all where no response is judged."""
    judged = batch.judged.clone()
    judged[1] = False
    advantage = batch.advantage.clone()
    advantage[1] = 0
    old = replace(batch.old, logprob=batch.old.logprob.clone())
    old.logprob[1] += 5
    first = Batch(batch.sequences, batch.old, advantage, batch.group, judged)
    second = Batch(batch.sequences, old, advantage, batch.group, judged)
    assert torch.equal(*(weights_after_updates(model, b, "grpo", None) for b in (first, second)))
    nothing = Batch(batch.sequences, batch.old, advantage, batch.group, torch.zeros(8, dtype=torch.bool))
    before = torch.cat([p.detach().flatten() for p in model.parameters()])
    assert torch.equal(weights_after_updates(model, nothing, "grpo", None), before)


def test_every_epoch_has_each_problem_once_in_another_order(problems):
    training = TRAINING.model_copy(update={"prompts": 4})
    chosen = [p.id for step in range(1, 6) for p in choose_prompts(problems, training, 7, step)]
    first, second = chosen[:10], chosen[10:]
    assert sorted(first) == sorted(second) == sorted(p.id for p in problems)
    assert first != second
    assert [p.id for p in choose_prompts(problems, training, 7, 3)] == chosen[8:12], "a step stands by itself"


def test_a_response_is_judged_against_the_problem_that_was_sampled(model, tokenizer, problems, tmp_path, monkeypatch):
    """With shares of the training sets, which change the order of a step's prompts."""
    seen = []
    monkeypatch.setattr(loop, "penalised", lambda rollouts, *_: seen.append(rollouts) or rollouts)
    two = problems[:5] + [replace(problem, benchmark="others") for problem in problems[5:]]
    trainer(model, tokenizer, two, tmp_path, verifier=ParityVerifier, shares={"sums": 0.5, "others": 0.5}).run()
    for rollouts in seen:
        rows = zip(rollouts.problems, rollouts.sequences.tokens, rollouts.sequences.prompt_lengths, strict=True)
        assert all(tokenizer.decode(row[:length]).strip() == problem.prompt for problem, row, length in rows)
    assert {problem.benchmark for rollouts in seen for problem in rollouts.problems} == {"sums", "others"}


def test_prompts_longer_than_the_limit_are_dropped_and_not_cut(tokenizer, problems, capsys):
    """By their tokens, the chat template's among them: `return ` is one token here, of seven bytes."""
    short, edge = (replace(problems[0], prompt=text) for text in ("1+1=?", "return " * 9))
    long = replace(problems[0], prompt="return " * 10)
    assert without_long_prompts(tokenizer, [long, short, edge], 10) == [short, edge], "nine and the line's end"
    assert short_prompts("train.jsonl", [long, short], tokenizer, 10) == [short]
    assert capsys.readouterr().err == "train.jsonl: 1 of 2 prompts have more than 10 tokens: dropped\n"
    with pytest.raises(UserError, match="no prompt has at most 10 tokens; raise"):
        short_prompts("train.jsonl", [long], tokenizer, 10)
    with pytest.raises(UserError, match="no prompt of the training set 'other' has at most 10 tokens"):
        short_prompts(
            "train.jsonl", [short, replace(long, benchmark="other")], tokenizer, 10, [short.benchmark, "other"]
        )


def test_seeds_differ_by_run_step_and_purpose():
    seeds = {step_seed(r, s, p) for r in range(3) for s in range(3) for p in ("rollout", "updates")}
    assert len(seeds) == 18


def write_config(tmp_path):
    path = tmp_path / "config.yaml"
    tree = yaml.safe_load(Path("configs/tiny.yaml").read_text())
    tree["training"] |= {"steps": 2, "prompts": 4, "rollouts": 2, "updates": 2, "tensorboard": True}
    tree["training"] |= {"max_response_tokens": 6, "max_prompt_tokens": 32}
    path.write_text(yaml.safe_dump(tree))
    return str(path)


def test_a_method_knows_how_far_training_is(model, tokenizer, problems, tmp_path):
    """Step k of n is at k/n: position shaping's window, 1/3 to 1/2 of 600 steps, is then the authors' 200 < k < 300."""
    seen = []
    run = trainer(model, tokenizer, problems, tmp_path, verifier=ParityVerifier)
    run.on_step = lambda metrics: seen.append(run.method.progress)
    run.run()
    assert seen == [1 / 4, 2 / 4, 3 / 4, 1.0]
    assert [step for step in range(1, 601) if 1 / 3 < step / 600 < 1 / 2] == list(range(201, 300))


def test_the_command_writes_the_documented_run_folder(model, tokenizer, problems, tmp_path, capsys):
    save_model(model, tokenizer, tmp_path / "base")
    write_jsonl(tmp_path / "train.jsonl", [p.to_json() for p in problems])
    out = tmp_path / "run"
    arguments = ["--run", "steer", "--seed", "3", "--model", str(tmp_path / "base"), "--out", str(out)]
    status = cli.main(
        ["train", "--config", write_config(tmp_path), *arguments, "--data", str(tmp_path / "train.jsonl")]
    )
    assert status == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    metrics = read_jsonl(out / "metrics.jsonl")
    assert [line["step"] for line in metrics] == [1, 2]
    assert last["entropy"] == metrics[-1]["entropy"]
    settings = yaml.safe_load((out / "config.yaml").read_text())
    assert (settings["run"], settings["seed"]) == ("steer", 3)
    assert settings["slots"]["weight"]["minimum"] == 0.7
    assert {"python", "torch", "transformers", "steer"} <= set(settings["versions"])
    assert load_model(str(out / "model")).config.hidden_size == 16
    assert read_jsonl(out / "tokens.jsonl.gz")
    assert not list(tmp_path.glob("*checkpoints*")), "checkpoints go once the run is whole"
    assert list((out / "tensorboard").glob("events.*")), "asked for in the configuration"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("--run", "stear"), "no run 'stear' in `methods`; did you mean 'steer'"),
        (("--data", "absent.jsonl"), "absent.jsonl: no such file"),
        (("--model", "./absent"), "./absent: no such model folder"),
        (("--set", "training.stepz=1"), "unknown key `training.stepz`; did you mean 'steps'"),
        (("--set", "methods.steer.set={weight.minimum: 2}"), "method steer, slot weight: `weight.minimum`"),
    ],
)
def test_a_users_mistake_is_one_line(tmp_path, problems, change, said, capsys):
    write_jsonl(tmp_path / "train.jsonl", [p.to_json() for p in problems])
    arguments = {"--run": "steer", "--seed": "0", "--model": "./absent", "--out": str(tmp_path / "run")}
    arguments |= {"--config": "configs/tiny.yaml", "--data": str(tmp_path / "train.jsonl"), change[0]: change[1]}
    assert cli.main(["train", *(part for pair in arguments.items() for part in pair)]) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "\n" not in error
    assert not (tmp_path / "run").exists()


def test_a_response_without_a_teacher_keeps_its_advantage_in_every_update_of_a_step(model, batch, monkeypatch):
    """RLRT compares the teacher with the policy that sampled: later updates must not bring in the importance ratio."""
    untaught = replace(batch, teacher=batch.old.logprob.clone())
    shaped, prepare = [], Method.prepare

    def noted(self, tokens, generator=None):
        prepared = prepare(self, tokens, generator)
        shaped.append((prepared.advantage - tokens.advantage)[tokens.valid].abs().max().item())
        return prepared

    monkeypatch.setattr(Method, "prepare", noted)
    updated(model, untaught, "rlrt", updates=2)
    assert len(shaped) >= 2
    assert set(shaped) == {0}
