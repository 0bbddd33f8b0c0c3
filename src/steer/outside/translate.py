"""Translate their names and units to ours."""

import math
from typing import Any

from steer.configs.load import nearest
from steer.errors import UserError
from steer.outside import names
from steer.outside.records import CLOCKS, Log, is_validation


def translate(
    log: Log, trainer: str, asked: dict[str, str], taken: set[str]
) -> tuple[list[dict[str, Any]], dict[str, str], list[str]]:
    """Return (rows of metrics.jsonl, our metric → its source, keys left).

    `asked`: the user's mapping of their keys to ours; `taken`: keys of validations. Steps start at 1; missing and
    non-finite values are null.
    """
    keys = {key for row in log.rows.values() for key in row} - taken - CLOCKS
    _check_asked(asked, keys, names.OURS)
    rules: dict[str, tuple[list[str], Any]] = {}
    for theirs, ours in asked.items():
        rules[ours] = ([theirs], lambda row, key=theirs: row[key])
    for ours, (needed, function) in names.computed(trainer, keys - asked.keys()).items():
        rules.setdefault(ours, (needed, function))
    direct = {key: ours for key, ours in names.direct(trainer, keys - asked.keys()).items() if ours not in rules}
    rules |= {ours: ([key], lambda row, key=key: row[key]) for key, ours in direct.items()}
    if trainer == "prime-rl" and len(agents := names.agents(keys)) > 1:
        whose = ((ours, names.agents(set(needed))) for ours, (needed, _) in rules.items())
        said = ", ".join(f"{ours} of {agent[0]}" for ours, agent in whose if agent)
        log.notes.append(f"the agents {', '.join(agents)} log apart; taken: {said}; --map takes another")
    _entropy_of_tokens(log, rules)
    mapped = {ours: ", ".join(needed) for ours, (needed, _) in rules.items()}
    _accuracy(log, trainer, rules, mapped)
    used = {key for needed, _ in rules.values() for key in needed}
    left = sorted(keys - used)
    rows = _rows(log, rules, left)
    return rows, mapped, left


def _check_asked(asked: dict[str, str], keys: set[str], ours: set[str]) -> None:
    for theirs, name in asked.items():
        if theirs not in keys:
            raise UserError(f"--map {theirs}={name}: the log has no key `{theirs}`{nearest(theirs, keys)}")
        if not names.is_ours(name):
            raise UserError(f"--map {theirs}={name}: no metric of ours `{name}`{nearest(name, ours)}; docs/metrics.md")


def _entropy_of_tokens(log: Log, rules: dict[str, tuple[list[str], Any]]) -> None:
    """Keep the name of an entropy that verl does not average over tokens, as ours is."""
    mode = log.settings.get("verl", {}).get("loss_agg_mode")
    if mode not in (None, "token-mean") and rules.get("entropy", (None, None))[1] is names.verl_entropy:
        del rules["entropy"]
        log.notes.append(
            f"actor/entropy is reduced by {mode}, ours is the mean over tokens, so it keeps its name; "
            "--map actor/entropy=entropy takes it all the same"
        )


def _accuracy(log: Log, trainer: str, rules: dict[str, tuple[list[str], Any]], mapped: dict[str, str]) -> None:
    """Convert verl's score to accuracy if its minimum and maximum show scores of 0 and 1, or -1 and 1."""
    if trainer == "verl" and "accuracy" not in rules:
        ends = {row.get(f"critic/score/{end}") for row in log.rows.values() for end in ("min", "max")} - {None}
        if ends and ends <= {0, 1} and any("critic/score/mean" in row for row in log.rows.values()):
            rules["accuracy"] = (["critic/score/mean"], lambda row: row["critic/score/mean"])
            mapped["accuracy"] = "critic/score/mean"
        elif ends and ends <= {-1, 1} and -1 in ends:
            rules["accuracy"] = (["critic/score/mean"], lambda row: (1 + row["critic/score/mean"]) / 2)
            mapped["accuracy"] = "(1 + critic/score/mean) / 2"
        return
    if "accuracy" in rules and trainer != "steer":
        (key,), _ = rules["accuracy"]
        values = [row[key] for row in log.rows.values() if row.get(key) is not None]
        if any(value < 0 for value in values):
            rules["accuracy"] = ([key], lambda row: (1 + row[key]) / 2)
            mapped["accuracy"] = f"(1 + {key}) / 2"


def _rows(log: Log, rules: dict[str, tuple[list[str], Any]], left: list[str]) -> list[dict[str, Any]]:
    trained = {s: row for s, row in log.rows.items() if any(not is_validation(k) and k not in CLOCKS for k in row)}
    shift = int(0 in trained)
    if shift:
        log.notes.append("steps begin at 0 in the log and at 1 here: training step s is its s - 1")
    rows, bad = [], 0
    for step, row in trained.items():
        made: dict[str, Any] = {"step": step + shift}
        for name, (needed, function) in rules.items():
            made[name] = function(row) if all(row.get(key) is not None for key in needed) else None
        made |= {f"other/{key}": row.get(key) for key in left}
        for name, value in made.items():
            if isinstance(value, float) and not math.isfinite(value):
                made[name] = None
                bad += 1
        rows.append(made)
    if bad:
        log.notes.append(f"{bad} value{' is' if bad == 1 else 's are'} NaN or infinite: null here")
    return rows
