"""Training curves go to the trackers that a run asks for, and to no other."""

import sys
from types import SimpleNamespace

import pytest

from steer.configs.schema import Training
from steer.errors import UserError
from steer.train.trackers import tracked

SETTINGS = {"run": "grpo", "seed": 3, "slots": {}}


class Service:
    """What `wandb` and `trackio` have in common."""

    def __init__(self):
        self.lines, self.finished, self.given = [], False, None

    def init(self, **given):
        self.given = given
        return SimpleNamespace(log=self.log, finish=self.finish)

    def log(self, values, step):
        self.lines.append((step, values))

    def finish(self):
        self.finished = True


def training(**keys):
    return Training(steps=2, prompts=2, updates=1, **keys)


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_service_gets_every_step_without_what_does_not_exist(name, monkeypatch, tmp_path):
    service = Service()
    monkeypatch.setitem(sys.modules, name, service)
    with tracked(training(**{name: "entropy"}), SETTINGS, tmp_path, "abc") as on_step:
        on_step({"step": 1, "reward": 0.5, "entropy_wrong": None})
        on_step({"step": 2, "reward": 0.25, "entropy_wrong": 0.1})
        assert not service.finished
    assert service.lines == [(1, {"reward": 0.5}), (2, {"reward": 0.25, "entropy_wrong": 0.1})]
    assert service.finished
    assert service.given["project"] == "entropy"
    assert service.given["config"] == SETTINGS
    assert service.given["resume"] == "allow"


def test_a_service_is_finished_when_the_run_fails(monkeypatch, tmp_path):
    service = Service()
    monkeypatch.setitem(sys.modules, "wandb", service)
    with pytest.raises(FloatingPointError), tracked(training(wandb="entropy"), SETTINGS, tmp_path, "abc"):
        raise FloatingPointError
    assert service.finished


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_missing_package_is_named_before_training(name, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, name, None)
    with (
        pytest.raises(UserError, match=f"pip install {name}"),
        tracked(training(**{name: "x"}), SETTINGS, tmp_path, "abc"),
    ):
        raise AssertionError("training began")


def test_tensorboard_holds_the_values(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with tracked(training(tensorboard=True), SETTINGS, tmp_path, "abc") as on_step:
        on_step({"step": 1, "reward": 0.5, "entropy_wrong": None})
    found = EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    assert found.Tags()["scalars"] == ["reward"]
    assert [(e.step, e.value) for e in found.Scalars("reward")] == [(1, 0.5)]


@pytest.mark.parametrize(("again", "shown"), [((2, 3), [(1, 1.0), (2, 2.5), (3, 3.5)]), ((1, 2), [(1, 1.5), (2, 2.5)])])
def test_tensorboard_shows_a_step_that_is_done_again_once(tmp_path, monkeypatch, again, shown):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.summary.writer import event_file_writer

    # Files are read by their names: the second of their start, the process, and a count over its files, as text.
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(0))
    for steps, more in (((1, 2), 0.0), (again, 0.5)):
        with tracked(training(tensorboard=True), SETTINGS, tmp_path, "abc") as on_step:
            for step in steps:
                on_step({"step": step, "reward": step + more})
    found = EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    assert [(e.step, e.value) for e in found.Scalars("reward")] == shown
