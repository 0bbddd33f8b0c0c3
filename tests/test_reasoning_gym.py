"""Tasks of reasoning-gym as data sets: their rows, disjoint ranges, and answers judged in the sandbox."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from steer.configs.dataset import DataSet
from steer.data.benchmarks.load import load_set
from steer.data.cleaning import clean
from steer.data.gym import check_ranges
from steer.errors import UserError
from steer.verify.code import Program, Sandbox
from steer.verify.gym import SCORER, judge_tasks, stated_answer
from steer.verify.responses import Verifier

ROOT = Path(__file__).parents[1]
FACTORY = """
import atexit
atexit.register(print, "made")

class Task:
    def __init__(self, seed, size, step=1):
        assert step > 0, "step must be positive"
        self.seed, self.size, self.step = seed, size, step
        print("making")  # as some tasks do
    def __getitem__(self, index):
        return {"question": f"Count to {self.seed + index}.", "answer": None if index == 7 else self.step * index}

DATASETS = {"counting": Task, "chain_sum": Task}
def create_dataset(name, **settings):
    return DATASETS[name](**settings)
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of the same interface in place of reasoning-gym."""
    folder = tmp_path / "reasoning_gym"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "factory.py").write_text(FACTORY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return folder


def test_rows_of_a_task(package):
    spec = DataSet(reasoning_gym="counting", size=3, start=5, settings={"step": 2}, prompt="{question} Answer in tags.")
    problems = load_set("mine", spec)
    assert [p.id for p in problems] == ["mine-5", "mine-6", "mine-7"]
    assert problems[0].prompt == "Count to 5. Answer in tags."
    assert [p.gold for p in problems] == ["10", "12", ""]
    assert [p.solution for p in problems] == ["<answer>10</answer>", "<answer>12</answer>", ""]
    assert all(p.judged_by_task and p.kind == "math" for p in problems)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reasoning_gym": "countin"}, "has no task 'countin'.*counting"),
        (
            {"reasoning_gym": "counting", "settings": {"step": 0}},
            "key `settings`: AssertionError: step must be positive",
        ),
        ({"reasoning_gym": "counting", "settings": {"steps": 1}}, "key `settings`: TypeError: .*'steps'"),
    ],
)
def test_a_task_that_cannot_be_made_is_one_line(package, given, said):
    with pytest.raises(UserError, match=said) as error:
        load_set("mine", DataSet(**given))
    assert "\n" not in str(error.value)


def test_without_the_package_one_line_says_how_to_install_it(package):
    (package / "__init__.py").write_text("raise ImportError('not here')")
    with pytest.raises(UserError, match=r"'mine' needs the package reasoning-gym .*make reasoning-gym"):
        load_set("mine", DataSet(reasoning_gym="counting"))


@pytest.mark.parametrize(
    "given",
    [
        {"reasoning_gym": "chain_sum", "file": "rows.jsonl"},
        {"reasoning_gym": "chain_sum", "kind": "code"},
        {"reasoning_gym": "chain_sum", "verifier": "mine.py:score"},
        {"reasoning_gym": "chain_sum", "settings": {"size": 3}},
        {"reasoning_gym": "chain_sum", "settings": {"seed": "one"}},
        {"reasoning_gym": "chain_sum", "settings": {"seed": -1}},
        {"reasoning_gym": "chain_sum", "question": "q"},
        {"reasoning_gym": "chain_sum", "answer_after": "####"},
        {"reasoning_gym": "chain_sum", "split": "test"},
        {"reasoning_gym": "chain_sum", "size": 0},
        {"reasoning_gym": "chain_sum", "start": -1},
        {"file": "rows.jsonl", "kind": "math", "size": 3},
    ],
)
def test_keys_that_contradict_are_refused(given):
    with pytest.raises(ValidationError):
        DataSet(**given)


def test_training_and_evaluation_share_no_item():
    evaluation = {"e": DataSet(reasoning_gym="chain_sum", size=10)}
    check_ranges({"t": DataSet(reasoning_gym="chain_sum", size=10, start=10)}, evaluation)
    check_ranges({"t": DataSet(reasoning_gym="basic_arithmetic", size=10)}, evaluation)
    check_ranges({"t": DataSet(reasoning_gym="chain_sum", size=10, settings={"max_terms": 3})}, evaluation)
    # Item 1 of seed 8 is item 9 of seed 0.
    for other in ({"start": 9}, {"settings": {"seed": 8}}, {"start": 2, "settings": {"seed": 7}}):
        with pytest.raises(UserError, match=r"'t' .* and 'e' .* share . items of chain_sum"):
            check_ranges({"t": DataSet(reasoning_gym="chain_sum", size=10, **other)}, evaluation)


def test_only_an_equal_question_is_an_overlap(package):
    """Items of one task share most of their words."""
    words = "In this task there are ten words and more before the number that is "
    spec = DataSet(reasoning_gym="counting", size=3, prompt=words + "{question}")
    training = load_set("t", spec)
    evaluation = load_set("e", DataSet(reasoning_gym="counting", size=2, start=2))
    kept, removed = clean(training, evaluation, own=frozenset({"t", "e"}))
    assert [p.id for p in kept] == ["t-0", "t-1"]
    assert [row["reason"] for row in removed] == ["overlap"]


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("I add them up.\n<answer>12</answer>", "12"),
        ("<answer>1</answer> No: <answer>2</answer>\n", "2"),
        ("<answer>\n1 2\n3 4\n</answer>", "1 2\n3 4"),
        ("So it is \\boxed{7}.", "7"),
        ("The answer is 8.", "8"),
        ("<think><answer>1</answer>", None),
        ("I see 3 apples and 4 pears", None),
        ("<answer> </answer>", None),
        ("", None),
    ],
)
def test_what_a_response_states(response, answer):
    assert stated_answer(response) == answer


def test_an_evaluated_answer_is_a_value_or_a_formula():
    """Answers reach Python's `eval` in several tasks, and sympy calls it with the scopes of its names."""
    tried = SCORER + (
        "\ndef tried(text, formula):\n"
        "    import math\n"
        "    scopes = ({'sqrt': math.sqrt, '__builtins__': builtins},) if formula else ()\n"
        "    try:\n        return _guarded(eval)(text, *scopes)\n"
        "    except (ValueError, SyntaxError):\n        return 'refused'\n"
    )
    expected = {
        ("[[1, 2], [3, -4]]", False): [[1, 2], [3, -4]],
        ("0x1f + 2 * 3", False): 37,
        ("sqrt(16) + abs(-2)", True): 6.0,
        ("[].append(1)", False): "refused",
        ("().__class__", False): "refused",
        ("print(1)", False): "refused",
        ("(lambda: 1)()", False): "refused",
        ("exec('import sys')", True): "refused",
        ("[open('f') for _ in [1]]", True): "refused",
        ("(lambda: getattr(sqrt, 'x'))()", True): "refused",
        ("sqrt.__self__", True): "refused",
        ("import sys", True): "refused",
        ("(lambda: sqrt(4))()", True): 2.0,
        ("sqrt.real", True): "refused",
        ("nsolve(sqrt, 1)", True): "refused",
        ("lambdify(sqrt)", True): "refused",
    }
    cases = [{"args": list(given), "expected": value} for given, value in expected.items()]
    with Sandbox(workers=1) as sandbox:
        (verdict,) = sandbox.judge([Program(tried, {"kind": "function", "entry_point": "tried", "cases": cases})])
    assert verdict.verdict == "pass", verdict


