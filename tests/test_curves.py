"""The committed runs of docs/reading-curves.md still show what the page says of them."""

from pathlib import Path

import pytest

from steer.diagnose.command import diagnose
from steer.diagnose.folders import read_runs

ROOT = Path(__file__).parents[1]
RUNS = ROOT / "results/reference/curves/runs"
PAGE = (ROOT / "docs/reading-curves.md").read_text()
# Run -> all findings; the page names the first of each.
SHAPES = {
    "healthy": set(),
    "held": {"truncation rises", "late surge"},
    "collapse": {"collapse", "no signal", "late surge"},
    "explosion": {"explosion", "truncation rises", "length drifts", "no signal"},
    "late_surge": {"late surge", "no signal"},
    "crash": {"collapse", "no gradient", "no signal", "late surge", "truncation rises"},
    "short": {"no signal", "no gradient", "policy stands still"},
    "standing_still": {"policy stands still"},
    "few_prompts": set(),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_found(name):
    (run,) = read_runs([str(RUNS / name)])
    for rows in diagnose(run, {})["health"].values():
        warned = {row["check"] for row in rows if row["state"] == "warning"}
        assert warned == SHAPES[name]


def test_each_shape_is_drawn_and_on_the_page():
    for name in (*SHAPES, "one_on_another"):
        assert f"figures/{name}.png" in PAGE and (RUNS.parent / f"figures/{name}.png").stat().st_size > 5000


def test_the_numbers_of_the_page_are_those_of_the_run():
    reference = read_runs([str(RUNS / "healthy")])[0].frames
    facts = diagnose(read_runs([str(RUNS / "steer")])[0], reference)["facts"]
    assert f"{facts['touched']:.0%}".replace("%", " %") + " of STEER's tokens" in PAGE
    assert round(facts["gradient_mass_change"], 2) == -0.05 and "mass is 5 % smaller" in PAGE
    assert f"{facts['predicted_entropy_change']:.2f} times in" in PAGE
