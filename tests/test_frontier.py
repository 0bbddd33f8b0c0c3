"""The frontier: who is above the reference's own path at equal entropy, and the kept models that it is made of."""

import json
import math

import pandas as pd
import pytest
from fake_results import METHODS, fake_config, write_fake_results
from pictures import assert_tidy
from training import SMALL

from steer import cli
from steer.analyse import frontier
from steer.analyse.collect import collect
from steer.analyse.power import smallest_difference
from steer.configs.load import check
from steer.data.problem import Problem
from steer.data.tasks import distinct_problems
from steer.errors import UserError
from steer.figures import F14_frontier
from steer.figures.sources import Sources
from steer.grade.frontier import in_turn, question
from steer.io import read_jsonl, write_jsonl
from steer.models.load import new_model, save_model
from steer.models.tokenizer import character_tokenizer


def path_of(run, seed, *models):
    """Rows of a run: (step, entropy, accuracy, pass@k) of each."""
    names = ["step", "entropy", "accuracy", "pass_at_k"]
    rows = [dict(zip(names, model, strict=True)) for model in models]
    return pd.DataFrame(rows).assign(run=run, label=run, seed=seed, questions=4, samples=8)


GRPO = [(0, 0.4, 0.2, 0.8), (10, 0.2, 0.4, 0.7), (20, 0.1, 0.45, 0.5)]


def test_the_distance_is_taken_at_the_models_own_entropy_and_not_beyond_the_path():
    other = path_of("steer", 0, (0, 0.4, 0.2, 0.8), (10, 0.3, 0.33, 0.7), (20, 0.05, 0.5, 0.5))
    found = frontier.gaps(pd.concat([path_of("grpo", 0, *GRPO), other]), "grpo")
    assert found["step"].tolist() == [10, 20], "the base model is on every path"
    # Halfway between 0.4 and 0.2 nats the path has 30 % and 75 %; 0.05 nats are beyond its end.
    assert found["accuracy"].tolist() == pytest.approx([0.03, math.nan], nan_ok=True)
    assert found["pass_at_k"].tolist() == pytest.approx([-0.05, math.nan], nan_ok=True)


def test_the_reference_at_other_steps_is_not_ahead_of_itself():
    slower = path_of("slow", 0, (0, 0.4, 0.2, 0.8), (10, 0.35, 0.25, 0.775), (20, 0.15, 0.425, 0.6))
    found = frontier.gaps(pd.concat([path_of("grpo", 0, *GRPO), slower]), "grpo")
    assert found[["accuracy", "pass_at_k"]].abs().max(axis=None) < 1e-12


def test_where_the_path_comes_back_its_highest_value_is_the_one_to_beat():
    back = path_of("grpo", 0, (0, 0.4, 0.2, 0.8), (10, 0.2, 0.4, 0.7), (20, 0.3, 0.5, 0.6))
    other = path_of("steer", 0, (10, 0.3, 0.3, 0.75), (20, 0.25, 0.45, 0.6))
    found = frontier.gaps(pd.concat([back, other]), "grpo")
    # At 0.3 nats the path has 30 % on its way down and 50 % at its end; at 0.25 nats 35 % and 45 %.
    assert found["accuracy"].tolist() == pytest.approx([-0.2, 0.0])
    assert found["pass_at_k"].tolist() == pytest.approx([0.0, -0.125])
    still = path_of("grpo", 0, (0, 0.4, 0.2, 0.8), (10, 0.4, 0.3, 0.7))
    assert frontier.gaps(pd.concat([still, path_of("steer", 0, (10, 0.4, 0.3, 0.8))]), "grpo")["accuracy"].item() == 0


def test_a_seed_is_compared_with_the_path_of_its_own_seed():
    lower = [(step, entropy, accuracy - 0.1, passed) for step, entropy, accuracy, passed in GRPO]
    both = [path_of("grpo", 0, *GRPO), path_of("grpo", 1, *lower), path_of("steer", 1, *lower)]
    assert frontier.gaps(pd.concat(both), "grpo")["accuracy"].tolist() == pytest.approx([0, 0])


