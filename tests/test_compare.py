"""`steer compare`: two main tables side by side, whichever rows they have."""

import math
from pathlib import Path

import pandas as pd
import pytest

from steer import cli


def write(folder, rows):
    head = "run,label,average,average low,average high"
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "T3_main_results.csv").write_text("\n".join([head, *rows]) + "\n")


def test_rows_of_either_table_appear_in_order(tmp_path, capsys):
    write(tmp_path / "a", ["base,base,0.25,0.2,0.3", "mine,my method,0.5,0.4,0.6"])
    write(tmp_path / "b", ["base,base,0.26,0.21,0.31", "steer,STEER,0.4,0.3,0.5"])
    assert cli.main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 1, "STEER is missing"
    out = capsys.readouterr().out
    lines, differences = (part.splitlines() for part in out.split("\n\n")[:2])
    assert [line.split("  ")[0] for line in lines[2:]] == ["base", "my method", "STEER"]
    assert "25.0 [20.0, 30.0]" in lines[2]
    assert "26.0 [21.0, 31.0]" in lines[2]
    assert lines[3].rstrip().endswith("–")
    assert len({len(line) for line in lines[1:]}) == 1, "columns line up"
    assert [line.split("  ")[-1].strip() for line in differences[2:]] == [
        "agrees",
        "not in the second folder",
        "not in the first folder",
    ]
    assert out.splitlines()[-1].startswith("FAIL: 1 of 3 runs beyond") and out.strip().endswith("missing here: STEER")


def both(tmp_path, here, there, seeds=(0, 1, 2)):
    """Two folders with one run on two questions of 4 samples, correct counts by seed, and its final entropy."""
    for name, (counts, entropy) in {"a": here, "b": there}.items():
        rows = [
            {"run": "grpo", "seed": seed, "benchmark": "sums", "id": f"q{i}", "correct": c, "wrong": 4 - c}
            for seed, of_seed in zip(seeds, counts, strict=True)
            for i, c in enumerate(of_seed)
        ]
        mean = sum(row["correct"] for row in rows) / 4 / len(rows)
        write(tmp_path / name, [f"grpo,GRPO,{mean},0,1"])
        pd.DataFrame(rows).to_csv(tmp_path / name / "tables/accuracy_by_question.csv.gz", index=False)
        (tmp_path / name / "tables/T0_claims.csv").write_text(f"run,label,entropy_last\ngrpo,GRPO,{entropy}\n")
    return ["compare", str(tmp_path / "a"), str(tmp_path / "b")]


def test_differences_intervals_and_verdict_by_hand(tmp_path, capsys):
    """By seed +12.5, 0 and +12.5 points, so 8.3 ± 4.303 · 7.217/√3; by question +16.7 and 0, so 8.3 ± 12.71 · 8.33."""
    arguments = both(tmp_path, ([(3, 2), (2, 2), (3, 2)], 0.30), ([(2, 2), (2, 2), (2, 2)], 0.34))
    assert cli.main(arguments) == 1
    out = capsys.readouterr().out
    row = next(line for line in out.split("\n\n")[1].splitlines() if line.startswith("GRPO"))
    assert "+8.3 [-9.6, +26.3] {-97.6, +100.0}" in row and "-0.040" in row and "differs in accuracy" in row
    assert out.splitlines()[-1].startswith("FAIL: 1 of 1 run beyond 3 points of accuracy and 0.05 nats")
    assert cli.main([*arguments, "--accuracy", "8.4"]) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    assert said == "PASS: 1 run within 8.4 points of accuracy and 0.05 nats of final entropy"
    assert cli.main([*arguments, "--accuracy", "9", "--entropy", "0.03"]) == 1
    assert "differs in entropy" in capsys.readouterr().out
    assert cli.main([*arguments, "--entropy", "-1"]) == 2
    assert "--entropy -1.0: a tolerance must be at least 0" in capsys.readouterr().err


def test_a_value_that_one_folder_lacks_is_no_agreement(tmp_path, capsys):
    arguments = both(tmp_path, ([(3, 2), (2, 2)], 0.30), ([(3, 2), (2, 2)], ""), seeds=(0, 1))
    (tmp_path / "b/tables/T0_claims.csv").write_text("run,label,entropy_last\ngrpo,GRPO,\nsteer,STEER,0.3\n")
    assert cli.main(arguments) == 1
    out = capsys.readouterr().out
    assert "differs in entropy (one has none)" in out and out.splitlines()[-1].startswith("FAIL: 1 of 1 run")
    (tmp_path / "b/tables/T0_claims.csv").unlink()
    assert cli.main(arguments) == 0, "older folders have no table of entropies at all"


