"""L, V, the gain and the law of weightings, where they are exact: on tables of logits, in float64."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from bigram import TRAINING, VOCABULARY, Bigram

from steer.analyse.theory import weightings
from steer.analyse.theory.measure import Measurer
from steer.analyse.theory.weigh import Gradient, effect, gradient_of, law, weigh
from steer.configs.schema import Reward
from steer.methods import load_method
from steer.models.forward import Sequences
from steer.train.update import Batch

# A policy over responses of one or two tokens, 0 ends one; all probabilities are multiples of 1/32, so that 32
# trajectories are the distribution itself.
STATES = {(): [1 / 2, 1 / 4, 1 / 4], (1,): [1 / 2, 1 / 4, 1 / 4], (2,): [5 / 8, 2 / 8, 1 / 8]}
TRAJECTORIES = [(0,)] * 16 + [(1, 0)] * 4 + [(1, 1)] * 2 + [(1, 2)] * 2 + [(2, 0)] * 5 + [(2, 1)] * 2 + [(2, 2)]
RIGHT = {(1, 0), (2, 2)}


def moved(rate):
    """State → log-probabilities after every logit has moved by `rate` in a fixed direction."""
    draw = torch.Generator().manual_seed(0)
    logits = {state: torch.tensor(p, dtype=torch.float64).log() for state, p in STATES.items()}
    steps = {state: rate * torch.randn(3, generator=draw, dtype=torch.float64) for state in STATES}
    return {state: (logits[state] + steps[state]).log_softmax(0) for state in STATES}


def statistics(policy):
    """(32, 2) log-probability and entropy of the trajectories' tokens, and their mask."""
    logprob, entropy, mask = (torch.zeros(32, 2, dtype=torch.float64) for _ in range(3))
    for i, trajectory in enumerate(TRAJECTORIES):
        for t, token in enumerate(trajectory):
            now = policy[trajectory[:t]]
            logprob[i, t], entropy[i, t], mask[i, t] = now[token], -(now.exp() * now).sum(), 1
    return SimpleNamespace(logprob=logprob, entropy=entropy), mask.bool()


def exact(policy):
    """(entropy per token, accuracy) of the policy, by its own probabilities of the trajectories."""
    found, mask = statistics(policy)
    probability = found.logprob.sum(1).exp() / torch.tensor([TRAJECTORIES.count(t) for t in TRAJECTORIES])
    right = torch.tensor([float(t in RIGHT) for t in TRAJECTORIES], dtype=torch.float64)
    assert probability.sum().item() == pytest.approx(1)
    entropy = (probability * found.entropy.sum(1)).sum() / (probability * mask.sum(1)).sum()
    return entropy.item(), (probability * right).sum().item()


def errors(rate):
    """What L + V and the gain miss of the exact changes."""
    old, mask = statistics(moved(0.0))
    new, _ = statistics(moved(rate))
    right = torch.tensor([float(t in RIGHT) for t in TRAJECTORIES])
    found = effect(old, new, mask, torch.zeros(32, dtype=torch.long), right)
    (h, c), (h_after, c_after) = exact(moved(0.0)), exact(moved(rate))
    assert found.whole == pytest.approx(h_after - h, abs=1e-12)
    assert abs(found.visits) > 0.1 * abs(found.local), "the test has to see both parts"
    # The others' mean is no independent baseline here, where the 32 are the distribution itself: it makes 32/31 of V.
    share = 31 / 32
    return found.local + share * found.visits - (h_after - h), share * found.gain - (c_after - c)


def test_l_plus_v_and_the_gain_are_exact_to_first_order():
    for first, second in zip(errors(0.02), errors(0.01), strict=True):
        assert abs(first) < 2e-3
        assert first / second == pytest.approx(4, rel=0.15)


def test_a_response_without_a_verdict_has_no_part_in_the_gain_and_one_alone_is_its_own_baseline():
    old, mask = statistics(moved(0.0))
    new, _ = statistics(moved(0.1))
    right, group = torch.full((32,), math.nan), torch.arange(32)
    right[0] = 1.0
    found = effect(old, new, mask, group, right)
    assert (found.visits, found.gain) == (0.0, 0.0)
    assert math.isnan(effect(old, new, mask, group, torch.full((32,), math.nan)).gain)


def gradient(norm, tabular, kept=1.0):
    return Gradient([], norm, kept, {"tabular": tabular, "theorem": 0.0}, 1.0, 0.0)


def test_the_law_by_hand():
    last = gradient(2.0, 3.0, kept=0.5)
    assert law("sgd", [gradient(9.0, 9.0), last], "tabular") == 1.5  # what clipping leaves of it
    assert law("adamw", [gradient(9.0, 9.0), last], "tabular") == pytest.approx(1.5)  # whatever clipping leaves
    both = law("adamw_warm", [gradient(0.5, 4.0), last], "tabular")
    assert both == pytest.approx((1.5 + 0.9 * 4.0) / math.sqrt(1.0 + 0.999 * 0.25))
    assert law("adamw", [gradient(0.0, 0.0)], "tabular") == 0.0


