"""`steer compare`: two main tables side by side, whichever rows they have."""

import pytest

from steer import cli


def write(folder, rows):
    head = "run,label,average,average low,average high"
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "T3_main_results.csv").write_text("\n".join([head, *rows]) + "\n")


def test_rows_of_either_table_appear_in_order(tmp_path, capsys):
    write(tmp_path / "a", ["base,base,0.25,0.2,0.3", "mine,my method,0.5,0.4,0.6"])
    write(tmp_path / "b", ["base,base,0.26,0.21,0.31", "steer,STEER,0.4,0.3,0.5"])
    assert cli.main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[2:]] == ["base", "my method", "STEER"]
    assert "25.0 [20.0, 30.0]" in lines[2]
    assert "26.0 [21.0, 31.0]" in lines[2]
    assert lines[3].rstrip().endswith("–")
    assert len({len(line) for line in lines[1:]}) == 1, "columns line up"


@pytest.mark.parametrize("missing", ["a", "b"])
def test_a_missing_table_is_named(tmp_path, capsys, missing):
    for name in {"a", "b"} - {missing}:
        write(tmp_path / name, [])
    assert cli.main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert f"{missing}/tables/T*_main_results.csv: no such table" in capsys.readouterr().err