def test_the_unit_of_the_interval_is_the_seed():
    rows = [("steer", "STEER", seed, step, gap, 0.0) for seed, gap in enumerate((0.01, 0.02, 0.06)) for step in (1, 2)]
    distances = pd.DataFrame(rows, columns=["run", "label", "seed", "step", "accuracy", "pass_at_k"])
    distances.loc[0, "accuracy"] = math.nan
    row = frontier.ahead(distances).iloc[0]
    assert (row["seeds"], row["compared"], row["models"]) == (3, 5, 6)
    # Mean 0.03, standard deviation 0.02646, t(2) = 4.3027: half of the interval 0.06573.
    assert (row["accuracy"], row["accuracy_low"]) == pytest.approx((0.03, 0.03 - 0.06573), abs=1e-5)
    assert row["accuracy_shown"] == pytest.approx(smallest_difference(math.sqrt(0.0007), 3))


def test_questions_are_taken_in_turn_from_the_benchmarks():
    def problems(name, number):
        return [Problem(id=f"{name}-{i}", benchmark=name, kind="math", prompt="", gold="1") for i in range(number)]

    chosen = in_turn({"a": problems("a", 9), "b": problems("b", 1), "c": problems("c", 9)}, 6)
    assert {name: [p.id for p in of_it] for name, of_it in chosen.items()} == {
        "a": ["a-0", "a-1", "a-2"],
        "b": ["b-0"],
        "c": ["c-0", "c-1"],
    }


def test_entropy_weighs_tokens_not_responses_and_needs_every_log_probability():
    responses = [{"text": "", "tokens": 1, "logprob": -2.0}, {"text": "", "tokens": 3, "logprob": -0.4}]
    judgement = {"verdicts": [{"verdict": "correct"}, {"verdict": "unverifiable"}]}
    row = question({"id": "q", "responses": responses}, judgement)
    assert (row["correct"], row["wrong"], row["unverifiable"], row["tokens"]) == (1, 0, 1, 4)
    assert row["nll"] / row["tokens"] == pytest.approx((2.0 + 3 * 0.4) / 4)
    del responses[0]["logprob"]
    assert question({"id": "q", "responses": responses}, judgement)["nll"] is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reference": "grqo"}, "evaluation.frontier: 'grqo' is no entry of `methods`"),
        ({"runs": ["stear"]}, "evaluation.frontier: 'stear' is no entry"),
        ({}, "run 'grpo' keeps none; set training.keep_models_every"),
    ],
)
def test_a_frontier_without_models_is_a_mistake_in_one_line(change, said):
    tree = fake_config(METHODS, [0]).model_dump(mode="json")
    tree["evaluation"]["frontier"] = change
    tree["training"]["keep_models_every"] = 10 if change else None
    with pytest.raises(UserError, match=said) as error:
        check(tree, "c.yaml")
    assert "\n" not in str(error.value)


def written(tmp_path):
    """Results of two runs with two seeds. At step 15 STEER has twice GRPO's accuracy on the first benchmark."""
    names = {name: METHODS[name] for name in ("grpo", "steer")}
    training = {"steps": 30, "prompts": 8, "updates": 2, "keep_models_every": 15}
    evaluation = {"samples": {"default": 4}, "frontier": {"questions": 3, "samples": 4}}
    results = tmp_path / "results"
    config = write_fake_results(results, names, training=training, evaluation=evaluation)
    many, single = list(config.data.benchmarks)[:2]
    for run in names:
        for seed in (0, 1):
            rows = []
            for step, entropy in ((0, 0.5), (15, 0.3), (30, 0.2)):
                right = 2 if (run, step) == ("steer", 15) else 1
                key = {"step": step, "samples": 4, "unverifiable": 0}
                for i in (0, 1):
                    counts = {"correct": right, "wrong": 4 - right, "tokens": 10, "nll": 10 * entropy}
                    rows.append({**key, "benchmark": many, "id": f"{many}-{i}", **counts})
                counts = {"correct": 0, "wrong": 3, "unverifiable": 1, "tokens": 80, "nll": 80 * (entropy + 0.1)}
                rows.append({**key, "benchmark": single, "id": f"{single}-0", **counts})
            write_jsonl(results / f"frontier/{run}/seed{seed}.jsonl.gz", rows)
    return config, results


