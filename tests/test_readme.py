"""What the README shows runs as written."""

import math
import re
from pathlib import Path
from types import SimpleNamespace

import torch
import yaml

README = Path(__file__).parents[1] / "README.md"


def test_the_python_snippet_runs_as_written(monkeypatch, capsys):
    text = README.read_text(encoding="utf-8")
    snippet = next(code for code in re.findall(r"```python\n(.*?)```", text, re.S) if "load_method(" in code)
    monkeypatch.chdir(README.parent)
    exec(snippet, {})
    printed = capsys.readouterr().out
    assert math.isfinite(float(printed.split()[0])) and "weight" in printed


def test_the_example_of_a_method_has_the_keys_of_its_function():
    text = README.read_text(encoding="utf-8")
    function = next(code for code in re.findall(r"```python\n(.*?)```", text, re.S) if "def scaled(" in code)
    method = next(code for code in re.findall(r"```yaml\n(.*?)```", text, re.S) if "label: scaled" in code)
    scope = {}
    exec(function, scope)
    chosen = yaml.safe_load(method)["weight"]
    scaled = scope[chosen.pop("name")]
    tokens = SimpleNamespace(logprob=torch.zeros(2, 3))
    assert torch.equal(scaled(tokens, None, **chosen), torch.full((2, 3), chosen["factor"]))


def test_the_example_of_a_baseline_starts_from_the_configured_base_model():
    text = README.read_text(encoding="utf-8")
    rule = next(code for code in re.findall(r"```python\n(.*?)```", text, re.S) if code.startswith("rule "))
    assert "model=base_model" in rule and "CONFIG.model.path" in rule and "/base_model" not in rule
    assert "log:" in rule and "conda:" in rule, "snakemake --lint asks for both"
