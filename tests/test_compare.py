"""`steer compare`: two main tables side by side, whichever rows they have."""

import math
from pathlib import Path

import pandas as pd
import pytest

from steer import cli
from steer.report import compare


def write(folder, rows):
    head = "run,label,average,average low,average high"
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "T3_main_results.csv").write_text("\n".join([head, *rows]) + "\n")


def test_rows_of_either_table_appear_in_order(tmp_path, capsys):
    write(tmp_path / "a", ["base,base,0.25,0.2,0.3", "mine,my method,0.5,0.4,0.6"])
    write(tmp_path / "b", ["base,base,0.26,0.21,0.31", "steer,STEER,0.4,0.3,0.5"])
    assert cli.main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[2:5]] == ["base", "my method", "STEER"]
    assert "25.0 [20.0, 30.0]" in lines[2]
    assert "26.0 [21.0, 31.0]" in lines[2]
    assert lines[3].rstrip().endswith("–")
    assert len({len(line) for line in lines[1:5]}) == 1, "columns line up"


def test_differences_have_an_interval_and_a_verdict(tmp_path, capsys):
    """Half widths 3 and 4 points give one of 5: √(3² + 4²)."""
    write(tmp_path / "a", ["one,one,0.50,0.47,0.53", "two,two,0.50,0.47,0.53"])
    write(tmp_path / "b", ["one,one,0.44,0.40,0.48", "two,two,0.46,0.42,0.50"])
    assert cli.main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "+6.0 [+1.0, +11.0]" in lines[2] and lines[2].endswith(" higher")
    assert "+4.0 [-1.0, +9.0]" in lines[3] and lines[3].endswith(" no difference shown")
    assert lines[4].startswith("verdict: 1 of 2 averages differ") and "over questions for 2" in lines[4]
    assert cli.main(["compare", str(tmp_path / "b"), str(tmp_path / "a")]) == 0
    assert capsys.readouterr().out.splitlines()[2].endswith(" lower")


def test_intervals_over_runs_come_first(tmp_path):
    """A claim about methods is one about new runs."""
    row = {"average": "0.5", "average low": "0.49", "average high": "0.51"}
    wide = row | {"average run low": "0.3", "average run high": "0.7"}
    assert compare.difference(wide, wide).unit == "runs"
    assert compare.difference(wide, wide).high == pytest.approx(math.hypot(0.2, 0.2))
    assert compare.difference(wide, row).unit == "questions"
    assert compare.difference(wide, None) is None


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
