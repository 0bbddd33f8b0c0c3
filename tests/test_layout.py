"""What the repository promises about its own shape."""

import re
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[1]


def test_no_stage_imports_from_a_later_one():
    """configs → (outside) data → methods → models → engines, verify → train → generate → grade → analyse → figures →
    report.

    `plan` stands after all of them.
    """
    order = ["configs", "outside", "data", "methods", "models", "engines", "verify", "train", "generate", "grade"]
    order += ["analyse", "diagnose", "figures", "report", "plan"]
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


def test_our_trainer_and_verl_know_nothing_of_each_other_but_what_lies_below_both():
    """`steer.trainers` chooses between them; verl stands on parts of our trainer, never the other way round."""
    package, imports = REPOSITORY / "src/steer", r"^\s*(?:from|import) steer\.engines(?:\.| import )verl\b"
    above = {"trainers.py", "plan/command.py"}
    wrong = []
    for path in package.rglob("*.py"):
        place, text = path.relative_to(package).as_posix(), path.read_text()
        of_verl = place.startswith("engines/verl/")
        if not of_verl and place not in above and re.search(imports, text, re.M):
            wrong.append(f"{place} imports engines.verl")
        if of_verl and re.search(r"steer\.train(?:ers|\.run|\.loop)\b", text):
            wrong.append(f"{place} imports our trainer")
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


def test_every_rule_that_takes_a_device_asks_for_one():
    """Else two jobs that run side by side wait for one GPU, or a cluster sends them where none is."""
    text = "".join(path.read_text() for path in sorted(Path("workflow/rules").glob("*.smk")))
    rules = dict(re.findall(r"^ *rule (\w+):\n(.*?)(?=^\w|^ *rule|\Z)", text, re.M | re.S))
    taking = {
        n
        for n, body in rules.items()
        if re.search(r"steer (train|warm-start|base-model|generate|validate|measure) ", body)
    }
    assert taking == {"train", "warm_start", "base_model", "generate", "validate", "measure", "measured_base"}
    assert all("gpu=" in rules[name] for name in taking)
    slurm = yaml.safe_load(Path("workflow/profiles/slurm/config.yaml").read_text())["set-resources"]
    sent = {name for name, resources in slurm.items() if resources.get("slurm_partition") == "gpu"}
    assert sent == taking | {"measured_train"}
