"""The choice of a run's best model: by avg@k, ties to the earliest, on samples of its own."""

import json

import pytest
import torch
from training import SMALL
from transformers import Phi3Config, Qwen2Config

from steer import cli
from steer.analyse.select import best_step, score
from steer.configs.load import load_config
from steer.configs.schema import Rollout
from steer.data.tasks import distinct_problems
from steer.engines.turns import Turns
from steer.errors import UserError
from steer.io import link_folder, read_jsonl, write_jsonl
from steer.models.load import new_model, save_model
from steer.models.tokenizer import character_tokenizer

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


def test_one_start_serves_all_kept_models_of_a_run(tmp_path, monkeypatch):
    """vLLM reads the next weights. It starts anew for longer responses, and where what it serves cannot be checked."""
    log = []

    class Started:
        def __init__(self, settings, path, revision, tokenizer, **asked):
            log.append(("start", path[-5:]))

        def read(self, path):
            log.append(("read", path[-5:]))

        def close(self):
            log.append(("close",))

    monkeypatch.setattr("steer.engines.open.serving", Started)
    for number, config in enumerate((Qwen2Config(), Qwen2Config(), Qwen2Config(), Phi3Config(), Phi3Config())):
        config.save_pretrained(tmp_path / f"step{number}")
    turns, vllm = Turns(), Rollout(engine="vllm")
    for number in (0, 1, 2):
        turns(vllm, str(tmp_path / f"step{number}"), None, None, tokens=8)
    assert log == [("start", "step0"), ("read", "step1"), ("read", "step2")]
    log.clear()
    turns(vllm, str(tmp_path / "step0"), None, None, tokens=9)
    for number in (3, 4):
        turns(vllm, str(tmp_path / f"step{number}"), None, None, tokens=9)
    turns(Rollout(), str(tmp_path / "step0"), None, None, tokens=9)
    turns(Rollout(), str(tmp_path / "step1"), None, None, tokens=9)
    turns.close()
    starts = [("start", f"step{number}") for number in (0, 3, 4, 0, 1)]
    assert log == [event for start in starts for event in (("close",), start)] + [("close",)]


def test_kept_models_are_validated_together_as_alone_and_from_the_cache(tmp_path, capsys):
    tokenizer = character_tokenizer()
    for step in (2, 10):
        model = new_model(SMALL, tokenizer, seed=step)
        with torch.no_grad():
            model.lm_head.weight.mul_(20)
        save_model(model, tokenizer, tmp_path / f"models/step{step}")
    (tmp_path / "alone").mkdir()
    link_folder(tmp_path / "models/step10", tmp_path / "alone/step10")
    (tmp_path / "config.yaml").write_text(CONFIG + "rollout: {stop: []}\n")
    write_jsonl(tmp_path / "sums.jsonl", [p.to_json() for p in distinct_problems("sums", "evaluation", 0, 3)])
    more = ["--set", "evaluation.max_response_tokens=6", "--set", "evaluation.samples.default=2"]

    def validate(models, out):
        where = ["--models", str(tmp_path / models), "--out", str(tmp_path / out), "--cache", str(tmp_path / "cache")]
        given = ["--config", str(tmp_path / "config.yaml"), "--data", str(tmp_path / "sums.jsonl"), *where]
        return cli.main(["validate", *given, *more])

    assert validate("alone", "a") == validate("models", "b") == 0
    told = [json.loads(line)["model"] for line in capsys.readouterr().out.splitlines()]
    assert [path.rpartition("/")[2] for path in told] == ["step10", "step2", "step10"], "in the order of the steps"
    responses = [json.dumps([row["responses"] for row in read_jsonl(path)]) for path in (tmp_path / "cache").iterdir()]
    assert len(set(responses)) == 2, "of two models, each sampled once"
    assert {path.name for path in (tmp_path / "b").iterdir()} == {"step2.jsonl.gz", "step10.jsonl.gz"}
    kept = [score(str(tmp_path / path)) for path in ("a/step10.jsonl.gz", "b/step10.jsonl.gz")]
    assert kept[0] == kept[1]
    (tmp_path / "nothing").mkdir()
    assert validate("nothing", "c") == 2
    assert "no step<n> folder of a kept model" in capsys.readouterr().err
