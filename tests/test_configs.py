"""Configurations: inheritance, overrides, and errors that name the file, the key and the remedy."""

from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from steer.configs import page
from steer.configs.load import flatten, load_config, merge, parse_overrides, read_yaml, workflow_overrides
from steer.configs.schema import Config
from steer.data import card
from steer.data.known import check_model
from steer.data.sets import known_sets
from steer.errors import UserError

CONFIGS = [p for p in Path("configs").rglob("*.yaml") if p.parent.name not in ("methods", "datasets")]

SMALL = """
name: small
data: {benchmarks: [sums], rows: 4}
training: {steps: 2, prompts: 4, updates: 2}
evaluation: {}
methods: {grpo: , steer: {set: {weight.minimum: 0.5}}}
"""


def write(tmp_path, text, name="config.yaml"):
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", CONFIGS, ids=str)
def test_every_committed_configuration_is_valid(path):
    assert load_config(path).name


def test_a_dumped_configuration_loads_as_itself(tmp_path):
    from steer.configs.load import dump

    config = load_config("configs/tiny.yaml")
    assert load_config(write(tmp_path, dump(config))) == config


def test_a_delta_changes_only_what_it_names(tmp_path):
    write(tmp_path, SMALL, "base.yaml")
    config = load_config(write(tmp_path, "extends: base.yaml\ntraining: {steps: 7}\n"))
    base = load_config(tmp_path / "base.yaml")
    assert config.training.steps == 7
    assert config.training.prompts == base.training.prompts
    assert config.methods == base.methods


def test_a_delta_that_lists_methods_replaces_the_list(tmp_path):
    write(tmp_path, SMALL, "base.yaml")
    config = load_config(write(tmp_path, "extends: base.yaml\nmethods: {rloo: }\n"))
    assert list(config.methods) == ["rloo"]


def test_a_missing_base_is_named_with_the_file_that_extends_it(tmp_path):
    write(tmp_path, SMALL, "base.yaml")
    with pytest.raises(UserError, match=r"config\.yaml: key `extends`: .*base: no such file; did you mean"):
        load_config(write(tmp_path, "extends: base\n"))


