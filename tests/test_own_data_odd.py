"""Data sets of one's own with odd inputs: each gives its problems, or one line that says where and what to do."""

import datetime
import decimal
import gzip
import json

import pytest
from own_data import MINE, ROWS, configuration, jsonl, made, refusal, write

from steer.configs.dataset import DataSet
from steer.configs.load import load_config
from steer.data.benchmarks.load import load_set
from steer.data.columns import Malformed, as_tests, item_of
from steer.errors import UserError


def test_a_byte_order_mark_before_json_lines_is_no_text(tmp_path):
    (tmp_path / "rows.jsonl").write_bytes(b"\xef\xbb\xbf" + jsonl(ROWS).encode())
    assert len(made(tmp_path, {"mine": MINE}, train=None)["mine"]) == 5


def test_a_path_may_hold_the_signs_of_a_pattern(tmp_path):
    write(tmp_path, "run[1]/rows.jsonl", ROWS)
    assert len(made(tmp_path, {"mine": {**MINE, "file": "run[1]/rows.jsonl"}}, train=None)["mine"]) == 5


def test_one_hash_may_stand_for_the_copies(tmp_path, capsys):
    write(tmp_path, "rows.jsonl", ROWS)
    said = refusal(tmp_path, capsys, {"mine": {**MINE, "copies": "0" * 64}}, train=None)
    assert f"known copies have sha256 {'0' * 64}; replace" in said and "None" not in said


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.csv", b"", "rows.csv: no rows"),
        ("rows.csv", b"question,answer,answer\na,1,2\n", "rows.csv: 'answer' heads several columns"),
        ("rows.json", jsonl(ROWS).encode(), "if each line is a row, name it .jsonl"),
        ("rows.json", json.dumps({"data": ROWS}).encode(), "write the rows alone as one array"),
        ("rows.jsonl.gz", gzip.compress(jsonl(ROWS).encode())[:-9], "not a whole gzip file"),
        ("rows.jsonl", gzip.compress(jsonl(ROWS).encode()), "it is gzipped, so name it .jsonl.gz"),
        ("rows.csv", b"question\tanswer\na\t1\n", "the row has 'question\\tanswer'"),
        ("rows.csv", b"question,answer\na,NaN\n", "column `answer` holds no finite number: 'NaN'"),
        ("rows.jsonl", '{"question": "a", "answer": "#### \u200b"}'.encode(), "column `answer` holds no answer"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path, capsys, name, content, said):
    (tmp_path / name).write_bytes(content)
    assert said in refusal(tmp_path, capsys, {"mine": {**MINE, "file": name}}, train=None)


def test_a_folder_and_an_empty_file_among_several_are_named(tmp_path, capsys):
    write(tmp_path, "rows/a.jsonl", ROWS)
    write(tmp_path, "rows/b.jsonl", [])
    assert "rows: a folder; name the files" in refusal(tmp_path, capsys, {"mine": {**MINE, "file": "rows"}}, train=None)
    assert "b.jsonl: no rows" in refusal(tmp_path, capsys, {"mine": {**MINE, "file": "rows/*.jsonl"}}, train=None)


