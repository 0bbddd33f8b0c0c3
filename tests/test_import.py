"""`steer import`: each trap of the formats by a log that has it."""

import hashlib

import pytest
import yaml
from outside_logs import PREFIX, VALIDATION, console, rows, three, verl_line, verl_step


@pytest.mark.parametrize("pid", [1234, None], ids=["Ray", "plain"])
@pytest.mark.parametrize("form", [three, repr], ids=["0.4", "0.5"])
def test_verl_lines(imported, pid, form):
    text = console(1, 2, 3, pid=pid, form=form)
    metrics, _, about = imported(text)
    assert [row["step"] for row in metrics] == [1, 2, 3]
    assert [row["entropy"] for row in metrics] == [0.49, 0.48, 0.47]
    assert metrics[0]["gradient_norm"] == 0.081 and metrics[0]["other/perf/throughput"] == 4081.638
    assert about["sha256"] == hashlib.sha256(text.encode()).hexdigest() and about["file"] == "train.log"
    assert (about["format"], about["steps"], about["lines_read"], about["steps_replaced"]) == ("verl", 3, 3, 0)
    assert about["keys_mapped"]["entropy"] == "actor/entropy" and "perf/throughput" in about["keys_left"]


def test_numbers_of_every_form(imported):
    values = "actor/entropy:np.float64(0.5) - actor/lr:1e-06 - actor/pg_loss:-0.000 - actor/grad_norm:nan"
    values += (
        " - val-core/my - set/acc/mean@2:np.float32(0.25) - response_length/mean:np.int64(7) - perf/throughput:inf"
    )
    metrics, validations, about = imported(f"step:1 - {values}\n")
    assert metrics[0]["entropy"] == 0.5 and metrics[0]["lr"] == 1e-6 and metrics[0]["response_length"] == 7
    assert metrics[0]["loss"] == 0 and metrics[0]["gradient_norm"] is None
    assert validations[0]["benchmark"] == "my - set" and validations[0]["mean@2"] == 0.25
    assert "2 values are NaN or infinite: null here" in about["notes"]


def test_a_learning_rate_that_three_decimals_lose_is_null(imported):
    line = verl_line(1, {"actor/lr": 0.0, "actor/entropy": 0.4, "perf/throughput": 1.0}, form=three)
    assert imported(line)[0][0]["lr"] is None


def test_a_missing_key_is_null_and_order_does_not_matter(imported):
    first = {"actor/entropy": 0.5, "actor/grad_norm": 0.1, "perf/throughput": 1.5}
    second = {"perf/throughput": 1.25, "actor/entropy": 0.25}
    metrics, _, _ = imported(verl_line(1, first) + verl_line(2, second))
    assert metrics[1]["gradient_norm"] is None and metrics[1]["entropy"] == 0.25


@pytest.mark.parametrize(("ends", "accuracy"), [((-1, 1), 0.375), ((0, 1), -0.25), ((-1, 0.5), None)])
def test_accuracy_only_where_the_score_says_what_it_is(imported, ends, accuracy):
    low, high = ends
    values = {"critic/score/mean": -0.25, "critic/score/min": low, "critic/score/max": high, "perf/throughput": 1.5}
    assert imported(verl_line(1, values))[0][0].get("accuracy") == accuracy


def test_units(imported):
    values = {
        "perf/max_memory_allocated_gb": 2.0,
        "timing_s/step": 10.0,
        "timing_s/testing": 3.0,
        "steerf/tw_mean": 0.9,
    }
    values |= {
        "steerf/tw_std": 0.3,
        "timing_s/reshard": 1.0,
        "timing_s/update_weights": 2.0,
        "timing_s/save_checkpoint": 1.0,
    }
    row = imported(verl_line(1, {**values, "perf/throughput": 1.5}))[0][0]
    assert row["memory_gb_update"] == pytest.approx(2 * 1.073741824) and row["seconds"] == 6.0
    assert row["weight_ess"] == pytest.approx(0.9) and row["seconds_sync"] == 2.0


