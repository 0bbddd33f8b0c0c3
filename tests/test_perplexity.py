"""Learning by perplexity group: the groups, and gains by hand."""

import numpy as np
import pandas as pd
import pytest
from fake_results import write_fake_results

from steer.analyse.accuracy import cells
from steer.analyse.collect import collect
from steer.analyse.perplexity import GROUPS, grouped_questions, perplexity_table
from steer.configs.schema import Evaluation
from steer.data.tasks import distinct_problems
from steer.engines.sampling import Completion
from steer.generate.sample import model_rows
from steer.io import read_jsonl, write_jsonl
from steer.models.tokenizer import character_tokenizer

SECOND = {"correct_second": 1, "wrong_second": 1}


def questions(logprobs, run="base"):
    rows = [
        {"run": run, "benchmark": name, "id": f"{name}/{i}", "logprob_first": value, **SECOND}
        for name, values in logprobs.items()
        for i, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_groups_hold_a_fifth_of_every_benchmark_however_their_perplexities_differ():
    random = np.random.default_rng(0)
    found = grouped_questions(questions({"easy": -random.uniform(0, 0.1, 25), "hard": -random.uniform(1, 9, 10)}))
    counts = found.groupby(["benchmark", "group"]).size()
    assert counts["easy"].tolist() == [5] * GROUPS
    assert counts["hard"].tolist() == [2] * GROUPS
    for _, rows in found.groupby("benchmark"):
        ordered = rows.sort_values("log_perplexity")["group"]
        assert ordered.is_monotonic_increasing


def test_questions_without_log_probabilities_and_other_runs_are_in_no_group():
    table = pd.concat([questions({"a": [-1.0, None, -2.0]}), questions({"a": [-3.0]}, run="grpo")])
    assert grouped_questions(table)["id"].tolist() == ["a/0", "a/2"]


@pytest.fixture
def results(tmp_path):
    config = write_fake_results(tmp_path, {"grpo": "GRPO"}, questions=10, steps=1)
    return config, tmp_path


def test_a_gain_is_the_mean_difference_of_its_questions(results):
    config, folder = results
    collected = collect(config, folder)
    table = perplexity_table(collected, cells(collected.questions))
    assert table["group"].tolist() == [1, 2, 3, 4, 5]
    assert table["questions"].tolist() == [2 * len(config.data.benchmarks)] * 5

    def score(run, seed, benchmark, index, first=0):
        row = read_jsonl(folder / "verdicts" / run / f"seed{seed}" / f"{benchmark}.jsonl.gz")[index]["verdicts"][first:]
        judged = [verdict["verdict"] for verdict in row if verdict["verdict"] != "unverifiable"]
        return judged.count("correct") / len(judged)

    # Of the ten questions of a benchmark the perplexities go with (1 + 7i) mod 12.
    lowest = sorted(range(10), key=lambda i: 1 + 7 * i % 12)[:2]
    members = [(benchmark, i) for benchmark in config.data.benchmarks for i in lowest]
    # The groups are made from the first half of the base's four responses, and its accuracy from the others.
    gains = [np.mean([score("grpo", s, *m) for s in (0, 1)]) - score("base", 0, *m, first=2) for m in members]
    assert table["gain"][0] == pytest.approx(np.mean(gains))
    assert table["low"][0] < table["gain"][0] < table["high"][0]
    assert table["perplexity_high"].is_monotonic_increasing


def test_responses_of_an_older_format_give_no_groups(results):
    config, folder = results
    for path in folder.glob("generations/base/seed0/*.jsonl.gz"):
        rows = read_jsonl(path)
        for row in rows:
            for response in row["responses"]:
                del response["logprob"]
        write_jsonl(path, rows)
    collected = collect(config, folder)
    assert perplexity_table(collected, cells(collected.questions)).empty


def test_a_generated_response_carries_the_mean_log_probability_of_its_tokens_where_there_is_one():
    tokenizer = character_tokenizer()

    class Engine:
        """Two responses a prompt, of two tokens and of none."""

        def generate(self, prompts, sampling, generator):
            return [[Completion([9, 10], [-1.0, -3.5], "length"), Completion([], [], "length")] for _ in prompts]

    engine = Engine()
    engine.tokenizer = tokenizer
    problems = distinct_problems("sums", "test", 0, 2)
    rows = model_rows(engine, problems, "sums", Evaluation(samples={"default": 2}), "model", 64)
    assert [[response.get("logprob") for response in row["responses"]] for row in rows] == [[-2.25, None]] * 2
