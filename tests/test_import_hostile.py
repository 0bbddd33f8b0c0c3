"""`steer import`: bytes, terminals and sampled text that a log may hold beside its steps."""

import gzip
import json
import random

import pytest
from outside_logs import console, rows, verl_line, verl_step

STEPS = [1, 2, 3]
LOG = console(*STEPS, pid=None)
BAR = "Training Progress:  45%|████▌     | {}/3 [7:13:11<10:00:24, 600.40s/it]\r"


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + LOG.encode(),
        LOG.encode("utf-16"),
        bytes(range(256)) * 3 + b"\n" + LOG.encode(),
        LOG.replace("step:2", "step:2\0").encode(),
        "".join(BAR.format(row["step"]) + verl_step(row, pid=None) for row in rows(*STEPS)).encode(),
        ("\x1b]0;a title\x07\x1b(B\x1b[?25l" + LOG.replace("entropy", "\x1b[38;5;9mentropy\x1b[0m")).encode(),
        console(*STEPS, pid="7, ip=10.0.0.1").encode(),
        (LOG + "x" * 10**6 + "\n").encode(),
        gzip.compress(LOG.encode()),
        gzip.compress(LOG[:50].encode()) + gzip.compress(LOG[50:].encode()),
        console(*STEPS, pid=7).replace("\x1b", "").encode(),
    ],
    ids=[
        "mark",
        "UTF-16",
        "binary",
        "NUL",
        "bars",
        "terminal",
        "two nodes",
        "long line",
        "gzip",
        "twice gzip",
        "pasted",
    ],
)
def test_whatever_stands_around_the_steps(imported, data):
    metrics, _, _ = imported(data)
    assert [(row["step"], row["entropy"]) for row in metrics] == [(1, 0.49), (2, 0.48), (3, 0.47)]


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", "".join(json.dumps(row) + "\r\n" for row in rows(*STEPS))),
        ("a.csv", "step,entropy,gradient_norm\r\n1,0.49,1\r\n2,0.48,1\r\n3,0.47,1\r\n"),
    ],
)
def test_files_from_windows(imported, mark, name, text):
    assert [row["entropy"] for row in imported(mark + text.encode(), name=name)[0]] == [0.49, 0.48, 0.47]


@pytest.mark.parametrize("value", ["9" * 5000, "1e999", "nan", "-inf", "np.float64(nan)"])
def test_a_value_that_is_no_finite_number_is_null(imported, value):
    line = f"step:1 - actor/entropy:0.5 - actor/grad_norm:{value} - perf/throughput:1.5\n"
    metrics, _, about = imported(line)
    assert metrics[0]["gradient_norm"] is None and "NaN or infinite" in about["notes"][0]


@pytest.mark.parametrize("line", ["step:１ - ", "step:-1 - ", f"step:{10**30} - ", "step:1.5 - "])
def test_what_is_no_step_is_none(imported, line):
    assert len(imported(line + "actor/entropy:9.0 - perf/throughput:1.5\n" + LOG)[0]) == 3


@pytest.mark.parametrize("pid", [1234, None])
@pytest.mark.parametrize("step", [2, 9])
def test_a_whole_imitation_between_steps_that_follow_one_another(imported, pid, step):
    """As good as a true line, in a sample that does not end: it would replace step 2, or be a step 9."""
    values = {"actor/entropy": 9.0, "training/global_step": step, "perf/throughput": 1.5}
    metrics, _, about = imported(console(*STEPS) + "[response] so\n" + verl_line(step, values, pid) + console(4))
    assert [row["entropy"] for row in metrics] == [0.49, 0.48, 0.47, 0.46]
    assert about["steps_replaced"] == 0 and any(f"step {step} between" in note for note in about["notes"])


def test_a_session_of_one_step_is_no_imitation(imported):
    again = verl_step({**rows(2)[0], "entropy": 0.25}, pid=8)
    assert [row["entropy"] for row in imported(console(*STEPS) + again + console(3, 4, pid=9))[0]][1] == 0.25


