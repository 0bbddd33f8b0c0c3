"""Read a results folder into frames: one row per question of an evaluation, one per step of a training run.

Whatever the configuration names and the folder lacks is described in `missing`; nothing is filled in.
"""

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from steer.analyse.statistics import majority
from steer.configs.load import read_yaml
from steer.configs.schema import Config
from steer.errors import UserError
from steer.io import packed, read_jsonl
from steer.methods.load import method_settings
from steer.outside.check import check_metrics

BESIDE = ("base", "oracle")
VERDICTS = ("correct", "wrong", "unverifiable")
QUESTION_COLUMNS = [
    "run",
    "seed",
    "benchmark",
    "kind",
    "id",
    "samples",
    *VERDICTS,
    "truncated",
    "tokens",
    "logprob",
    "guessed",
    "logprob_first",
    "correct_second",
    "wrong_second",
    "present_not_extracted",
    "majority",
]


@dataclass
class Collected:
    """Frames of one results folder.

    `questions` has QUESTION_COLUMNS: counts of samples, `tokens` their mean length,
    `logprob` the mean of their log-probabilities per token, `logprob_first` that of the first half of the samples.
    `correct_second` and `wrong_second` count verdicts in the second half, for analyses that group questions by one half
    and score them on the other. `majority` is maj@k over all verified samples (math). `curves` has run, seed, step and
    every metric found. `runs` holds each run folder's config.yaml by (run, seed). `labels` follows the order of the
    tables: base, trained runs, external runs, oracle.
    """

    config: Config
    folder: Path
    labels: dict[str, str]
    kinds: dict[str, str]
    questions: pd.DataFrame
    curves: pd.DataFrame
    runs: dict[tuple[str, int], dict[str, Any]]
    missing: list[str] = field(default_factory=list)

    @property
    def trained(self) -> list[str]:
        return [run for run in self.labels if run not in BESIDE]

    def judged(self) -> "Collected":
        """Return this without imported runs, which have no verdicts, for the tables of verdicts."""
        imported = self.config.imported
        labels = {run: label for run, label in self.labels.items() if run not in imported}
        curves = self.curves[~self.curves["run"].isin(imported)]
        said = [f"{self.labels[run]}: a log made elsewhere, without verdicts, so it is left out" for run in imported]
        return replace(self, labels=labels, curves=curves, missing=[*said, *self.missing])


def collect(config: Config, folder: str | Path) -> Collected:
    """Read everything that `config` names under `folder`. A damaged file raises `UserError`; a missing one is noted."""
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such results folder; run the workflow first or correct --results")
    missing: list[str] = []
    runs, curves = _training(config, folder, missing)
    problems, kinds = _problems(config, folder, missing)
    rows: list[dict[str, Any]] = []
    for run, seed in config.evaluated:
        if not (folder / "verdicts" / run / f"seed{seed}").is_dir():
            missing.append(f"run {run}, seed {seed}: no verdicts")
            continue
        if not (folder / "generations" / run / f"seed{seed}").is_dir():
            missing.append(f"run {run}, seed {seed}: no responses, so no lengths and truncation rates")
        for benchmark in config.data.benchmarks:
            kind, gold = kinds.get(benchmark, ""), problems.get(benchmark)
            rows += _evaluation(folder, run, seed, benchmark, kind, gold, missing)
    questions = pd.DataFrame(rows, columns=QUESTION_COLUMNS)
    return Collected(config, folder, _labels(config, runs), kinds, questions, curves, runs, missing)


def _labels(config: Config, runs: dict[tuple[str, int], dict[str, Any]]) -> dict[str, str]:
    labels = {"base": "base"} if "base" in config.evaluation.also else {}
    for run in config.runs:
        # A label corrected in the method's file also applies to runs trained before.
        entry = config.methods.get(run)
        if entry is not None:
            labels[run] = entry.label or method_settings(entry.method or run)[1].get("label", run)
            continue
        said = next((about["label"] for (name, _), about in runs.items() if name == run and about.get("label")), run)
        labels[run] = config.external[run].label or said
    return labels | ({"oracle": "oracle"} if "oracle" in config.evaluation.also else {})


def _training(
    config: Config, folder: Path, missing: list[str]
) -> tuple[dict[tuple[str, int], dict[str, Any]], pd.DataFrame]:
    runs, frames = {}, []
    for run in config.runs:
        for seed in config.seeds_of(run):
            place = folder / "runs" / run / f"seed{seed}"
            if (place / "config.yaml").is_file():
                runs[run, seed] = read_yaml(place / "config.yaml")
            metrics = packed(place / "metrics.jsonl")
            if not metrics.is_file():
                missing.append(f"run {run}, seed {seed}: no training metrics")
                continue
            rows = read_jsonl(metrics)
            if run in config.external:
                check_metrics(rows, metrics)
            frame = pd.DataFrame(rows)
            if "step" not in frame:
                raise UserError(f"{metrics}: no field `step`; write one line a step as documented")
            # A resumed run may have written a step twice: training continued from the later line.
            frame = frame.drop_duplicates("step", keep="last").sort_values("step")
            frame.insert(0, "seed", seed)
            frame.insert(0, "run", run)
            frames.append(frame)
            if "zero_spread" in frame and (frame["zero_spread"] == 1).all():
                missing.append(f"run {run}, seed {seed}: no signal, the rewards of every group were equal in all steps")
            planned = config.planned_steps(run)
            if planned and frame["step"].max() < planned:
                missing.append(f"run {run}, seed {seed}: {frame['step'].max()} of {planned} steps")
    return runs, pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["run", "seed", "step"])