def test_the_committed_reference_agrees_with_itself(capsys):
    folder = str(Path(__file__).parents[1] / "results/reference/tiny")
    assert cli.main(["compare", folder, folder, "--accuracy", "0", "--entropy", "0"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("PASS: 7 runs within 0 points")


def test_a_damaged_table_of_questions_is_one_line(tmp_path, capsys):
    arguments = both(tmp_path, ([(3, 2)], 0.3), ([(2, 2)], 0.3), seeds=[0])
    (tmp_path / "a/tables/accuracy_by_question.csv.gz").write_bytes(b"no gzip")
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err.strip()
    assert "accuracy_by_question.csv.gz: no readable table" in error and "\n" not in error


@pytest.mark.parametrize("missing", ["a", "b"])
def test_a_missing_table_is_named(tmp_path, capsys, missing):
    for name in {"a", "b"} - {missing}:
        write(tmp_path / name, [])
    assert cli.main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert f"{missing}/tables/T*_main_results.csv: no such table" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no column `label`"),
        (b"name,average\nx,1\n", "no column `label`"),
        (b"run,label\n\xff,x\n", "no readable table"),
    ],
)
def test_a_damaged_table_is_one_line(tmp_path, capsys, content, said):
    for name in "ab":
        write(tmp_path / name, [])
    (tmp_path / "b" / "tables" / "T3_main_results.csv").write_bytes(content)
    assert cli.main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    error = capsys.readouterr().err.strip()
    assert "b/tables/T3_main_results.csv: " + said in error and "\n" not in error


HEAD = "run,label,gain,entropy_last,entropy_change,pass_gain"


def claims(folder, *rows):
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "T0_claims.csv").write_text("\n".join([HEAD, *rows]) + "\n")
    return str(folder)


def test_over_three_folders_means_and_intervals_are_those_of_student(tmp_path, capsys):
    """By hand: gains of 10, 12 and 14 points are 12 ± 4.303 · 2/√3; what STEER gains beyond GRPO is -1, -1 and -1."""
    folders = [
        claims(tmp_path / str(i), f"grpo,GRPO,{g},0.2,-0.5,0.0{i}", f"steer,STEER,{g - 0.01},0.3,-0.4,0.01")
        for i, g in enumerate((0.10, 0.12, 0.14))
    ]
    assert cli.main(["compare", *folders, "--csv", str(tmp_path / "all.csv")]) == 0
    out = capsys.readouterr().out
    rows = pd.read_csv(tmp_path / "all.csv").fillna({"against": ""}).set_index(["what", "run", "against"])
    gain = rows.loc[("accuracy, points over the base model", "grpo", "")]
    half = 4.302653 * 2 / math.sqrt(3)
    assert [gain["mean"], gain["low"], gain["high"]] == pytest.approx([12, 12 - half, 12 + half], abs=1e-4)
    assert [gain[name] for name in "012"] == [10, 12, 14]
    beyond = rows.loc[("accuracy, points over the base model", "steer", "grpo")]
    assert [beyond["mean"], beyond["low"], beyond["high"]] == pytest.approx([-1, -1, -1], abs=1e-9)
    assert rows.loc[("final entropy, nats", "steer", "grpo"), "mean"] == pytest.approx(0.1)
    assert f"+12.0 [{12 - half:+.1f}, {12 + half:+.1f}]" in out and "+10.0 +12.0 +14.0" in out


def test_runs_that_a_folder_lacks_are_left_out_and_none_at_all_is_said(tmp_path, capsys):
    both = "grpo,GRPO,0.1,0.2,-0.5,0.01", "steer,STEER,0.1,0.2,-0.5,0.01"
    folders = [claims(tmp_path / "a", *both), claims(tmp_path / "b", both[0]), claims(tmp_path / "c", *both)]
    assert cli.main(["compare", *folders]) == 0
    assert "STEER" not in capsys.readouterr().out
    assert cli.main(["compare", *folders, claims(tmp_path / "d", "opo,OPO,0.1,0.2,-0.5,0.01")]) == 2
    assert "no run is in all of them" in capsys.readouterr().err
    assert cli.main(["compare", *folders, str(tmp_path / "e")]) == 2
    assert "e/tables/T0_claims.csv: no such table" in capsys.readouterr().err
    assert cli.main(["compare", *folders[:2], "--csv", "x.csv"]) == 2
    assert "three of them or more" in capsys.readouterr().err


def test_pass_at_different_k_is_not_averaged(tmp_path, capsys):
    folders = [claims(tmp_path / str(k), "grpo,GRPO,0.1,0.2,-0.5,0.01") for k in "abc"]
    for folder, k in zip(folders, (4, 4, 8), strict=True):
        path = Path(folder, "tables", "T0_claims.csv")
        path.write_text(f"{HEAD},pass_k\ngrpo,GRPO,0.1,0.2,-0.5,0.01,{k}\n")
    assert cli.main(["compare", *folders]) == 2
    assert "pass@k is of k 4, 8" in capsys.readouterr().err