@pytest.mark.parametrize("field", ["question", "answer"])
def test_half_a_character_is_refused_before_a_tokenizer_meets_it(tmp_path, capsys, field):
    row = {"question": "What is 1?", "answer": "1", field: "a \ud800 b"}
    write(tmp_path, "rows.jsonl", [row])
    said = refusal(tmp_path, capsys, {"mine": {"file": "rows.jsonl", "kind": "math"}}, train=None)
    assert f"row 1: {field}: half of a character" in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"answer_after": ""}, "key `data.sets.mine.answer_after`"),
        ({"type": "integr"}, "key `data.sets.mine.type`: no such type; valid: integer"),
        ({"type": "real:abs=x"}, "key `data.sets.mine.type`: no such type"),
        ({"time_limit_s": 3}, "`time_limit_s` is read with `kind: code` alone"),
        ({"entry_point": "f"}, "`entry_point` is read with `kind: code` alone"),
        ({"kind": "code"}, "`answer_after` is read with `kind: math` alone"),
        ({"kind": "code", "answer_after": None, "answer": "gold"}, "`answer` is read with `kind: math` alone"),
        ({"split": "test"}, "`split` is read with `hub` alone"),
        ({"local": "rows.jsonl"}, "`file` is read already, so take it out"),
        ({"prompts": {"instrct": "{question}"}}, "`data.sets.mine.prompts`: 'instrct' is close to 'instruct'"),
        ({"copies": 5}, "key `data.sets.mine.copies`: expected a list"),
        ({"parser": "gsm9k"}, "key `data.sets.mine.parser`: no reader 'gsm9k'; did you mean 'gsm8k'?"),
        ({"prompt": "boxed"}, "own.yaml: data set 'mine', key `prompt`: no prompt template 'boxed'"),
        (
            {"prompts": {"base": "boxed"}, "prompt": "completion"},
            "'mine-1': its prompt template shows code to continue",
        ),
        ({"prompt": "mbpp_austin"}, "problem 'mine-1': its prompt template shows code to continue or assertions"),
    ],
)
def test_a_key_without_effect_is_refused(tmp_path, capsys, changes, said):
    write(tmp_path, "rows.jsonl", ROWS)
    assert said in refusal(tmp_path, capsys, {"mine": {**MINE, **changes}}, train=None)


def test_a_mark_that_yaml_took_for_a_comment_is_told(tmp_path, capsys):
    write(tmp_path, "rows.jsonl", ROWS)
    said = refusal(tmp_path, capsys, {"mine": {"file": "rows.jsonl", "kind": "math"}}, train=None)
    assert 'row 1: answer: column `answer` has a mark; write `answer_after: "####"`' in said


def test_a_heading_of_a_solution_with_a_box_is_no_mark(tmp_path):
    write(tmp_path, "rows.jsonl", [{"question": "a", "answer": "#### Sum\nIt is \\boxed{5}."}])
    assert made(tmp_path, {"mine": {"file": "rows.jsonl", "kind": "math"}}, train=None)["mine"][0]["gold"]


@pytest.mark.parametrize("hint", ["integer", "real", "real:rel=0.001", "real:abs=1e-3"])
def test_the_verifiers_types_are_taken(tmp_path, hint):
    write(tmp_path, "rows.jsonl", ROWS)
    assert made(tmp_path, {"mine": {**MINE, "type": hint}}, train=None)["mine"][0]["answer_type"] == hint


def test_a_set_may_have_prompts_for_families_of_its_own(tmp_path):
    write(tmp_path, "rows.jsonl", ROWS)
    spec = {**MINE, "prompt": "{question}", "prompts": {"qwen": "Q: {question}", "base": "B: {question}"}}
    for family, start in (("qwen", "Q: "), ("base", "B: "), ("coder", "What"), (None, "What")):
        found = made(tmp_path, {"mine": spec}, train=None, template=family)
        assert found["mine"][0]["prompt"].startswith(start)


def test_a_template_that_shows_code_gets_it_from_the_columns(tmp_path):
    row = {"task": "Add one.", "head": "def f(x):\n", "tests": ["assert f(1) == 2", "assert f(2) == 3"]}
    write(tmp_path, "rows.jsonl", [row])
    spec = {"file": "rows.jsonl", "kind": "code", "question": "task"}
    sets = {
        "head": {**spec, "prefix": "head", "prompt": "completion"},
        "tests": {**spec, "prompt": "mbpp_docstring"},
    }
    found = made(tmp_path, sets, benchmarks=list(sets), train=None)
    assert found["head"][0]["prompt"] == "def f(x):\n"
    assert found["tests"][0]["prompt"] == '"""\nAdd one.\nassert f(1) == 2\n"""\n'


def test_cases_of_a_table_lose_the_keys_that_it_adds(tmp_path):
    """Parquet gives each mapping of a column the keys of all of them."""
    called, run = {"args": [1], "expected": None}, {"input": "1", "output": "1"}
    rows = [
        {"question": "A?", "fn": "f", "tests": [{**dict.fromkeys(run), **called}]},
        {"question": "B?", "fn": None, "tests": [{**dict.fromkeys(called), **run}]},
    ]
    write(tmp_path, "rows.parquet", rows)
    spec = {"file": "rows.parquet", "kind": "code", "entry_point": "fn"}
    first, second = made(tmp_path, {"mine": spec}, train=None)["mine"]
    assert first["tests"] == {"entry_point": "f", "kind": "function", "cases": [called]}
    assert second["tests"] == {"kind": "stdin", "cases": [run]}


