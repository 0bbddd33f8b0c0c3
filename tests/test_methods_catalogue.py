"""docs/methods.md is what the configurations say."""

import re
from pathlib import Path

import pytest

from steer.methods import load_method, method_names
from steer.methods.catalogue import OUTPUT, factors, render

ROOT = Path(__file__).parents[1]


def test_the_committed_page_is_up_to_date():
    message = "docs/methods.md is out of date: run `python -m steer.methods.catalogue` and commit it"
    assert (ROOT / OUTPUT).read_text(encoding="utf-8") == render(), message


def test_every_method_and_its_sources_are_on_the_page():
    page = (ROOT / OUTPUT).read_text(encoding="utf-8")
    for name in method_names():
        assert f"configs/methods/{name}.yaml" in page and f"| {load_method(name).label} |" in page
    links = re.findall(r"\[`(\w+)`\]\(\.\./(src/[\w/]+\.py)#L(\d+)\)", page)
    assert len(links) > 80
    for function, path, line in set(links):
        assert (ROOT / path).read_text(encoding="utf-8").splitlines()[int(line) - 1].startswith(f"def {function}(")


def test_a_method_that_says_nothing_about_itself_is_on_the_page_too(tmp_path, monkeypatch):
    (tmp_path / "configs/methods").mkdir(parents=True)
    for name, text in {"grpo": "advantage: grpo\n", "bare": "weight: {name: fork, share: 0.5}\n"}.items():
        (tmp_path / f"configs/methods/{name}.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("steer.methods.catalogue.method_names", lambda: ["bare", "grpo"])
    page = render()
    assert re.search(r"^\| bare \| \[`bare`\].* \| – \| – \| .*weight: \[`fork`\].*\(share 0.5\) \|$", page, re.M)
    assert "| bare |  |  |  | ✓ |" in page


CLIP, ADVANTAGE, PROBABILITY, ENTROPY = "clip", "advantage", "token probability", "conditional entropy"


@pytest.mark.parametrize(
    "name, touched",
    {
        "grpo": set(),
        "clip_higher": {CLIP},
        "rloo": {ADVANTAGE},
        "entropy_regularisation": {ENTROPY},
        "adaptive_entropy": {ENTROPY},
        "position_shaping_plateau": {ADVANTAGE},
        "perplexity_shaping": {ADVANTAGE, PROBABILITY},
        "entropy_advantage": {ADVANTAGE, ENTROPY},
        "fork_tokens": {CLIP, ENTROPY},
        "clip_cov": {CLIP, ADVANTAGE, PROBABILITY},
        "kl_cov": {CLIP, ADVANTAGE, PROBABILITY},
        "rlrt": {ADVANTAGE, PROBABILITY},
        "advantage_reweighting": {ADVANTAGE, PROBABILITY},
        "ce_gppo": {CLIP},
        "steer": {CLIP, ADVANTAGE, PROBABILITY, ENTROPY},
    }.items(),
)
def test_factors_found_by_experiment(name, touched):
    assert factors(name) == touched
