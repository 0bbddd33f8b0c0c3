"""Examples of two tokens, worked out by hand.

π = (1/2, 1/4), A = (1, -1), H = (1, 2), so log π + H = (0.306853, 0.613706): the second is twice the first. `CLIPPED`
has π_old = (1/2, 1/2), so r = (1, 1/2).
"""

import math

import pytest
import torch
from methods_batch import two_tokens

from steer.methods import load_method

CLIPPED = {"old": [0.5, 0.5]}
D = 1 - math.log(2)  # log π + H of the first token

LOSSES = {
    # u = (1, min(-1/2, -0.8)): -(1 - 0.8)/2
    "grpo": (CLIPPED, {}, -0.1),
    "clip_higher": (CLIPPED, {}, -0.1),
    # ratio 2 with A = -1 and dual clip 1.5: u = (1, max(-2, -1.5))
    "clip_higher dual": ({"old": [0.5, 0.125]}, {"clip.dual": 1.5}, 0.25),
    # u = (1, -1/2)
    "extreme_clipping": (CLIPPED, {}, -0.25),
    # the sum over S·L = 2·4: -(1 - 0.8)/8
    "dr_grpo": (CLIPPED, {"reduction.length": 4}, -0.025),
    "rloo": (CLIPPED, {}, -0.1),
    "opo": (CLIPPED, {}, -0.1),
    "w_reinforce": (CLIPPED, {}, -0.1),
    "psr": (CLIPPED, {}, -0.1),
    "nsr": (CLIPPED, {}, -0.1),
    "qae": (CLIPPED, {}, -0.1),
    # minus c times the mean of H
    "entropy_regularisation": (CLIPPED, {}, -0.1 - 1e-3 * 1.5),
    # the coefficient starts at 0.01; the gate is open while mean H_old = 1.5 is at most 2, then shut
    "adaptive_entropy": ({}, {"penalty.start": 0.01, "penalty.maximum": 1, "penalty.target": 2}, -0.015),
    "adaptive_entropy gate": ({}, {"penalty.start": 0.01, "penalty.target": 1.4}, 0.0),
    # minus c times the mean of the clamped entropies
    "aent": (CLIPPED, {"penalty.start": 0.01}, -0.1 - 0.01 * 1.4),
    # no token of a one-token response is above its quantile; u = (1, -0.72), over S·L = 2·4
    "siren": (CLIPPED, {"reduction.length": 4}, -0.035),
    # one token at one place with both signs: δ = (4, 0) from both ends, A′ = 4·(1 - 0.1)
    "gtpo": ({"old_entropy": [1.0, 1.0]}, {"shaping.threshold": 1}, -1.8),
    # another token: δ = 1, A′ = (1 - 0.1, -1 - 0.2), the second filtered out
    "gtpo apart": ({"token": [3, 4]}, {"shaping.threshold": 1.5}, -0.45),
    # log PPL = (ln 2, ln 4): w = (-1, 1), A′ = (1.01, -0.99)
    "perplexity_shaping": ({}, {}, -0.01),
    # A′ = (1 + min(0.4, 0.5), -1 + min(0.8, 0.5))
    "entropy_advantage": ({}, {}, -0.45),
    # w = 2 on the first, A′ = 1/2 + 1/2·2; the wrong one stays
    "rlrt": ({}, {}, -0.25),
    # λ = (0, 1)
    "fork_tokens": ({}, {"weight.share": 0.5}, 0.5),
    # |ω| = (1/4·D, 3/16·2D), their quotient 2/3
    "steer": ({}, {}, -(0.7 ** (2 / 3) - 0.7) / 2),
    # |ω| = (2·1/4·D, 4·3/16·2D), quotient 1/3, λ_min 0.8
    "steer_released": ({}, {}, -(0.8 ** (1 / 3) - 0.8) / 2),
    # |ω| = |π(log π + H) - reduction|
    "steer_tabular": ({}, {}, -(0.7 - 0.7 ** ((0.2 - D / 2) / (D / 2 - 0.1))) / 2),
    # the smaller |ω| gets 1.2, the larger 0.8
    "steer_linear": ({}, {}, -(1.2 - 0.8) / 2),
    # the same |ω| twice: λ = (0.6 + 1.2)/2 on both
    "steer_linear same": (
        {"probability": [0.5, 0.5], "old": [0.5, 0.5], "entropy": [1.0, 1.0], "advantage": [1.0, 1.0]},
        {"weight.minimum": 0.6},
        -0.9,
    ),
    # only the larger |ω| exceeds the median
    "steer_binary": ({}, {"weight.quantile": 0.5}, -(1 - 0.7) / 2),
    # ω = (-2/3, 1)·m
    "steer_signed": ({}, {}, -(0.7 ** (2 / 3) - 1 / 0.7) / 2),
    "steer_signed clamp": ({}, {"weight.maximum": 1.1}, -(0.7 ** (2 / 3) - 1.1) / 2),
    # before the first step k = 0
    "steer_target": ({}, {}, 0.0),
    "rloo_steer": ({}, {}, -(0.7 ** (2 / 3) - 0.7) / 2),
    "opo_steer": ({}, {}, -(0.7 ** (2 / 3) - 0.7) / 2),
    "extreme_clipping_steer": ({}, {}, -(0.7 ** (2 / 3) - 0.7) / 2),
    # Δ = (-1/4·D, 9/16·2D): M to P as 2 to 9, κ = -7/11, λ = (18/11, 4/11)
    "opefo": ({}, {}, -7 / 11),
    # two tokens have the same covariance: λ = 1
    "covariance_kernel": (CLIPPED, {}, -0.1),
    # u = (1, -1/2), and |lp - olp| = (0, ln 2) on both
    "kl_cov": (CLIPPED, {"penalty.share": 1}, -0.25 + math.log(2) / 2),
    # d = ln 2 on the wrong token: 2 - ln 2 - 1
    "lp_reg": ({}, {"penalty.share": 1}, D / 2),
    # d = ln 500, where the estimate of the divergence is bounded
    "lp_reg bound": ({"probability": [0.5, 0.001], "old": [0.5, 0.001]}, {"penalty.share": 1}, 5.0),
    "lp_reg below": ({"proxy": [0.5, 0.2]}, {"penalty.share": 1}, 0.0),
    # λ = (1.1, 1) with the gate open at mean H = 1.5, shut at 0.3
    "stare": ({}, {"weight.share": 1, "weight.target": 2}, -0.05),
    "stare gate": ({}, {"weight.share": 1}, 0.0),
    "stare two-sided": ({}, {"weight.share": 1, "weight.target": 2, "weight.attenuate": 0.9}, -0.1),
    # π_old = (1/2, 1/4): A′ = (0.9, -0.85)
    "advantage_reweighting": ({}, {}, -0.025),
    # u = (1, -0.75·0.8): the clipped token keeps a gradient
    "ce_gppo": (CLIPPED, {}, -0.2),
    "ce_gppo above": ({"old": [0.25, 0.25]}, {"clip.above": 0.5}, 0.2),
    # u = (ln 1/2, -1/2·ln 1/4)
    "cispo": (CLIPPED, {}, 0.0),
    # one token a response: s = r; u = (1, -0.9997)
    "gspo": (CLIPPED, {}, -0.00015),
    # gates 4·sigmoid(0) = 2 and 4/1.05·sigmoid(-0.525), a mean over two responses of one token
    "sapo": (CLIPPED, {}, -(2 - 4 / 1.05 / (1 + math.exp(0.525))) / 2),
    # π falls by 1/4, more than δ, where A < 0: only the first is left, u = ln 1/2
    "dppo": (CLIPPED, {}, math.log(2) / 2),
    # by δ = 0.3 nothing is cut: u = (ln 1/2, -1/2·ln 1/4), the sum 0
    "dppo wide": (CLIPPED, {"clip.distance": 0.3}, 0.0),
    # r = (1, 1/2): the negative is clipped at 0.6 from the start, u = (1, -0.6)
    "bapo": (CLIPPED, {}, -0.2),
    # r = (1, 3/4): parts (1, 3/4) balance at once; a share of 0.6 wants c_low beyond 3/4, 0.6 + 16·0.01
    "bapo wide": ({"old": [0.5, 1 / 3]}, {"clip.balance": 0.6}, -(1 - 0.76) / 2),
    "maxrl": (CLIPPED, {}, -0.1),
    "pass_at_k": (CLIPPED, {}, -0.1),
    "lite_ppo": (CLIPPED, {}, -0.1),
    # one prompt: the mean over its two tokens; u = (ln 1/2, -1/2·ln 1/4)
    "scale_rl": (CLIPPED, {}, 0.0),
    # S = (D/2, D/2): none is apart. With H = 0.5 for the second S = (0.153, -0.222), one deviation each
    "clip_b": ({}, {}, 0.0),
    "clip_b apart": ({"entropy": [1.0, 0.5]}, {"weight.deviations": 0.5}, -0.5),
    # D = (0.1, 0.2) - D/2, its spread 0.05: the second is above half of it
    "clip_v": ({}, {"weight.deviations": 0.5}, -0.5),
    "clip_v far": ({}, {}, 0.0),
    # before the first step α = 0
    "entropic": (CLIPPED, {}, -0.1),
    # d = (ln 1/2, 0): k3 = (1/2 + ln 2 - 1, 0), β 1
    "grpo_kl": ({}, {"penalty.coefficient": 1.0}, (math.log(2) - 0.5) / 2),
    # ω = (-2/3, 1)·m: λ = (0.9, 1)
    "steer_asymmetric": ({}, {}, -(0.9 - 1.0) / 2),
    "uniform": (CLIPPED, {"weight.factor": 0.5}, -0.05),
    # λ = 0.7^(2/3) and 0.7 on tokens of |A| (1 - π) = (1/2, 3/4)
    "norm_matched": ({}, {}, -(0.7 ** (2 / 3) - 0.7) / 2 * math.hypot(2, 3) / math.hypot(2 * 0.7 ** (2 / 3), 3 * 0.7)),
    # |ω| of the first is the smaller: λ = (0.7^0, 0.7^1)
    "steer_quantile": ({}, {}, -(1 - 0.7) / 2),
    # the first token is exploitation, the second release
    "damp_exploitation": ({}, {}, 0.5),
    "damp_release": ({}, {}, -0.5),
    "damp_exploration": ({"entropy": [0.5, 2.0]}, {}, 0.5),
    "damp_pruning": ({"entropy": [1.0, 1.0]}, {}, -0.5),
}


