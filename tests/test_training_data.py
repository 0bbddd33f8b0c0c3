"""Training data: every reason to remove a problem, attacked alone; then the real 17,398 rows."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steer.configs.load import load_config
from steer.data.benchmarks.load import load_benchmark
from steer.data.benchmarks.prompts import Question, dapo_answer, dapo_boxed
from steer.data.cleaning import clean, examine, question, removal_table, repair_latex
from steer.data.code_training import archer
from steer.data.command import training_problems
from steer.data.dapo import bare_question
from steer.data.overlap import grams, overlaps
from steer.data.problem import Problem
from steer.errors import UserError

LONG = "let a b c d be four distinct positive integers whose sum is twenty find the largest product they can have"


def problem(identity, text, gold="5", kind="math"):
    return Problem(identity, "set", kind, f"Solve: {text}", gold, meta={"question": text})


def reasons(problems, evaluation=()):
    kept, removals = examine(problems, list(evaluation))
    return [p.id for p in kept], {r.id: r.reason for r in removals if r.removed}


def test_duplicates_differ_in_spaces_and_dollars_only():
    rows = [problem("a", "Find $x^2 + 1$."), problem("b", "Find x^2+1 ."), problem("c", "Find $x^2 - 1$.")]
    assert reasons(rows) == (["a", "c"], {"b": "duplicate"})


def test_conflicting_golds_remove_every_copy():
    rows = [problem("a", "How many?", "61"), problem("b", "How  many?", "31"), problem("c", "Else?", "1")]
    assert reasons(rows) == (["c"], {"a": "conflicting_gold", "b": "conflicting_gold"})


def test_placeholder_golds_count_for_mathematics_only():
    rows = [problem("a", "p?", "-1"), problem("b", "q?", ""), problem("c", "r?", "", "code"), problem("d", "s?", "-10")]
    assert reasons(rows) == (["c", "d"], {"a": "placeholder_gold", "b": "placeholder_gold"})


def test_a_form_feed_is_repaired_where_it_stood_for_a_backslash_and_f():
    rows = [problem("a", "in the form \frac{m}{n}, where"), problem("b", "the \first shop"), problem("c", "plain")]
    kept, removals = examine(rows, [])
    assert [p.id for p in kept] == ["a", "c"] and {r.id for r in removals if r.removed} == {"b"}
    assert question(kept[0]) == "in the form \\frac{m}{n}, where" and kept[0].prompt.endswith(question(kept[0]))
    assert [(r.id, r.removed) for r in removals if r.reason == "repaired_latex"] == [("a", False)]


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("$3 \times 4$", "$3 \\times 4$"),
        ("\text{if}", "\\text{if}"),
        ("=\x08eta$", "=\\beta$"),
        ("a\nabla", "a\\nabla"),
    ],
)
def test_other_swallowed_escapes(broken, whole):
    assert repair_latex(broken) == whole


@pytest.mark.parametrize("text", ["Let\tx be", "a line\nand another", "\tFor each n", "no escapes \\frac{1}{2}"])
def test_honest_white_space_stays(text):
    assert repair_latex(text) == text


def test_a_copy_takes_the_place_of_a_broken_one():
    rows = [problem("a", "the \x0c shop has 3 items"), problem("b", "the shop has 3 items")]
    assert reasons(rows) == (["b"], {"a": "broken_latex"})


def test_overlap_needs_half_of_the_evaluation_grams():
    words = LONG.split()
    total = len(grams(LONG))
    assert total == len(words) - 9
    for shared in range(10, len(words) + 1):
        training = " ".join(words[:shared]) + " and then something quite different follows here to the end"
        found = overlaps({"t": training}, [("e", LONG)])
        assert bool(found) == ((shared - 9) / total >= 0.5), shared
    assert overlaps({"t": LONG.upper().replace(" ", " , ")}, [("e", LONG)]) == {"t": {"e": 1.0}}


def test_short_questions_overlap_only_exactly():
    assert overlaps({"t": "What is $1+1$?"}, [("e", "what is 1 + 1")]) == {"t": {"e": 1.0}}
    assert overlaps({"t": "What is 1+2?", "u": "什么", "v": ""}, [("e", "What is 1+1?"), ("f", "")]) == {}


def test_overlap_sees_through_the_latex_that_formulas_are_written_in():
    """OlympiadBench 1736 and a row of DAPO with the same answer."""
    start = "Find the least positive integer $n$ for which there exists a set "
    published = (
        r"$\left\{s_{1}, s_{2}, \ldots, s_{n}\right\}$ of $n$ distinct positive integers such that "
        r"$$ \left(1-\frac{1}{s_{1}}\right)\left(1-\frac{1}{s_{2}}\right) \ldots\left(1-\frac{1}{s_{n}}\right)"
        r"=\frac{51}{2010} $$"
    )
    copied = (
        r"$\{s_1,s_2,\ldots,s_n\}$ of $n$ distinct positive integers such that "
        r"$\left(1-\dfrac{1}{s_1}\right)\left(1-\dfrac{1}{s_2}\right)\dots\left(1-\dfrac{1}{s_n}\right)=\dfrac{51}{2010}.$"
    )
    found = overlaps({"t": start + copied}, [("e", start + published)])
    assert found["t"]["e"] > 0.9
    other = start.replace("least", "greatest") + "$A$ of $n$ different primes with a sum of less than one million."
    assert overlaps({"t": other}, [("e", start + published)]) == {}


def overlapping(removals):
    """Evaluation set → its problems that training problems repeat."""
    found = {}
    for removal in removals:
        if removal.reason == "overlap":
            for identity in removal.related:
                found.setdefault(identity.partition("/")[0], set()).add(identity)
    return found


def test_overlap_uses_the_bare_question():
    evaluation = Problem("aime24/1", "aime24", "math", dapo_answer(Question(LONG)), "5", meta={"question": LONG})
    same = problem("t", LONG)
    template_only = Problem(
        "u", "set", "math", dapo_answer(Question("Something else?")), "5", meta={"question": "Else?"}
    )
    kept, removals = examine([same, template_only], [evaluation])
    assert [p.id for p in kept] == ["u"] and removals[0].related == ("aime24/1",)
    assert overlapping(removals) == {"aime24": {"aime24/1"}}


texts = st.text(alphabet="ab1 $\\{}\f\t\n", max_size=12)


@given(st.lists(st.tuples(texts, st.sampled_from(["1", "2", "-1"])), max_size=12), st.lists(texts, max_size=3))
def test_cleaning_partitions_and_is_idempotent(rows, held_out):
    problems = [problem(str(number), text, gold) for number, (text, gold) in enumerate(rows)]
    evaluation = [problem(f"e/{number}", text) for number, text in enumerate(held_out)]
    kept, removals = examine(problems, evaluation)
    removed = [removal.id for removal in removals if removal.removed]
    assert sorted([p.id for p in kept] + removed, key=int) == [p.id for p in problems]
    assert clean(kept, evaluation) == (kept, [])
    assert [i for row in removal_table(removals) for i in row["ids"]] == sorted(removed, key=removed.index)


def test_the_table_has_a_row_for_each_reason_at_work():
    rows = [problem("a", "p?"), problem("b", "p ?"), problem("c", "q?", "-1"), problem("d", "\x00"), problem("e", "p?")]
    kept, table = clean(rows, [])
    assert [p.id for p in kept] == ["a"] and table == [
        {"reason": "broken_latex", "count": 1, "ids": ["d"]},
        {"reason": "placeholder_gold", "count": 1, "ids": ["c"]},
        {"reason": "duplicate", "count": 2, "ids": ["b", "e"]},
    ]


def test_ids_must_be_unique():
    with pytest.raises(ValueError, match="not unique"):
        clean([problem("a", "p"), problem("a", "q")], [])


def test_dapo_questions_come_out_of_either_copy():
    for template in (dapo_boxed, dapo_answer):
        assert bare_question(template(Question("Find $x$.\n\nHere."))) == "Find $x$.\n\nHere."
    assert bare_question("求 x.\n让我们一步一步地思考。请以“Answer: …") == "求 x."


@pytest.fixture(scope="module")
def dapo(shared_data):
    return load_benchmark("dapo", shared_data)


@pytest.fixture(scope="module")
def cleaned(shared_data, dapo):
    names = ["aime24", "aime25", "amc23", "math500", "minerva", "olympiadbench", "gsm8k"]
    return examine(dapo, [p for name in names for p in load_benchmark(name, shared_data)])


def test_dapo_prompts_are_those_of_the_file(shared_data, dapo):
    import pyarrow.parquet as parquet

    rows = parquet.read_table(shared_data / "train/dapo_math_17k.parquet").to_pylist()
    changed = [p for p, row in zip(dapo, rows, strict=True) if p.prompt != row["prompt"][0]["content"]]
    assert len(dapo) == 17_398 and len(changed) == 20 and all(p.meta["language"] == "zh" for p in changed)
    assert sum(p.meta["language"] == "zh" for p in dapo) == 3_282


@pytest.mark.slow
def test_dapo_findings_contain_the_known_ones(shared_data, cleaned):
    """The lists of duplicates, conflicts, form feeds and overlaps that were drawn up independently of this code."""
    _, removals = cleaned
    known = json.loads((shared_data / "train/dapo_internal.json").read_text())
    found = {
        reason: {r.id.removeprefix("dapo/") for r in removals if r.reason == reason}
        for r in removals
        for reason in [r.reason]
    }
    assert set(known["formfeed_rows"]) <= found["repaired_latex"] | found["broken_latex"]
    conflicts = {entry["index"] for group in known["conflicts"] for entry in group}
    assert len(known["conflicts"]) == 8 and conflicts <= found["conflicting_gold"]
    gone = {r.id.removeprefix("dapo/") for r in removals if r.removed}
    assert len(known["duplicate_groups"]) == 470
    for group in known["duplicate_groups"]:
        assert len(set(group) - gone) <= 1, group
    assert len(found["placeholder_gold"]) == 72
    # Of those lists 24, 23 and 57; the rest are copies whose formulas are written in other LaTeX.
    assert {name: len(problems) for name, problems in overlapping(removals).items()} == {
        "amc23": 26,
        "math500": 25,
        "olympiadbench": 71,
    }
    overlap = json.loads((shared_data / "train/dapo_overlap_with_evals.json").read_text())
    for entry in overlap["amc23"] + overlap["math500"] + overlap["olymp"]:
        assert set(entry["exact_dapo_index"]) <= gone


@pytest.mark.slow
def test_dapo_after_cleaning(cleaned):
    kept, removals = cleaned
    table = {row["reason"]: row["count"] for row in removal_table(removals)}
    assert table == {
        "broken_latex": 36,
        "conflicting_gold": 22,
        "placeholder_gold": 68,
        "duplicate": 647,
        "overlap": 142,
    }
    assert len(kept) == 17_398 - sum(table.values()) == 16_483
    assert sum(r.reason == "repaired_latex" for r in removals) == 615
    assert not any("\f" in p.prompt for p in kept) and "-1" not in {p.gold for p in kept}


@pytest.mark.parametrize(("wanted", "left"), [(True, ["a"]), (False, ["a", "b", "c"])])
def test_training_data_is_cleaned_unless_it_is_wanted_as_it_is(monkeypatch, wanted, left):
    rows = [problem("a", LONG), problem("b", LONG), problem("c", LONG[::-1])]
    monkeypatch.setattr("steer.data.benchmarks.load.load_set", lambda *_, **__: rows)
    config = load_config("configs/paper/base.yaml", {"data.clean": wanted})
    kept, removals = training_problems(config, [problem("x", LONG[::-1])])
    assert sorted(p.id for p in kept) == left
    assert bool(removals) == wanted


def test_missing_or_short_training_files(tmp_path):
    with pytest.raises(UserError, match=r"dapo_math_17k.parquet: no such file"):
        load_benchmark("dapo", tmp_path)
    (tmp_path / "train").mkdir()
    (tmp_path / "train/dapo_math_17k.parquet").write_text("not parquet")
    with pytest.raises(UserError, match="not a parquet file"):
        load_benchmark("dapo", tmp_path)
    with pytest.raises(UserError, match=r"leetcode_train.json: no such file"):
        load_benchmark("leetcode", tmp_path)
    with pytest.raises(UserError, match=r"archer_code.parquet: no such file"):
        load_benchmark("archer-code", tmp_path)
    with pytest.raises(UserError, match="give data_dir"):
        load_benchmark("leetcode")


def test_leetcode_rows(shared_data):
    problems = load_benchmark("leetcode", shared_data)
    assert len(problems) == 1768 and len({p.id for p in problems}) == 1768
    first = problems[0]
    assert first.tests["entry_point"] == "twoSum" and "Solution()" not in first.tests["code"]
    for p in problems:
        compile(p.tests["code"], p.id, "exec")
    assert first.meta["question"].startswith("Given an array")


def test_archer_rows_in_both_layouts():
    def row(truth):
        return {"prompt": [{"role": "user", "content": "Do it."}], "reward_model": {"ground_truth": json.dumps(truth)}}

    stdin = archer(row([{"input": "1\n", "output": "2\n", "type": "stdin_stdout"}]), 0)
    assert stdin.tests == {"kind": "stdin", "cases": [{"input": "1\n", "output": "2\n"}]}
    call = archer(row({"inputs": [[1, [2]]], "outputs": [3], "fn_name": "f"}), 1)
    assert call.tests == {"kind": "function", "entry_point": "f", "cases": [{"args": [1, [2]], "expected": 3}]}
    lines = archer(row([{"input": "1\n[2]", "output": "3", "metadata": {"func_name": "f"}}]), 2)
    assert lines.tests == call.tests
    with pytest.raises(ValueError, match="no test cases"):
        archer(row([]), 3)
