"""Select the responses that the page keeps, so that a reader can check verdicts.

The selection has the same first problems and samples for every run, so that runs can be compared on one problem, and
the first responses that the verifier could not judge. It shrinks until it fits the budget.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steer.report.chunks import clip, pack
from steer.report.collect import Contents, rows_or_note, seed_folders

# Responses read before the budget is applied; this bounds memory, not the page.
READ_LIMIT = 40_000
SMALLEST = 2
UNVERIFIABLE_KEPT = 4
TEXT_LIMIT, PROMPT_LIMIT, FIELD_LIMIT = 3000, 3000, 300


@dataclass(frozen=True)
class Response:
    """One response with where it comes from: indices into the runs, the problems and the samples."""

    run: str
    seed: int
    problem: int
    sample: int
    id: str
    prompt: str
    values: dict[str, Any]
    verdict: dict[str, Any]


@dataclass
class Benchmark:
    name: str
    gold: dict[str, str]
    responses: list[Response] = field(default_factory=list)
    total: int = 0


@dataclass(frozen=True)
class Selection:
    """Packed pieces by benchmark name, with the numbers of responses shown and available."""

    chunks: dict[str, str]
    shown: dict[str, int]
    total: dict[str, int]


def select(contents: Contents, budget: int) -> Selection:
    """Select responses of every run and benchmark in at most `budget` bytes (the smallest choice may exceed it)."""
    benchmarks = _read(contents)
    quota = max((len(b.responses) for b in benchmarks), default=0)
    files = max(1, len({(r.run, r.seed) for b in benchmarks for r in b.responses}))
    quota = max(SMALLEST, -(-quota // files))
    while True:
        kept = {b.name: [r for r in b.responses if _within(r, quota)] for b in benchmarks}
        chunks = {b.name: pack(_columns(b, kept[b.name])) for b in benchmarks}
        if sum(map(len, chunks.values())) <= budget or quota <= SMALLEST:
            break
        quota //= 2
    shown = {name: len(responses) for name, responses in kept.items()}
    return Selection(chunks, shown, {b.name: b.total for b in benchmarks})


def shape(quota: int) -> tuple[int, int]:
    """Choose how many problems and samples to show, for about `quota` responses per run, seed and benchmark."""
    samples = 4 if quota >= 32 else 2 if quota >= 4 else 1
    return max(1, quota // samples), samples


def _within(response: Response, quota: int) -> bool:
    problems, samples = shape(quota)
    first = response.problem < problems and response.sample < samples
    return first or (quota > SMALLEST and response.verdict.get("verdict") == "unverifiable")


def _read(contents: Contents) -> list[Benchmark]:
    names = list(contents.config.data.benchmarks)
    sources = [
        (run.name, seed, folder)
        for run in contents.runs
        for seed, folder in seed_folders(contents.root / "generations" / run.name)
    ]
    if not sources:
        if contents.root.is_dir():
            contents.missing.append("generations/: no response to show for the verdicts")
        return []
    quota = max(SMALLEST, READ_LIMIT // (len(sources) * max(1, len(names))))
    benchmarks = []
    for name in names:
        benchmark = Benchmark(name, _gold(contents.root / "data" / f"{name}.jsonl"))
        for run, seed, folder in sources:
            _read_file(contents, benchmark, run, seed, folder / f"{name}.jsonl.gz", quota)
        if benchmark.responses:
            benchmarks.append(benchmark)
    return benchmarks


def _read_file(contents: Contents, benchmark: Benchmark, run: str, seed: int, path: Path, quota: int) -> None:
    if not path.is_file():
        contents.missing.append(f"generations of {run}, seed {seed}: none for {benchmark.name}")
        return
    verdict_path = contents.root / "verdicts" / run / f"seed{seed}" / path.name
    graded: list[dict[str, Any]] = []
    if verdict_path.is_file():
        graded = rows_or_note(verdict_path, contents.missing)
    else:
        contents.missing.append(f"verdicts of {run}, seed {seed}: none for {benchmark.name}, shown as not graded")
    verdicts = {row.get("id"): row.get("verdicts") or [] for row in graded if isinstance(row.get("id"), str)}
    problems, samples = shape(quota)
    unverifiable = 0
    for problem, row in enumerate(rows_or_note(path, contents.missing)):
        for sample, values in enumerate(row.get("responses") or []):
            benchmark.total += 1
            judged = verdicts.get(row.get("id"), [])
            verdict = judged[sample] if sample < len(judged) and isinstance(judged[sample], dict) else {}
            special = verdict.get("verdict") == "unverifiable" and unverifiable < UNVERIFIABLE_KEPT
            unverifiable += special
            if special or (problem < problems and sample < samples):
                identity = str(row.get("id"))
                prompt = clip(row.get("prompt"), PROMPT_LIMIT)
                response = Response(run, seed, problem, sample, identity, prompt, _cut(values), verdict)
                benchmark.responses.append(response)


def _cut(values: Any) -> dict[str, Any]:
    values = values if isinstance(values, dict) else {"text": values}
    return {**values, "text": clip(values.get("text"), TEXT_LIMIT)}


def _gold(path: Path) -> dict[str, str]:
    """Read reference answers by problem id; none for code, or if the benchmark's file is missing."""
    rows = rows_or_note(path, []) if path.is_file() else []
    return {str(row.get("id")): clip(row.get("gold"), FIELD_LIMIT) for row in rows if row.get("gold")}


def _columns(benchmark: Benchmark, responses: list[Response]) -> dict[str, Any]:
    """Turn rows into columns, which compress better; prompts shared by runs are stored once."""
    prompts: dict[tuple[str, str], int] = {}
    for response in responses:
        prompts.setdefault((response.id, response.prompt), len(prompts))
    return {
        "prompts": [{"id": i, "prompt": p, "gold": benchmark.gold.get(i, "")} for i, p in prompts],
        "run": [r.run for r in responses],
        "seed": [r.seed for r in responses],
        "prompt": [prompts[r.id, r.prompt] for r in responses],
        "sample": [r.sample for r in responses],
        "text": [r.values["text"] for r in responses],
        "tokens": [r.values.get("tokens") for r in responses],
        "finish": [r.values.get("finish_reason") for r in responses],
        "verdict": [r.verdict.get("verdict") for r in responses],
        "extracted": [clip(r.verdict.get("extracted"), FIELD_LIMIT) for r in responses],
        "reason": [clip(r.verdict.get("reason"), FIELD_LIMIT) for r in responses],
    }