@pytest.mark.parametrize("case", LOSSES)
def test_loss_of_two_tokens(case):
    fields, overrides, expected = LOSSES[case]
    out = load_method(case.split()[0], overrides).loss(two_tokens(**fields))
    assert out.loss.item() == pytest.approx(expected, abs=1e-12)


def test_position_shaping_of_one_response_of_two_tokens():
    tokens = two_tokens().with_(group=None).map(lambda t: t.T if t.ndim == 2 else t)
    tokens = tokens.with_(advantage=torch.ones(1, 2).double())
    shaped = load_method("position_shaping").prepare(tokens).advantage
    # p = (0, 1/2): 0.1·sigmoid(-7.5) and 0.1·sigmoid(0)
    assert shaped.tolist()[0] == pytest.approx([1 + 0.1 / (1 + math.exp(7.5)), 1.05])
    small = load_method("position_shaping").prepare(tokens.with_(advantage=-0.02 * torch.ones(1, 2).double()))
    assert small.advantage[0, 1].item() == pytest.approx(-0.03)  # the bonus is at most |A|/2


def test_clip_cov_drops_one_of_two_tokens():
    # c = (ln 2)/2 = 0.3466 on both; int(0.5·2) = 1 is drawn
    method = load_method("clip_cov", {"weight.share": 0.5, "weight.low": 0.3, "weight.high": 0.4})
    out = method.loss(two_tokens())
    assert sorted(out.weight.flatten().tolist()) == [0.0, 1.0]
    assert abs(out.loss.item()) == pytest.approx(0.5)
    outside = load_method("clip_cov", {"weight.low": 0.35}).loss(two_tokens())
    assert outside.weight.tolist() == [[1.0], [1.0]]


