"""Map each trainer's keys to our metrics, with unit conversions. docs/metrics.md defines ours."""

import re
from collections.abc import Callable, Mapping

Row = Mapping[str, float | None]

FAMILIES = ("accuracy/", "quadrant_share/", "quadrant_change/")
NAMES = """
reward reward_errors updates_skipped updates_skipped_in_a_row guessed accuracy unverifiable entropy entropy_correct
entropy_wrong logprob clip_fraction clip_fraction_low
clip_fraction_high weight_min weight_p05 weight_p25 weight_p50 weight_p75 weight_p95 weight_max weight_ess
advantage_std zero_spread response_length truncated gradient_norm ratio_p01 ratio_p50 ratio_p99 ratio_max loss
lr seconds_sync seconds_rollout seconds_verify seconds_logprob seconds_update seconds rollout_mismatch_mean
rollout_mismatch_max rollout_kl_k1 rollout_kl_k3 correction_mean rollout_weights clamped_entropy peak_entropy
entropy_change entropy_change_weighted entropy_change_removed tabular_change tabular_change_weighted
touched gradient_mass gradient_mass_plain
"""
OURS = set(NAMES.split())
GIB = 2**30 / 1e9

# Their key → ours, unchanged.
VERL = {
    "critic/rewards/mean": "reward",
    "actor/pg_clipfrac_low": "clip_fraction_low",
    "actor/pg_clipfrac_high": "clip_fraction_high",
    "actor/pg_loss": "loss",
    "actor/grad_norm": "gradient_norm",
    "actor/lr": "lr",
    "response_length/mean": "response_length",
    "response_length/clip_ratio": "truncated",
    "actor/token_weights_min": "weight_min",
    "actor/token_weights_max": "weight_max",
    "timing_s/gen": "seconds_rollout",
    "timing_s/reward": "seconds_verify",
    "timing_s/old_log_prob": "seconds_logprob",
    "timing_s/update_actor": "seconds_update",
    "rollout_corr/kl": "rollout_kl_k1",
    "rollout_corr/k3_kl": "rollout_kl_k3",
    "rollout_corr/rollout_is_mean": "correction_mean",
}
TRL = {
    "reward": "reward",
    "frac_reward_zero_std": "zero_spread",
    "entropy": "entropy",
    "clip_ratio/low_mean": "clip_fraction_low",
    "clip_ratio/high_mean": "clip_fraction_high",
    "clip_ratio/region_mean": "clip_fraction",
    "clip_ratio": "clip_fraction",
    "loss": "loss",
    "grad_norm": "gradient_norm",
    "learning_rate": "lr",
    "completions/mean_length": "response_length",
    "completion_length": "response_length",
    "completions/clipped_ratio": "truncated",
    "sampling/sampling_logp_difference/mean": "rollout_mismatch_mean",
    "sampling/sampling_logp_difference/max": "rollout_mismatch_max",
    "sampling/importance_sampling_ratio/mean": "correction_mean",
    "step_time": "seconds",
}
OPENRLHF = {
    "rollout/reward_mean": "reward",
    "reward": "reward",
    "rollout/response_length_mean": "response_length",
    "response_length": "response_length",
    "rollout/truncated_rate": "truncated",
    "response_clip_ratio": "truncated",
    "entropy_loss": "entropy",
    "ppo_clip_ratio": "clip_fraction",
    "vllm_kl": "rollout_kl_k1",
    "policy_loss": "loss",
    "actor_grad_norm": "gradient_norm",
    "actor_lr": "lr",
    "timing/generation": "seconds_rollout",
    "timing/make_experience": "seconds_logprob",
    "timing/ppo_train": "seconds_update",
    "timing/broadcast": "seconds_sync",
    "timing/step_total": "seconds",
}
PRIME_RL = {
    "reward/all/mean": "reward",
    "reward/mean": "reward",
    "is_truncated/all/mean": "truncated",
    "is_truncated/mean": "truncated",
    "entropy/all/mean": "entropy",
    "entropy/mean": "entropy",
    "mismatch_kl/all/mean": "rollout_kl_k3",
    "mismatch_kl/mean": "rollout_kl_k3",
    "loss/mean": "loss",
    "optim/grad_norm": "gradient_norm",
    "optim/lr": "lr",
    "time/step": "seconds",
    "time/forward_backward": "seconds_update",
    "time/broadcast_weights": "seconds_sync",
}
# prime-rl has the agent's name in the middle of the key. Discarded responses count in our metrics, so `all` is first.
PRIME_RL_PATTERNS = {
    r"train/agg/(?:all|effective)/[^/]+/reward/mean": "reward",
    r"train/agg/(?:all|effective)/[^/]+/num_output_tokens/mean": "response_length",
    r"train/agg/(?:all|effective)/[^/]+/is_truncated/mean": "truncated",
}
INSIDE = "steer/"
TABLES = {"verl": VERL, "trl": TRL, "openrlhf": OPENRLHF, "prime-rl": PRIME_RL}
# Keys that identify a trainer; all trainers have `reward` and `loss`.
MARKS = {
    "verl": r"(actor|critic|response_length|prompt_length|timing_s|timing_per_token_ms|perf|global_seqlen|val-core"
    r"|val-aux|rollout_corr|training|steerf)/",
    "trl": r"(completions/|rewards/|reward_std$|frac_reward_zero_std$|learning_rate$|grad_norm$|clip_ratio|sampling/"
    r"|completion_length$|num_tokens$|step_time$)",
    "openrlhf": r"(policy_loss$|actor_lr$|actor_grad_norm$|ppo_clip_ratio$|ppo_kl$|rollout/|timing/|vllm_kl$"
    r"|response_clip_ratio$|entropy_loss$|group_reward_std$|logprobs_diff$|eval_\w+_pass\d+$)",
    "prime-rl": r"(optim/|train/agg/|mismatch_kl/|entropy/|loss/mean$|time/|reward/(all/)?mean$|is_truncated/|seq_len/"
    r"|eval/[^/]+/.*(avg|pass)@\d+$|is_masked)",
    "steer": r"(gradient_norm$|clip_fraction|zero_spread$|truncated$|weight_|ratio_(p\d|max)|seconds|response_length$"
    r"|rollout_mismatch|entropy_(correct|wrong|change)|quadrant_|advantage_std$|accuracy)",
}


