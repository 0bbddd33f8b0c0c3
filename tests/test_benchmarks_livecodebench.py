"""LiveCodeBench: private tests are decoded without running a pickle; dates select; a local copy says what it lacks."""

import base64
import contextlib
import json
import logging
import os
import pickle
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steer.data import hub
from steer.data.benchmarks import load
from steer.data.benchmarks.livecodebench import LEETCODE_PREFIX, V5_WINDOW, pickled_text, private_cases
from steer.data.benchmarks.load import load_benchmark
from steer.data.parsers import PARSERS
from steer.data.sets import known_sets
from steer.errors import UserError

CASES = [{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}]


def encode(value, protocol=pickle.DEFAULT_PROTOCOL):
    return base64.b64encode(zlib.compress(pickle.dumps(value, protocol))).decode()


def row(day="2024-09-01", **changes):
    fields = {
        "question_content": "Add.",
        "question_id": f"q{day}",
        "contest_date": f"{day}T00:00:00",
        "starter_code": "",
        "difficulty": "easy",
        "platform": "atcoder",
        "public_test_cases": json.dumps(CASES),
        "private_test_cases": encode(json.dumps(CASES * 2)),
        "metadata": "{}",
    }
    return {**fields, **changes}


@given(st.text(), st.sampled_from([2, 3, 4, 5]))
def test_a_pickled_string_comes_back(text, protocol):
    assert pickled_text(pickle.dumps(text, protocol)) == text


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_pickled_flat_dict_comes_back(key, value):
    assert pickled_text(pickle.dumps({key: value})) == {key: value}


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"input_output": x}, lambda x: [x]])
def test_a_pickle_that_would_run_a_command_is_refused(tmp_path, wrap):
    mark = tmp_path / "mark"
    data = encode(wrap(Evil(mark)))
    with pytest.raises(ValueError, match="refused"):
        private_cases(data)
    assert not mark.exists()
    pickle.loads(zlib.decompress(base64.b64decode(data)))
    assert mark.exists(), "the pickle of this test must be a dangerous one, or it proves nothing"


@pytest.mark.parametrize("value", [1, None, b"bytes", ["a"], ("a",), {"a": {"b": "c"}}, {1: "a"}, {"a": 1}, os.system])
def test_other_pickles_are_refused(value):
    with pytest.raises(ValueError, match="refused"):
        pickled_text(pickle.dumps(value))


@given(st.binary(max_size=60))
def test_random_bytes_give_text_or_a_value_error(data):
    with contextlib.suppress(ValueError):
        assert isinstance(pickled_text(data), str | dict)


def test_truncated_and_oversized_data_are_refused(monkeypatch):
    good = encode(json.dumps(CASES))
    assert private_cases(good) == CASES
    with pytest.raises(ValueError, match="cut off"):
        private_cases(base64.b64encode(base64.b64decode(good)[:-8]).decode())
    with pytest.raises(ValueError, match="not base64"):
        private_cases("!" + good)
    monkeypatch.setattr("steer.data.benchmarks.livecodebench._MOST_BYTES", 10)
    with pytest.raises(ValueError, match="larger than 10"):
        private_cases(good)


def test_plain_json_is_accepted_too():
    assert private_cases(json.dumps(CASES)) == CASES


def test_the_real_encoded_samples(shared_data):
    lines = (shared_data / "code/livecodebench_private_format_sample3.jsonl").read_text().splitlines()
    decoded = [private_cases(json.loads(line)["test"]) for line in lines]
    assert [len(cases) for cases in decoded] == [5, 14, 15]
    assert [cases[0]["testtype"] for cases in decoded] == ["stdin", "functional", "stdin"]
    assert decoded[0][1] == {"input": "1\nabc\n", "output": "YES\n", "testtype": "stdin"}


def test_local_copy_speaks_about_dates_and_public_tests(shared_data, caplog):
    with caplog.at_level(logging.WARNING):
        problems = load_benchmark("livecodebench", shared_data)
    assert len(problems) == 400 and not any(problem.meta["private_tests"] for problem in problems)
    assert "2023-05-07 to 2024-03-02, not the v5 window" in caplog.text and "public tests only" in caplog.text
    chosen = load_benchmark("livecodebench", shared_data, window=("2024-01-01", "2024-03-02"))
    dates = [problem.meta["date"] for problem in problems]
    assert len(chosen) == sum("2024-01-01" <= day <= "2024-03-02" for day in dates) > 0
    with pytest.raises(UserError, match="the file holds 2023-05-07 to 2024-03-02"):
        load_benchmark("livecodebench", shared_data, window=V5_WINDOW)


def test_both_kinds_of_cases(shared_data):
    problems = load_benchmark("livecodebench", shared_data)
    kinds = {problem.tests["kind"] for problem in problems}
    assert kinds == {"stdin", "function"}
    senior = next(problem for problem in problems if problem.id == "livecodebench/2727")
    assert senior.tests["entry_point"] == "countSeniors" and senior.prefix == LEETCODE_PREFIX
    first = senior.tests["cases"][0]
    assert first == {"args": [["7868190130M7522", "5303914400F9211", "9273338290F4010"]], "expected": 2}
    assert "countSeniors" in senior.prompt and senior.solution == ""
    compile(LEETCODE_PREFIX + "    pass", "imports", "exec")


def test_public_cases_come_before_private_ones():
    item = PARSERS["livecodebench"](row(), 0)
    assert len(item.tests["cases"]) == 3 and item.meta["private_tests"] and item.meta["date"] == "2024-09-01"


def test_from_the_hub_the_v5_window_is_the_default(monkeypatch):
    served = [row(day) for day in ("2024-07-31", "2024-08-01", "2025-02-01", "2025-02-02")]
    served[0]["private_test_cases"] = "never decoded: it lies outside the window"
    monkeypatch.setattr(load, "hub_rows", lambda *address: iter(served))
    with pytest.raises(UserError, match=r"2 problems from 2024-08-01 to 2025-02-01.*has 279"):
        load_benchmark("livecodebench")
    late = load_benchmark("livecodebench", window=("2025-02-02", "2025-03-01"))
    assert [problem.meta["date"] for problem in late] == ["2025-02-02"]


def test_the_hub_files_go_through_datasets(shared_data, tmp_path, monkeypatch):
    """`datasets` reads the raw JSON lines (it no longer runs the loading script) and makes time stamps of dates."""
    import datasets

    real = datasets.load_dataset
    asked = []

    def local(kind, data_files, split):
        asked.extend(data_files[split])
        path = str(shared_data / "code/livecodebench_v1_public.jsonl")
        return real(kind, data_files={split: [path]}, split=split, cache_dir=str(tmp_path))

    monkeypatch.setattr(hub, "_require", lambda *address: None)
    monkeypatch.setattr(datasets, "load_dataset", local)
    problems = load_benchmark("livecodebench", window=("2023-01-01", "2024-12-31"))
    assert problems == load_benchmark("livecodebench", shared_data)
    assert (
        asked[0]
        == f"hf://datasets/livecodebench/code_generation_lite@{known_sets()['livecodebench'].revision}/test.jsonl"
    )
    assert len(asked) == 5


@pytest.mark.parametrize("window", [("2025-01-01", "2024-01-01"), ("yesterday", "today"), ("2024-01-01",), (1, 2)])
def test_a_bad_window_is_named(window):
    with pytest.raises(UserError, match="window"):
        load_benchmark("livecodebench", "anywhere", window=window)
