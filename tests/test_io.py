"""Files are whole or absent, and bad ones are named."""

import errno
import gzip
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from steer import cli
from steer.data.problem import Problem
from steer.errors import UserError
from steer.io import atomic_directory, atomic_write, check_writable, fingerprint, meaning, read_jsonl, write_jsonl


def test_rows_survive_a_round_trip_gzipped_or_not(tmp_path):
    rows = [{"text": "é\n\u2028 <b>", "n": 1}, {"text": "\ud800", "n": None}]
    for name in ("rows.jsonl", "rows.jsonl.gz"):
        write_jsonl(tmp_path / name, rows)
        assert read_jsonl(tmp_path / name) == rows


def test_equal_rows_are_equal_bytes(tmp_path):
    write_jsonl(tmp_path / "a.jsonl.gz", [{"a": 1}])
    write_jsonl(tmp_path / "b.jsonl.gz", [{"a": 1}])
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_a_failed_write_leaves_the_old_content_and_no_litter(tmp_path):
    path = tmp_path / "file"
    atomic_write(path, "old")
    with pytest.raises(TypeError):
        atomic_write(path, object())
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_failed_folder_leaves_the_old_one(tmp_path):
    with atomic_directory(tmp_path / "folder") as folder:
        (folder / "a").write_text("1")
    with pytest.raises(RuntimeError), atomic_directory(tmp_path / "folder") as folder:
        (folder / "b").write_text("2")
        raise RuntimeError
    assert [p.name for p in (tmp_path / "folder").iterdir()] == ["a"]
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_a_writer_killed_while_the_old_folder_goes_leaves_a_whole_one(tmp_path, monkeypatch):
    def write(text):
        with atomic_directory(tmp_path / "model") as folder:
            for name in "abc":
                (folder / name).write_text(text)

    def killed(path, **options):
        if not options:
            next(Path(path).iterdir()).unlink()
            raise KeyboardInterrupt

    write("old")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            write("new")
    assert {path.name: path.read_text() for path in (tmp_path / "model").iterdir()} == dict.fromkeys("abc", "new")
    write("newer")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.jsonl", b'{"a": 1}\n{broken\n', "line 2"),
        ("rows.jsonl.gz", b"not gzip", "not a whole gzip file"),
        ("rows.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 1000, mtime=0)[:-20], "not a whole gzip file"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=said) as error:
        read_jsonl(tmp_path / name)
    assert str(tmp_path / name) in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"absent\.jsonl: no such file"):
        read_jsonl(tmp_path / "absent.jsonl")


def test_what_a_killed_writer_left_goes_with_the_next_one_and_nothing_else(tmp_path):
    for name in (".model.0123abcd.tmp", ".models.0123abcd.tmp", ".model.notes.tmp"):
        (tmp_path / name).mkdir()
    with atomic_directory(tmp_path / "model") as folder:
        (folder / "a").write_text("1")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".model.notes.tmp", ".models.0123abcd.tmp", "model"]


def test_a_folder_has_its_name_only_when_its_content_is_on_the_disk(tmp_path, monkeypatch):
    """A power failure keeps what was synchronised: files before the name, the name before what relies on it."""
    happened = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (happened.append(os.readlink(f"/proc/self/fd/{fd}")), fsync(fd))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (happened.append("renamed"), replace(a, b))[1])
    with atomic_directory(tmp_path / "model") as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "weights").write_text("1")
    renamed = happened.index("renamed")
    assert {Path(path).relative_to(folder).as_posix() for path in happened[:renamed]} == {".", "inner", "inner/weights"}
    assert happened[renamed + 1 :] == [str(tmp_path)]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.jsonl", b'{"a": "\xff"}\n', "not UTF-8"),
        ("rows.jsonl", b'{"a": 1}\n[1]\n', "line 2: expected an object, found list"),
        ("rows.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 1000, mtime=0)[:12] + b"\xff" * 40, "not a whole gzip file"),
    ],
)
def test_bytes_that_are_no_rows_are_named(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=said) as error:
        read_jsonl(tmp_path / name)
    assert str(tmp_path / name) in str(error.value)


def test_a_row_that_is_no_problem_names_its_fields():
    with pytest.raises(UserError, match=r"problem 'a': no field `benchmark`, .*unknown field `question`"):
        Problem.from_json({"id": "a", "kind": "math", "question": "?"})