def is_ours(name: str) -> bool:
    return name in OURS or name.startswith((*FAMILIES, "memory_gb_"))


def producer(keys: set[str]) -> str | None:
    """Find the trainer that knows most of these keys; None if no trainer knows any."""
    counts = {name: sum(re.match(mark, key) is not None for key in keys) for name, mark in MARKS.items()}
    best = max(counts, key=counts.__getitem__)
    return best if counts[best] else None


def direct(trainer: str, keys: set[str]) -> dict[str, str]:
    """Map their `keys` to ours where values are unchanged; if several map to one of ours, the first listed counts."""
    table = {key: ours for key, ours in TABLES.get(trainer, {}).items() if key in keys}
    if trainer in ("verl", "trl"):  # inside them our trainer logs our metrics under our names
        own = {key: key.removeprefix(INSIDE) for key in sorted(keys) if key.startswith(INSIDE)}
        table = {key: ours for key, ours in own.items() if is_ours(ours)} | table
    if trainer in ("steer", "other"):  # a log of no known trainer: what has our name is ours
        table = {key: key for key in keys if is_ours(key)}
    if trainer == "prime-rl":
        for pattern, ours in PRIME_RL_PATTERNS.items():
            found = sorted(key for key in keys if re.fullmatch(pattern, key))  # `all` stands before `effective`
            table = {**{key: ours for key in found[:1]}, **table}
    chosen: dict[str, str] = {}
    for key, ours in table.items():
        if ours not in chosen.values():
            chosen[key] = ours
    parts = {"clip_fraction_low", "clip_fraction_high"} <= set(chosen.values())
    return {key: ours for key, ours in chosen.items() if not (parts and ours == "clip_fraction" and trainer != "steer")}


def computed(trainer: str, keys: set[str]) -> dict[str, tuple[list[str], Callable[[Row], float | None]]]:
    """Map our metrics to (their keys, conversion) where values are converted."""
    rules = {"verl": _verl, "prime-rl": _prime_rl}.get(trainer)
    found = rules(keys) if rules else {}
    return {ours: rule for ours, rule in found.items() if keys >= set(rule[0]) and INSIDE + ours not in keys}


def _verl(keys: set[str]) -> dict[str, tuple[list[str], Callable[[Row], float | None]]]:
    sync = "timing_s/update_weights" if "timing_s/update_weights" in keys else "timing_s/reshard"
    rules = {
        "seconds_sync": ([sync], lambda row: row[sync]),
        "seconds": (["timing_s/step"], _seconds),
        "memory_gb_update": (["perf/max_memory_allocated_gb"], lambda row: GIB * row["perf/max_memory_allocated_gb"]),
        "weight_ess": (["steerf/tw_mean", "steerf/tw_std"], _effective),
        "entropy": (["actor/entropy"], verl_entropy),
    }
    if "actor/pg_clipfrac_low" not in keys:
        rules["clip_fraction"] = (["actor/pg_clipfrac"], lambda row: row["actor/pg_clipfrac"])
    # With a KL penalty in the reward the reward itself is the score.
    if "critic/rewards/mean" not in keys or "actor/reward_kl_penalty" in keys:
        rules["reward"] = (["critic/score/mean"], lambda row: row["critic/score/mean"])
    return rules


def _seconds(row: Row) -> float:
    """Subtract validation and saving, which our metric does not include."""
    beside = ("timing_s/testing", "timing_s/save_checkpoint")
    return row["timing_s/step"] - sum(row.get(key) or 0.0 for key in beside)


def _effective(row: Row) -> float | None:
    mean, spread = row["steerf/tw_mean"], row["steerf/tw_std"]
    return mean**2 / (mean**2 + spread**2) if mean or spread else None


def verl_entropy(row: Row) -> float:
    """Divide a fork's sum over the response by the mean length, which has more digits than the printed three."""
    shown, total, length = (row.get(key) for key in ("actor/entropy", "actor/seq_entropy", "response_length/mean"))
    if total is not None and length and abs(total / length - shown) <= 0.00055:
        return total / length
    return shown


def agents(keys: set[str]) -> list[str]:
    """List prime-rl's agents (or environments), which are part of the key."""
    return sorted({match[1] for key in keys if (match := re.match(r"train/agg/(?:all|effective)/([^/]+)/", key))})


def _prime_rl(keys: set[str]) -> dict[str, tuple[list[str], Callable[[Row], float | None]]]:
    none = sorted(key for key in keys if re.fullmatch(r"train/agg/all/[^/]+/solved_none", key))[:1]
    every = [key.replace("solved_none", "solved_all") for key in none]
    return {"zero_spread": ([*none, *every], lambda row: sum(row[key] for key in (*none, *every)))} if none else {}
