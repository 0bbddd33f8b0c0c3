"""What a result says it was computed with."""

import subprocess
from importlib.metadata import version
from types import SimpleNamespace

import pytest

from steer.generate import cache
from steer.models import provenance


@pytest.fixture(autouse=True)
def forgotten():
    yield
    provenance.device.cache_clear()


def gpus(monkeypatch, lines):
    provenance.device.cache_clear()
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=lines))


def test_versions_name_what_is_installed_and_nothing_else():
    found = provenance.versions(["torch", "no-such-library"])
    assert found["torch"] == version("torch") and set(found) == {"python", "steer", "torch"}


def test_equal_gpus_are_named_once_with_their_driver(monkeypatch):
    gpus(monkeypatch, "NVIDIA H20, 550.1\nNVIDIA H20, 550.1\n")
    assert provenance.device() == "NVIDIA H20, driver 550.1"


def test_responses_of_another_gpu_driver_or_vllm_are_not_used(monkeypatch):
    keys = set()
    for lines in ("", "NVIDIA H20, 550.1\n", "NVIDIA H20, 560.1\n", "NVIDIA H100, 560.1\n"):
        gpus(monkeypatch, lines)
        keys.add(cache.key("model", [], {}))
    monkeypatch.setattr(provenance, "version", lambda name: "0.99")
    keys.add(cache.key("model", [], {}))
    assert len(keys) == 5