@pytest.fixture(scope="module")
def installed():
    done = subprocess.run(
        ["make", "reasoning-gym", f"PYTHON={sys.executable}"], cwd=ROOT, capture_output=True, text=True
    )
    found = subprocess.run([sys.executable, "-c", "import reasoning_gym"], capture_output=True)
    if done.returncode and found.returncode:
        pytest.skip(f"reasoning-gym cannot be downloaded here: {done.stderr.strip().splitlines()[-1:]}")


# One task of each manner: numbers, Python lists, formulas, an import of the whole package, an order of sets.
@pytest.mark.slow
@pytest.mark.parametrize(
    "task", ["chain_sum", "spiral_matrix", "countdown", "knights_knaves", "polynomial_multiplication", "list_functions"]
)
def test_a_task_judges_its_own_answers(installed, task):
    problems = load_set("mine", DataSet(reasoning_gym=task, size=2, start=3))
    hostile = "__import__('builtins').exit()", "exec(chr(49))", "[print(1)]", "1" * 50_000
    responses = [p.solution for p in problems] + [f"<answer>{text}</answer>" for text in ("nonsense", *hostile)]
    asked = [*problems, *[problems[0]] * (len(responses) - 2)]
    with Verifier(workers=1) as verifier:
        found = verifier.verify(asked, responses)
    assert [v.verdict for v in found] == ["correct", "correct", *["wrong"] * (len(responses) - 2)]


@pytest.mark.slow
def test_a_task_without_an_answer_of_its_own_takes_no_none(installed):
    (problem,) = load_set("mine", DataSet(reasoning_gym="graph_color", size=1))
    with Sandbox(workers=1) as sandbox:
        verdicts = judge_tasks([(problem, "<answer>None</answer>"), (problem, "<answer></answer>")], sandbox)
    assert [v.verdict for v in verdicts] == ["wrong", "wrong"]
