"""Loading benchmarks: the real rows, what is checked about them, and what is said when something is wrong."""

import gzip
import json
import logging
import shutil

import pytest

from steer.data import hub
from steer.data.benchmarks import load
from steer.data.benchmarks.load import load_benchmark
from steer.data.benchmarks.prompts import Question
from steer.data.benchmarks.source import Item, content_hash
from steer.data.parsers import PARSERS
from steer.data.problem import Problem
from steer.data.sets import known_sets
from steer.errors import UserError

TRAINING = {"dapo", "leetcode", "archer-code", "gsm8k_train"}
BENCHMARKS = {name: spec for name, spec in known_sets().items() if name not in TRAINING}
# Without rows at hand.
ABSENT = {"aime26"}
LOCAL_ROWS = {"olympiadbench": 675, "livecodebench": 400, "hmmt25": 30, "brumo25": 30, "cmimc25": 40}


def rows_of(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        return json.load(file) if path.suffix == ".json" else [json.loads(line) for line in file]


def write_rows(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.mark.parametrize("name", sorted(BENCHMARKS.keys() - ABSENT))
def test_every_local_copy_loads_whole(shared_data, name):
    problems = load_benchmark(name, shared_data)
    source = BENCHMARKS[name]
    assert len(problems) == LOCAL_ROWS.get(name, source.rows)
    assert len({problem.id for problem in problems}) == len(problems)
    for problem in problems:
        assert problem.benchmark == name and problem.kind == source.kind
        assert problem.prompt.strip() and problem.meta["question"].strip()
        assert (problem.gold.strip() != "") == (source.kind == "math")
        assert (problem.tests is not None) == (source.kind == "code")
        assert problem.solution or name == "livecodebench"
        assert Problem.from_json(json.loads(json.dumps(problem.to_json()))) == problem


def test_golds_are_read_from_their_different_places(shared_data):
    golds = {
        name: load_benchmark(name, shared_data, limit=1)[0].gold for name in ("aime24", "aime25", "amc23", "gsm8k")
    }
    assert golds == {"aime24": "204", "aime25": "70", "amc23": "27", "gsm8k": "18"}
    amc = {problem.gold for problem in load_benchmark("amc23", shared_data)}
    assert "-1" in amc and "3159" in amc and not any("." in gold for gold in amc)
    aime = [problem.gold for problem in load_benchmark("aime24", shared_data)]
    assert "25" in aime and "025" not in aime


def test_known_wrong_gold_of_minerva_is_marked_and_kept(shared_data):
    flawed = [problem for problem in load_benchmark("minerva", shared_data) if "flaw" in problem.meta]
    assert len(flawed) == 1 and "sign" in flawed[0].meta["flaw"]


def test_minerva_numbers_carry_a_tolerance_and_formulas_do_not(shared_data):
    types = {problem.gold: problem.answer_type for problem in load_benchmark("minerva", shared_data)}
    assert types["3.83e35"] == types["41.8"] == types["-7"] == "real"
    assert types["E_{1},E_{2}"] is None and types["2 \\pi / \\omega"] is None
    assert sum(kind == "real" for kind in types.values()) > 150


def test_olympiad_answers_units_and_tolerance(shared_data):
    problems = {problem.id: problem for problem in load_benchmark("olympiadbench", shared_data)}
    assert problems["olympiadbench/1664"].gold == "69,84" and problems["olympiadbench/1664"].meta["several_answers"]
    assert problems["olympiadbench/2253"].meta["unit"] == "minute" and problems["olympiadbench/2253"].gold == "45"
    assert problems["olympiadbench/2592"].answer_type == "real:abs=0.1"
    assert not any("$" in problem.gold for problem in problems.values())


def test_the_code_tests_name_the_function(shared_data):
    humaneval = load_benchmark("humaneval", shared_data, limit=1)[0]
    assert humaneval.tests["entry_point"] == "has_close_elements" and "def check(candidate)" in humaneval.tests["code"]
    assert humaneval.prefix == humaneval.meta["question"] and humaneval.prefix.rstrip() in humaneval.solution
    mbpp = {problem.id: problem for problem in load_benchmark("mbpp", shared_data)}
    assert mbpp["mbpp/1"].tests["entry_point"] == "min_cost" and mbpp["mbpp/1"].tests["code"].count("assert ") == 3
    assert mbpp["mbpp/367"].tests["code"].startswith("root = Node(1)")
    sanitized = {problem.id: problem for problem in load_benchmark("mbpp_sanitized", shared_data)}
    assert sanitized["mbpp_sanitized/82"].tests["code"].startswith("import math\nassert ")


def test_prompts_follow_the_family_and_the_benchmark(shared_data):
    def first(name, template=None):
        return load_benchmark(name, shared_data, template=template, limit=1)[0]

    assert "Answer: $Answer" in first("aime24").prompt and "Answer: $Answer" in first("amc23").prompt
    for name in ("math500", "minerva", "olympiadbench"):
        assert first(name).prompt == first(name).meta["question"]
    assert first("math500", "instruct").prompt.endswith("put your final answer within \\boxed{}.")
    assert first("math500", "dapo_boxed").prompt.startswith("Solve the following math problem step by step.")
    assert first("humaneval", "base").prompt == first("humaneval").prefix
    for family in ("instruct", "coder"):
        assert first("humaneval", family).prompt != first("humaneval", "base").prompt
        assert "assert set(similar_elements(" in first("mbpp_sanitized", family).prompt
    assert first("mbpp_sanitized", "base").prompt.startswith('"""\nWrite a function')
    assert first("mbpp_sanitized", "mbpp_austin").prompt.endswith("[BEGIN]\n")
    with pytest.raises(UserError, match="did you mean 'instruct'"):
        first("humaneval", "instrct")


def test_unknown_name_and_limit():
    with pytest.raises(UserError, match="no data set 'aime_24'; did you mean 'aime24'"):
        load_benchmark("aime_24", "anywhere")
    with pytest.raises(UserError, match="limit is 0"):
        load_benchmark("aime24", "anywhere", limit=0)
    with pytest.raises(UserError, match="carry no dates"):
        load_benchmark("aime24", "anywhere", window=("2024-01-01", "2024-02-01"))


def test_a_missing_file_is_named_with_its_source(tmp_path):
    for name, source in BENCHMARKS.items():
        with pytest.raises(UserError, match="no such file") as error:
            load_benchmark(name, tmp_path)
        assert source.local in str(error.value) and source.hub in str(error.value)


def test_a_changed_gold_or_a_lost_row_is_refused_with_both_hashes(shared_data, tmp_path):
    rows = rows_of(shared_data / "math/aime24.jsonl")
    known = BENCHMARKS["aime24"].copies[0].sha256
    changed = [{**rows[0], "answer": "205"}, *rows[1:]]
    for case, count in ((changed, 30), (rows[:-1], 29)):
        write_rows(tmp_path / "math/aime24.jsonl", case)
        with pytest.raises(UserError) as error:
            load_benchmark("aime24", tmp_path)
        assert f"{count} rows" in str(error.value) and known in str(error.value) and "30 rows" in str(error.value)


def test_order_spacing_and_other_columns_do_not_change_the_hash(shared_data, tmp_path):
    rows = rows_of(shared_data / "math/aime24.jsonl")
    for row in rows:
        row["url"], row["question"] = "elsewhere", row["question"].replace(" ", "  \n") + "\n"
    write_rows(tmp_path / "math/aime24.jsonl", rows[::-1])
    assert len(load_benchmark("aime24", tmp_path)) == 30


def test_hash_of_two_items_by_hand():
    items = [Item("a", Question("1 + 1?"), gold="2"), Item("b", Question("x"), tests={"kind": "stdin", "cases": []})]
    assert content_hash(items) == content_hash(items[::-1])
    assert content_hash(items) != content_hash([Item("a", Question("1 + 1?"), gold="3"), items[1]])
    assert content_hash(items) == content_hash([Item("z", Question(" 1  + 1? "), gold="2", solution="s"), items[1]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not json\n", "line 1: not JSON"),
        ('{"id": 1}\n', "row 1: no field"),
        ('{"id": 1, "problem": "?", "answer": "x"}\n', "is not an integer"),
        ("", "no rows"),
        ('{"id": 1, "problem": "?", "answer": "1"}\n' * 2, "appears twice"),
        ("[1]\n", "line 1: expected an object"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path, content, message):
    (tmp_path / "math").mkdir()
    (tmp_path / "math/aime24.jsonl").write_text(content)
    with pytest.raises(UserError, match=message) as error:
        load_benchmark("aime24", tmp_path)
    assert "\n" not in str(error.value) and "aime24.jsonl" in str(error.value)


@pytest.mark.parametrize("broken", [{"code": "def (x"}, {"code": "[" * 500}, {"test_list": ["assert"]}])
def test_a_program_that_is_not_python_is_one_line(tmp_path, broken):
    row = {"task_id": 1, "text": "?", "code": "def f(x): return x", "test_list": ["assert f(1) == 1"]}
    write_rows(tmp_path / "code/mbpp.jsonl", [{**row, "test_setup_code": "", "challenge_test_list": [], **broken}])
    with pytest.raises(UserError, match="row 1: a program or test is not Python") as error:
        load_benchmark("mbpp", tmp_path)
    assert "\n" not in str(error.value)


def test_truncated_gzip_and_json_array(tmp_path, shared_data):
    (tmp_path / "code").mkdir()
    shutil.copy(shared_data / "code/humaneval.jsonl.gz", tmp_path / "code")
    data = (tmp_path / "code/humaneval.jsonl.gz").read_bytes()
    (tmp_path / "code/humaneval.jsonl.gz").chmod(0o644)
    (tmp_path / "code/humaneval.jsonl.gz").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match="not a whole gzip file"):
        load_benchmark("humaneval", tmp_path)
    (tmp_path / "code/mbpp_sanitized.json").write_text('{"a": 1}')
    with pytest.raises(UserError, match="not a JSON array"):
        load_benchmark("mbpp_sanitized", tmp_path)


def test_hub_rows_go_through_the_same_checks(shared_data, monkeypatch, caplog):
    """A hub copy with the known content passes; another text at the pinned revision is logged; a lost row is not."""
    rows = rows_of(shared_data / "math/aime24.jsonl")
    asked = []

    def fake(*address):
        asked.append(address)
        return iter(served)

    monkeypatch.setattr(load, "hub_rows", fake)
    served = rows
    with caplog.at_level(logging.WARNING):
        assert len(load_benchmark("aime24")) == 30 and not caplog.records
        served = [{**row, "question": row["question"] + " Why?"} for row in rows]
        assert len(load_benchmark("aime24")) == 30
    assert "fixes the content" in caplog.text and BENCHMARKS["aime24"].copies[0].sha256 in caplog.text
    served = rows[:29]
    with pytest.raises(UserError, match="29 rows"):
        load_benchmark("aime24")
    assert asked[0][0] == "HuggingFaceH4/aime_2024" and asked[0][2] == "2fe88a2f1091d5048c0f36abc874fb997b3dd99a"


def test_hub_column_names_of_the_newer_copies(monkeypatch):
    """math-ai's aime25 has `answer`, math500-like columns have no `question`: both layouts give the same item."""
    parse = PARSERS["aime"]
    assert parse({"problem": "p", "solution": "\\boxed{070}"}, 3).gold == "70"
    assert parse({"problem": "p", "answer": "70", "id": "3"}, 3).gold == "70"
    assert PARSERS["minerva"]({"question": "q", "answer": "3.83e35"}, 0).gold == "3.83e35"


class Api:
    """Stands in for the hub: `dataset_info` raises `error` for a revision and knows the newest commit."""

    error: Exception = None

    def dataset_info(self, hub, revision=None, timeout=None):
        if revision is not None and self.error is not None:
            raise self.error
        return type("Info", (), {"sha": "f" * 40})()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("RevisionNotFoundError", "revision abc does not exist on the hub; the newest is " + "f" * 40),
        ("RepositoryNotFoundError", "no such data set"),
        ("GatedRepoError", "access is restricted"),
        (ConnectionError("Name or service not known"), "cannot be reached"),
    ],
)
def test_hub_errors_are_one_clear_line(monkeypatch, error, message):
    import huggingface_hub
    from huggingface_hub import errors

    if isinstance(error, str):
        kind = getattr(errors, error)
        error = kind.__new__(kind)
    monkeypatch.setattr(Api, "error", error)
    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    with pytest.raises(UserError, match=message) as caught:
        next(hub.hub_rows("some/where", "test", "abc"))
    assert "some/where" in str(caught.value) and "\n" not in str(caught.value)