def test_steer_target_after_its_controller_has_acted():
    """ω = (-2/3, 1)·m, mean |ω| = 5/6·m: exponents 0.8 and -1.2, the latter clamped at 1/λ_min."""
    method = load_method("steer_target", {"weight.minimum": 0.7})
    method.memory["weight"] = {"strength": 1.0}
    assert method.loss(two_tokens()).loss.item() == pytest.approx(-(0.7**0.8 - 1 / 0.7) / 2)
    method.memory["weight"] = {"strength": -0.5}  # damps what raises the entropy
    assert method.loss(two_tokens()).loss.item() == pytest.approx(-(0.7**-0.4 - 0.7**0.6) / 2)


def test_permuted_weights_are_steers_at_other_places():
    out = load_method("permuted").loss(two_tokens(), generator=torch.Generator().manual_seed(0))
    assert sorted(out.weight.flatten().tolist()) == pytest.approx([0.7, 0.7 ** (2 / 3)])


def test_as_many_random_tokens_as_a_quadrant_holds():
    """One of two tokens is exploitation, so one is left out; where none has an advantage, none is."""
    draw = [load_method("damp_random").loss(two_tokens(), generator=torch.Generator().manual_seed(i)) for i in range(8)]
    assert {tuple(out.weight.flatten().tolist()) for out in draw} == {(0.0, 1.0), (1.0, 0.0)}
    idle = two_tokens().with_(advantage=torch.zeros(2, 1).double())
    assert load_method("damp_random").prepare(idle).weight.tolist() == [[1.0], [1.0]]