@pytest.mark.parametrize("row", ["1,0.5,7", "1", "1,0.5,", '1,"0.5\n1"",7'])
def test_a_row_of_a_table_with_too_many_or_too_few_cells_is_refused(refused, row):
    assert "no readable CSV" in (said := refused(f"step,loss\n{row}\n2,0.4\n"))
    assert "line 2: no readable CSV" in said or '"' in row


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_a_last_row_with_too_few_cells_is_a_cut_end(imported, end):
    metrics, _, about = imported(f"step,entropy,loss\n1,0.5,0.25\n\n2,0.4{end}", name="a.csv")
    assert [row["step"] for row in metrics] == [1] and "cut inside its last line" in about["notes"][0]


def test_a_panel_without_its_columns_of_spread(imported):
    (row,), _, _ = imported('"Step","my - run - actor/entropy"\n"1","0.5"\n', name="a.csv")
    assert row == {"step": 1, "entropy": 0.5}


def test_a_panel_of_two_runs_without_its_columns_of_spread(refused):
    assert "two runs in one file: a, b" in refused('"Step","a - loss","b - loss"\n"1","2","3"\n', name="a.csv")


def test_columns_separated_by_something_else(refused):
    assert "separated by ';'" in refused("step;loss\n1;0,5\n", name="a.csv")


def test_several_agents_of_prime_rl_are_named(imported):
    """Each logs its own reward; the run's is one of them."""
    keys = {f"train/agg/all/{agent}/reward/mean": value for agent, value in (("maths", 0.25), ("code", 0.5))}
    (row,), _, about = imported(json.dumps({"step": 1, "optim/lr": 1e-6, "loss/mean": 0.1, **keys}) + "\n")
    assert row["reward"] == 0.5 and row["other/train/agg/all/maths/reward/mean"] == 0.25
    assert "the agents code, maths log apart; taken: reward of code; --map takes another" in about["notes"]


def test_two_columns_of_one_name_are_two_runs(refused):
    """W&B names the columns of a panel after the runs, and runs may share a name."""
    header = '"Step","a - loss","a - loss__MIN","a - loss__MAX"'
    assert "two columns `a - loss`" in refused(f'{header},{header[7:]}\n"1","2","2","2","3","3","3"\n')


def test_a_cut_gzip_file_gives_the_steps_that_are_whole(imported):
    """Numbers without a pattern, as gzip unpacks a block at a time."""
    draw = random.Random(0)
    steps = [{**row, "loss": draw.random()} for row in rows(*range(1, 400))]
    packed = gzip.compress("".join(verl_step(row, pid=None) for row in steps).encode())
    metrics, _, about = imported(packed[: len(packed) // 2], name="a.log.gz")
    assert 1 < len(metrics) < 399 and any("gzip file is cut" in note for note in about["notes"])
    assert [row["entropy"] for row in metrics] == [row["entropy"] for row in steps[: len(metrics)]]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "step,entropy\n1,0.5\n1e400,0.5\n", "`step` is inf"),
        ("a.csv", "step,entropy\n1e15,0.5\n", "whole number"),
        ("a.csv", ",,\n,,\n", "cells are empty"),
        ("a.jsonl", '{"step": ' + "9" * 400 + ', "entropy": 0.5}\n', "no metrics"),
        ("trainer_state.json", '{"log_history": [{"step": 1, "loss": 0.5}, {"st', "cut or damaged"),
    ],
)
def test_steps_that_are_none_and_files_that_are_cut_are_refused_in_one_line(refused, name, text, said):
    assert said in refused(text, name=name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"step": 1, "entropy": ' + "9" * 400 + ', "reward": 0.5}\n', {"entropy": None, "reward": 0.5}),
        ("Step 1 |   41s | Loss 0.0.12 | Entropy 0.31 | Grad. Norm 1e | LR 1.00e-06\n", {"entropy": 0.31, "lr": 1e-6}),
        ("Global step 1: {'policy_loss': tensor(0.5, device='cuda:0'), 'reward': float('nan')}\n", {"loss": 0.5}),
    ],
)
def test_a_value_that_cannot_be_read_takes_no_other_with_it(imported, text, expected):
    (row,) = imported(text)[0]
    assert {name: value for name, value in row.items() if name in expected} == expected


