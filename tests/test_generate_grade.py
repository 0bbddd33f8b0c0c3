"""Stored responses: reproducible, cached by what determines them, graded by the verifiers that give the rewards."""

import json
import shutil

import pytest
import yaml

from steer import cli
from steer.configs.schema import Architecture
from steer.data.tasks import distinct_problems
from steer.io import read_jsonl, write_jsonl
from steer.models.load import new_model, save_model
from steer.models.tokenizer import character_tokenizer

CONFIG = {
    "name": "test",
    "data": {"benchmarks": ["sums", "lists"], "rows": 5},
    "evaluation": {"samples": {"default": 2, "lists": 3}, "max_response_tokens": 5, "batch": 4},
}


@pytest.fixture
def folder(tmp_path):
    tokenizer = character_tokenizer()
    small = Architecture(hidden_size=16, layers=1, heads=2, kv_heads=2, intermediate_size=16, max_positions=64)
    save_model(new_model(small, tokenizer, 0), tokenizer, tmp_path / "model")
    for name in CONFIG["data"]["benchmarks"]:
        problems = distinct_problems(name, "evaluation", 0, 5)
        write_jsonl(tmp_path / "data" / f"{name}.jsonl", [p.to_json() for p in problems])
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    return tmp_path


def steer(folder, command, *arguments):
    return cli.main([command, "--config", f"{folder}/config.yaml", "--data", f"{folder}/data", *arguments])


def generate(folder, out, *arguments):
    return steer(folder, "generate", "--model", f"{folder}/model", "--out", f"{folder}/{out}", *arguments)


def test_the_oracle_scores_everything(folder, capsys):
    assert steer(folder, "generate", "--oracle", "--out", f"{folder}/g") == 0
    assert steer(folder, "grade", "--generations", f"{folder}/g", "--out", f"{folder}/v") == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told == {"sums": {"correct": 5}, "lists": {"correct": 5}}


def test_rows_hold_what_is_needed_to_repeat_them(folder):
    assert generate(folder, "g") == 0
    rows = read_jsonl(folder / "g" / "lists.jsonl.gz")
    problems = read_jsonl(folder / "data" / "lists.jsonl")
    assert [row["id"] for row in rows] == [p["id"] for p in problems]
    for row, problem in zip(rows, problems, strict=True):
        assert row["prompt"] == problem["prompt"] + "\n"
        assert len(row["responses"]) == row["sampling"]["samples"] == 3
        assert all(0 < r["tokens"] <= 5 and r["finish_reason"] in ("stop", "length") for r in row["responses"])


def test_a_benchmarks_responses_do_not_depend_on_the_others(folder):
    generate(folder, "both")
    (folder / "config.yaml").write_text(yaml.safe_dump({**CONFIG, "data": {"benchmarks": ["lists"]}}))
    generate(folder, "alone")
    assert read_jsonl(folder / "both" / "lists.jsonl.gz") == read_jsonl(folder / "alone" / "lists.jsonl.gz")


def test_cached_responses_are_used_for_the_same_request_only(folder, monkeypatch):
    import steer.generate.sample as sample

    cache = ("--cache", f"{folder}/cache")
    generate(folder, "first", *cache)
    asked = []
    real = sample.model_rows
    monkeypatch.setattr(sample, "model_rows", lambda *a: asked.append(a[2]) or real(*a))
    generate(folder, "again", *cache)
    assert asked == []
    for name in ("sums", "lists"):
        assert read_jsonl(folder / "first" / f"{name}.jsonl.gz") == read_jsonl(folder / "again" / f"{name}.jsonl.gz")
    (folder / "config.yaml").write_text(
        yaml.safe_dump({**CONFIG, "evaluation": {**CONFIG["evaluation"], "samples": {"default": 2}}})
    )
    generate(folder, "fewer", *cache)
    assert asked == ["lists"], "only the benchmark whose request changed"
    (folder / "model" / "config.json").write_text((folder / "model" / "config.json").read_text() + "\n")
    generate(folder, "other", *cache)
    assert asked == ["lists", "sums", "lists"], "another model shares nothing"


def test_responses_that_other_code_sampled_are_not_used(folder, tmp_path, monkeypatch):
    from steer.generate import cache

    for name in cache.SOURCES:
        shutil.copytree(cache.PACKAGE / name, tmp_path / name)
    assert cache.software(tmp_path) == cache.software()
    (tmp_path / "engines" / "local.py").write_text("changed")
    assert cache.software(tmp_path) != cache.software()
    sampled = []
    generate(folder, "before", "--cache", f"{folder}/versions")
    monkeypatch.setattr(cache, "software", lambda: "changed")
    monkeypatch.setattr("steer.generate.sample.model_rows", lambda *a: sampled.append(a[2]) or [])
    generate(folder, "after", "--cache", f"{folder}/versions")
    assert sampled == ["sums", "lists"]


def test_regrading_gives_the_same_verdicts_without_a_model(folder):
    generate(folder, "g")
    for out in ("v1", "v2"):
        assert steer(folder, "grade", "--generations", f"{folder}/g", "--out", f"{folder}/{out}") == 0
    rows = [read_jsonl(folder / out / "sums.jsonl.gz") for out in ("v1", "v2")]
    plain = [[[(v["verdict"], v["extracted"]) for v in row["verdicts"]] for row in r] for r in rows]
    assert plain[0] == plain[1]
    assert {v for row in plain[0] for v, _ in row} <= {"correct", "wrong"}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: (f / "data" / "sums.jsonl").write_text(""), "no problems; make the data again"),
        (lambda f: (f / "data" / "sums.jsonl").unlink(), "sums.jsonl: no such file"),
        (lambda f: (f / "model" / "tokenizer.json").unlink(), "the model folder holds no tokenizer.json"),
        (
            lambda f: (f / "config.yaml").write_text(
                yaml.safe_dump({**CONFIG, "evaluation": {"max_response_tokens": 64}})
            ),
            "evaluation.max_response_tokens is 64, but",
        ),
    ],
)
def test_a_mistake_is_one_line(folder, capsys, damage, said):
    damage(folder)
    assert generate(folder, "g") == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in error


def test_responses_to_other_problems_are_not_graded(folder, capsys):
    generate(folder, "g")
    rows = read_jsonl(folder / "g" / "sums.jsonl.gz")
    write_jsonl(folder / "g" / "sums.jsonl.gz", rows[::-1])
    assert steer(folder, "grade", "--generations", f"{folder}/g", "--out", f"{folder}/v") == 2
    assert "responses to other problems" in capsys.readouterr().err