def test_entropic_after_a_step_above_and_below_its_target():
    """H* 0.3, K_p 1, K_i 0.1: H = 0.8 gives α = 0.5 + 0.05, then 0.1 gives -0.2 + 0.03."""
    method = load_method("entropic", {"penalty.above": 0.3, "penalty.integral": 0.1})
    grpo = load_method("grpo").loss(two_tokens()).loss
    for entropy, strength in ((0.8, 0.55), (0.1, -0.17)):
        method.after_step({"entropy": entropy, "accuracy": 0.5})
        # one of the two tokens has π_old above 0.3; r = |A| = 1 there
        assert (method.loss(two_tokens()).loss - grpo).item() == pytest.approx(-strength)


ADVANTAGES = {
    # rewards 1 and -1 are s = 1 and 0, their mean 1/2
    "maxrl": [0.5 / (0.5 + 1e-6), -0.5 / (0.5 + 1e-6)],
    # a group of two has no four responses to choose
    "pass_at_k": [0.0, 0.0],
    "lite_ppo": [1 / (math.sqrt(2) + 1e-6), -1 / (math.sqrt(2) + 1e-6)],
    # rewards (1, -1), unbiased std √2
    "grpo": [1 / (math.sqrt(2) + 1e-6), -1 / (math.sqrt(2) + 1e-6)],
    "dr_grpo": [1.0, -1.0],
    "rloo": [2.0, -2.0],
    # lengths (1, 3): baseline (1 - 3)/4
    "opo": [1.5, -0.5],
    "w_reinforce": [0.1, -1.0],
    "psr": [1.0, 0.0],
    "nsr": [0.0, -1.0],
    # the 0.4-quantile of two is the lower one
    "qae": [2 / (math.sqrt(2) + 1e-6), 0.0],
}


@pytest.mark.parametrize("name", ADVANTAGES)
def test_advantages_of_two_responses(name):
    rewards = torch.tensor([1.0, -1.0], dtype=torch.float64)
    result = load_method(name).advantages(rewards, torch.tensor([4, 4]), torch.tensor([1, 3]))
    assert result.tolist() == pytest.approx(ADVANTAGES[name], abs=1e-12)


def test_quantile_baseline_teaches_by_the_rarer_outcome():
    method, group, lengths = load_method("qae"), torch.zeros(5), torch.ones(5)
    hard = method.advantages(torch.tensor([1.0, 0, 0, 0, 0]), group, lengths)
    easy = method.advantages(torch.tensor([0.0, 1, 1, 1, 1]), group, lengths)
    assert (hard != 0).tolist() == [True, False, False, False, False] and hard[0] > 0
    assert (easy != 0).tolist() == [True, False, False, False, False] and easy[0] < 0


def test_pass_at_k_by_hand():
    """n = 4, c = 1, k = 2: ρ = 1 - 3/6, σ = 1/2; right (1/2)/σ, wrong (1/2 - C(2, 1)/C(3, 1))/σ. They sum to 0."""
    rewards = torch.tensor([1.0, -1, -1, -1])
    found = load_method("pass_at_k", {"advantage.k": 2}).advantages(rewards, torch.zeros(4), torch.ones(4))
    assert found.tolist() == pytest.approx([1.0, -1 / 3, -1 / 3, -1 / 3])


def test_every_method_has_an_example():
    from steer.methods import method_names

    shown = {case.split()[0] for case in LOSSES} | {
        "position_shaping",
        "position_shaping_plateau",
        "clip_cov",
        "permuted",
        "damp_random",
    }
    assert shown == set(method_names())