@pytest.mark.parametrize(
    ("made", "arguments", "said"),
    [
        ("folder/", ["config", "--config", "folder"], "folder: Is a directory; correct the path"),
        ("folder/", ["config", "--config", "configs/nano.yaml", "--out", "folder"], "folder: Is a directory"),
        ("file", ["config", "--config", "configs/nano.yaml", "--out", "file/x"], "file: File exists; correct the path"),
    ],
)
def test_what_the_system_refuses_is_one_line(tmp_path, capsys, made, arguments, said):
    (tmp_path / made).mkdir() if made.endswith("/") else (tmp_path / made).touch()
    place = [str(tmp_path / word) if word.startswith(made.rstrip("/")) else word for word in arguments]
    assert cli.main(place) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 2, "No space left on device; free some space"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_a_full_disk_or_an_interruption_is_one_line(monkeypatch, capsys, raised, status, said):
    def fails(*_):
        raise raised

    monkeypatch.setattr("steer.plan.resolve.config_from", fails)
    assert cli.main(["config", "--config", "configs/nano.yaml"]) == status
    assert said in capsys.readouterr().err


SOURCE = '''"""About the module."""

# Why.
LIMIT = 3


class Thing:
    """A thing."""

    def size(self, text="words"):
        """Its size."""
        return len(text) + LIMIT


async def wait():
    """Wait."""
'''


@pytest.mark.parametrize("path_name", ["same.py", "same.txt"])
def test_reworded_comments_and_docstrings_mean_the_same_code(tmp_path, path_name):
    path = tmp_path / path_name
    path.write_text(SOURCE)
    before, mark = meaning(path), fingerprint({}, [path])
    for old, new in (
        ("About the module.", "What it is about.\n\nAnd more."),
        ("# Why.\n", ""),
        ('    """A thing."""\n\n', ""),
        ('"""Its size."""', "'Its length.'"),
        ("Wait.", "Wait a while."),
    ):
        path.write_text(SOURCE.replace(old, new))
        assert path.read_text() != SOURCE
        same = path_name == "same.py"
        assert (meaning(path) == before) == same, old
        assert (fingerprint({}, [path]) == mark) == same


@pytest.mark.parametrize(
    ("old", "new"),
    [("LIMIT = 3", "LIMIT = 4"), ('"words"', '"word"'), ("+ LIMIT", "- LIMIT"), ("class Thing", "class Other")],
)
def test_changed_code_means_something_else(tmp_path, old, new):
    path = tmp_path / "code.py"
    path.write_text(SOURCE)
    before = meaning(path)
    path.write_text(SOURCE.replace(old, new))
    assert meaning(path) != before


def test_docstrings_count_in_a_file_that_reads_them_and_a_file_that_is_no_python_counts_whole(tmp_path):
    path, found = tmp_path / "code.py", []
    for text in ('"""One."""\nprint(__doc__)\n', '"""Two."""\nprint(__doc__)\n', "def (\n", "def  (\n"):
        path.write_text(text)
        found.append(meaning(path))
    assert len(set(found)) == 4


def as_another_user(check) -> int:
    """Exit status of `check()` in a child that, if we are root, is another user: root may write everywhere."""
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setuid(65534)
            check()
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_place_where_nothing_can_be_written_is_named():
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        os.chmod(folder, 0o755)
        closed, open_one = Path(folder, "closed"), Path(folder, "open")
        closed.mkdir(mode=0o555)
        open_one.mkdir()
        os.chmod(open_one, 0o777)

        def check():
            check_writable(open_one / "results/tiny")
            try:
                check_writable(closed / "results/tiny")
            except UserError as error:
                os._exit(0 if str(error).startswith(f"{closed}: nothing can be written there;") else 2)

        assert as_another_user(check) == 0


def test_a_file_in_the_place_of_results_is_named(tmp_path):
    (tmp_path / "results").write_text("")
    check_writable(tmp_path / "other/tiny")
    with pytest.raises(UserError, match="results: a file is in the folder's place"):
        check_writable(tmp_path / "results/tiny")


def test_a_refused_write_names_the_file_and_not_its_temporary_sibling():
    for name in ("results/.x.e03ecd54.tmp", "results/.x.e03ecd54.tmp/inner.jsonl", ".x.e03ecd54.tmp", "a/.x.y.tmp"):
        said = cli._refusal(PermissionError(errno.EACCES, "Permission denied", name))
        known = name if "e03ecd54" not in name else name.replace(".x.e03ecd54.tmp", "x")
        assert said == f"{known}: Permission denied; change its permissions or use another path"
