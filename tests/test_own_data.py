"""Data sets of one's own: every format and layout, what is said when something is wrong, shares of several sets."""

import csv

import pytest
import yaml
from fake_results import write_fake_results
from own_data import MINE, ROWS, configuration, made, refusal, write

from steer.cli import main
from steer.configs.dataset import DataSet
from steer.configs.load import load_config
from steer.data.columns import as_tests
from steer.data.overlap import overlaps
from steer.data.sets import known_sets
from steer.models.tokenizer import character_tokenizer, render_prompt
from steer.train.prompts import choose_prompts, quotas

NESTED = [
    {"prompt": [{"role": "user", "content": f"Double {n}."}], "reward_model": {"ground_truth": str(2 * n)}}
    for n in range(1, 6)
]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json", "a.csv", "a.parquet"])
def test_every_format_gives_the_same_problems(tmp_path, name):
    write(tmp_path, f"rows/{name}", ROWS)
    write(tmp_path, "train.jsonl", [{"question": "Train me?", "answer": "#### -1"}])
    prompt = "{question}\nAnswer in a box, like \\boxed{7}."
    mine = {**MINE, "file": f"rows/{name}", "prompt": prompt, "system": "Be brief.", "type": "integer"}
    found = made(tmp_path, {"mine": mine, "mine_train": {**MINE, "file": "train.jsonl"}})
    first = found["mine"][0]
    assert [row["gold"] for row in found["mine"]] == ["2", "4", "6", "8", "10"]
    assert first["prompt"] == "What is 1 plus 1?\nAnswer in a box, like \\boxed{7}." and first["system"] == "Be brief."
    assert first["id"] == "mine-1" and first["answer_type"] == "integer" and first["benchmark"] == "mine"
    assert first["solution"].startswith("1 + 1 = 2") and "\\boxed{2}" in first["solution"]
    assert [row["gold"] for row in found["train"]] == ["-1"], "a gold of -1 is a gold"


def test_nested_columns_of_verl_and_a_glob(tmp_path):
    write(tmp_path, "rows/1.parquet", NESTED[:2])
    write(tmp_path, "rows/2.parquet", NESTED[2:])
    write(tmp_path, "train.jsonl", NESTED[:1])
    spec = {"kind": "math", "question": "prompt.0.content", "answer": "reward_model.ground_truth"}
    sets = {"mine": {**spec, "file": "rows/*.parquet"}, "mine_train": {**spec, "file": "train.jsonl"}}
    found = made(tmp_path, sets, clean=False)
    assert [(row["prompt"], row["gold"]) for row in found["mine"]][3] == ("Double 4.", "8")
    assert [row["id"] for row in found["mine"]] == [f"mine-{n}" for n in range(1, 6)]


def test_own_training_rows_lose_duplicates_conflicts_and_overlaps_and_nothing_else(tmp_path):
    train = [
        {"q": "A?", "a": 1}, {"q": " A? ", "a": 1}, {"q": "B?", "a": 1}, {"q": "B?", "a": 2},
        {"q": "Double 1.", "a": 2}, {"q": "tab\there \f", "a": -1},
    ]  # fmt: skip
    write(tmp_path, "train.jsonl", train)
    write(tmp_path, "rows.jsonl", [{"q": "Double 1.", "a": 2}])
    spec = {"kind": "math", "question": "q", "answer": "a"}
    found = made(tmp_path, {"mine": {**spec, "file": "rows.jsonl"}, "mine_train": {**spec, "file": "train.jsonl"}})
    assert sorted(row["prompt"] for row in found["train"]) == ["A?", "tab\there \f"]
    with open(tmp_path / "out" / "removed.csv", newline="") as file:
        assert {row["reason"]: row["count"] for row in csv.DictReader(file)} == {
            "conflicting_gold": "2", "duplicate": "1", "overlap": "1",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "entry_point", "kind"),
    [
        ("assert f(1) == 2", "f", "assert"),
        (["assert f(1) == 2", "assert f(2) == 3"], "f", "assert"),
        ([{"input": "1\n", "output": "2\n"}], None, "stdin"),
        ('[{"args": [1], "expected": 2}]', "f", "function"),
        ({"kind": "function", "entry_point": "f", "cases": [{"args": [1], "expected": 2}]}, None, "function"),
        ('{"kind": "assert", "code": "assert f(1) == 2"}', "f", "assert"),
    ],
)
def test_tests_in_every_form(given, entry_point, kind):
    found = as_tests(given, entry_point)
    assert (found["kind"] == kind and found.get("entry_point") == entry_point) or kind != "assert"


