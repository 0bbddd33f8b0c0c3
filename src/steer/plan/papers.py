"""Write docs/papers.md, the index of papers: `python -m steer.plan.papers` (`make docs`).

It is made of method files, configurations, reported values, committed reference tables and `steer plan`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from steer.analyse.paper import MAIN, reported
from steer.configs.load import load_config
from steer.io import atomic_write, read_runs
from steer.methods.load import method_names, method_settings
from steer.plan.assumed import Assumptions
from steer.plan.command import gpu_hours
from steer.plan.facts import facts_of

OUTPUT = Path("docs/papers.md")
REFERENCE = Path("results/reference")
LARGE = Path("configs/paper")
NOT_RUN = "not run"
# For methods that `ALL`'s run did not have.
ELSEWHERE = ("entropy_terms", "quadrants", "estimators", "mappings", "dial", "acts")
ALL = "all_methods"  # the experiment of every method
HEAD = """# Paper index

This page leads from a paper to the configuration that reproduces it. Each row has the configuration, what the paper
reports, what was measured here, the command, what to look at, the cost, and whether the method was checked numerically
against the authors' code. The page is written by `python -m steer.plan.papers` (`make docs`).

- **Published** values are in percent or points, as noted by readers of the papers. They come from models of 1.5 to 14
  billion parameters on real benchmarks.
- **Ours** come from models of 0.2 million parameters on synthetic tasks (`results/reference/`): points of average
  accuracy over the base model (none where the models were not evaluated), and final entropy in nats. They are not
  comparable with published values.
- **Cost** at full scale: GPU-hours estimated by `steer plan` with its default assumptions, for all methods and seeds of
  the configuration. At the tiny scale: seconds per run, measured on two CPU cores.
- **Checked**: the commit of the authors' code with which a method's loss was compared number by number (`checked` in
  its file in `configs/methods`). No method has been checked in this way, because the code was not available. Each is
  tested against its formula, written a second time in `tests/methods_plain.py` and `methods_plain_later.py`.
"""


class SetUp(NamedTuple):
    """One configuration at full scale, its counterpart here (file and run shown), and the tables and figures to see."""

    large: str
    table: str
    here: str
    run: str
    look: str


STEER = "arXiv 2510.10150"
DECOMPOSING = "arXiv 2508.02260"
TINY = "tiny"
SETUPS = {
    STEER: [
        SetUp("math_7b", "3", TINY, "steer", "`T3_main_results`, `FE_policy_entropy`, `F6_pass_at_k`, `S_steer_acts`"),
        SetUp("math_1.5b", "12", TINY, "steer", "`T12_main_results`"),
        SetUp("qwen_14b", "4", TINY, "steer", "`T4_main_results`"),
        SetUp("llama_3b", "F20", TINY, "steer", "`F20_other_models`"),
        SetUp("coder_7b", "5", TINY, "steer", "`T5_main_results`"),
        SetUp("extreme_clipping", "6", "extreme_clipping", "extreme_clipping_steer", "`T6_extreme_clipping`, `F8`"),
        SetUp("lambda_sweep", "F18, F19", "lambda_sweep", "steer_0.1", "`F18_F19_lambda_min`"),
        SetUp("clip_sweep", "10", "clip_sweep", "high_0.28", "`T10_clip_range`"),
        SetUp("mappings", "11", "mappings", "steer_binary", "`T11_mapping`"),
        SetUp("algorithms", "F.3", "algorithms", "rloo_steer", "`F22_algorithms`"),
        SetUp("quadrants", "–", "quadrants", "damp_exploitation", "`Q_quadrants`, `FE_policy_entropy`"),
    ],
    DECOMPOSING: [
        SetUp("decomposing_7b", "–", TINY, "perplexity_shaping", "`D1_stages` to `D5_shaping`"),
        SetUp("decomposing_math_7b", "–", TINY, "position_shaping", "`D1_stages` to `D5_shaping`"),
    ],
}
# Of the second paper two numbers are known: points over GRPO on average.
GAINS = {"decomposing_7b": "+1.51 over GRPO", "decomposing_math_7b": "+2.31 over GRPO"}


def render() -> str:
    """Render the page."""
    lines = [HEAD.rstrip()]
    for paper, setups in SETUPS.items():
        lines += ["", f"## {paper}", "", *_header("configuration", "table", "published", "ours", "command", "look at",
                                                   "GPU-hours", "checked")]  # fmt: skip
        lines += [_row(_set_up(each)) for each in setups]
    lines += [
        "",
        f"### Published averages of {STEER}",
        "",
        *_header("table", "model", "setting", "method", "average, %"),
    ]
    lines += [_row(row) for row in _averages()]
    lines += ["", "## Every other method", "", "Rows with more than one seed come from other experiments. Run all with"]
    lines[-1] += (
        f" `snakemake --cores 2 --configfile configs/experiments/{ALL}.yaml`; look at `FE_policy_entropy`,"
        " `F7_accuracy`, `T3_main_results` and `T2_factors`."
    )
    lines += ["", *_header("paper", "configuration", "what of it", "ours", "seconds per run", "checked")]
    lines += [_row(row) for row in _methods()]
    return "\n".join(lines) + "\n"


def _set_up(setup: SetUp) -> list[str]:
    path = LARGE / f"{setup.large}.yaml"
    config = load_config(path)
    hours = sum(gpu_hours(config, facts_of(config), Assumptions()).values())
    checked = {method_settings(run.method or name)[1].get("checked", "no") for name, run in config.methods.items()}
    return [
        f"[`{setup.large}`](../{path})",
        setup.table,
        GAINS.get(setup.large) or _published(config.model.path, setup.table),
        ours(setup.here, setup.run)[0],
        f"`snakemake --configfile {path} --profile workflow/profiles/gpu`"
        + f"; here `snakemake --cores 2 --configfile {_here(setup.here)}`",
        setup.look,
        f"{hours:,.0f}",
        ", ".join(sorted(checked)),
    ]


def _here(name: str) -> str:
    return f"configs/{'' if name == TINY else 'experiments/'}{name}.yaml"


def _published(model: str, table: str) -> str:
    """Return the values of GRPO, STEER, RLOO and OPO in the paper's table: the average, or LiveCodeBench for code."""
    rows = reported()
    rows = rows[(rows["table"] == table) & (rows["model"].map(str.lower) == Path(model).name.lower())]
    rows = rows[rows["column"].isin(["math", "LiveCodeBench"])]
    shown = [f"{row['method']} {100 * row['value']:.1f}" for row in rows.to_dict("records")]
    return ", ".join(text for text in shown if text.startswith(("GRPO", "STEER", "RLOO", "OPO"))) or "–"