def _problems(config: Config, folder: Path, missing: list[str]) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Read (benchmark → id → gold answer, benchmark → kind) of the available problems."""
    gold: dict[str, dict[str, str]] = {}
    kinds: dict[str, str] = {}
    for benchmark in config.data.benchmarks:
        path = folder / "data" / f"{benchmark}.jsonl"
        if not path.is_file():
            missing.append(f"benchmark {benchmark}: no problems, so it counts neither as math nor as code")
            continue
        for row in read_jsonl(path):
            gold.setdefault(benchmark, {})[row["id"]] = row.get("gold") or ""
            kinds[benchmark] = row["kind"]
    return gold, kinds


def _evaluation(
    folder: Path, run: str, seed: int, benchmark: str, kind: str, gold: dict[str, str] | None, missing: list[str]
) -> list[dict[str, Any]]:
    """Read one row per problem; `gold` has the benchmark's problems, None if their file is missing."""
    place = Path(run) / f"seed{seed}" / f"{benchmark}.jsonl.gz"
    if not (folder / "verdicts" / place).is_file():
        missing.append(f"run {run}, seed {seed}: no verdicts on {benchmark}")
        return []
    responses: dict[str, list[dict[str, Any]]] = {}
    if (folder / "generations" / place).is_file():
        responses = {row["id"]: row["responses"] for row in read_jsonl(folder / "generations" / place)}
    elif (folder / "generations" / run / f"seed{seed}").is_dir():
        missing.append(f"run {run}, seed {seed}: no responses on {benchmark}, so no lengths and truncation rates")
    key = {"run": run, "seed": seed, "benchmark": benchmark, "kind": kind}
    rows = []
    verdicts = read_jsonl(folder / "verdicts" / place)
    # A truncated file would otherwise silently give an accuracy over fewer questions.
    if gold is not None and [row.get("id") for row in verdicts] != list(gold):
        raise UserError(f"{folder / 'verdicts' / place}: verdicts on other problems than the data holds; grade again")
    for row in verdicts:
        answered = responses.get(row["id"])
        if answered is not None and len(answered) != len(row["verdicts"]):
            raise UserError(f"{folder / 'verdicts' / place}: {row['id']} has another number of responses; grade again")
        answer = (gold or {}).get(row["id"], "")
        rows.append({**key, "id": row["id"], **_question(row["verdicts"], answered, kind, answer)})
    return rows


def _question(verdicts: list[dict], responses: list[dict] | None, kind: str, gold: str) -> dict[str, Any]:
    counts = Counter(verdict["verdict"] for verdict in verdicts)
    if unknown := set(counts) - set(VERDICTS):
        raise UserError(f"verdict {unknown.pop()!r} is none of {', '.join(VERDICTS)}; grade again")
    row: dict[str, Any] = {"samples": len(verdicts), **{name: counts[name] for name in VERDICTS}}
    half = len(verdicts) // 2
    second = Counter(verdict["verdict"] for verdict in verdicts[half:])
    row |= {"correct_second": second["correct"], "wrong_second": second["wrong"], "logprob_first": None}
    row["truncated"] = row["tokens"] = row["logprob"] = row["present_not_extracted"] = row["majority"] = None
    row["guessed"] = None
    if kind == "math":
        if all("reading" in verdict for verdict in verdicts):
            row["guessed"] = sum(verdict["reading"] == "guessed" for verdict in verdicts)
        judged = [verdict for verdict in verdicts if verdict["verdict"] != "unverifiable"]
        right = [verdict["verdict"] == "correct" for verdict in judged]
        row["majority"] = majority([_text(verdict.get("extracted")) for verdict in judged], right)
    if responses is not None:
        row["truncated"] = sum(response["finish_reason"] == "length" for response in responses)
        row["tokens"] = sum(response["tokens"] for response in responses) / max(len(responses), 1)
        if responses and all("logprob" in response for response in responses):
            logprobs = [response["logprob"] for response in responses]
            row["logprob"] = sum(logprobs) / len(logprobs)
            row["logprob_first"] = sum(logprobs[:half]) / half if half else None
        if kind == "math" and gold:
            row["present_not_extracted"] = sum(
                verdict["verdict"] == "wrong" and not _text(verdict.get("extracted")) and stands_in(gold, said["text"])
                for verdict, said in zip(verdicts, responses, strict=True)
            )
    return row


def _text(extracted: Any) -> str:
    return "" if extracted is None else re.sub(r"\s+", "", str(extracted))


def stands_in(gold: str, text: str) -> bool:
    """Check whether the text contains the gold answer as a whole word or number; spaces are ignored."""
    gold, text = re.sub(r"[\s$]+", "", gold), re.sub(r"[ \t$]+", " ", text)
    pattern = r"\s*".join(re.escape(symbol) for symbol in gold)
    return re.search(rf"(?<![\w.\-]){pattern}(?![\w/]|[.,]\d)", text) is not None
