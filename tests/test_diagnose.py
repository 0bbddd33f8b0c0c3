"""`steer diagnose`: verdicts on runs made for it, and each check by a curve that sets it off."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from steer.cli import main
from steer.diagnose.act import first_apart, in_words, verdict
from steer.diagnose.folders import read_runs
from steer.diagnose.health import CHECKS, health
from steer.io import write_jsonl

STEPS = 40


def run(shift: float = 0.0, ratio: float = 1.0, seeds=(0, 1), start: int = 1) -> dict[int, pd.DataFrame]:
    """Entropies that differ by 0.02 between seeds, and from the plain run by `shift` from step `start` on."""
    frames = {}
    for seed in seeds:
        rows = [
            {"step": s, "entropy": 0.5 + 0.02 * seed + 0.001 * (s % 3) + shift * (s >= start)}
            for s in range(1, STEPS + 1)
        ]
        law = {"tabular_change": -0.2, "tabular_change_weighted": -0.2 * ratio, "gradient_norm": 0.5}
        frames[seed] = pd.DataFrame([{**row, **law} for row in rows])
    return frames


def test_inert_when_the_law_and_the_curves_say_so():
    said = verdict(run(ratio=0.97, shift=0.003), run())
    assert said.verdict == "inert" and "0.97 times" in said.reason


def test_acts_from_the_step_at_which_it_begins():
    said = verdict(run(shift=0.4, start=20), run())
    assert said.verdict == "acts" and said.facts["apart"] == {"entropy": 20}


def test_a_difference_as_between_seeds_is_none():
    assert first_apart(run(shift=0.02), run()) == {}


@pytest.mark.parametrize(
    ("mine", "reference", "said"),
    [
        (run(0.003), {}, "no reference run"),
        (run(0.4, seeds=(0,)), run(seeds=(0,)), "fewer than two seeds"),
        (run(0.003, ratio=0.5), run(), "0.50 times"),
        ({s: f[["step", "entropy"]] + [0, 0.003] for s, f in run().items()}, run(), "the prediction needs"),
    ],
)
def test_what_cannot_be_decided_says_why(mine, reference, said):
    found = verdict(mine, reference)
    assert found.verdict == "cannot be decided" and said in found.reason


def test_a_switch_that_is_off_is_inert():
    assert "equals the reference" in verdict(run(seeds=(3,)), run(seeds=(3, 4))).reason
    timed = {seed: frame.assign(seconds=9.0) for seed, frame in run(seeds=(3,)).items()}
    assert "equals the reference" in verdict(timed, {3: run(seeds=(3,))[3].assign(seconds=1.0)}).reason
    one_other = {3: run(seeds=(3,))[3].assign(**{"other/kl": [0.0] * (STEPS - 1) + [0.1]})}
    assert verdict(one_other, {3: run(seeds=(3,))[3].assign(**{"other/kl": 0.0})}).verdict == "cannot be decided"


def test_a_run_that_touches_no_token_is_inert_without_any_reference():
    plain = {"touched": 0.0, "gradient_mass": 0.4, "gradient_mass_plain": 0.4}
    assert verdict({0: run()[0].assign(**plain)}, {}).verdict == "inert"
    for change in ({"touched": 0.2}, {"gradient_mass": 0.399}):
        said = verdict({0: run()[0].assign(**plain | change)}, {})
        assert said.verdict == "cannot be decided" and "no reference" in said.reason


def test_the_numbers_in_words():
    said = in_words(verdict({0: run()[0].assign(touched=0.25, gradient_mass=0.3, gradient_mass_plain=0.4)}, {}).facts)
    assert "25.0 % of the tokens contribute differently to the gradient than under plain GRPO" in said
    assert "-25.0 % change of the gradient's mass against plain GRPO" in said


FLAT = {"entropy": 0.5, "zero_spread": 0.3, "truncated": 0.05, "response_length": 100.0, "rollout_kl_k3": 1e-4}
FLAT |= {"gradient_norm": 0.5, "unverifiable": 0, "guessed": 0.0, "ratio_p01": 0.9, "ratio_p99": 1.1}
CONFIG = {"training": {"prompts": 8, "rollouts": 8}, "verl": {"loss_agg_mode": "token-mean"}}


def curve(**changes) -> pd.DataFrame:
    """Flat metrics, `changes`: functions of the share of the run that is over."""
    rows = [{"step": s, **FLAT, **{n: f(s / STEPS) for n, f in changes.items()}} for s in range(1, STEPS + 1)]
    return pd.DataFrame(rows)


SICK = {
    "collapse": curve(entropy=lambda x: 0.5 * (1 - 0.95 * x)),
    "explosion": curve(entropy=lambda x: 0.5 + 2 * x),
    "late surge": curve(entropy=lambda x: 0.5 - 0.8 * x if x < 0.5 else 0.1 + 0.5 * (x - 0.5)),
    "no signal": curve(zero_spread=lambda x: x),
    "truncation rises": curve(truncated=lambda x: 0.3 * x),
    "length drifts": curve(response_length=lambda x: 100 + 200 * x),
    "engines differ": curve(rollout_kl_k3=lambda x: 0.05 if x == 0.5 else 1e-4),
    "gradient spikes": curve(gradient_norm=lambda x: 50.0 if x == 0.5 else 0.5),
    "no gradient": curve(gradient_norm=lambda x: 0.0 if x > 0.3 else 0.5),
    "verifier fails": curve(unverifiable=lambda x: 2),
    "guessed verdicts": curve(guessed=lambda x: 0.2 * x),
    "policy stands still": curve(ratio_p01=lambda x: 1.0, ratio_p99=lambda x: 1.0),
}


def test_a_flat_run_is_healthy_and_every_check_has_a_sick_one():
    assert {row["state"] for row in health(curve(), CONFIG)} == {"ok"}
    assert SICK.keys() == {check.name for check in CHECKS}


@pytest.mark.parametrize("name", SICK)
def test_a_check_sees_what_it_is_for(name):
    warned = [row["check"] for row in health(SICK[name], CONFIG) if row["state"] == "warning"]
    assert name in warned and len(warned) <= 2


def test_a_run_without_gradient_has_no_spike():
    (row,) = [r for r in health(curve(gradient_norm=lambda x: 0.0), {}) if r["check"] == "gradient spikes"]
    assert row["state"] == "ok" and row["seen"] == "no step has a gradient"
    idle = curve(gradient_norm=lambda x: 0.5 if x > 0.9 else 0.0)
    assert "gradient spikes" not in [r["check"] for r in health(idle, {}) if r["state"] == "warning"]


def test_thresholds_are_the_numbers_that_the_checks_use_and_their_links_lead_somewhere():
    page = (Path(__file__).parents[1] / "docs/reading-curves.md").read_text()
    anchors = {line.lstrip("# ").lower().replace(" ", "-") for line in page.splitlines() if line.startswith("#")}
    for check in CHECKS:
        assert check.link.partition("#")[2] in anchors, check.link
        never = math.inf if check.name not in ("collapse", "policy stands still") else -math.inf
        assert not check.test(SICK[check.name], CONFIG, never)[0], check.name


def test_what_is_not_logged_is_not_judged():
    rows = health(curve()[["step", "entropy"]], {})
    assert [row["check"] for row in rows if row["state"] != "not logged"] == ["collapse", "explosion", "late surge"]


def test_the_command(tmp_path, capsys):
    for name, frames in {"mine": run(0.4), "plain": run()}.items():
        for seed, frame in frames.items():
            write_jsonl(tmp_path / name / f"seed{seed}/metrics.jsonl", frame.to_dict("records"))
    places = [str(tmp_path / "mine"), "--reference", str(tmp_path / "plain")]
    assert main(["diagnose", *places]) == 0
    assert "Did the method act? acts" in capsys.readouterr().out
    assert main(["diagnose", *places, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["runs"]
    assert found["verdict"] == "acts" and set(found["health"]) == {"0", "1"}
    assert main(["diagnose", str(tmp_path)]) == 2 and "no metrics.jsonl" in capsys.readouterr().err
    assert [(r.name, sorted(r.frames)) for r in read_runs([str(tmp_path / "mine")])] == [("mine", [0, 1])]


def test_a_page_of_run_folders_alone(tmp_path, capsys):
    for name, frame in {"mine": SICK["collapse"], "plain": curve()}.items():
        write_jsonl(tmp_path / name / "seed0/metrics.jsonl", frame.to_dict("records"))
    places = [str(tmp_path / name) for name in ("mine", "plain")]
    assert main(["report", "--runs", *places, "--out", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert "mine, seed 0: collapse" in page and "plain, seed 0" not in page
    assert (
        "There is no run of the plain method" in page and "<strong>cannot be decided</strong>: no reference run" in page
    )
    for name, frames in {"mine": run(0.4), "grpo": run()}.items():
        for seed, frame in frames.items():
            write_jsonl(tmp_path / "two" / name / f"seed{seed}/metrics.jsonl", frame.to_dict("records"))
    places = [str(tmp_path / "two" / name) for name in ("mine", "grpo")]
    assert main(["report", "--runs", *places, "--out", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert "Each beside grpo" in page and "mine: <strong>acts</strong>: entropy differs" in page
    assert main(["report", "--out", str(tmp_path / "page.html")]) == 2 and "--runs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"step": "a"}, {"step": 2}], "line 1: step 'a'"),
        ([{"step": 1}, {"entropy": 0.5}], "line 2: step None"),
        ([{"step": 1, "entropy": "x"}], "`entropy` is 'x'"),
        ([{"entropy": 0.5}], "no field `step`"),
        ([], "no field `step`"),
    ],
)
def test_damaged_metrics_end_in_one_line(tmp_path, capsys, rows, said):
    write_jsonl(tmp_path / "run/metrics.jsonl", rows)
    for command in (["diagnose"], ["report", "--runs"], ["plot", "--out", str(tmp_path), "--runs"]):
        assert main([*command, str(tmp_path / "run")]) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1