def test_validation_alone_is_step_0_and_merges_later(imported):
    text = verl_line(0, VALIDATION) + console(1, 2) + verl_line(2, VALIDATION) + console(3)
    metrics, validations, about = imported(text)
    assert [row["step"] for row in metrics] == [1, 2, 3] and metrics[1]["entropy"] == 0.48
    assert [(row["step"], row["benchmark"], row["mean@4"]) for row in validations] == [
        (0, "aime24", 0.125),
        (2, "aime24", 0.125),
    ]
    assert "bootstrap" in validations[0]["what"]["best"] and about["steps_replaced"] == 0


def test_a_resume_wins_and_is_counted(imported):
    again = "".join(verl_step({**row, "entropy": 0.125}, pid=99) for row in rows(3, 4, 5))
    metrics, _, about = imported(console(1, 2, 3, 4) + verl_line(2, VALIDATION, pid=99) + again)
    assert [row["entropy"] for row in metrics] == [0.49, 0.48, 0.125, 0.125, 0.125]
    assert about["steps_replaced"] == 2 and metrics[1]["reward"] == -0.25


def test_a_resume_replaces_a_step_whole(imported):
    """A key that only the first try printed is not the second's."""
    first = verl_line(2, {"actor/entropy": 0.4, "actor/ppo_kl": 0.1, "perf/throughput": 1.5})
    second = verl_line(2, {"actor/entropy": 0.3, "perf/throughput": 1.5}, pid=9)
    metrics, _, _ = imported(console(1) + first + second)
    assert metrics[1]["entropy"] == 0.3 and "other/actor/ppo_kl" not in metrics[1]


@pytest.mark.parametrize("pid", [5, None])
@pytest.mark.parametrize("before", [0, 1, 4])
def test_a_validation_alone_at_step_1_is_a_resume(imported, pid, before):
    """The run died behind its first checkpoint, `before` steps long in the log; verl validates before it goes on."""
    first = verl_line(0, VALIDATION, pid and 4) + console(*range(1, before + 1), pid=pid and 4)
    metrics, validations, about = imported(first + verl_line(1, VALIDATION, pid) + console(2, 3, pid=pid))
    assert [row["step"] for row in metrics] == list(range(1 if before else 2, max(before, 3) + 1))
    assert [row["step"] for row in validations] == [0, 1] and about["steps_replaced"] == max(before - 2, 0)


def test_our_metrics_that_verl_logs_for_our_trainer(imported):
    """`engine: verl` gives its loggers our metrics, under our names behind `steer/`."""
    own = {"steer/entropy": 0.25, "steer/reward": 0.5, "steer/accuracy": 0.75, "steer/seconds": 3.0, "steer/none": 1}
    theirs = {"actor/entropy": 0.5, "critic/rewards/mean": 1.0, "critic/score/mean": 1.0, "timing_s/step": 4.0}
    line = verl_line(1, {**theirs, "critic/score/min": -1.0, "critic/score/max": 1.0, **own})
    (row,), _, about = imported(line)
    assert [row[name] for name in ("entropy", "reward", "accuracy", "seconds")] == [0.25, 0.5, 0.75, 3.0]
    assert {"actor/entropy", "critic/rewards/mean", "steer/none"} <= set(about["keys_left"])


@pytest.mark.parametrize("start", [0, 1])
def test_two_runs_in_one_file(refused, start):
    second = verl_line(0, VALIDATION, pid=7) if start == 0 else ""
    said = refused(console(1, 2, 3) + second + console(1, 2, pid=7))
    assert "two runs in one file" in said and f"step {start}" in said


def test_sampled_text_that_imitates_a_step(imported):
    lines = [
        "[prompt] Count",
        "[response] First",
        "step:3 - x",
        "step:2 - actor/entropy:9.000",
        "[ground_truth] 4",
        "[score] 0.0",
    ]
    noise = "".join(PREFIX.format(pid=1234) + line + "\n" for line in [*lines, "step:9 - hello:1.000"])
    metrics, _, _ = imported(console(1) + noise + console(2, 3))
    assert [(row["step"], row["entropy"]) for row in metrics] == [(1, 0.49), (2, 0.48), (3, 0.47)]


def test_an_imitation_outside_a_sample_lacks_what_all_lines_have(imported):
    metrics, _, about = imported(console(1, 2) + "step:7 - actor/entropy:9.000\n" + console(3))
    assert [row["step"] for row in metrics] == [1, 2, 3] and "step 7" in about["notes"][0]