def test_dates_of_a_table_are_kept_as_text_and_are_no_result_of_a_function(tmp_path, capsys):
    day = datetime.date(2026, 1, 2)
    rows = [{"question": "A?", "answer": 1, "day": day, "fn": "f", "tests": [{"args": [1], "expected": day}]}]
    write(tmp_path, "rows.parquet", rows)
    spec = {"file": "rows.parquet", "kind": "math", "meta": ["day"]}
    assert made(tmp_path, {"mine": spec}, train=None)["mine"][0]["meta"]["day"] == "2026-01-02"
    code = {"file": "rows.parquet", "kind": "code", "entry_point": "fn"}
    assert "case 1: no plain value" in refusal(tmp_path, capsys, {"mine": code}, train=None)


def test_a_set_may_mix_functions_and_whole_programs(tmp_path, capsys):
    rows = [
        {"question": "Add one.", "fn": "f", "tests": [{"args": [1], "expected": 2}]},
        {"question": "Say it twice.", "fn": None, "tests": [{"input": "a", "output": "a a"}]},
    ]
    spec = {"file": "rows.jsonl", "kind": "code", "entry_point": "fn"}
    write(tmp_path, "rows.jsonl", rows)
    found = made(tmp_path, {"mine": spec}, train=None)["mine"]
    assert [row["tests"].get("entry_point") for row in found] == ["f", None]
    write(tmp_path, "rows.jsonl", [{**rows[0], "fn": ""}])
    assert "nothing names it; set `entry_point`" in refusal(tmp_path, capsys, {"mine": spec}, train=None)


def test_programs_that_a_function_judges_need_no_tests(tmp_path):
    write(tmp_path, "rows.jsonl", [{"question": "Write a poem in Python."}])
    (tmp_path / "judge.py").write_text("def score(problem, response):\n    return 1\n")
    spec = {"file": "rows.jsonl", "kind": "code", "verifier": "judge.py:score"}
    (row,) = made(tmp_path, {"mine": spec}, train=None)["mine"]
    assert row["tests"] is None and row["kind"] == "code"


@pytest.mark.parametrize(
    ("answer", "gold"),
    [(decimal.Decimal("5.10"), "5.10"), (5.0, "5"), (-0.0, "0"), (0.25, "0.25"), (10**30, str(10**30)), ("5.0", "5.0")],
)
def test_every_number_is_an_answer_and_a_whole_one_has_no_point(answer, gold):
    assert item_of({"question": "Q?", "answer": answer}, 1, "mine", DataSet(file="a", kind="math")).gold == gold


def test_a_hash_of_rows_without_a_pinned_revision_is_not_waved_through(monkeypatch):
    monkeypatch.setattr("steer.data.benchmarks.load.hub_rows", lambda *_: iter(ROWS))
    spec = {"hub": "a/b", "kind": "math", "answer_after": "####", "sha256": "0" * 64}
    assert len(load_set("mine", DataSet(**spec, revision="abc"))) == 5
    with pytest.raises(UserError, match=r"a/b: 5 rows with content sha256 .*; correct the hash"):
        load_set("mine", DataSet(**spec))


def test_names_that_the_prepared_files_have_are_taken(tmp_path, capsys):
    """`train.jsonl` of an evaluation would be written over by the training problems."""
    write(tmp_path, "rows.jsonl", ROWS)
    said = refusal(tmp_path, capsys, {"train": MINE}, benchmarks=["train"], train=None)
    assert "benchmarks: a file `train` holds the training problems" in said
    assert "`synthetic` names the generated training set" in refusal(
        tmp_path, capsys, {"mine": MINE, "synthetic": MINE}, train="synthetic"
    )


