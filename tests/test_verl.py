"""What `engine: verl` says without verl: refusals before anything starts, the mapping of a run, results read back."""

import json
from pathlib import Path

import pytest

from steer.configs.load import load_config
from steer.data.problem import Problem
from steer.engines.verl import launch
from steer.engines.verl.carried import carried_method, obstacle
from steer.engines.verl.files import write_parquet
from steer.engines.verl.overrides import hydra_value, paths_in, planned_command, verl_settings
from steer.errors import UserError
from steer.methods import load_method, method_names
from steer.plan import cost
from steer.plan.facts import facts_of


def config_with(**overrides):
    return load_config("configs/nano.yaml", {"engine": "verl", **overrides})


def settings_of(config, run="steer", seed=3):
    method = carried_method(config, "some.yaml", run)
    return verl_settings(config, run, seed, method, paths_in(Path("/shared/run"), "base"), problems=100)


def test_what_needs_more_than_the_tokens_of_an_update_batch_is_refused_and_nothing_else():
    refused = {name for name in method_names() if obstacle(load_method(name))}
    assert refused == {"steer_tabular", "clip_v", "rlrt", "lp_reg", "siren", "aent", "grpo_kl"}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"methods": {"rlrt": {}}}, "method rlrt needs a second forward pass under a teacher's prompt"),
        ({"methods": {"steer": {"set": {"weight.estimator": "tabular"}}}}, "needs the sum of π² log π"),
        ({"training.dynamic_sampling": 3}, "training.dynamic_sampling has rounds"),
        ({"training.final_model": "best"}, "training.final_model is `best`"),
        ({"model.lora": {}}, "model.lora is not carried"),
        ({"rollout.stop": ["<end>"]}, "rollout.stop has no counterpart"),
        ({"verl.gpus_per_node": 3}, "16 responses .* cannot be dealt to 3 GPUs"),
        ({"verl.gpus_per_node": 4, "verl.tensor_parallel": 3}, "verl.tensor_parallel 3 does not divide 4 GPUs"),
    ],
)
def test_a_run_that_verl_cannot_carry_is_refused_by_name(overrides, said):
    config = config_with(**overrides)
    run = next(iter(config.methods))
    with pytest.raises(UserError, match=f"some.yaml: `engine: verl` cannot run '{run}': .*{said}") as caught:
        planned_command(config, "some.yaml", run, 0)
    assert "\n" not in str(caught.value)


def test_a_pinned_model_is_its_folder_in_the_hubs_cache(monkeypatch):
    """verl knows no revision."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "/shared/hub")
    config = config_with(**{"model.path": "some/where", "model.revision": "a" * 40})
    expected = "actor_rollout_ref.model.path=/shared/hub/models--some--where/snapshots/" + "a" * 40
    assert expected in planned_command(config, "some.yaml", "steer", 0)
    free = config_with(**{"model.path": "some/where"})
    assert "actor_rollout_ref.model.path=some/where" in planned_command(free, "some.yaml", "steer", 0)


def test_without_verl_the_remedy_is_named(monkeypatch):
    monkeypatch.delenv("STEER_VERL_PYTHON", raising=False)
    monkeypatch.setattr(launch, "ENVIRONMENTS", ())
    with pytest.raises(UserError, match=r"needs verl 0.9.1, which is not installed; run `make verl-setup`"):
        launch.verl_python()
    monkeypatch.setenv("STEER_VERL_PYTHON", "/nowhere/python")
    with pytest.raises(UserError, match="/nowhere/python: cannot be run"):
        launch.check(launch.verl_python(), [], None)


def test_the_released_settings_of_the_main_run_come_out():
    """The set-up of arXiv 2510.10150, as its authors' scripts give it to verl."""
    config = load_config("configs/paper/math_7b.yaml", {"engine": "verl", "verl.gpus_per_node": 8})
    run = next(name for name, entry in config.methods.items() if (entry.method or name).startswith("steer"))
    found = settings_of(config, run)
    actor, rollout = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
    expected = {
        "data.train_batch_size": 512,
        f"{actor}.ppo_mini_batch_size": 32,
        f"{rollout}.n": 8,
        "data.max_prompt_length": 1024,
        "data.max_response_length": 3072,
        "data.truncation": "left",
        "+data.apply_chat_template_kwargs.date_string": "26 Jul 2024",
        "data.filter_overlong_prompts": True,
        f"{rollout}.temperature": 1.0,
        f"{rollout}.top_p": 1.0,
        f"{actor}.optim.lr": 1e-6,
        f"{actor}.optim.lr_warmup_steps": -1,
        f"{actor}.optim.weight_decay": 0.01,
        f"{actor}.optim.clip_grad": 1.0,
        f"{actor}.clip_ratio_low": 0.2,
        f"{actor}.clip_ratio_high": 0.28,
        f"{actor}.clip_ratio_c": 10,
        f"{actor}.use_kl_loss": False,
        f"{actor}.entropy_coeff": 0,
        f"{actor}.loss_agg_mode": "token-mean",
        "trainer.total_training_steps": 200,
        "trainer.save_freq": 10,
        "trainer.n_gpus_per_node": 8,
    }
    assert {key: found[key] for key in expected} == expected
    assert (
        found["+steer"]["reward"] | {"correct": 1.0, "wrong": -1.0, "overlong_buffer": None}
        == found["+steer"]["reward"]
    )
    assert found["+steer"]["slots"]["weight"]["minimum"] == 0.7


