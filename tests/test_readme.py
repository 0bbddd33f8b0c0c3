"""What the README shows runs as written."""

import math
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_python_snippet_runs_as_written():
    text = README.read_text(encoding="utf-8")
    snippet = next(code for code in re.findall(r"```python\n(.*?)```", text, re.S) if "load_method(" in code)
    done = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, cwd=README.parent)
    assert done.returncode == 0, done.stderr
    assert math.isfinite(float(done.stdout.split()[0])) and "weight" in done.stdout


def test_the_example_of_a_baseline_starts_from_the_configured_base_model():
    text = README.read_text(encoding="utf-8")
    rule = next(code for code in re.findall(r"```python\n(.*?)```", text, re.S) if code.startswith("rule "))
    assert "model=base_model" in rule and "CONFIG.model.path" in rule and "/base_model" not in rule
    assert "log:" in rule and "conda:" in rule, "snakemake --lint asks for both"
