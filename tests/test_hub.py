"""Models on the hub: what cannot be had is one line, in seconds, with the remedy."""

from pathlib import Path

import huggingface_hub
import pytest
import yaml
from huggingface_hub import constants, errors

from steer import cli, hub
from steer.errors import UserError
from steer.models.load import load_model, load_settings, load_tokenizer

COMMIT, NEWEST = "a" * 40, "f" * 40


class Api:
    """Stands in for the hub: `model_info` raises `error` for a revision and knows the newest commit."""

    error: Exception | None = None

    def model_info(self, name, revision=None, timeout=None):
        if revision is not None and self.error is not None:
            raise self.error
        return type("Info", (), {"sha": NEWEST})()


@pytest.fixture
def answers(monkeypatch, tmp_path):
    """A function that says with which error the hub answers; its cache is empty."""
    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    def answer(error):
        if isinstance(error, str):
            kind = getattr(errors, error)
            error = kind.__new__(kind)
        monkeypatch.setattr(Api, "error", error)

    return answer


CASES = [
    ("RevisionNotFoundError", f"revision {COMMIT} does not exist on the hub; the newest is {NEWEST}: .*model.revision"),
    ("RepositoryNotFoundError", "no such model on the hub"),
    ("GatedRepoError", "access is restricted; accept its terms"),
    ("OfflineModeIsEnabled", f"HF_HUB_OFFLINE is set; get it .*`hf download some/where --revision {COMMIT}`"),
    (ConnectionError("Name or service not known"), "cannot be reached .Name or service not known.; get it"),
]


@pytest.mark.parametrize(("error", "said"), CASES)
@pytest.mark.parametrize("load", [load_tokenizer, load_settings, load_model])
def test_a_model_that_cannot_be_had_is_one_line(answers, load, error, said):
    answers(error)
    with pytest.raises(UserError, match=f"some/where: .*{said}") as caught:
        load("some/where", COMMIT)
    assert "\n" not in str(caught.value)


def test_a_name_that_the_hub_cannot_have_is_one_line(answers):
    with pytest.raises(UserError, match="no hub id"):
        load_settings("some/wh ere")


def test_the_plan_says_it_too(answers, tmp_path, capsys):
    answers("RevisionNotFoundError")
    tree = {"extends": str(Path("configs/nano.yaml").absolute())}
    tree["model"] = {"path": "some/where", "revision": COMMIT}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(tree))
    assert cli.main(["plan", "--configfile", str(path)]) == 2
    error = capsys.readouterr().err
    assert f"the newest is {NEWEST}" in error
    assert error.count("\n") == 1


def test_the_cache_is_enough(answers):
    answers("OfflineModeIsEnabled")
    folder = hub.model_folder("some/where", COMMIT)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    assert hub.model_file("some/where", "config.json", COMMIT) == folder / "config.json"