@pytest.mark.parametrize(
    "value", ["tensor([1, 2])", "np.array([[1.0, nan]], dtype=float32)", "tensor([], size=(0, 3))", "[1, f(2)]", "x"]
)
@pytest.mark.parametrize(
    "line",
    [
        "Global step 1: {{'policy_loss': 0.5, 'lens': {}, 'ppo_kl': -nan}}\n",
        "{{'loss': 0.5, 'x': {}, 'reward_std': 1}}\n",
    ],
)
def test_what_is_no_number_in_a_printed_dict_leaves_the_others(imported, line, value):
    assert imported(line.format(value))[0][0]["loss"] == 0.5


@pytest.mark.parametrize("digits", [16, 400, 5000])
def test_a_number_of_many_digits_is_no_step_and_no_whole_number(imported, refused, digits):
    assert "whole number" in refused(f"step,entropy\n{'9' * digits},0.5\n", name="a.csv")
    assert "whole number" in refused(f"step,metric,value\n{'9' * digits},entropy,0.5\n", name="a.csv")
    metrics, _, _ = imported(f"step,entropy\n1,{'9' * digits}\n2,0.5\n", name="a.csv")
    assert metrics[0]["entropy"] == (1e16 if digits == 16 else None) and metrics[1]["entropy"] == 0.5
    log = f"+ python3 -m verl.trainer.main_ppo data.seed={'9' * digits} data.train_batch_size={'9' * digits}\n"
    assert len(imported(log + LOG)[0]) == 3
    state = f'{{"max_steps": {"9" * min(digits, 400)}, "log_history": [{{"step": 1, "loss": 0.5}}]}}'
    assert imported(state, name="trainer_state.json")[0][0]["loss"] == 0.5


def test_the_last_row_of_a_cut_table(imported):
    text = "step,entropy,loss\n1,0.5,0.25\n2,0.4,0.1234"
    metrics, _, about = imported(text, name="a.csv")
    assert len(metrics) == 2 and "may lack digits" in about["notes"][0]
    metrics, _, about = imported("step,entropy,loss\n1,0.5,0.25\n2,0.4", name="a.csv")
    assert [row["step"] for row in metrics] == [1] and "cut inside its last line" in about["notes"][0]
    draw = random.Random(0)
    body = "".join(f"{step},{0.5 + draw.random():.6f},0.25\n" for step in range(1, 1000))
    packed = gzip.compress(b"step,entropy,loss\n" + body.encode())
    lines = body.splitlines()
    for cut in range(len(packed) // 2, len(packed) // 2 + 4):
        metrics, _, about = imported(packed[:cut], name="a.csv.gz")
        last = metrics[-1]
        assert lines[last["step"] - 1] == f"{last['step']},{last['entropy']:.6f},{last['loss']}"
        assert any("gzip file is cut" in note for note in about["notes"])


def test_a_gzip_file_cut_before_the_end_of_its_first_line_is_refused(refused):
    assert "cut inside its first line" in refused(gzip.compress(b"step,entropy\n1,0.5\n")[:12], name="a.csv.gz")


@pytest.mark.parametrize("name", ["c.csv", "c", "c.csv.gz", "c.log.gzip"])
def test_gzip_is_unpacked_whatever_the_name(imported, name):
    assert imported(gzip.compress(b"step,entropy\n1,0.5\n"), name=name)[0] == [{"step": 1, "entropy": 0.5}]


def test_a_gzipped_table_keeps_its_suffix(refused):
    assert "no column of steps" in refused(gzip.compress(b"x,loss\n1,0.5\n"), name="c.csv")