def test_a_point_weighs_benchmarks_alike_and_tokens_alike(tmp_path):
    found = frontier.points(collect(*written(tmp_path)))
    assert len(found) == 12
    # Two questions of the one benchmark with a quarter right, one of the other with none.
    assert found[found["run"] == "grpo"]["accuracy"].tolist() == pytest.approx(6 * [0.125])
    # An unverifiable sample takes no question out of pass@k.
    assert found["pass_at_k"].tolist() == pytest.approx(12 * [0.5])
    # 20 tokens at 0.5 nats and 80 at 0.6.
    assert found["entropy"][:3].tolist() == pytest.approx([0.58, 0.38, 0.28])


def test_the_table_and_the_figure_are_made_of_it_and_say_what_is_missing(tmp_path, capsys):
    config, results = written(tmp_path)
    (results / "frontier/steer/seed1.jsonl.gz").unlink()
    (tmp_path / "c.yaml").write_text(json.dumps(config.model_dump(mode="json")))
    given = ["--config", str(tmp_path / "c.yaml")]
    assert cli.main(["tabulate", *given, "--results", str(results), "--out", str(tmp_path / "tables")]) == 0
    lacking = "run steer, seed 1: no kept models evaluated along training"
    assert lacking in capsys.readouterr().err
    table = pd.read_csv(tmp_path / "tables/T14_frontier.csv")
    # At step 15 STEER has 25 % against 12.5 %, at step 30 the same.
    assert table["run"].tolist() == ["steer"] and table["accuracy"].tolist() == [0.0625]
    text = (tmp_path / "tables/T14_frontier.md").read_text()
    assert "+6.2" in text and f"Note: {lacking}." in text
    assert lacking in json.loads((tmp_path / "tables/tables.json").read_text())["missing"]
    sources = Sources(tmp_path / "tables", config)
    figure = F14_frontier.draw(sources)
    entropies, accuracies = figure.axes[0].containers[1].lines[0].get_data()
    assert entropies == pytest.approx([0.58, 0.38, 0.28]) and accuracies == pytest.approx([12.5, 25, 12.5])
    assert "STEER, seed 1: no kept models evaluated" in sources.missing
    assert_tidy(figure)


CONFIG = """
name: along
data: {benchmarks: [sums, lists], rows: 4}
model: {path: base}
training: {steps: 4, prompts: 4, updates: 2, keep_models_every: 2}
evaluation: {max_response_tokens: 4, top_p: 0.5, frontier: {questions: 3, samples: 2}}
rollout: {stop: []}
methods: {grpo: }
"""


def test_the_command_evaluates_the_base_model_and_the_kept_ones_alone(tmp_path, capsys):
    tokenizer = character_tokenizer()
    for name in ("base", "models/step2", "models/step3", "models/step4"):
        save_model(new_model(SMALL, tokenizer, seed=len(name)), tokenizer, tmp_path / name)
    (tmp_path / "config.yaml").write_text(CONFIG)
    for name in ("sums", "lists"):
        problems = distinct_problems(name, "evaluation", 0, 4)
        write_jsonl(tmp_path / f"data/{name}.jsonl", [p.to_json() for p in problems])

    def evaluate(models, run="grpo"):
        where = ["--base", str(tmp_path / "base"), "--models", str(models), "--data", str(tmp_path / "data")]
        out = str(tmp_path / "out.jsonl.gz")
        return cli.main(["frontier", "--config", str(tmp_path / "config.yaml"), "--run", run, *where, "--out", out])

    assert evaluate(tmp_path / "models") == 0
    rows = read_jsonl(tmp_path / "out.jsonl.gz")
    assert [row["step"] for row in rows] == [0, 0, 0, 2, 2, 2, 4, 4, 4], "step 3 was kept for something else"
    assert [row["benchmark"] for row in rows[:3]] == ["sums", "sums", "lists"]
    vocabulary = len(tokenizer)
    # A random model samples almost uniformly without top-p: its entropy is near the logarithm of the vocabulary.
    entropy = sum(row["nll"] for row in rows) / sum(row["tokens"] for row in rows)
    assert entropy == pytest.approx(math.log(vocabulary), rel=0.1)
    (tmp_path / "models/step4").rename(tmp_path / "models/step9")
    assert evaluate(tmp_path / "models") == 2
    assert "no step4; train the run again" in capsys.readouterr().err
    assert evaluate(tmp_path / "models", "grop") == 2
    assert "no run 'grop' in `methods`" in capsys.readouterr().err
