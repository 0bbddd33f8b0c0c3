"""What is kept of a results folder: tables, figures and the page come out of it as out of the whole."""

import json

from fake_results import write_fake_results

from steer import cli
from steer.io import read_jsonl


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
