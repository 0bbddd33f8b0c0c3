"""Read validations in a log: mean@N, best@N and maj@N of each benchmark and step."""

import re
from collections import defaultdict
from typing import Any

# The variable of the correct answers, in verl's order of preference.
VERL = re.compile(r"val-(?:core|aux)/(.+)/([^/]+)/((?:mean|std)@\d+|(?:best|worst|maj)@\d+/(?:mean|std))")
CORE = ("acc", "reward", "score")
MEANINGS = {
    "mean": "mean over problems of the share (or mean value) of N samples",
    "best": "bootstrap: best of N samples drawn with replacement, below the unbiased pass@N",
    "maj": "bootstrap: majority of N samples drawn with replacement",
    "pass": "pass@N as the trainer gives it",
}
DIRECT = {
    **MEANINGS,
    "best": "share of problems with a right answer among N samples",
    "mean": "mean over the samples, N of them where the name says so",
}


def split(rows: dict[int, dict[str, float | None]], trainer: str) -> tuple[list[dict[str, Any]], set[str]]:
    """Return (rows of validation.jsonl, their keys)."""
    found: dict[tuple[int, str], dict[str, dict[str, float | None]]] = defaultdict(lambda: defaultdict(dict))
    used: set[str] = set()
    for step, row in rows.items():
        most = max((int(m[1]) for key in row if (m := re.search(r"_pass(\d+)$", key))), default=1)
        # `message/` repeats a key with a digit more, and comes last.
        for key in sorted(row, key=lambda key: key.startswith("message/")):
            parsed = _parse(key, trainer, most)
            if parsed is not None:
                benchmark, variable, statistic = parsed
                used.add(key)
                if row[key] is not None:
                    found[step, benchmark][variable][statistic] = row[key]
    return [_row(step, benchmark, found[step, benchmark], trainer) for step, benchmark in sorted(found)], used


def _parse(key: str, trainer: str, most: int) -> tuple[str, str, str] | None:
    """Split a validation's key into (benchmark, variable, statistic)."""
    plain = key.removeprefix("message/")
    if match := VERL.fullmatch(plain):
        return match[1], match[2], match[3].removesuffix("/mean")
    if trainer == "openrlhf" and (match := re.fullmatch(r"(?:eval[/_])?(?:eval_)?(.+)_pass(\d+)", plain)):
        return match[1], "acc", f"mean@{most}" if match[2] == "1" else f"best@{match[2]}"
    if match := re.fullmatch(r"eval/(.+)/(avg|pass)@(\d+)", plain):
        return match[1], "acc", f"{'mean' if match[2] == 'avg' else 'pass'}@{match[3]}"
    if trainer == "trl" and (match := re.fullmatch(r"eval[/_](.+)", plain)):
        return "eval", match[1], "mean"
    return None


def _row(step: int, benchmark: str, variables: dict[str, dict[str, float | None]], trainer: str) -> dict[str, Any]:
    """Make one row: the core variable's statistics, their description, and other variables under `other`."""
    core = next((name for name in CORE if name in variables), min(variables))
    meanings = MEANINGS if trainer == "verl" else DIRECT
    shown = {name: variables[core][name] for name in sorted(variables[core], key=_order)}
    kinds = dict.fromkeys(name.partition("@")[0] for name in shown)
    other = {f"{v}/{s}": x for v, values in variables.items() if v != core for s, x in values.items()}
    about = {kind: meanings[kind] for kind in kinds if kind in meanings}
    return {"step": step, "benchmark": benchmark, "variable": core, **shown, "what": about, "other": other}


def _order(statistic: str) -> tuple[str, int]:
    name, _, rest = statistic.partition("@")
    return name, int(re.match(r"\d*", rest)[0] or 0)