def test_a_cut_file_gives_its_whole_steps(imported):
    text = console(1, 2, 3, form=three)
    for cut in range(len(console(1, 2, form=three)) + 40, len(text) - 2, 7):
        metrics, _, about = imported(text[:cut])
        assert [row["step"] for row in metrics] == [1, 2], cut
        assert any("cut" in note for note in about["notes"])
    assert len(imported(text[:-1])[0]) == 3, "only the line's end is missing"


def test_an_unfinished_run_says_so(imported):
    bar = PREFIX.format(pid=1234) + "Training Progress:  45%|████▌     | 3/110 [7:13:11<10:00:24, 600.40s/it]\n"
    _, _, about = imported(console(1, 2, 3) + bar)
    assert "unfinished: 3 of 110 steps" in about["notes"] and about["steps_planned"] == 110


def test_the_wrapped_string_has_full_precision(imported):
    prefix = "(TaskRunner pid=1234) "
    string = [
        """("Final validation metrics: {'val-core/aime24/acc/mean@4': \"""",
        """ 'np.float64(0.12512345), '""",
        """ "'val-aux/aime24/acc/std@4': np.float64(0.2165), \"""",
        """ "'val-aux/aime24/acc/best@2/mean': \"""",
        """ 'np.float64(0.19123456)}')""",
    ]
    shown = verl_line(2, {"actor/entropy": 0.4, **VALIDATION, "perf/throughput": 1.5}, form=three)
    _, validations, _ = imported(console(1, form=three) + shown + "".join(prefix + line + "\n" for line in string))
    assert validations[0]["mean@4"] == 0.12512345 and validations[0]["best@2"] == 0.19123456


def test_folded_lines_and_windows_ends(imported):
    folded = "(WorkerDict pid=5) loading [repeated 3x across cluster]\r\n"
    assert len(imported(folded + console(1, 2).replace("\n", "\r\n"))[0]) == 2


def test_settings_without_hosts_and_paths(imported, tmp_path):
    command = "+ python3 -m verl.trainer.main_ppo data.train_batch_size=512 actor_rollout_ref.rollout.n=8 "
    command += (
        "trainer.total_training_steps=200 actor_rollout_ref.model.path=/secret/place/Qwen2.5-1.5B WANDB_API_KEY=abc "
    )
    command += "trainer.default_local_dir=/secret/out actor_rollout_ref.actor.optim.lr=1e-6 "
    command += "++trainer.total_training_steps=110\n"
    printed = [
        "{'actor_rollout_ref': {'actor': {'clip_ratio_high': 0.28,",
        "            'loss_agg_mode': 'token-mean'},",
    ]
    printed += ["  'hybrid_engine': True},", " 'trainer': {'default_hdfs_dir': None, 'project_name': '/secret'}}"]
    imported(command + "".join(PREFIX.format(pid=3) + line + "\n" for line in printed) + console(1, pid=3))
    text = (tmp_path / "run/config.yaml").read_text()
    settings = yaml.safe_load(text)
    assert settings["training"] == {"prompts": 512, "rollouts": 8, "steps": 110, "lr": 1e-6}
    assert settings["model"] == "Qwen2.5-1.5B" and "secret" not in text and "abc" not in text
    assert settings["verl"] == {"clip_ratio_high": 0.28, "loss_agg_mode": "token-mean"}


def test_an_entropy_of_another_reduction_keeps_its_name(imported):
    text = "x -m verl.trainer.main_ppo actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-sum\n" + console(1)
    metrics, _, about = imported(text)
    assert "entropy" not in metrics[0] and metrics[0]["other/actor/entropy"] == 0.49
    assert any("seq-mean-token-sum" in note for note in about["notes"])
    assert imported(text, "--map", "actor/entropy=entropy")[0][0]["entropy"] == 0.49


def test_map_and_seed(imported, tmp_path):
    line = verl_line(1, {"critic/score/mean": -0.5, "mine/kl": 0.3, "actor/entropy": 0.4, "perf/throughput": 1.5})
    options = ("--map", "critic/score/mean=accuracy", "mine/kl=rollout_kl_k1", "--seed", "4")
    row = imported(line, *options)[0][0]
    assert row["accuracy"] == 0.25 and row["rollout_kl_k1"] == 0.3
    assert yaml.safe_load((tmp_path / "run/config.yaml").read_text())["seed"] == 4