class Bandits(Measurer):
    """Two states, each visited by six responses of one token: every token's change is its own state's."""

    def contexts(self, step, verifier):
        draw = torch.Generator().manual_seed(step)
        prompts = [[3]] * 6 + [[17]] * 6
        logits = self.model.lm_head.weight.T[[p[0] for p in prompts]]
        actions = torch.multinomial(logits.softmax(-1), 1, generator=draw)
        sequences = Sequences.from_lists(prompts, actions.tolist(), 0)
        reward = torch.randn(12, generator=draw, dtype=torch.float64)
        group = torch.tensor([0] * 6 + [1] * 6)
        advantage = self.method.advantages(reward, group, sequences.lengths)
        batch = Batch(sequences, self.statistics(sequences), advantage, group, torch.ones(12, dtype=torch.bool))
        verdicts = [SimpleNamespace(verdict="correct" if value > 0 else "wrong") for value in reward.tolist()]
        return SimpleNamespace(verdicts=verdicts), batch


WEIGHTINGS = {
    "grpo": {},
    "uniform": {"weight.factor": 0.25},
    "steer": {"weight.minimum": 0.1},
    "steer_signed": {"weight.minimum": 0.3},
    "steer_quantile": {},
    "permuted": {},
    "norm_matched": {"weight.minimum": 0.1},
    "damp_exploitation": {},
    "damp_random": {},
}


@pytest.fixture(scope="module")
def rows():
    training = TRAINING.model_copy(update={"lr": 1e-5, "weight_decay": 0.0})
    measurer = Bandits(Bigram().double(), None, load_method("grpo"), [], training, Reward(), seed=0)
    before = measurer.model.lm_head.weight.detach().clone()
    chosen = {name: (load_method(name, given), training) for name, given in WEIGHTINGS.items()}
    found = weigh(measurer, 0, ["sgd", "adamw", "adamw_warm"], 3, chosen, None)
    assert torch.equal(measurer.model.lm_head.weight, before), "the model is left as it was"
    facts = {"parameters": VOCABULARY**2, "steps": {"0": {"weightings": found}}}
    return weightings.rows_of({"main": (pd.DataFrame(), facts)})


def test_under_sgd_the_law_is_exact_on_a_table(rows):
    """Update and fresh trajectories visit the two states alike, so L is rate·Σ λω / 2 for each batch."""
    sgd = rows[rows["update"] == "sgd"]
    assert len(sgd) == len(WEIGHTINGS) * 3
    wanted = (sgd["lr"] * sgd["law_tabular"] / 2).to_numpy()
    assert sgd["local"].to_numpy() == pytest.approx(wanted, rel=2e-3, abs=1e-12)
    assert (sgd["visits"].abs() < 1e-12).all()


def test_a_uniform_weight_acts_under_sgd_and_not_under_adamw(rows):
    found = weightings.effects(rows, {}).set_index(["update", "weighting"])
    assert found.loc[("sgd", "uniform"), "local_ratio"] == pytest.approx(0.25, rel=2e-3)
    assert found.loc[("sgd", "uniform"), "predicted_tabular"] == pytest.approx(0.25)
    for update in ("adamw", "adamw_warm"):
        assert found.loc[(update, "uniform"), "local_ratio"] == pytest.approx(1, abs=2e-3)
        assert found.loc[(update, "uniform"), "predicted_tabular"] == pytest.approx(1)


def test_the_fit_of_the_law_is_that_of_its_ratios(rows):
    found = weightings.laws(rows, 100)
    sgd = found[(found["update"] == "sgd") & (found["measured"] == "local")].iloc[0]
    assert sgd["r_tabular"] == pytest.approx(1, abs=1e-4)
    assert sgd["error_tabular"] < 1e-3
    assert sgd["r_theorem"] < 1 - 1e-4
    assert sgd["weightings"] == len(WEIGHTINGS) - 1


def test_ratios_and_their_intervals_by_hand():
    """Two batches with changes 2 and 4 unweighted, 1 and 3 weighted: ratio 2/3, residuals ∓1/3."""
    base = {"model": "main", "parameters": 1, "step": 0, "update": "sgd", "visits": 0.0, "whole": 0.0, "gain": 0.0}
    base |= {"gradient_norm": 1.0, "weight": 1.0, "removed": 0.0, "lr": 1.0, "law_theorem": 1.0}
    values = {"none": [2.0, 4.0], "half": [1.0, 3.0]}
    rows = [
        {**base, "weighting": name, "batch": i, "local": v, "change": v, "law_tabular": v}
        for name, both in values.items()
        for i, v in enumerate(both)
    ]
    half = weightings.effects(pd.DataFrame(rows), {}).set_index("weighting").loc["half"]
    assert half["change_ratio"] == pytest.approx(2 / 3)
    assert half["predicted_tabular"] == pytest.approx(2 / 3)
    spread = np.std([-1 / 3, 1 / 3], ddof=1) / math.sqrt(2) / 3
    assert half["change_ratio_high"] - 2 / 3 == pytest.approx(12.7062 * spread, rel=1e-4)
    assert math.isnan(half["gain_ratio"])


def test_the_gradient_is_the_trainers_own():
    measurer = Bandits(Bigram().double(), None, load_method("grpo"), [], TRAINING, Reward(), seed=0)
    _, batch = measurer.contexts(1, None)
    kept = gradient_of(measurer, batch)
    logprob = measurer.model.lm_head.weight.T[batch.sequences.tokens[:, 0]].log_softmax(-1)
    own = logprob.gather(1, batch.sequences.tokens[:, 1:2])[:, 0]
    (wanted,) = torch.autograd.grad(-(own * batch.advantage).mean(), measurer.model.lm_head.weight)
    torch.testing.assert_close(kept.parts[0], wanted)
    assert kept.norm == pytest.approx(wanted.norm().item(), rel=1e-6)
