"""Processes side by side take devices of their own, by a made-up list of GPUs."""

import os
import signal
import time

import pytest
import torch
from torch.distributed.device_mesh import init_device_mesh
from training import in_child, status_of, together

from steer.configs.schema import Rollout
from steer.engines.open import serving
from steer.errors import UserError
from steer.models.devices import Gpu, lock_folder, take_device, visible
from steer.train import parallel

TWO = [Gpu(0, "GPU-aa", 1000), Gpu(1, "GPU-bb", 2000)]


@pytest.fixture(autouse=True)
def unpinned(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def taking(folder, name, gpus=TWO, leave=(), count=1):
    """Take a device or several, tell which, and hold it until killed."""

    def work():
        device = take_device(leave, lambda: gpus, folder / "locks", pause=0.01, count=count)
        (folder / name).write_text(os.environ["CUDA_VISIBLE_DEVICES"] if device.type == "cuda" else "cpu")
        time.sleep(60)

    return in_child(work)


def told(path) -> str:
    for _ in range(1000):
        if path.exists() and path.read_text():
            return path.read_text()
        time.sleep(0.01)
    raise AssertionError(f"{path.name} got no device")


def end(*children):
    for child in children:
        os.kill(child, signal.SIGKILL)
        assert status_of(child) == -signal.SIGKILL


def test_each_process_has_a_device_of_its_own_and_a_killed_one_frees_its(tmp_path):
    first = taking(tmp_path, "first")
    assert told(tmp_path / "first") == "GPU-bb", "the one with most free memory"
    second = taking(tmp_path, "second")
    assert told(tmp_path / "second") == "GPU-aa"
    third = taking(tmp_path, "third")
    time.sleep(0.2)
    assert not (tmp_path / "third").exists(), "it waits"
    end(second)
    assert told(tmp_path / "third") == "GPU-aa"
    end(first, third)


def test_devices_left_to_the_rollouts_are_not_taken(tmp_path):
    child = taking(tmp_path, "only", leave=(1,))
    assert told(tmp_path / "only") == "GPU-aa"
    end(child)


def test_who_needs_several_holds_none_while_too_few_are_free(tmp_path):
    """Else two such processes would wait for each other for ever."""
    first = taking(tmp_path, "first")
    assert told(tmp_path / "first") == "GPU-bb"
    both = taking(tmp_path, "both", count=2)
    time.sleep(0.2)
    second = taking(tmp_path, "second")
    assert told(tmp_path / "second") == "GPU-aa"
    assert not (tmp_path / "both").exists()
    end(first, second)
    assert told(tmp_path / "both") == "GPU-bb,GPU-aa"
    end(both)


def test_more_devices_than_there_are_is_one_line(tmp_path):
    with pytest.raises(UserError, match="3 GPUs are asked for, 2 can be seen"):
        take_device((), lambda: TWO, tmp_path / "locks", count=3)


def test_a_child_of_the_process_does_not_free_its_device(tmp_path):
    """Verifiers come and go while a run holds its device."""

    def work():
        take_device((), lambda: TWO, tmp_path / "locks")
        assert status_of(in_child(lambda: 0)) == 0
        (tmp_path / "holder").write_text(os.environ["CUDA_VISIBLE_DEVICES"])
        time.sleep(60)

    holder = in_child(work)
    assert told(tmp_path / "holder") == "GPU-bb"
    other = taking(tmp_path, "other")
    assert told(tmp_path / "other") == "GPU-aa"
    end(holder, other)


def test_what_is_visible_follows_the_environment():
    assert visible(TWO, None) == TWO
    assert visible(TWO, "1") == TWO[1:]
    assert visible(TWO, "GPU-a, 1") == TWO
    assert visible(TWO, "") == []


def test_a_pinned_device_is_taken_as_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert take_device((), lambda: TWO, tmp_path / "locks") == torch.device("cuda")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
    assert not (tmp_path / "locks").exists()


def test_without_a_gpu_it_is_what_torch_has():
    assert take_device(gpus=lambda: []).type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize(("seen", "expected"), [(1, [0, 0]), (2, [0, 1])])
def test_a_process_of_several_stays_on_a_device_that_it_sees(monkeypatch, tmp_path, seen, expected):
    """A device mesh takes the device numbered LOCAL_RANK, where none was set before; there may be number 0 alone."""
    chosen, join = [], parallel.dist.init_process_group
    monkeypatch.setattr(torch.cuda, "device_count", lambda: seen)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: bool(chosen))
    monkeypatch.setattr(parallel.dist, "init_process_group", lambda backend, **_: join("gloo"))

    def work():
        parallel.start(torch.device("cuda"))
        init_device_mesh("cuda", (2,))
        (tmp_path / str(parallel.rank())).write_text(str(chosen))

    assert together(2, work) == [0, 0]
    assert [(tmp_path / str(rank)).read_text() for rank in range(2)] == [f"[{number}]" for number in expected]


def test_an_evaluation_serves_from_the_device_it_took_not_from_a_training_runs(monkeypatch):
    given = []

    def take(leave, count):
        assert (leave, count) == ([7], 1)
        return torch.device("cuda")

    monkeypatch.setattr("steer.engines.open.take_device", take)
    monkeypatch.setattr("steer.engines.open.check_installed", lambda settings: None)
    monkeypatch.setattr(
        "steer.engines.vllm.VllmEngine", lambda path, tokenizer, settings, **asked: given.append(settings)
    )
    settings = Rollout(engine="vllm", placement="own", devices=[7])
    serving(settings, "model", None, None, samples=1, batch=1, tokens=8, temperature=1.0)
    assert [one.devices for one in given] == [None]


def test_all_jobs_of_a_user_share_a_folder_of_locks_whatever_slurm_sets(tmp_path, monkeypatch):
    """XDG_RUNTIME_DIR comes from the login node, and TMPDIR is the job's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    first = lock_folder([tmp_path])
    monkeypatch.setenv("TMPDIR", str(tmp_path / "job"))
    assert lock_folder([tmp_path]) == first and first.stat().st_mode & 0o777 == 0o700


def test_without_a_place_for_the_locks_the_first_that_can_be_written_is_taken_or_it_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    places = [tmp_path / "absent", tmp_path / "file"]
    with pytest.raises(UserError, match=r"no folder for the locks of GPUs: neither .*absent nor .*file can be written"):
        lock_folder(places)
    assert lock_folder([*places, tmp_path]).parent == tmp_path
