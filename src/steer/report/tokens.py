"""The token view: training responses token by token, from `runs/<run>/seed<k>/tokens.jsonl.gz`."""

from dataclasses import dataclass
from typing import Any

from steer.report.chunks import clip, number, pack
from steer.report.collect import Contents, rows_or_note

MEASURES = ("probability", "entropy", "omega", "weight")
TOKENS_SHOWN = 800
READ_LIMIT = 64


@dataclass(frozen=True)
class TokenView:
    """Packed pieces by `<run>/<seed>`, with the numbers of responses shown and stored."""

    chunks: dict[str, str]
    shown: int
    total: int


def token_view(contents: Contents, budget: int) -> TokenView:
    """Select responses of every run, as many as `budget` bytes allow (at least one each)."""
    stored: dict[str, list[dict[str, Any]]] = {}
    total = 0
    for run in contents.runs:
        for seed in run.seeds:
            path = seed.folder / "tokens.jsonl.gz"
            rows = rows_or_note(path, contents.missing) if path.is_file() else []
            good = [row for row in rows if _well_formed(row)]
            if len(good) < len(rows):
                bad = len(rows) - len(good)
                contents.missing.append(f"tokens of {run.label}, seed {seed.seed}: {bad} lines with unequal lists")
            total += len(rows)
            if good:
                stored[f"{run.name}/{seed.seed}"] = [_compact(row) for row in _spread(good, READ_LIMIT)]
    count = max(map(len, stored.values()), default=0)
    while True:
        kept = {key: _spread(rows, count) for key, rows in stored.items()}
        chunks = {key: pack(rows) for key, rows in kept.items()}
        if sum(map(len, chunks.values())) <= budget or count <= 1:
            return TokenView(chunks, sum(map(len, kept.values())), total)
        count = max(1, count // 2)


def _spread(rows: list[Any], count: int) -> list[Any]:
    """Pick `count` evenly spaced rows, starting with the first, so that early and late steps are both shown."""
    if len(rows) <= count:
        return rows
    return [rows[i * len(rows) // count] for i in range(count)]


def _well_formed(row: dict[str, Any]) -> bool:
    tokens = row.get("token")
    if not isinstance(tokens, list) or not tokens:
        return False
    lists = [row[name] for name in MEASURES if row.get(name) is not None]
    return all(isinstance(values, list) and len(values) == len(tokens) for values in lists)


def _compact(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: row.get(name) for name in ("step", "id", "benchmark", "verdict")}
    kept = {name: value if value is None or isinstance(value, int) else str(value) for name, value in kept.items()}
    measures = {
        name: [number(value, 3) for value in row[name][:TOKENS_SHOWN]] for name in MEASURES if row.get(name) is not None
    }
    return {
        **kept,
        "advantage": number(row.get("advantage"), 3),
        "prompt": clip(row.get("prompt"), 2000),
        "token": [str(token) for token in row["token"][:TOKENS_SHOWN]],
        "length": len(row["token"]),
        **measures,
    }
