"""A run's configuration composed and checked by real verl, what it rejects, and the order it trains in. No Ray."""

import subprocess
import sys

import pytest
import torch
import torch.distributed as dist

from steer.configs.load import load_config
from steer.engines.verl import check
from steer.engines.verl.carried import carried_method
from steer.engines.verl.overrides import planned_command, run_node
from steer.engines.verl.trainer import SteerTrainer, update_order
from steer.errors import UserError

CPU = {"trainer.device": "cpu"}


def composed(config, run):
    return check.compose(planned_command(config, "some.yaml", run, 1)[3:])


def config_with(**overrides):
    return load_config("configs/nano.yaml", {"engine": "verl", "verl.overrides": CPU, **overrides})


def test_the_main_run_of_the_paper_is_one_that_verl_takes():
    config = load_config("configs/paper/math_7b.yaml", {"engine": "verl", "verl.gpus_per_node": 8})
    found = composed(config, "steer")
    actor = found.actor_rollout_ref.actor
    assert (found.data.train_batch_size, actor.ppo_mini_batch_size, found.actor_rollout_ref.rollout.n) == (512, 32, 8)
    assert (actor.clip_ratio_low, actor.clip_ratio_high, actor.clip_ratio_c) == (0.2, 0.28, 10)
    assert (actor.optim.lr, actor.optim.weight_decay, actor.optim.clip_grad) == (1e-6, 0.01, 1.0)
    assert found.trainer.v1.trainer_mode == "steer"


def test_our_node_arrives_as_it_was_sent():
    config = config_with(methods={"steer": {"label": "it's {odd}, really: 5 % \\", "set": {"weight.minimum": 0.25}}})
    sent = run_node(config, "steer", 1, carried_method(config, "some.yaml", "steer"))
    assert dict(composed(config, "steer").steer) == sent


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("trainer.devce", "cpu", "Could not override 'trainer.devce'"),
        ("actor_rollout_ref.actor.loss_agg_mode", "mean", "Invalid loss_agg_mode: mean"),
        ("actor_rollout_ref.rollout.no_such", 1, "no_such"),
    ],
)
def test_what_verls_schema_rejects_is_said_in_one_line(key, value, said):
    with pytest.raises(UserError, match=r"verl 0\.9\.1 rejects the configuration: ") as caught:
        composed(config_with(**{"verl.overrides": {**CPU, key: value}}), "steer")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_strategy_is_refused():
    with pytest.raises(UserError, match="need the strategy fsdp or fsdp2"):
        composed(config_with(**{"verl.overrides": {**CPU, "actor_rollout_ref.actor.strategy": "veomni"}}), "steer")


def test_another_verl_and_a_plugin_that_did_not_load(monkeypatch):
    monkeypatch.setattr(check, "version", lambda name: "0.8.0")
    with pytest.raises(UserError, match=r"verl 0.8.0 is installed, 0.9.1 is needed; run `make verl-setup`"):
        check.check_version()
    code = "from steer.engines.verl import check; check.check_plugin()"
    environment = {"VERL_USE_EXTERNAL_PLUGINS": "none", "PATH": "", "OMP_NUM_THREADS": "1"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "did not load the plugin `steer`: VERL_USE_EXTERNAL_PLUGINS is 'none'" in result.stderr.splitlines()[-1]


def test_the_plugin_loads_with_verl():
    check.check_plugin()
    from verl.trainer.ppo.v1 import get_trainer_cls

    assert get_trainer_cls("steer") is SteerTrainer


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"verl.gpus_per_node": 4}, "4 GPUs are asked for .*, this machine has 0"),
        ({"verl.nodes": 2}, "verl.nodes is 2: name the running Ray in `verl.ray_address`"),
        ({"verl.ray_address": "127.0.0.1:9"}, "no Ray cluster can be reached there"),
        ({"verl.ray_address": "somewhere"}, "'somewhere': write host:port"),
    ],
)
def test_a_cluster_that_is_not_there_or_too_small(overrides, said, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    config = config_with(**{"verl.overrides": {}, **overrides})
    with pytest.raises(UserError, match=said):
        check.check_gpus(composed(config, "steer"), config.verl.ray_address)


def test_verl_names_the_cpu_twice_to_torch_which_refuses(tmp_path):
    """Why tests/verl/cpu_verl.py gives verl's process group its backend."""
    with pytest.raises(ValueError, match=r"(?i)duplicate"):
        dist.init_process_group("cpu:gloo,cpu:gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)


def test_whole_groups_stay_in_one_update_and_ranks_share_it_evenly():
    groups, rollouts, ranks, updates = 6, 4, 2, 3
    keys = [f"u{i % groups}_{i // groups}_0" for i in range(groups * rollouts)]
    tags = [{"seq_len": 10 + 7 * i % 13} for i in range(len(keys))]
    size = groups * rollouts // updates
    order = update_order(keys, tags, size, ranks, torch.Generator().manual_seed(2))
    assert sorted(order) == list(range(len(keys)))
    per_rank = torch.tensor(order).view(ranks, updates, size // ranks)
    for update in range(updates):
        rows = per_rank[:, update].flatten().tolist()
        names = [keys[row].split("_")[0] for row in rows]
        assert all(names.count(name) == rollouts for name in names)
        lengths = [sum(tags[row]["seq_len"] for row in part.tolist()) for part in per_rank[:, update]]
        assert abs(lengths[0] - lengths[1]) <= 12
    assert order != update_order(keys, tags, size, ranks, torch.Generator().manual_seed(3))


def test_padding_comes_last():
    keys = ["a_0_0", "pad1_0_0", "a_1_0", "pad1_1_0", "b_0_0", "b_1_0", "pad1_2_0", "pad1_3_0"]
    tags = [{"seq_len": 5, "is_padding": key.startswith("pad")} for key in keys]
    order = update_order(keys, tags, 4, 2, torch.Generator().manual_seed(0))
    last = {row for rank in torch.tensor(order).view(2, 2, 2) for row in rank[1].tolist()}
    assert last == {1, 3, 6, 7}
