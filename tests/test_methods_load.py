"""Configurations of methods: what they may say, and what a mistake in one is told."""

import pytest
import yaml

from steer import cli
from steer.errors import UserError
from steer.methods import load_method, method_names
from steer.methods.load import method_settings, slot_files, slot_functions

MISTAKES = {
    "no such method": (("stear", None), r"'stear' does not exist: .*did you mean 'steer'"),
    "no such slot": (("grpo", {"weigth.minimum": 0.5}), r"grpo: unknown slot `weigth`.*did you mean 'weight'"),
    "no such function": (
        ("grpo", {"weight": "stear"}),
        r"grpo, slot weight: no function `stear`; did you mean 'steer'",
    ),
    "no such parameter": (("steer", {"weight.minimun": 0.5}), r"`weight.minimun`: unknown .*did you mean 'minimum'"),
    "helper is no slot function": (("grpo", {"weight": "token_covariance"}), "slot weight: no function `token_cov"),
    "minimum of 0": (
        ("steer", {"weight.minimum": 0}),
        r"steer, slot weight: `weight.minimum`: .*greater than 0.*got 0",
    ),
    "minimum over 1": (("steer", {"weight.minimum": 1.5}), r"`weight.minimum`: .*less than or equal to 1.*got 1.5"),
    "minimum not a number": (("steer", {"weight.minimum": float("nan")}), r"`weight.minimum`: .*got nan"),
    "low of 1": (("grpo", {"clip.low": 1}), r"grpo, slot clip: `clip.low`: .*less than 1.*got 1"),
    "low below 0": (("grpo", {"clip.low": -0.1}), r"grpo, slot clip: `clip.low`: .*got -0.1"),
    "infinite": (("grpo", {"clip.high": float("inf")}), r"grpo, slot clip: `clip.high`: .*finite.*got inf"),
    "wrong word": (("steer", {"weight.mapping": "exp"}), r"slot weight: `weight.mapping`: .*'exponential'.*got 'exp'"),
    "parameter of another function": (("kl_cov", {"clip.low": 0.1}), r"slot clip: `clip.low`: unknown parameter"),
    "function is no word": (("grpo", {"weight": ["steer"]}), r"grpo, slot weight: no function `\['steer'\]`"),
    "bounds crossed": (
        ("clip_cov", {"weight.low": 6}),
        r"clip_cov, slot weight: `weight.low` must be less than `weight.high` \(got 6.0 and 5.0\)",
    ),
    "window crossed": (
        ("position_shaping", {"shaping.start": 0.6}),
        r"slot shaping: `shaping.start` must be less than `shaping.stop` \(got 0.6 and 0.5\)",
    ),
    "factors crossed": (
        ("perplexity_shaping", {"shaping.low": 1.3}),
        r"`shaping.low` must be less than `shaping.high`",
    ),
    "missing": (("grpo", {"reduction": "constant_length"}), r"slot reduction: `reduction.length`: Field required"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named(case):
    arguments, message = MISTAKES[case]
    with pytest.raises(UserError, match=message) as caught:
        load_method(*arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("changes", ["weight.minimum: 0", "clip.low: 1", "weight: stear", "weight.minimum: .nan"])
def test_a_configuration_is_checked_with_its_methods(changes, capsys):
    assert cli.main(["config", "--config", "configs/nano.yaml", "--set", f"methods.steer.set={{{changes}}}"]) == 2
    said = capsys.readouterr().err.strip()
    slot, value = changes.split(".")[0].split(":")[0], changes.split(": ")[1].lstrip(".")
    assert said.startswith(f"steer config: configs/nano.yaml: key `methods.steer`: method steer, slot {slot}: ")
    assert value in said and "\n" not in said


@pytest.mark.parametrize("name", method_names())
def test_every_file_loads_and_says_where_it_is_from(name):
    settings, about = method_settings(name)
    assert {"label", "paper", "equation"} <= set(about)
    assert load_method(name).label == about["label"]
    assert load_method(name.replace("_", "-")).settings == settings


def test_labels_differ():
    labels = [load_method(name).label for name in method_names()]
    assert len(set(labels)) == len(labels)


def test_settings_reload_to_the_same_method():
    """What a run writes down is enough to make its method again."""
    settings = load_method("steer_signed", {"clip.high": 0.3}).settings
    assert load_method("grpo", yaml.safe_load(yaml.safe_dump(settings))).settings == settings


def test_overrides_do_not_depend_on_their_order():
    overrides = {"weight.minimum": 0.5, "weight.name": "steer", "weight.mapping": "linear"}
    first, second = (load_method("grpo", dict(pairs)) for pairs in (overrides.items(), reversed(overrides.items())))
    assert first.settings == second.settings
    assert first.settings["weight"]["minimum"] == 0.5 and first.settings["weight"]["mapping"] == "linear"


def test_another_function_starts_from_its_own_defaults():
    assert load_method("clip_higher", {"clip": "cispo"}).settings["clip"] == {"name": "cispo", "low": None, "high": 0.2}
    kept = load_method("clip_higher", {"clip": {"high": 0.5}}).settings["clip"]
    assert kept == {"name": "ppo", "low": 0.2, "high": 0.5, "dual": 10.0}


@pytest.fixture
def own_methods(tmp_path, monkeypatch):
    """A working directory with its own configs/methods; returns a writer of files in it."""
    folder = tmp_path / "configs" / "methods"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return lambda name, text: (folder / f"{name}.yaml").write_text(text)


def test_a_new_method_is_one_file(own_methods):
    own_methods("plain", "advantage: rloo\nclip: {name: ppo, high: 0.3}\n")
    own_methods("mine", "label: mine\nextends: plain\nweight: {name: steer, minimum: 0.5}\n")
    settings = load_method("mine").settings
    assert (settings["advantage"]["name"], settings["clip"]["high"]) == ("rloo", 0.3)
    assert settings["weight"]["minimum"] == 0.5 and load_method("plain").settings["weight"] == {"name": "none"}


def test_a_replaced_function_inherits_no_parameters(own_methods):
    own_methods("base", "weight: {name: steer, minimum: 0.5}\n")
    own_methods("child", "extends: base\nweight: {name: fork}\n")
    assert load_method("child").settings["weight"] == {"name": "fork", "share": 0.2}


def test_files_with_mistakes(own_methods):
    own_methods("circle", "extends: round\n")
    own_methods("round", "extends: circle\n")
    own_methods("typo", "wieght: steer\n")
    own_methods("orphan", "extends: nobody\n")
    own_methods("several", "extends: [typo, orphan]\n")
    for name, message in {
        "circle": "goes in a circle: circle → round → circle",
        "typo": "typo: unknown slot `wieght`; did you mean 'weight'",
        "orphan": "'nobody' does not exist",
        "several": r"several: `extends` must be text \(got \['typo', 'orphan'\]\)",
    }.items():
        with pytest.raises(UserError, match=message):
            load_method(name)


def test_slot_functions_are_those_the_slots_define():
    assert set(slot_functions("clip")) == {"none", "ppo", "gspo", "cispo", "ce_gppo", "sapo", "dppo", "bapo"}
    assert set(slot_functions("weight")) == {
        *("none", "steer", "fork", "stare", "opefo", "quadrant", "clip_cov", "covariance_kernel", "clip_b", "clip_v"),
        *("uniform", "permuted", "norm_matched", "random_tokens"),
    }
    assert "largest" not in slot_functions("penalty") and "group_mean" not in slot_functions("advantage")


def test_the_files_of_a_function_are_its_own_and_those_of_the_slot_that_it_uses():
    """`permuted` and `norm_matched` change STEER's weights, so a change of those is a change of theirs."""
    names = {chosen: {path.name for path in slot_files("weight", chosen)} for chosen in ("steer", "permuted")}
    assert names == {"steer": {"steer.py"}, "permuted": {"controls.py", "steer.py"}}
