"""What is kept of a results folder: tables, figures and the page come out of it as out of the whole."""

import json

from fake_results import write_fake_results

from steer import cli
from steer.diagnose.folders import read_runs
from steer.io import packed, read_jsonl
from steer.report import reference


def _tabulated(folder, out):
    assert cli.main(["tabulate", "--config", f"{folder}/config.yaml", "--results", str(folder), "--out", str(out)]) == 0
    return {path.name: path.read_bytes() for path in out.glob("*.csv*")}


def test_tables_figures_and_page_come_from_a_reference_folder_as_from_the_results(tmp_path):
    results, kept = tmp_path / "results", tmp_path / "reference"
    write_fake_results(results, {"grpo": "GRPO", "steer": "STEER"}, steps=6, questions=6)
    model = results / "base_model"
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"abc")
    (model / "base_model.json").write_text('{"accuracy": 0.25}')
    whole = _tabulated(results, tmp_path / "whole")
    (kept / "runs" / "gone" / "seed0").mkdir(parents=True)
    (kept / "README.md").parent.mkdir(exist_ok=True)
    (kept / "README.md").write_text("by hand")
    assert cli.main(["reference", "--results", str(results), "--out", str(kept)]) == 0
    assert _tabulated(kept, kept / "tables") == whole
    assert not (kept / "base_model").exists()
    assert not (kept / "runs" / "gone").exists()
    assert (kept / "README.md").read_text() == "by hand"
    about = json.loads((kept / "base_model.json").read_text())
    assert about["made"] == {"accuracy": 0.25}
    # `printf abc | sha256sum`
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert about["sha256"] == {"model.safetensors": digest}
    config = ["--config", f"{kept}/config.yaml"]
    figure = ["plot", "FE_policy_entropy", *config, "--tables", f"{kept}/tables", "--out", f"{kept}/figures"]
    assert cli.main(figure) == 0
    assert cli.main(["report", *config, "--results", str(kept), "--out", f"{tmp_path}/index.html"]) == 0
    assert "FE_policy_entropy" in (tmp_path / "index.html").read_text()


def test_runs_that_did_not_end_are_left_out(tmp_path, capsys):
    results, kept = tmp_path / "results", tmp_path / "reference"
    write_fake_results(results, {"grpo": "GRPO"}, steps=3, questions=2)
    (results / "runs" / "grpo" / "seed1" / "metrics.jsonl").unlink()
    assert cli.main(["reference", "--results", str(results), "--out", str(kept)]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == 1
    assert len(read_jsonl(kept / "runs" / "grpo" / "seed0" / "metrics.jsonl")) == 3
    assert not (kept / "runs" / "grpo" / "seed1" / "metrics.jsonl").exists()
    (results / "runs" / "grpo" / "seed0" / "metrics.jsonl").unlink()
    assert cli.main(["reference", "--results", str(results), "--out", str(kept)]) == 2
    assert "no finished run; run the experiment first" in capsys.readouterr().err


def test_metrics_are_compressed_over_the_limit_and_read_all_the_same(tmp_path, monkeypatch, capsys):
    results, kept = tmp_path / "results", tmp_path / "reference"
    write_fake_results(results, {"grpo": "GRPO", "steer": "STEER"}, steps=30, questions=2)
    whole = _tabulated(results, tmp_path / "whole")
    size = sum(path.stat().st_size for path in results.rglob("*") if path.is_file()) / 1e6
    monkeypatch.setattr(reference, "LIMIT_MB", size * 0.8)
    assert cli.main(["reference", "--results", str(results), "--out", str(kept)]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["mb"] < size * 0.8
    metrics = kept / "runs/grpo/seed0/metrics.jsonl"
    assert not metrics.exists()
    assert read_jsonl(packed(metrics)) == read_jsonl(results / "runs/grpo/seed0/metrics.jsonl")
    assert _tabulated(kept, kept / "tables") == whole
    (run,) = read_runs([str(kept / "runs/grpo")])
    assert run.frames.keys() == {0, 1} and len(run.frames[0]) == 30
    assert cli.main(["diagnose", str(kept / "runs/steer"), "--reference", str(kept / "runs/grpo")]) == 0
    page = tmp_path / "index.html"
    assert cli.main(["report", "--config", f"{kept}/config.yaml", "--results", str(kept), "--out", str(page)]) == 0
    assert "no such file" not in page.read_text()
    monkeypatch.setattr(reference, "LIMIT_MB", size * 0.01)
    assert cli.main(["reference", "--results", str(results), "--out", str(kept)]) == 2
    assert "keep fewer samples or runs" in capsys.readouterr().err
