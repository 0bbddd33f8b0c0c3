"""Rewards by functions of the user's own: what they return, what they do wrong, and where they may judge."""

import os

import pytest
import torch
import yaml
from tqdm import tqdm

from steer.cli import main
from steer.configs.load import load_config
from steer.configs.schema import Reward
from steer.data.problem import Problem
from steer.errors import UserError
from steer.train.rollouts import rewards_of
from steer.verify import functions
from steer.verify.responses import Verifier

SOURCE = """
import os, time
import helper

class Mute(Exception):
    def __str__(self):
        raise ValueError

def length(problem, response):
    return helper.double(len(response)) / 2

def gold(problem, response):
    return float(problem.gold in response)

def strange(problem, response):
    if response == "none":
        return None
    if response == "raise":
        raise ValueError("no such\\nthing")
    if response == "hang":
        time.sleep(600)
    if response == "die":
        os._exit(3)
    if response == "text":
        return "1.0"
    if response == "nan":
        return float("nan")
    if response == "large":
        return 1e300
    if response == "base":
        raise BaseException("as time-outs of packages are")
    if response == "mute":
        raise Mute
    return 1
"""
PROBLEM = Problem("p", "own", "math", "How much is 1 + 1?", gold="2")


@pytest.fixture
def file(tmp_path):
    (tmp_path / "helper.py").write_text("def double(x):\n    return 2 * x\n")
    (tmp_path / "scores.py").write_text(SOURCE)
    return str(tmp_path / "scores.py")


def reward(file, *names, **changes):
    functions = [{"function": f"{file}:{name}", "weight": weight} for name, weight in names]
    return Reward.model_validate({"kind": "python", "functions": functions, **changes})


def configuration(folder, reference):
    tree = {"extends": os.path.abspath("configs/nano.yaml"), "name": "mine"}
    tree["reward"] = {"kind": "python", "functions": [{"function": reference}]}
    (folder / "mine.yaml").write_text(yaml.safe_dump(tree))


def judge(rule, responses, problem=PROBLEM):
    with Verifier.of(rule, 2, training=True) as verifier:
        verdicts = verifier.verify([problem] * len(responses), responses)
    rewards = rewards_of([problem] * len(responses), responses, verdicts, rule, torch.Generator())
    return verdicts, rewards.tolist()


def test_the_reward_is_the_weighted_sum_and_correctness_its_threshold(file):
    verdicts, rewards = judge(reward(file, ("length", 0.5), ("gold", 2.0), correct_from=3.0), ["12", "1", "222"])
    assert rewards == [3.0, 0.5, 3.5]
    assert [v.verdict for v in verdicts] == ["correct", "wrong", "correct"]
    assert [v.score for v in verdicts] == rewards


def test_faults_of_a_function_cost_their_response_alone(file, capfd):
    rule = reward(file, ("strange", 1.0), function_time_limit_s=1.0, wrong=-2.0)
    responses = ["none", "raise", "hang", "die", "text", "nan", "large", "base", "mute", "fine"]
    verdicts, rewards = judge(rule, responses)
    assert [v.verdict for v in verdicts] == ["unverifiable", *["wrong"] * 8, "correct"]
    assert rewards[0] != rewards[0] and rewards[1:] == [-2.0] * 8 + [1.0]
    assert [v.failed for v in verdicts] == [False, *[True] * 8, False]
    assert "keep it below 1e+18" in verdicts[6].reason and "BaseException: as time" in verdicts[7].reason
    assert "ValueError: no such thing" in verdicts[1].reason and "exit code 3" in verdicts[3].reason
    assert "within 1 s" in verdicts[2].reason and "'1.0'" in verdicts[4].reason
    shown = capfd.readouterr().err.splitlines()
    assert len(shown) == 1 and "ValueError" in shown[0] and "problem p" in shown[0]


