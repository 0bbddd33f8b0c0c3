"""What the repository promises about its own shape."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def test_no_stage_imports_from_a_later_one():
    """configs → data → methods → models → engines, verify → train → generate → grade → analyse → figures → report.

    `plan` stands after all of them.
    """
    order = ["configs", "data", "methods", "models", "engines", "verify", "train", "generate", "grade"]
    order += ["analyse", "figures", "report", "plan"]
    package = REPOSITORY / "src/steer"
    wrong = []
    for folder in order:
        for path in (package / folder).rglob("*.py"):
            # verl is a trainer of its own, and stands where ours does.
            stage = "train" if path.is_relative_to(package / "engines/verl") else folder
            for imported in re.findall(r"^\s*(?:from|import) steer\.(\w+)", path.read_text(), re.M):
                if imported in order and order.index(imported) > order.index(stage):
                    wrong.append(f"{path.relative_to(package)} imports {imported}")
    assert wrong == []


def test_no_file_is_over_300_lines():
    files = [p for folder in ("src", "tests", "benchmarks", "workflow") for p in (REPOSITORY / folder).rglob("*")]
    sources = [p for p in files if p.suffix in (".py", ".smk", ".js", ".css", ".html")]
    assert [str(p) for p in sources if len(p.read_text().splitlines()) > 300] == []


def test_every_shell_line_of_a_rule_is_one_steer_command():
    for path in (REPOSITORY / "workflow/rules").glob("*.smk"):
        for shell in re.findall(r'shell:\s+((?:"[^"]*"\s*)+)', path.read_text()):
            line = "".join(re.findall(r'"([^"]*)"', shell))
            assert re.match(r"steer [a-z-]+ ", line), f"{path.name}: {line}"
            assert line.endswith("2>&1"), f"{path.name}: {line}: no log"