def test_code_rows(tmp_path):
    rows = [{"task": "Add one.", "fn": "f", "check": "assert f(1) == 2", "body": "def f(x):\n    return x + 1"}]
    write(tmp_path, "code.jsonl", rows)
    spec = {"file": "code.jsonl", "kind": "code", "question": "task", "entry_point": "fn", "tests": "check"}
    spec |= {"solution": "body", "time_limit_s": 3, "memory_limit_mb": 256}
    (row,) = made(tmp_path, {"mine": spec, "mine_train": spec}, clean=False)["mine"]
    assert row["tests"] == {"kind": "assert", "code": "assert f(1) == 2", "entry_point": "f"}
    assert row["solution"] == "```python\ndef f(x):\n    return x + 1\n```" and row["time_limit_s"] == 3


@pytest.mark.parametrize(
    ("rows", "changes", "said"),
    [
        (ROWS, {"question": "qestion"}, "rows.jsonl, row 1: question: no column `qestion`"),
        (ROWS, {"answer": "answer.0.x"}, "row 1: answer: no column `answer.0.x`"),
        ([{"question": "q", "answer": "5"}], {}, "row 1: answer: column `answer` has no '####': '5'"),
        ([{"question": "q", "answer": "5 ####  "}], {}, "row 1: answer: column `answer` holds no answer"),
        ([{"question": "q", "answer": None}], {}, "row 1: answer: column `answer` is neither text nor a number: None"),
        ([{"question": " ", "answer": "#### 1"}], {}, "row 1: question: column `question` is empty"),
        ([{"question": 7, "answer": "#### 1"}], {}, "row 1: question: column `question` is not text: 7"),
        ([{**ROWS[0], "k": 1}, {**ROWS[1], "k": 1}], {"id": "k"}, "row 2: id '1' appears twice"),
        ([], {}, "no rows"),
        (ROWS, {"rows": 4}, "5 rows, but `rows` says 4"),
        (ROWS, {"sha256": "0" * 64}, "content sha256"),
        (ROWS, {"file": "absent.jsonl"}, "key `data.sets.mine.file`: no file matches absent.jsonl"),
        (ROWS, {"prompt": "no_such_template"}, "data set 'mine', key `prompt`: no prompt template 'no_such_template'"),
        (ROWS, {"prompt": "Answer!"}, "has no {question}"),
        (ROWS, {"colour": "red"}, "unknown key `data.sets.mine.colour`"),
        (ROWS, {"hub": "a/b"}, "give one of `file`, `hub` and `reasoning_gym`"),
    ],
)
def test_a_wrong_set_is_one_line_with_the_place(tmp_path, capsys, rows, changes, said):
    write(tmp_path, "rows.jsonl", rows)
    write(tmp_path, "train.jsonl", ROWS[:1])
    sets = {"mine": {**MINE, **changes}, "mine_train": {**MINE, "file": "train.jsonl"}}
    assert said in refusal(tmp_path, capsys, sets)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.jsonl", b'{"question": \n', "rows.jsonl, line 1: not JSON"),
        ("rows.jsonl", b"\xff\xfe\n", "not UTF-8"),
        ("rows.jsonl", b"[" * 100_000, "rows.jsonl, line 1: not JSON"),
        ("rows.csv", b"question,answer\na\n", "rows.csv, row 1: 1 cells, but the first line names 2 columns"),
        ("rows.csv", b"question,answer\na,b,5\n", "3 cells, but the first line names 2 columns; put a cell that"),
        ("rows.parquet", b"PAR1", "not a parquet file"),
        ("rows.json", b'{"a": 1}', "not a JSON array"),
        ("rows.txt", b"a", "unknown format"),
    ],
)
def test_an_unreadable_file_is_one_line(tmp_path, capsys, name, content, said):
    (tmp_path / name).write_bytes(content)
    assert said in refusal(tmp_path, capsys, {"mine": {**MINE, "file": name}}, train=None)


def test_adding_a_benchmark_is_one_yaml_file(tmp_path, monkeypatch):
    write(tmp_path, "rows.jsonl", ROWS)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs" / "datasets").mkdir(parents=True)
    spec = {"kind": "math", "local": "rows.jsonl", "answer_after": "####", "rows": 5}
    (tmp_path / "configs" / "datasets" / "sums5.yaml").write_text(yaml.safe_dump(spec))
    known_sets.cache_clear()
    try:
        found = made(tmp_path, {}, benchmarks=["sums5"], train=None, data_dir=str(tmp_path))
    finally:
        known_sets.cache_clear()
    assert [row["id"] for row in found["sums5"]] == [f"sums5-{n}" for n in range(1, 6)]


def test_every_published_set_is_whole():
    for name, spec in known_sets().items():
        assert spec.title and spec.licence and spec.local, name
        assert spec.hub or spec.note, name


