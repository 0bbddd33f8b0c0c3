"""The choice of a run's best model: by avg@k, ties to the earliest, on samples of its own."""

import json

import pytest

from steer import cli
from steer.analyse.select import best_step, score
from steer.configs.load import load_config
from steer.errors import UserError
from steer.io import link_folder, write_jsonl

CONFIG = """
name: chosen
data: {benchmarks: [sums, lists], rows: 4}
training: {steps: 5, prompts: 4, updates: 2, keep_models_every: 2}
evaluation: {select_by: sums}
methods: {grpo: , steer: {training: {keep_models_every: 5}}}
"""


def verdicts(path, *questions):
    rows = [{"id": str(i), "verdicts": [{"verdict": v} for v in row]} for i, row in enumerate(questions)]
    write_jsonl(path, rows)
    return str(path)


def test_the_score_is_the_mean_over_questions_and_counts_no_failed_verifier(tmp_path):
    path = verdicts(tmp_path / "step1.jsonl.gz", ["correct", "wrong"], ["correct", "unverifiable"], ["wrong", "wrong"])
    assert score(path) == pytest.approx((0.5 + 1 + 0) / 3)


def test_nothing_verified_is_no_score(tmp_path):
    with pytest.raises(UserError, match="no response could be verified"):
        score(verdicts(tmp_path / "step1.jsonl.gz", ["unverifiable"]))


def test_of_equals_the_earliest_wins():
    assert best_step({30: 0.5, 10: 0.5, 20: 0.4}) == 10


def test_the_best_model_is_there_without_taking_space_and_outlives_the_others(tmp_path):
    for step, text in ((9, "nine"), (10, "ten")):
        folder = tmp_path / "models" / f"step{step}"
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / "weights").write_text(text)
    files = [
        verdicts(tmp_path / "step9.jsonl.gz", ["wrong", "correct"]),
        verdicts(tmp_path / "step10.jsonl.gz", ["correct", "correct"]),
    ]
    out, summary = tmp_path / "best", tmp_path / "selection.json"
    given = ["select", "--models", str(tmp_path / "models"), "--verdicts", *files]
    assert cli.main([*given, "--out", str(out), "--summary", str(summary)]) == 0
    assert json.loads(summary.read_text()) == {"step": 10, "scores": {"9": 0.5, "10": 1.0}}
    assert (out / "sub" / "weights").samefile(tmp_path / "models" / "step10" / "sub" / "weights")
    (tmp_path / "models" / "step10" / "sub" / "weights").unlink()
    assert (out / "sub" / "weights").read_text() == "ten"


def test_a_linked_folder_replaces_an_older_one(tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "stale").touch()
    link_folder(tmp_path / "new", tmp_path / "old")
    assert list((tmp_path / "old").iterdir()) == []


def write(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return path


def test_the_choice_needs_no_more_samples_than_it_is_told(tmp_path):
    """pass@k at a large k asks the final evaluation for many samples, and not each of twenty models."""
    few = load_config(write(tmp_path, CONFIG), {"evaluation.samples": {"sums": 256}, "evaluation.select_samples": 32})
    asked = few.evaluation.for_selection()
    assert (asked.samples_for("sums"), few.evaluation.samples_for("sums")) == (32, 256)
    assert asked.seed == few.evaluation.seed + 1, "samples of its own"
    same = load_config(write(tmp_path, CONFIG), {"evaluation.samples": {"sums": 4}})
    assert same.evaluation.for_selection().samples == {"sums": 4}
    other = load_config(write(tmp_path, CONFIG), {"evaluation.samples": {"sums": 4, "lists": 9}})
    assert other.evaluation.for_selection() == same.evaluation.for_selection(), "more on another asks none again"


def test_kept_steps_follow_the_runs_own_training(tmp_path):
    config = load_config(write(tmp_path, CONFIG))
    assert config.kept_steps("grpo") == [2, 4]
    assert config.kept_steps("steer") == [5]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("select_by: sums", "select_by: aime24"), "evaluation.select_by is 'aime24', which is not among"),
        (("keep_models_every: 2", "keep_models_every: null"), "run 'grpo' keeps none; set training.keep_models_every"),
        (("keep_models_every: 5", "keep_models_every: 6"), "run 'steer' keeps none"),
        (("keep_models_every: 5", "keep_modls: 5"), "key `methods.steer.training.keep_modls`"),
        (("keep_models_every: 5", "prompts: 3"), r"prompts \(3\) must be a multiple of updates"),
    ],
)
def test_a_choice_without_candidates_is_a_mistake_in_one_line(tmp_path, change, said):
    with pytest.raises(UserError, match=said) as error:
        load_config(write(tmp_path, CONFIG.replace(*change)))
    assert "\n" not in str(error.value)
