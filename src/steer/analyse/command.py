"""`steer tabulate`: make the tables of one results folder from its runs and verdicts."""

import argparse
import hashlib
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steer.configs.load import add_config_argument, config_from, dump
from steer.io import read_jsonl, write_json

if TYPE_CHECKING:
    from steer.analyse.collect import Collected

VALIDATED = re.compile(r"(mean(@\d+)?|(best|maj|pass)@\d+)$")


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--results", required=True, metavar="FOLDER", help="results/<name>, the folder with the runs")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where to write the tables")


def run(args: argparse.Namespace) -> None:
    from steer.analyse import accuracy, claims, comparison, frontier, render, tables
    from steer.analyse import study_tables as small
    from steer.analyse.collect import collect
    from steer.analyse.perplexity import perplexity_table
    from steer.analyse.spread import power_frame, power_table
    from steer.analyse.statements import is_default, statements
    from steer.analyse.theory import tables as theory
    from steer.analyse.theory import weightings
    from steer.analyse.timing import step_time_table, step_times

    config = config_from(args)
    everything = collect(config, args.results)
    along = frontier.points(everything) if config.evaluation.frontier else None
    collected = everything.judged()
    measurements = theory.read(collected)
    out = Path(args.out)
    about = provenance(everything, args)
    for line in collected.missing:
        print(f"steer tabulate: missing: {line}", file=sys.stderr)

    found = accuracy.cells(collected.questions)
    accuracies = accuracy.accuracy_table(collected, found)
    shares = accuracy.shares_of(found)
    compared = comparison.comparison_table(shares, list(collected.labels), accuracy.columns(collected))
    alike = comparison.seeds_as_methods(shares, collected.trained, accuracy.columns(collected))
    print(tables.alike_note(alike) or "A/A check: no method has two seeds to compare.")
    claim_rows = claims.claims_table(collected, found)
    made = [
        tables.main_results(collected, accuracies, compared),
        tables.comparisons(collected, compared, alike),
        tables.rates(collected, accuracy.rates_table(collected)),
        tables.claims(collected, claim_rows),
        tables.weights(everything, claims.weight_summary(everything)),
    ]
    if is_default(config):
        made.append(tables.statements(collected, statements(collected, claim_rows)))
    made += small.study_tables(collected, accuracies, compared, made[0].name)
    spread = power_frame(collected.questions, found, collected.curves)
    power = power_table(spread, tables.scale_note(collected))
    made += [power] if power is not None else []
    touched = small.factor_table(collected)
    if len(touched.frame):
        made.append(touched)
    times = step_times(everything)
    if len(times):
        made.append(step_time_table(everything, times))
    if "oracle" in collected.labels:
        made.append(tables.oracle_failures(collected, oracle_rows(collected)))
    if config.measurement:
        agreements = theory.agreements(measurements, config.measurement.draws)
        made += [theory.estimator_table(collected, agreements), theory.model_table(collected, agreements)]
    weighed = weightings.rows_of(measurements)
    laws = weightings.laws(weighed, config.measurement.draws if config.measurement else 0)
    effects = weightings.effects(weighed, weightings.labels_of(collected))
    if len(weighed):
        made.append(weightings.weighting_table(collected, effects, laws))
    if along is not None and len(along):
        above = frontier.ahead(frontier.gaps(along, config.evaluation.frontier.reference))
        made.append(frontier.frontier_table(collected, along, above))
    for table in made:
        render.write(table, out, about)
    frames = {
        "accuracy.csv": accuracies,
        "A_seeds_as_methods.csv": alike,
        "F6_pass_at_k.csv": accuracy.pass_table(collected, found),
        "training_curves.csv.gz": labelled_curves(everything),
        "F1_entropy_change.csv.gz": theory.binned(measurements),
        "F1_tokens.csv.gz": theory.sampled(measurements),
        "T13_weightings.csv": effects,
        "T13_law.csv": laws,
        "D3_perplexity_groups.csv": perplexity_table(collected, found),
        "D4_positions.csv": theory.positions(measurements),
        "accuracy_by_question.csv.gz": collected.questions,
    }
    if along is not None:
        frames["frontier.csv"] = along
    if config.imported:
        frames["validation_curves.csv"] = validation_curves(everything)
    for name, frame in frames.items():
        render.write_frame(frame, out / name)
    model = config.model.path or "a model trained from scratch"
    write_json(
        out / "tables.json",
        {**about, "labels": everything.labels, "model": model, "scale": tables.scale_note(collected)},
    )


def provenance(collected: "Collected", args: argparse.Namespace) -> dict[str, Any]:
    """Provenance of a table: run folders (relative to the results folder), configuration hash, command."""
    command = ["steer", "tabulate", "--config", args.config, "--results", args.results, "--out", args.out]
    for pair in args.set:
        command += ["--set", pair]
    evaluated = collected.questions[["run", "seed"]].drop_duplicates().itertuples(index=False)
    return {
        "profile": collected.config.name,
        "command": shlex.join(command),
        "config_sha256": hashlib.sha256(dump(collected.config).encode()).hexdigest(),
        "run_folders": [f"runs/{run}/seed{seed}" for run, seed in collected.runs],
        "verdict_folders": [f"verdicts/{run}/seed{seed}" for run, seed in evaluated],
        "versions": next((about.get("versions") for about in collected.runs.values()), None),
        "missing": collected.missing,
    }


def labelled_curves(collected: "Collected") -> Any:
    """Training metrics of all runs, one row per run, seed and step, in the order of the tables."""
    curves = collected.curves.copy()
    curves.insert(1, "label", [collected.labels[name] for name in curves["run"]])
    return curves


def validation_curves(collected: "Collected") -> Any:
    """Validations in imported logs: run, label, seed, step, benchmark, variable, statistic, value."""
    import pandas as pd

    rows = []
    for run in collected.config.imported:
        for seed in collected.config.seeds_of(run):
            path = collected.folder / "runs" / run / f"seed{seed}" / "validation.jsonl"
            for row in read_jsonl(path) if path.is_file() else []:
                key = [run, collected.labels[run], seed, row["step"], row["benchmark"], row["variable"]]
                rows += [[*key, name, value] for name, value in row.items() if VALIDATED.match(name)]
    return pd.DataFrame(rows, columns=["run", "label", "seed", "step", "benchmark", "variable", "statistic", "value"])


def oracle_rows(collected: "Collected") -> Any:
    """List benchmark, id, verdict, reason and extracted answer of every oracle response that is not `correct`."""
    import pandas as pd

    rows = []
    for benchmark in collected.config.data.benchmarks:
        path = collected.folder / "verdicts" / "oracle" / "seed0" / f"{benchmark}.jsonl.gz"
        data = collected.folder / "data" / f"{benchmark}.jsonl"
        unanswered = {row["id"] for row in read_jsonl(data) if not row["solution"]} if data.is_file() else set()
        for row in read_jsonl(path) if path.is_file() else []:
            for verdict in row["verdicts"]:
                if verdict["verdict"] != "correct":
                    kept = {key: verdict.get(key) for key in ("verdict", "reason", "extracted")}
                    if row["id"] in unanswered:
                        kept["reason"] = "the benchmark publishes no reference solution"
                    rows.append({"benchmark": benchmark, "id": row["id"], **kept})
    return pd.DataFrame(rows, columns=["benchmark", "id", "verdict", "reason", "extracted"])
