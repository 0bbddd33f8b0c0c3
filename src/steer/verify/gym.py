"""Answers to tasks of the package reasoning-gym, judged by the task's own `score_answer` inside the sandbox.

Several tasks read an answer with Python's `eval`, or with sympy, which calls it. So no answer is read in this process,
and `eval` in the sandbox takes literals and formulas of known names alone: an answer must not change its own score.
"""

import importlib.util
import re
from collections.abc import Sequence

from steer.data.problem import Problem
from steer.errors import UserError
from steer.verify.code import Program, Sandbox
from steer.verify.math.extract import extract
from steer.verify.thought import before_end, outside_thought
from steer.verify.verdict import Verdict

LIMITS = {"time_limit_s": 20.0, "memory_limit_mb": 2048}
LONGEST = 20_000  # characters of an answer
TAGGED = re.compile(r"<answer>((?:(?!<answer>).)*?)</answer>\s*\Z", re.DOTALL)

# Packages of reasoning-gym import all their tasks; the task's module alone takes a twentieth of the time.
SCORER = '''
import ast, builtins, importlib.machinery, importlib.util, os, sys, types

def score(module, task, settings, index, answer):
    sys.meta_path.insert(0, Drawing())
    try:
        alone(module)
        from reasoning_gym.factory import create_dataset
    except ImportError:  # some modules import their package
        for name in [name for name in sys.modules if name.partition(".")[0] == "reasoning_gym"]:
            del sys.modules[name]
        from reasoning_gym import create_dataset
    made = create_dataset(task, **settings)
    entry = made[index]
    builtins.eval = _guarded(builtins.eval)
    return float(made.score_answer(answer, entry)) >= 1.0

class Absent(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return object

class Drawing:
    """Stands in for what packages of tasks import to draw; no task does."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"matplotlib", "mpl_toolkits", "drawsvg", "rich"}:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return Absent(spec.name)

    def exec_module(self, module):
        pass

def alone(module):
    root = os.path.dirname(list(importlib.util.find_spec("reasoning_gym").submodule_search_locations)[0])
    parts = module.split(".")
    for count in range(1, len(parts)):
        package = types.ModuleType(".".join(parts[:count]))
        package.__path__ = [os.path.join(root, *parts[:count])]
        sys.modules[package.__name__] = package
    importlib.import_module(module)

ARITHMETIC = (ast.Expression, ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.Load, ast.UnaryOp, ast.BinOp,
              ast.operator, ast.unaryop)
# What sympy's parser writes, and the functions and constants of formulas. sympy has functions that run text.
FORMULA = set("""Symbol Integer Float Rational Function Pow Mul Add Abs Min Max abs min max pow round sqrt cbrt root exp
log ln sin cos tan cot sec csc asin acos atan atan2 acot sinh cosh tanh asinh acosh atanh erf erfc gamma factorial
binomial floor ceiling sign pi E I oo zoo nan And Or Not Xor Implies Equivalent true false""".split())

def _guarded(evaluate):
    def names(code):
        yield from code.co_names
        for constant in code.co_consts:
            if hasattr(constant, "co_names"):
                yield from names(constant)

    def guarded(text, *scopes, **more):
        if not scopes:
            tree = ast.parse(text.strip(), mode="eval")
            if not all(isinstance(node, ARITHMETIC) for node in ast.walk(tree)):
                raise ValueError("an answer that is no value")
            return evaluate(compile(tree, "answer", "eval"), {"__builtins__": {}})
        code = compile(text, "answer", "eval") if isinstance(text, str) else text
        known = FORMULA.union(*scopes[1:2])  # the task's own symbols
        if not known.issuperset(names(code)):
            raise ValueError("names in the answer that no formula has")
        return evaluate(code, *scopes, **more)

    return guarded
'''


def stated_answer(response: str) -> str | None:
    """What the response states: the text in its last `<answer>` tags, else as for mathematics; None for nothing."""
    text = outside_thought(before_end(response))
    if text is None:
        return None
    tagged = TAGGED.search(text)
    if tagged:
        return tagged[1].strip() or None
    found = extract(response)
    return found.answer if found.reading == "stated" else None


def scoring_program(problem: Problem, answer: str) -> Program:
    """The program that passes when the task gives `answer` its full score."""
    tests = problem.tests
    args = [tests["module"], tests["task"], tests["settings"], tests["index"], answer]
    case = {"args": args, "expected": True}
    return Program(SCORER, {"kind": "function", "entry_point": "score", "cases": [case]}, **LIMITS)


def judge_tasks(pairs: Sequence[tuple[Problem, str]], sandbox: Sandbox) -> list[Verdict]:
    """One verdict per (problem, response), in order."""
    if pairs and importlib.util.find_spec("reasoning_gym") is None:
        raise UserError("answers to reasoning-gym's tasks need the package in this environment, too (docs/data.md)")
    answers = [stated_answer(response) for _, response in pairs]
    verdicts: dict[int, Verdict] = {}
    asked: list[int] = []
    for place, answer in enumerate(answers):
        if answer is None:
            verdicts[place] = Verdict("wrong", None, "no answer is stated", 0.0)
        elif len(answer) > LONGEST or "__" in answer:
            verdicts[place] = Verdict("wrong", answer[:LONGEST], "no answer to this task", 0.0, reading="stated")
        else:
            asked.append(place)
    found = sandbox.judge([scoring_program(pairs[place][0], answers[place]) for place in asked])
    for place, one in zip(asked, found, strict=True):
        kind = {"pass": "correct", "fail": "wrong", "sandbox_error": "unverifiable"}[one.verdict]
        verdicts[place] = Verdict(kind, answers[place], one.reason, one.wall_seconds, reading="stated")
    return [verdicts[place] for place in range(len(pairs))]