@pytest.mark.parametrize("budget", [{"training.micro_batch_tokens": 8}, {"verl.tokens_per_gpu": 8}])
def test_a_micro_batch_has_room_for_the_longest_sequence(budget):
    """verl asserts it of every batch: a run would end when a first response grows that long."""
    config = config_with(**budget)
    found = settings_of(config)
    longest = config.training.max_prompt_tokens + config.training.max_response_tokens
    assert found["actor_rollout_ref.actor.ppo_max_token_len_per_gpu"] == longest
    wide = settings_of(config_with(**{name: 10 * longest for name in budget}))
    assert wide["actor_rollout_ref.actor.ppo_max_token_len_per_gpu"] == 10 * longest


def test_a_users_own_keys_come_last_and_a_cluster_is_named():
    config = config_with(**{"verl.overrides": {"trainer.save_freq": 7}, "verl.ray_address": "head:6379"})
    found = settings_of(config)
    assert found["trainer.save_freq"] == 7
    assert found["+ray_kwargs.ray_init.address"] == "head:6379"
    assert "trainer.save_freq=7" in planned_command(config, "some.yaml", "steer", 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1e-06, "1e-06"),
        ("plain/path-1.2", "plain/path-1.2"),
        ("null", "'null'"),
        ("it's", r"'it\'s'"),
        ("a,b{c}", "'a,b{c}'"),
        ({"a": [1, None], "b": {}}, "{a:[1,null],b:{}}"),
    ],
)
def test_values_in_the_grammar_of_hydra(value, text):
    assert hydra_value(value) == text


def test_problems_survive_verls_parquet(tmp_path):
    import pyarrow.parquet

    problems = [
        Problem("a", "sums", "math", "1 + 1?", gold="2", meta={"level": 3}),
        Problem("b", "lists", "code", "Write f.", tests={"kind": "stdin", "cases": [{"input": "", "output": "é"}]}),
    ]
    write_parquet(tmp_path / "data" / "train.parquet", problems, "train")
    rows = pyarrow.parquet.read_table(tmp_path / "data" / "train.parquet").to_pylist()
    assert [Problem.from_json(json.loads(row["extra_info"]["problem"])) for row in rows] == problems
    assert rows[0]["prompt"] == [{"role": "user", "content": "1 + 1?"}]
    assert [row["reward_model"]["ground_truth"] for row in rows] == ["2", ""]


@pytest.mark.parametrize("own", [False, True])
def test_the_reward_knows_that_the_chat_template_opened_a_thought(tmp_path, own):
    """As in our own trainer: an answer inside the thought counts for nothing, and own functions see the opening."""
    import pyarrow.parquet

    from steer.engines.verl.reward import compute_score

    problem = Problem("a", "sums", "math", "1 + 1?", gold="2")
    (tmp_path / "own.py").write_text("def score(problem, response):\n    return response == '<think>\\n2</think>2'\n")
    functions = [{"function": f"{tmp_path / 'own.py'}:score", "weight": 1.0}]
    reward = {"kind": "python", "functions": functions} if own else {}
    scores = {}
    for thought in ("", "<think>\n"):
        write_parquet(tmp_path / "train.parquet", [problem], "train", thought)
        (row,) = pyarrow.parquet.read_table(tmp_path / "train.parquet").to_pylist()
        for response in ("2</think>2", r"\boxed{2}"):
            found = compute_score("sums", response, "2", row["extra_info"], reward)
            scores[thought, response] = found["verdict"]
    assert scores["<think>\n", "2</think>2"] == "correct"
    assert scores["<think>\n", r"\boxed{2}"] == "wrong"
    assert scores["", r"\boxed{2}"] == ("wrong" if own else "correct")


def test_a_step_done_again_counts_once_and_a_missing_one_is_named(tmp_path):
    file = tmp_path / "metrics.jsonl"
    file.write_text("".join(json.dumps({"step": step, "loss": loss}) + "\n" for step, loss in [(1, 1), (2, 2), (2, 5)]))
    assert [(row["step"], row["loss"]) for row in launch.metrics_of(file, 2)] == [(1, 1), (2, 5)]
    with pytest.raises(UserError, match="without the metrics of step 3"):
        launch.metrics_of(file, 4)


def test_the_plan_shows_the_command_and_refuses_what_verl_cannot_carry(capsys):
    from steer.cli import main

    paper = ["plan", "--configfile", "configs/paper/math_7b.yaml", "--set", "engine=verl"]
    only = ["--set", "methods={grpo: {}, steer: {}}", "--set", "external={}"]
    assert main([*paper, *only, "--run", "steer"]) == 0
    shown = capsys.readouterr().out
    assert "python -m verl.trainer.main_ppo \\\n" in shown
    assert "trainer.experiment_name=steer-seed0" in shown
    assert main(paper) == 2
    assert "cannot run 'aent'" in capsys.readouterr().err


def test_the_checkpoints_that_verl_keeps_are_counted():
    """verl keeps whole checkpoints where models are to be kept: weights and two moments in fp32, 12 bytes a number."""
    ours = load_config("configs/paper/math_7b.yaml", {"seeds": [0], "training.keep_models_every": 20})
    theirs = ours.model_copy(update={"engine": "verl"})
    facts = facts_of(theirs)
    steps = theirs.training_for("grpo").steps
    assert cost.disk(theirs, facts).checkpoints == pytest.approx((steps // 20 + 1) * 12 * facts.parameters)
    assert cost.disk(ours, facts).checkpoints < cost.disk(theirs, facts).checkpoints
