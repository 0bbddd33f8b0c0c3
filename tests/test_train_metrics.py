"""The metrics of a training step by their definitions."""

import json
import math
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from training import TRAINING, ParityVerifier, trainer

from steer.data.tasks import distinct_problems
from steer.methods import load_method
from steer.methods.correction import mismatch_metrics
from steer.methods.estimators import tabular
from steer.models.forward import Sequences
from steer.train.metrics import rollout_metrics, update_metrics
from steer.train.rollouts import Rollouts
from steer.train.scoring import scored
from steer.train.update import Batch, UpdateRecord, run_updates
from steer.verify.responses import Verdict

CORRECT, WRONG = Verdict("correct", "1", "", 0.0), Verdict("wrong", "2", "", 0.0)
FAILED = Verdict("unverifiable", None, "died", 0.0)


def rollouts_of(verdicts, lengths):
    n = len(verdicts)
    sequences = Sequences.from_lists([[5, 6]] * n, [[7] * length for length in lengths], 0)
    rewards = torch.tensor([{"correct": 1.0, "wrong": -1.0}.get(v.verdict, float("nan")) for v in verdicts])
    problems = distinct_problems("sums", "train", 0, n // 2) + distinct_problems("lists", "train", 0, n - n // 2)
    truncated = torch.tensor([True] + [False] * (n - 1))
    engine = torch.zeros(sequences.mask.shape)
    judged = {"problems": problems, "texts": [""] * n, "verdicts": verdicts, "rewards": rewards}
    return Rollouts(sequences, truncated, engine, **judged, group=torch.arange(n) // 2)


def test_rollout_metrics_by_hand():
    rollouts = rollouts_of([CORRECT, WRONG, WRONG, FAILED], [1, 2, 3, 1])
    entropy = torch.tensor([[1.0, 9, 9], [2.0, 4.0, 9], [0.0, 0.0, 3.0], [5.0, 9, 9]])
    logprob = -entropy / 10
    old = type("Statistics", (), {"entropy": entropy, "logprob": logprob})
    advantage = torch.tensor([1.0, -1.0, 0.0, 0.0])
    batch = Batch(rollouts.sequences, old, advantage, rollouts.group, ~rollouts.rewards.isnan())
    found = rollout_metrics(rollouts, batch)
    expected = {
        "reward": -1 / 3,
        "accuracy": 1 / 3,
        "accuracy/sums": 0.5,
        "accuracy/lists": 0.0,
        "guessed": 0.0,
        "unverifiable": 1,
        "unverifiable/died": 1,
        "entropy": (1 + 2 + 4 + 0 + 0 + 3 + 5) / 7,
        "entropy_correct": 1.0,
        "entropy_wrong": (2 + 4 + 0 + 0 + 3) / 5,
        "logprob": -(1 + 2 + 4 + 0 + 0 + 3 + 5) / 70,
        "advantage_std": advantage.std().item(),
        "zero_spread": 0.5,
        "response_length": 7 / 4,
        "truncated": 0.25,
        "rollout_mismatch_mean": 15 / 70,
        "rollout_mismatch_max": 0.5,
        "rollout_kl_k1": 15 / 70,
        "rollout_kl_k3": sum(math.exp(-e / 10) - 1 + e / 10 for e in (1, 2, 4, 0, 0, 3, 5)) / 7,
    }
    assert found == pytest.approx(expected)


def test_a_step_without_wrong_responses_has_no_entropy_of_them():
    rollouts = rollouts_of([CORRECT, CORRECT], [1, 1])
    old = type("Statistics", (), {"entropy": torch.ones(2, 1), "logprob": -torch.ones(2, 1)})
    batch = Batch(rollouts.sequences, old, torch.zeros(2), rollouts.group, torch.ones(2, dtype=torch.bool))
    found = rollout_metrics(rollouts, batch)
    assert found["entropy_wrong"] is None
    assert found["entropy_correct"] == 1.0
    json.dumps(found, allow_nan=False)


def test_update_metrics_by_hand():
    weight, ratio = torch.linspace(0.5, 1, 21), torch.linspace(0.9, 1.1, 21)
    records = [UpdateRecord({"loss": 1.0}, weight, ratio), UpdateRecord({"loss": 3.0}, weight, ratio)]
    found = update_metrics(records)
    assert found["loss"] == 2.0
    assert (found["weight_min"], found["weight_max"]) == (0.5, 1.0)
    assert found["weight_p50"] == pytest.approx(0.75)
    pooled = torch.cat([weight, weight])
    assert found["weight_ess"] == pytest.approx((pooled.sum() ** 2 / (42 * (pooled**2).sum())).item())
    assert found["ratio_max"] == pytest.approx(1.1)


def test_every_metric_of_a_run_is_in_the_glossary(model, tokenizer, problems, tmp_path):
    import re

    run = trainer(model, tokenizer, problems, tmp_path)
    run.run()
    text = Path("docs/metrics.md").read_text()
    defined = re.findall(r"`([a-z0-9_/<>@]+)`", text)
    patterns = [re.compile(re.sub("<[a-z]+>", "[a-z_]+", name)) for name in defined]
    missing = {key for line in run.metrics for key in line if not any(p.fullmatch(key) for p in patterns)}
    assert not missing


class EasyVerifier(ParityVerifier):
    """A quarter of the prompts' responses alone are judged by parity; all others are correct."""

    judged: ClassVar[list[bool]] = []

    def verify(self, problems, texts):
        found = super().verify(problems, texts)
        found = [v if int(p.id.split("-")[-1]) % 4 == 0 else CORRECT for p, v in zip(problems, found, strict=True)]
        self.judged += [verdict.verdict == "correct" for verdict in found]
        return found


def test_under_dynamic_sampling_accuracy_is_of_all_responses_not_of_the_groups_kept(model, tokenizer, tmp_path):
    EasyVerifier.judged = []
    problems = distinct_problems("sums", "train", 0, 40)
    changes = {"steps": 1, "prompts": 8, "dynamic_sampling": 4}
    run = trainer(
        model, tokenizer, problems, tmp_path, verifier=EasyVerifier, training=TRAINING.model_copy(update=changes)
    )
    (line,) = run.run()
    assert len(EasyVerifier.judged) > 16, "there was more than one round"
    assert line["accuracy"] == pytest.approx(sum(EasyVerifier.judged) / len(EasyVerifier.judged))
    assert line["zero_spread"] > 0


def test_the_tabular_sum_is_as_the_loss_weighs_it(model, batch):
    """Σ share·c·ω over the tokens, whatever the micro-batch; GSPO's share is not 1/N, STEER's weights are not 1."""
    overrides = {"weight": {"name": "steer", "minimum": 0.3}, "clip": "ppo"}
    for size in (None, 1):
        method = load_method("gspo", overrides)
        given = TRAINING.model_copy(update={"updates": 1, "micro_batch": size})
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        (record,) = run_updates(model, optimizer, method, batch, given, torch.Generator().manual_seed(1))
        whole = scored(model, batch.sequences, given, frozenset({"reduction"}))
        tokens = batch.tokens(whole)
        prepared = method.prepare(tokens)
        tokens = tokens.with_(unclipped=method.clip(tokens).unclipped)
        part = prepared.share * batch.correction * tabular(tokens)
        assert record.metrics["tabular_change"] == pytest.approx(part.sum().item(), rel=1e-4)
        assert record.metrics["tabular_change_weighted"] == pytest.approx(
            (prepared.weight * part).sum().item(), rel=1e-4
        )
        assert record.metrics["tabular_change_weighted"] != pytest.approx(record.metrics["tabular_change"], rel=1e-2)


def test_weights_of_micro_batches_are_the_ones_whose_effect_is_told(model, batch):
    """Each micro-batch's largest estimate gets λ_min there, so that more is removed than with one maximum for all."""
    told = {}
    for scope in ("batch", "micro_batch"):
        method = load_method("steer", {"weight.scope": scope})
        given = TRAINING.model_copy(update={"updates": 1, "micro_batch": 1})
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        (record,) = run_updates(model, optimizer, method, batch, given, torch.Generator().manual_seed(1))
        told[scope] = record.metrics["entropy_change_removed"], record.weight.mean().item()
    assert told["micro_batch"][1] < told["batch"][1]
    assert told["micro_batch"][0] > told["batch"][0] > 0


def test_one_token_that_is_far_apart_leaves_the_metrics_finite():
    """100 nats of one token in 4,000: below the limit, and exp of it is above fp32's largest number."""
    own, mask = torch.full((4, 1000), -1.0), torch.ones(4, 1000).bool()
    rollout = own.clone()
    rollout[0, 0] -= 100
    found = mismatch_metrics(own, rollout, mask)
    assert found["rollout_kl_k3"] == pytest.approx((math.exp(20) - 101) / 4000)
    assert found["rollout_mismatch_max"] == 100
    near = own - torch.linspace(-3, 20, 4000).view(4, 1000)
    difference = own - near
    k3 = (torch.expm1(difference) - difference).sum() / 4000
    assert mismatch_metrics(own, near, mask)["rollout_kl_k3"] == pytest.approx(k3.item(), rel=1e-6)