def test_a_fault_is_told_on_a_line_of_its_own_under_a_progress_bar(file, capfd):
    for _ in tqdm(range(1), mininterval=0):
        judge(reward(file, ("strange", 1.0)), ["raise"])
    told = capfd.readouterr().err.replace("\r", "\n").splitlines()
    assert sum(line.startswith(f"{file}:strange: ValueError") for line in told) == 1


def test_errors_can_be_masked(file):
    verdicts, rewards = judge(reward(file, ("strange", 1.0), on_error="mask"), ["raise", "fine"])
    assert [v.verdict for v in verdicts] == ["unverifiable", "correct"] and rewards[0] != rewards[0]


def test_a_problem_with_a_verifier_of_its_own_is_judged_by_it_in_evaluation_too(file):
    own = Problem("q", "own", "math", "?", gold="2", verifier=f"{file}:gold")
    with Verifier.of(Reward(), 1) as verifier:
        verdicts = verifier.verify([own, PROBLEM, own], ["a 2", "\\boxed{2}", "3"])
    assert [v.verdict for v in verdicts] == ["correct", "correct", "wrong"]
    assert [v.score for v in verdicts] == [1.0, None, 0.0]


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("absent.py:score", "absent.py: no such file"),
        ("scores.py:absent", "has no function `absent`"),
        ("scores.py", "write FILE.py:FUNCTION"),
        ("broken.py:score", "not valid Python"),
        ("odd.py:one", "odd.py: `one(response)` cannot be called as `one(problem, response)`"),
        ("odd.py:three", "`three(problem, response, gold)` cannot be called"),
        ("odd.py:keyword", "`keyword(problem, response, *, gold)` cannot be called"),
    ],
)
def test_a_wrong_reference_is_one_line_before_anything_runs(file, tmp_path, capsys, reference, said):
    (tmp_path / "broken.py").write_text("def score(:\n")
    heads = ("one(response)", "three(problem, response, gold)", "keyword(problem, response, *, gold)")
    (tmp_path / "odd.py").write_text("".join(f"def {head}:\n    return 1\n" for head in heads))
    configuration(tmp_path, reference)
    assert main(["data", "--config", str(tmp_path / "mine.yaml"), "--out", str(tmp_path / "data")]) != 0
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and said in lines[0] and "mine.yaml" in lines[0]


@pytest.mark.parametrize(
    ("top", "said"),
    [
        ("import nosuchmodule", r"late.py:score: ModuleNotFoundError: No module named 'nosuchmodule'"),
        ("raise SystemExit(3)", r"late.py:score: SystemExit: 3"),
        ("import os; os._exit(7)", r"late.py: the process that imports it ends"),
        ("import time; time.sleep(30)", r"late.py: not imported within 4 s"),
    ],
)
def test_a_file_that_cannot_be_imported_is_one_line(tmp_path, monkeypatch, top, said):
    monkeypatch.setattr(functions, "START_LIMIT_S", 4)
    (tmp_path / "late.py").write_text(f"{top}\n\ndef score(problem, response):\n    return 1\n")
    with pytest.raises(UserError, match=said):
        judge(reward(str(tmp_path / "late.py"), ("score", 1.0)), ["x"])


@pytest.mark.parametrize("head", ["(problem, response, gold=1)", "(*both)", "(a, b, /)", "(a, b, **rest)", "(a, b=1)"])
def test_every_function_of_two_arguments_is_taken(tmp_path, head):
    (tmp_path / "own.py").write_text(f"def score{head}:\n    return 1\n")
    configuration(tmp_path, "own.py:score")
    assert main(["data", "--config", str(tmp_path / "mine.yaml"), "--out", str(tmp_path / "data")]) == 0


def test_a_function_is_found_beside_its_configuration(file, tmp_path):
    configuration(tmp_path, "scores.py:gold")
    (function,) = load_config(tmp_path / "mine.yaml").reward.functions
    assert function.function == f"{file}:gold"


def test_kind_and_functions_go_together():
    with pytest.raises(ValueError, match="needs `functions"):
        Reward(kind="python")
    with pytest.raises(ValueError, match="kind: python"):
        Reward.model_validate({"functions": [{"function": "a.py:b"}]})