def test_a_model_folder_that_is_not_there_is_refused_before_any_job(tmp_path, monkeypatch):
    """Also by a dry run. A hub id, a .gguf file that a target fetches, and a folder that is there pass.

    `models/absent` has the form of a hub id, but a folder here is called `models`.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models/here").mkdir(parents=True)
    for path in ("owner/name", "models/small/small.gguf", "models/here", str(tmp_path), None):
        check_model(load_config(write(tmp_path, SMALL), {"model.path": path}), "f")
    for path in ("./absent", "/absent/model", "a/model/folder", "models/absent"):
        with pytest.raises(UserError, match=f"mine.yaml: key `model.path`: {path}: no such model folder"):
            check_model(load_config(write(tmp_path, SMALL), {"model.path": path}), "mine.yaml")


def test_own_training_data_need_a_model(tmp_path):
    """Said before any job. Where no run or evaluation uses the base model, none is needed."""
    own = {"data.train": "gsm8k_train"}
    with pytest.raises(UserError, match=r"mine.yaml: key `data.train`: .*name a model in `model.path`"):
        check_model(load_config(write(tmp_path, SMALL), own), "mine.yaml")
    check_model(load_config(write(tmp_path, SMALL), own | {"model.path": "owner/name"}), "mine.yaml")
    check_model(load_config(write(tmp_path, SMALL), own | {"methods": {}, "evaluation.also": []}), "mine.yaml")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model.path": " "}, "key `model.path`: empty"),
        (
            {"model.path": "m/n", "model.chat_template": {"messages": "x"}},
            "`messages` is given to every template already",
        ),
        ({"model.path": "m/n", "model.cold_start.data": "absent.jsonl"}, "absent.jsonl: no such file"),
    ],
)
def test_a_model_section_that_cannot_be_meant_is_refused_before_anything_runs(tmp_path, changes, said):
    with pytest.raises(UserError, match=said):
        check_model(load_config(write(tmp_path, SMALL), changes), "mine.yaml")


def test_another_model_does_not_inherit_the_revision(tmp_path):
    write(tmp_path, SMALL + "model: {path: a/model, revision: abc, lora: {rank: 2}}\n", "base.yaml")
    for name, text, expected in [
        ("same", "training: {steps: 7}", ("a/model", "abc")),
        ("other", "model: {path: another/model}", ("another/model", None)),
        ("pinned", "model: {path: another/model, revision: def}", ("another/model", "def")),
        ("scratch", "model: {path: null}", (None, None)),
    ]:
        model = load_config(write(tmp_path, f"extends: base.yaml\n{text}\n", f"{name}.yaml")).model
        assert (model.path, model.revision) == expected
        assert model.lora.rank == 2, "the rest is inherited"
    given = {"model.path": "another/model"}
    assert load_config(tmp_path / "base.yaml", given).model.revision is None
    assert load_config(tmp_path / "base.yaml", {"model.revision": "def", **given}).model.revision == "def"


def test_inheritance_in_a_circle_is_named(tmp_path):
    write(tmp_path, "extends: b.yaml", "a.yaml")
    write(tmp_path, "extends: a.yaml", "b.yaml")
    with pytest.raises(UserError, match="circle"):
        load_config(tmp_path / "a.yaml")


def test_overrides_are_yaml_values_at_dotted_keys(tmp_path):
    path = write(tmp_path, SMALL)
    config = load_config(path, parse_overrides(["training.lr=3.0e-4", "seeds=[5]", "data.rows=null"]))
    assert (config.training.lr, config.seeds, config.data.rows) == (3e-4, [5], None)


def test_flatten_is_undone_by_setting_each_key():
    tree = {"a": {"b": 1, "c": {"d": [2]}}, "e": {}}
    assert flatten(tree) == {"a.b": 1, "a.c.d": [2], "e": {}}


def test_merge_changes_neither_argument():
    base, delta = {"a": {"b": 1}}, {"a": {"c": 2}}
    assert merge(base, delta) == {"a": {"b": 1, "c": 2}}
    assert (base, delta) == ({"a": {"b": 1}}, {"a": {"c": 2}})


def test_a_run_may_change_training_keys_for_itself(tmp_path):
    text = SMALL.replace("{set: {weight.minimum: 0.5}}", "{training: {lr: 0.5}}")
    config = load_config(write(tmp_path, text))
    assert config.training_for("steer").lr == 0.5
    assert config.training_for("grpo").lr == config.training.lr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("steps: 2", "stepz: 2"), r"unknown key `training\.stepz`; did you mean 'steps'"),
        (("rows: 4", "row: 4"), r"unknown key `data\.row`; did you mean 'rows'"),
        (("set:", "sett:"), r"unknown key `methods\.steer\.sett`; did you mean 'set'"),
        (("name: small", "nmae: small"), r"key `name` is missing"),
        (("steps: 2", "steps: 0"), r"key `training\.steps`: .*greater than 0 \(got 0\)"),
        (("prompts: 4", "prompts: 5"), r"key `training`: prompts \(5\) must be a multiple of updates \(2\)"),
        (("{set: {weight.minimum: 0.5}}", "{training: {stepz: 2}}"), r"unknown key `methods\.steer\.training\.stepz`"),
        (("grpo: ,", "base: ,"), "neither `base` nor `oracle`"),
        (("benchmarks: [sums]", "benchmarks: []"), r"key `data\.benchmarks`"),
        (("data: {", "data: {{"), "not valid YAML"),
    ],
)
def test_a_mistake_is_one_line_with_its_remedy(tmp_path, change, said):
    path = write(tmp_path, SMALL.replace(*change))
    with pytest.raises(UserError, match=said) as error:
        load_config(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_configuration_suggests_the_nearest():
    with pytest.raises(UserError, match=r"configs/tinny\.yaml: no such file; did you mean 'tiny\.yaml'"):
        load_config("configs/tinny.yaml")


def test_the_environment_file_and_the_lock_agree():
    environment = yaml.safe_load(Path("environment.yml").read_text())
    pip = next(part["pip"] for part in environment["dependencies"] if isinstance(part, dict))
    lock = dict(
        line.lower().split("==")
        for line in Path("requirements.lock").read_text().splitlines()
        if not line.startswith("#")
    )
    listed = dict(line.split("==") for line in pip if "==" in line)
    wanted = {
        line.split("==")[0].split(">=")[0].strip().lower()
        for name in ("requirements.in", "requirements-dev.in")
        for line in Path(name).read_text().splitlines()
    }
    assert set(listed) == wanted
    assert listed == {name: lock[name] for name in listed}


def test_the_lock_for_gpus_has_what_is_asked_for_and_the_same_torch():
    def lines(name):
        return [line for line in Path(name).read_text().splitlines() if line and line[0] not in "#-"]

    lock, tested = (dict(line.lower().split("==") for line in lines(name))
                    for name in ("requirements-vllm-gpu.lock", "requirements.lock"))  # fmt: skip
    for line in [*lines("requirements.in"), *lines("requirements-vllm-gpu.in")]:
        asked = Requirement(line)
        assert asked.specifier.contains(lock[asked.name.lower()]), line
    assert {name: lock[name] for name in ("torch", "transformers")} == {
        name: tested[name] for name in ("torch", "transformers")
    }
    assert any(name.startswith("nvidia-cublas") for name in lock), "with CUDA"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("data.benchmarks", ["sums", "sums"], "data.benchmarks must differ"),
        ("evaluation.also", ["base", "base"], "evaluation.also must differ"),
        ("seeds", [-1], "`seeds.0`"),
        ("name", "..", "`name`"),
        ("name", "cache", "another use"),
        ("methods.a/b", {"method": "grpo"}, "`methods.a/b"),
        ("external.two words", {"label": "x"}, "`external.two words"),
        ("reward.correct", float("nan"), "`reward.correct`"),
        ("training.lr", float("inf"), "`training.lr`"),
    ],
)
def test_what_would_spoil_paths_or_numbers_is_refused(tmp_path, key, value, said):
    with pytest.raises(UserError, match=said):
        load_config(write(tmp_path, SMALL), {key: value})


def test_the_page_of_keys_is_in_step_and_explains_every_key():
    assert page.OUTPUT.read_text(encoding="utf-8") == page.render(), "run `make docs`"
    schema = Config.model_json_schema()
    for name, section in {"Config": schema, **schema["$defs"]}.items():
        assert name == "Copy" or section.get("description"), name
        for key, field in section["properties"].items():
            assert field.get("description") or page._sections(field), f"{name}.{key} has no description"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", r"line 3: key `a` is given twice \(first in line 1\); remove one"),
        ("x:\n  - {lr: 1, lr: 2}\n", r"line 2: key `lr` is given twice"),
        ("1: a\n1: b\n", "line 2: key `1`"),
    ],
)
def test_a_key_given_twice_is_refused(tmp_path, text, said):
    path = write(tmp_path, text)
    with pytest.raises(UserError, match=said) as error:
        read_yaml(path)
    assert str(error.value).startswith(f"{path}: ")


def test_merged_mappings_may_be_given_anew_and_equal_keys_may_stand_apart(tmp_path):
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\nc: {x: 4}\n"
    assert read_yaml(write(tmp_path, text))["b"] == {"x": 3, "y": 2}


@pytest.mark.parametrize("given", ["set=aa.b=0.5", "set=[aa.b=0.5]", "set={aa.b: 0.5}", "aa={b: 0.5}"])
def test_snakemake_and_the_commands_take_the_same_forms(given):
    from snakemake.cli import parse_config

    overrides = workflow_overrides(parse_config([given]))
    assert overrides == {"aa.b": 0.5}
    # As a command gets it: what stands under `set` alone, or the section.
    if given in ("set=aa.b=0.5", "aa={b: 0.5}"):
        assert parse_overrides([given.removeprefix("set=")]) == overrides


def test_values_in_sections_of_snakemake_are_yaml_as_everywhere():
    """Snakemake hands on text: `null` must not become the word."""
    from snakemake.cli import parse_config

    given = parse_config(["data={rows: null, clean: false}", "seeds=[3, 4]", "name=mine"])
    assert workflow_overrides(given) == {"data.rows": None, "data.clean": False, "seeds": [3, 4], "name": "mine"}


def test_true_is_no_number(tmp_path):
    with pytest.raises(UserError, match=r"`training\.steps`"):
        load_config(write(tmp_path, SMALL.replace("steps: 2", "steps: true")))


def test_methods_given_on_the_command_line_replace_those_of_the_file(tmp_path):
    path = write(tmp_path, SMALL + "measurement: {run: grpo}\n")
    for overrides in (parse_overrides(["methods={rloo: }"]), workflow_overrides({"methods": {"rloo": ""}})):
        config = load_config(path, overrides)
        assert list(config.methods) == ["rloo"] and config.measurement is None


def test_the_data_card_is_in_step_and_names_a_licence_for_each_set():
    assert card.OUTPUT.read_text(encoding="utf-8") == card.render(), "run `make docs`"
    assert all(spec.licence for spec in known_sets().values())