@pytest.mark.parametrize("shares", [{"a": 0.7, "b": 0.3}, {"a": 0.05, "b": 0.9, "c": 0.05}])
def test_shares_hold_in_every_step_and_add_up_over_steps(shares):
    before = dict.fromkeys(shares, 0)
    for step in range(1, 200):
        dealt = quotas(shares, 8, step)
        assert sum(count for _, count in dealt.values()) == 8
        for name, (earlier, count) in dealt.items():
            assert earlier == before[name] and abs(count - 8 * shares[name]) < 1
            before[name] += count
    for name, share in shares.items():
        assert before[name] / (199 * 8) == pytest.approx(share, abs=0.01)


def test_a_steps_prompts_have_their_shares_and_each_set_epochs_of_its_own(tmp_path):
    write(tmp_path, "rows.jsonl", ROWS)
    write(tmp_path, "other.jsonl", [{"question": f"Say {n}.", "answer": f"#### {n}"} for n in range(3)])
    sets = {"mine": MINE, "other": {**MINE, "file": "other.jsonl"}}
    path = configuration(tmp_path, sets, train={"mine": 3, "other": 1}, clean=False)
    config = load_config(path)
    assert config.data.train_shares == {"mine": 0.75, "other": 0.25}
    assert main(["data", "--config", path, "--out", str(tmp_path / "out")]) == 0
    from steer.data.problem import Problem
    from steer.io import read_jsonl

    problems = [Problem.from_json(row) for row in read_jsonl(tmp_path / "out" / "train.jsonl")]
    training = config.training.model_copy(update={"prompts": 4})
    chosen = [choose_prompts(problems, training, 0, step, shares=config.data.train_shares) for step in range(1, 6)]
    assert all(sum(p.benchmark == "other" for p in prompts) == 1 for prompts in chosen)
    mine = [p.id for prompts in chosen for p in prompts if p.benchmark == "mine"]
    assert sorted(mine) == sorted([f"mine-{n}" for n in range(1, 6)] * 3)


def test_a_system_turn_comes_before_the_question():
    assert render_prompt(character_tokenizer(), "Q", "S") == "SQ\n"


def test_a_set_may_not_claim_two_hashes():
    with pytest.raises(ValueError, match="`sha256` or `copies`"):
        DataSet(kind="math", file="a", sha256="0" * 64, copies=[{"sha256": "1" * 64}])


def test_hashes_alone_may_stand_for_copies(tmp_path, capsys):
    write(tmp_path, "rows.jsonl", ROWS)
    line = refusal(tmp_path, capsys, {"mine": {**MINE, "copies": ["0" * 64, "1" * 64]}}, train=None)
    found = line.partition("content sha256 ")[2][:64]
    assert "0" * 64 in line and "1" * 64 in line
    assert len(made(tmp_path, {"mine": {**MINE, "copies": ["0" * 64, found]}}, train=None)["mine"]) == 5


def test_a_set_that_a_function_judges_needs_no_answers(tmp_path):
    write(tmp_path, "rows.jsonl", [{"question": "Say something kind."}])
    (tmp_path / "judge.py").write_text("def score(problem, response):\n    return 'kind' in response\n")
    spec = {"file": "rows.jsonl", "kind": "math", "verifier": "judge.py:score"}
    (row,) = made(tmp_path, {"mine": spec}, train=None)["mine"]
    assert row["verifier"] == f"{tmp_path}/judge.py:score" and row["gold"] == ""


def test_short_questions_that_differ_in_a_sign_do_not_overlap():
    evaluation = [("e", "What is 3 + 4?")]
    found = overlaps({"same": "what is  $3+4$?", "other": "What is 3 - 4?"}, evaluation)
    assert set(found) == {"same"}


def test_tables_call_a_set_by_its_title(tmp_path):
    """The CSV keeps the set's name, by which programs find it."""
    titled = {"file": "rows.jsonl", "kind": "math", "title": "Mine, of 2026"}
    data = {"source": "benchmarks", "benchmarks": ["mine", "aime24"], "train": "dapo", "sets": {"mine": titled}}
    write_fake_results(tmp_path, seeds=(0,), data=data)
    arguments = ["--config", f"{tmp_path}/config.yaml", "--results", str(tmp_path), "--out", f"{tmp_path}/tables"]
    assert main(["tabulate", *arguments]) == 0
    shown = (tmp_path / "tables/T3_main_results.md").read_text(encoding="utf-8")
    assert "Mine, of 2026 (n=" in shown and "AIME24 (n=" in shown and "aime24" not in shown
    assert "mine n" in (tmp_path / "tables/T3_main_results.csv").read_text(encoding="utf-8").splitlines()[0]