@pytest.mark.parametrize(
    ("train", "said"),
    [
        ("again", "no training problem is left (5 removed: overlap)"),
        ({"other": 0.5, "again": 0.5}, "no training problem of 'again' is left"),
        ({"other": 0}, "key `data.train.other`: must be greater than 0 (got 0)"),
        ({"other": "half"}, "key `data.train.other`: expected a number (got 'half')"),
    ],
)
def test_training_sets_of_which_nothing_is_left_and_shares_that_are_none(tmp_path, capsys, train, said):
    write(tmp_path, "rows.jsonl", ROWS)
    write(tmp_path, "other.jsonl", [{"question": "How many legs have two cats?", "answer": "8"}])
    sets = {"mine": MINE, "again": MINE, "other": {"file": "other.jsonl", "kind": "math"}}
    line = refusal(tmp_path, capsys, sets, train=train)
    assert said in line and "data.train.str" not in line


def test_a_name_that_the_hub_cannot_have_is_refused_without_asking_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("huggingface_hub.is_offline_mode", lambda: False)
    line = refusal(tmp_path, capsys, {"mine": {"hub": "own er/da ta", "kind": "math"}}, train=None)
    assert "'own er/da ta': no hub id" in line and "write owner/name" in line


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("Couldn't reach 'a/b' on the Hub (OfflineModeIsEnabled)", "HF_HUB_OFFLINE is set: take that away, or get"),
        ('Unknown split "tst"', 'Unknown split "tst"; get the rows elsewhere'),
    ],
)
def test_a_set_that_the_cache_lacks_is_not_told_to_use_the_cache(monkeypatch, reason, said):
    def load(*_, **__):
        raise ValueError(reason)

    monkeypatch.setattr("huggingface_hub.is_offline_mode", lambda: True)
    monkeypatch.setattr("datasets.load_dataset", load)
    with pytest.raises(UserError) as caught:
        load_set("mine", DataSet(hub="a/b", kind="math"))
    assert said in str(caught.value) and "set HF_HUB_OFFLINE=1" not in str(caught.value)


def test_a_window_without_dates_is_refused(tmp_path, capsys):
    write(tmp_path, "rows.jsonl", ROWS)
    line = refusal(tmp_path, capsys, {"mine": MINE}, train=None, window=["2024-01-01", "2024-02-01"])
    assert "key `data.window`: no benchmark here has dates" in line


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("assert f(1 == 1", "is not Python"),
        ('[{"args": [1]', "is not Python"),
        ([{"args": 1, "expected": 1}], "case 1: no list `args` and `expected`"),
        ({"kind": "function", "cases": [{"args": [1], "expected": 1}, 5]}, "case 2: no list `args`"),
        ({"kind": "function", "cases": {"args": [1]}}, "`cases` is no list"),
        ({"kind": "stdin", "cases": [{"in": "1"}]}, "case 1: no text `input` and `output`"),
        ({"kind": "assert", "code": 5}, "`code` is no text: 5"),
        ([{"args": [1], "kwargs": {"y": 2}, "expected": 1}], "case 1: `kwargs` are not passed on"),
        ([{"input": "[1]", "output": "1", "testtype": "functional"}], "this case calls a function; write `args`"),
        ({"inputs": ["1"], "outputs": ["2"]}, "holds no tests: .*; give assert text, a list of cases"),
    ],
)
def test_tests_that_no_program_could_pass_are_refused(given, said):
    with pytest.raises(Malformed, match=said.replace("(", "\\(")):
        as_tests(given, "f")


@pytest.mark.parametrize(
    ("name", "fits"), [("f", True), ("Solution().f", True), ("Box.get", True), ("f(x)", False), ("a b", False)]
)
def test_the_function_under_test_has_a_name(name, fits):
    given = [{"args": [1], "expected": 1}]
    if fits:
        assert as_tests(given, name)["entry_point"] == name
    else:
        with pytest.raises(Malformed, match="`entry_point` is no function's name"):
            as_tests(given, name)


def test_models_and_folders_are_found_beside_their_configuration(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for name in ("model", "rows", "here", "elsewhere/here"):
        (tmp_path / name).mkdir()
    (tmp_path / "worked.jsonl").write_text("")
    path = configuration(tmp_path, {"mine": MINE}, train=None, data_dir="rows")
    config = load_config(path, {"model.path": "model", "model.cold_start.data": "worked.jsonl"})
    assert [config.model.path, config.data.data_dir] == [str(tmp_path / "model"), str(tmp_path / "rows")]
    assert config.model.cold_start.data == str(tmp_path / "worked.jsonl")
    for unchanged in ("here", "owner/name"):
        assert load_config(path, {"model.path": unchanged}).model.path == unchanged
