"""docs/papers.md: in step with what it is made of, and nothing left out."""

import csv
import re

import pytest

from steer.methods.load import method_names, method_settings
from steer.plan import papers


@pytest.fixture(scope="module")
def page():
    return papers.render()


def test_the_committed_page_is_in_step(page):
    assert papers.OUTPUT.read_text(encoding="utf-8") == page, "run `make docs`"


def test_every_paper_and_every_method_of_another_paper_is_on_the_page(page):
    for name in method_names():
        paper = str(method_settings(name)[1].get("paper", ""))
        number = re.match(r"arXiv \S+", paper)
        assert number is None or number.group() in page
        own = paper.startswith((papers.STEER, papers.DECOMPOSING))
        assert (f"configs/methods/{name}.yaml" in page) != own


def test_numbers_are_those_of_their_sources(page):
    assert "GRPO 44.2, OPO 46.4, STEER 48.6" in next(line for line in page.splitlines() if "`math_7b`" in line)
    with open("results/reference/quadrants/tables/T0_claims.csv", newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["run"] == "damp_exploitation")
    said = f"`damp_exploitation` {100 * float(row['gain']):+.1f} points, {float(row['entropy_last']):.3f} nats"
    assert said in page


def test_what_was_not_run_or_checked_says_so(monkeypatch, tmp_path):
    assert papers.ours("tiny", "no_such_run") == ("not run", "–")
    monkeypatch.setattr(papers, "REFERENCE", tmp_path)
    assert papers.ours("tiny", "grpo") == ("not run", "–")


def test_a_run_that_was_not_evaluated_shows_its_entropy_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(papers, "REFERENCE", tmp_path)
    (tmp_path / "acts/tables").mkdir(parents=True)
    rows = "run,label,gain,entropy_last,seconds,seeds_trained\nmaxrl,m,,0.164,215,3\nsapo,s,0.1,0.2,,1\nold,o,,,9,1\n"
    (tmp_path / "acts/tables/T0_claims.csv").write_text(rows)
    assert papers.ours("acts", "maxrl") == ("`maxrl` 0.164 nats (3 seeds)", "215")
    assert papers.ours("acts", "sapo") == ("`sapo` +10.0 points, 0.200 nats (1 seed)", "–")
    assert papers.ours("acts", "old") == ("not run", "–")
