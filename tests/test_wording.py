"""A wrong value, an unreadable file and damaged weights are told in the words of YAML and of a model folder."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from steer.configs.load import load_config
from steer.configs.references import check_reference
from steer.data.problem import read_problems
from steer.errors import UserError
from steer.models.load import load_model, save_model

BASE = f"extends: {Path('configs/nano.yaml').resolve()}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("training: {steps: many}", "key `training.steps`: expected an integer (got 'many')"),
        ("training: {steps: 2.5}", "key `training.steps`: expected an integer (got 2.5)"),
        ("training: {lr: fast}", "key `training.lr`: expected a number (got 'fast')"),
        ("training: {steps: 0}", "key `training.steps`: must be greater than 0 (got 0)"),
        ("training: {skip_idle: often}", "key `training.skip_idle`: expected true or false (got 'often')"),
        ("training: [1]", "key `training`: expected a mapping, `key: value` (got a list)"),
        ("data: {sets: [a]}", "key `data.sets`: expected a mapping, `name: value` (got a list)"),
        ("data: {benchmarks: gsm8k}", "key `data.benchmarks`: expected a list, `[a, b]` (got 'gsm8k')"),
        ("data: {sets: {a: {file: 3, kind: math}}}", "key `data.sets.a.file`: expected text (got 3)"),
        ("data: {sets: {a: {file: b, kind: maths}}}", "expected 'math' or 'code' (got 'maths')"),
        (
            "data: {sets: {a: {file: b, kind: math, sha256: abc}}}",
            "expected 64 hexadecimal digits in lower case (got 'abc')",
        ),
        (
            "data: {train: 5}",
            "key `data.train`: expected text, or a list, `[a, b]`, or a mapping, `name: value` (got 5)",
        ),
        ("reward: {kind: python, functions: f.py:score}", "key `reward.functions`: expected a list, `[a, b]`"),
        ("methods: {grpo: {training: {steps: few}}}", "key `methods.grpo.training.steps`: expected an integer"),
        ("name: my run", "key `name`: use only letters, digits, `_`, `-` and `.`, the last two not at the start"),
        ("name: 2026-13-01", "not valid YAML: line 2, column 7: month must be in 1..12; put text"),
        ("seeds: [0x_]", "not valid YAML: line 2, column 9: "),
        ("a: b: c", "not valid YAML: line 2, column 5: mapping values are not allowed"),
        ("data:\n\trows: 3", "not valid YAML: line 3, column 1: a character that begins no value; indent with spaces"),
    ],
)
def test_a_wrong_value_is_told_without_the_names_of_python(tmp_path, text, said):
    file = tmp_path / "mine.yaml"
    file.write_text(BASE + text + "\n")
    with pytest.raises(UserError) as error:
        load_config(file)
    assert said in str(error.value)
    assert not {"Input", "dictionary", "tuple", "<unicode"} & set(str(error.value).split())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no keys"),
        ("- a\n", "expected keys, `name: value`, found a list"),
        ("3\n", "expected .* found one value"),
    ],
)
def test_a_file_without_keys_says_so(tmp_path, text, said):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(UserError, match=f"mine.yaml: {said}"):
        load_config(tmp_path / "mine.yaml")


def test_a_missing_reward_function_is_told_with_those_that_are_there(tmp_path):
    file = tmp_path / "rewards.py"
    file.write_text("def right(problem, response):\n    return 1\n")
    with pytest.raises(UserError, match=r"key `reward`: .*rewards.py has no function `rihgt`; it has right"):
        check_reference(f"{file}:rihgt", "reward")
    file.write_text("def right(problem, response)\n    return 1\n")
    with pytest.raises(UserError, match=r"rewards.py, line 1: not valid Python: expected ':'"):
        check_reference(f"{file}:right", "reward")


def test_rows_that_are_no_problems_are_told_with_file_and_line(tmp_path):
    problem = {"id": "a-1", "benchmark": "a", "kind": "math", "prompt": "What?", "gold": "1"}
    (tmp_path / "rows.jsonl").write_text(f"{json.dumps(problem)}\n{json.dumps({'question': 'What?'})}\n")
    with pytest.raises(UserError, match=r"rows.jsonl, line 2: problem None: no field `id`.*make the data again"):
        read_problems(tmp_path / "rows.jsonl")


def _tensors(folder: Path, change) -> None:
    file = folder / "model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, {"format": "pt"})


def _wider(folder: Path) -> None:
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "intermediate_size": 40}))


def _instead(name: str, content: bytes):
    def change(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / name).write_bytes(content)

    return change


NORM = "model.norm.weight"
DAMAGE = {
    "cut": (lambda f: (f / "model.safetensors").write_bytes(b"x" * 500), "no model could be loaded: .*download"),
    "an index of nothing": (_instead("model.safetensors.index.json", b"{}"), "no model could be loaded: .*download"),
    "no pickle": (_instead("pytorch_model.bin", b"abc" * 10), "no model could be loaded: .*download"),
    "lacking": (lambda f: _tensors(f, lambda t: t.pop(NORM)), f"the weights lack `{NORM}` of the model in config"),
    "another shape": (_wider, r"tensor `model.layers.0.mlp.*has the shape .*config.json asks for"),
    "not a number": (lambda f: _tensors(f, lambda t: t[NORM].fill_(torch.nan)), "its logits are not finite"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_weights_are_one_line(tmp_path, model: PreTrainedModel, tokenizer, damage):
    """transformers fills a missing tensor with random numbers, and a run would train them."""
    save_model(model, tokenizer, tmp_path / "base")
    load_model(str(tmp_path / "base"))
    spoil, said = DAMAGE[damage]
    spoil(tmp_path / "base")
    with pytest.raises(UserError, match=said) as error:
        load_model(str(tmp_path / "base"))
    assert str(tmp_path / "base") in str(error.value) and "\n" not in str(error.value)