def _averages() -> Iterable[list[str]]:
    rows = reported()
    for row in rows[rows["column"] == "math"].to_dict("records"):
        setting = "" if row["setting"] == MAIN else row["setting"]
        yield [row["table"], row["model"], setting, row["method"], f"{100 * row['value']:.1f}"]


def _methods() -> Iterable[list[str]]:
    """Every method of another paper, or of this project."""
    found: list[tuple[str, list[str]]] = []
    for name in method_names():
        about: dict[str, Any] = method_settings(name)[1]
        paper = str(about.get("paper", "–"))
        if not paper.startswith((STEER, DECOMPOSING)):
            found_in = (ours(folder, name) for folder in (ALL, *ELSEWHERE))
            text, seconds = next((pair for pair in found_in if pair[0] != NOT_RUN), (NOT_RUN, "–"))
            link = f"[`{name}`](../configs/methods/{name}.yaml)"
            found.append((paper, [paper, link, about.get("equation", "–"), text, seconds, about.get("checked", "no")]))
    return [row for _, row in sorted(found, key=lambda pair: pair[0])]


def ours(experiment: str, run: str) -> tuple[str, str]:
    """Return (the committed reference's result of the run, seconds per run); dashes if it has none."""
    path = REFERENCE / experiment.replace("_", "-") / "tables/T0_claims.csv"
    row = read_runs(path, ["gain", "entropy_last", "seconds"]).get(run) if path.is_file() else None
    if row is None or not row["entropy_last"]:
        return NOT_RUN, "–"
    seeds = f"{row['seeds_trained']} seed{'' if row['seeds_trained'] == '1' else 's'}"
    gain = f"{100 * float(row['gain']):+.1f} points, " if row["gain"] else ""  # empty: its models were not evaluated
    text = f"`{run}` {gain}{float(row['entropy_last']):.3f} nats ({seeds})"
    return text, f"{float(row['seconds']):.0f}" if row["seconds"] else "–"


def _header(*names: str) -> list[str]:
    return [_row(names), "|" + "---|" * len(names)]


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def main() -> None:
    """Write the page."""
    atomic_write(OUTPUT, render())
    print(OUTPUT)


if __name__ == "__main__":
    main()
