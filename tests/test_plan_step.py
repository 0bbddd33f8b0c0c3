"""The plan's reckoning of a training step: what it counts, what a method needs, and the five outside runs."""

import json
import math
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from steer import cli
from steer.configs.load import load_config
from steer.methods import load_method
from steer.plan import cost, explain, step, work
from steer.plan.assumed import Assumptions
from steer.plan.checks import problems
from steer.plan.facts import KNOWN, Facts, facts_of
from steer.plan.lengths import Lengths
from steer.plan.passes import Needs
from steer.plan.rates import EFFICIENCIES, FIXED, GPUS, gpu_of
from steer.plan.sampling import Engine, sampled
from steer.plan.work import Passes, Rows

H100 = GPUS["H100"]
SMALL = Facts("qwen2", 64, 2, 4, 2, 160, 100, 64, tied=True, head_size=32)
VIEWS = {"view", "transpose", "t", "unsqueeze", "expand", "slice", "select", "detach", "alias", "permute", "split"}
VIEWS |= {"_unsafe_view", "squeeze", "as_strided", "split_with_sizes", "mm", "addmm", "bmm"}


class Moved(TorchDispatchMode):
    """Bytes read and written by operations that are neither views, products nor attention."""

    def __init__(self):
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        name = function._schema.name.split("::")[1]
        if name not in VIEWS and "attention" not in name:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, out)) if isinstance(leaf, torch.Tensor)]
            self.bytes += sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        return out


def model_of(layers):
    from transformers import Qwen2Config, Qwen2Model

    config = Qwen2Config(
        hidden_size=SMALL.hidden, num_hidden_layers=layers, num_attention_heads=4, num_key_value_heads=2, head_dim=32,
        intermediate_size=SMALL.intermediate, vocab_size=16,
    )  # fmt: skip
    return Qwen2Model(config).bfloat16()


def test_the_layers_work_is_that_of_torchs_operations():
    """Two layers less one: products by torch's own counter, bytes of all elementwise kernels."""
    found = []
    for layers in (1, 2):
        model, tokens = model_of(layers), 128
        states = torch.zeros(1, tokens, SMALL.hidden, dtype=torch.bfloat16, requires_grad=True)
        with FlopCounterMode(display=False) as counter, Moved() as forward:
            out = model(inputs_embeds=states, use_cache=False).last_hidden_state
        with Moved() as backward:
            out.sum().backward()
        products = sum(n for kind, n in counter.get_flop_counts()["Global"].items() if "attention" not in str(kind))
        found.append((products, forward.bytes / tokens, backward.bytes / tokens))
    products, forward, backward = (b - a for a, b in zip(*found, strict=True))
    one = replace(SMALL, layers=1)
    assert products == 2 * work.layer_products(one) * 128
    assert work.elementwise(one, work.FORWARD, 2) == pytest.approx(forward, rel=0.03)
    assert work.elementwise(one, work.BACKWARD, 2) == pytest.approx(backward, rel=0.03)


def test_rows_by_hand():
    """Two prompts of 3 tokens, two responses each, all of the limit of 4 tokens."""
    lengths = Lengths(4, 4)
    assert (lengths.square, lengths.truncated) == (16, 1)
    shared = Rows.of(4, 2, 3, lengths, shared=True)
    # Pairs: each response token sees its prompt and, on average, half of its response; prompts see half of themselves.
    assert shared == Rows(4, 4 * 4 + 2 * 3, 16, 4 * (3 * 4 + 8) + 2 * 4.5)
    assert Rows.of(4, 2, 3, lengths, shared=False) == Rows(4, 4 * 7, 16, 4 * 7**2 / 2)


@pytest.mark.parametrize(("mean", "slots"), [(10, 7), (400, 64), (1229, 4096), (3072, 100)])
def test_every_token_is_decoded_once(mean, slots):
    lengths = Lengths(mean, 3072)
    drawn = torch.empty(1 << 16).exponential_(lengths.decay / 3072 if lengths.decay else 1e-9).clamp_(max=3072)
    assert float(drawn.mean()) == pytest.approx(mean, rel=0.02)
    assert float(drawn.square().mean()) == pytest.approx(lengths.square, rel=0.04)
    tokens = sum(steps * batch for steps, batch in lengths.batches(4096, slots))
    assert tokens == pytest.approx(4096 * mean, rel=0.02 if slots > 7 else 0.05)


def test_parts_of_a_pass_by_hand():
    rows, how = Rows(4, 100, 80, 3000), Passes(1, "blocks", "bf16", recompute=True)
    n, head = work.layer_products(SMALL), SMALL.embedding_parameters
    parts = {part.what: part for part in work.updated("update", H100, SMALL, rows, how, 1)}
    assert parts["products of the layers"].amount == 8 * n * 100
    assert parts["head, TF32"].amount == 8 * head * 80
    # Forward, again, and the backward pass of 2.5 times the operations.
    assert parts["attention"].amount == 4.5 * 4 * 128 * 2 * 3000
    assert parts["products of the layers"].seconds == pytest.approx(8 * n * 100 / (989e12 * 0.73))
    plain = {part.what: part for part in work.scored("logprob", H100, SMALL, rows, how, 1, heads=2)}
    assert plain["products of the layers"].amount == 2 * n * 100
    assert plain["head, TF32"].amount == 4 * head * 80
    several = {part.what: part for part in work.scored("logprob", H100, SMALL, rows, replace(how, gpus=4), 3)}
    assert several["micro-batches"].seconds == pytest.approx(3 * 2 / 28 * FIXED["forward pass"].seconds)


def test_decoding_by_hand():
    """100 responses of 50 tokens, all at once: 50 steps, each of which reads the weights."""
    engine = Engine(1, 2, math.inf, "decoding step", "decoded token")
    parts = sampled("rollout", H100, SMALL, engine, 25, 4, 10, Lengths(50, 50))
    found = {part.what.split(",")[0]: part for part in parts}
    n = work.layer_products(SMALL) + SMALL.embedding_parameters
    assert found["weights read while decoding"].amount == pytest.approx(50 * 2 * n)
    assert found["keys and values read"].amount == pytest.approx(2 * SMALL.cached_values * 100 * (10 * 50 + 1250))
    assert found["prefill"].amount == 25 * (2 * work.layer_products(SMALL) * 10 + 2 * 128 * 2 * 100)
    assert found["decoding steps of the host"].seconds == pytest.approx(50 * FIXED["decoding step"].seconds)
    assert found["decoded tokens on the host"].amount == pytest.approx(5000)
    # Half of the room makes the second half wait for the first.
    few = replace(engine, cached_tokens=50 * (10 / 4 + 25))
    waiting = sampled("rollout", H100, SMALL, few, 25, 4, 10, Lengths(50, 50))
    assert next(p for p in waiting if "steps" in p.what).amount == pytest.approx(100)


@pytest.mark.parametrize(
    ("method", "needs"),
    [
        ("grpo", Needs(statistics=False, base=False, teacher=False, idle=1.0, heads=1, extra=0)),
        ("steer", Needs(statistics=True, base=False, teacher=False, idle=1.0, heads=1, extra=0)),
        ("entropy_regularisation", Needs(statistics=False, base=False, teacher=False, idle=0.0, heads=1, extra=0)),
        ("rlrt", Needs(statistics=False, base=False, teacher=True, idle=1.0, heads=1, extra=0)),
        ("siren", Needs(statistics=True, base=False, teacher=False, idle=0.0, heads=2, extra=8)),
    ],
)
def test_passes_that_a_method_needs(method, needs):
    assert Needs.of(load_method(method), skip_idle=True) == needs
    assert Needs.of(load_method(method), skip_idle=False).idle == 0


def test_a_penalty_on_the_distance_to_the_base_takes_a_pass_and_a_copy():
    penalised = {"grpo": None, "kl": {"method": "grpo", "set": {"penalty.name": "base_kl", "penalty.coefficient": 0.1}}}
    config = load_config("configs/paper/math_7b.yaml", {"methods": penalised})
    facts, assumed = facts_of(config), Assumptions(idle=0)
    (plain, verls), (kl, verls_kl) = (step.reckoned(config, run, facts, assumed) for run in penalised)
    assert kl.phases()["logprob"] == pytest.approx(2 * plain.phases()["logprob"])
    assert verls_kl.phases()["logprob"] == pytest.approx(2 * verls.phases()["logprob"])
    assert kl.phases()["update"] == plain.phases()["update"]
    needs = [cost.memory(config, config.training, facts, assumed, base) for base in (False, True)]
    for peak in ("updates", "rollouts"):
        more = getattr(needs[1], peak) - getattr(needs[0], peak)
        assert more == 4 * facts.parameters / 8


def test_a_room_that_holds_the_model_but_not_the_base_is_refused():
    """38.3 GB in updates, 3.8 GB more with a copy of an eighth of the model."""
    given = {"rollout.gpu_memory_utilization": 0.3, "hardware.memory_gb": 40}
    kl = {"method": "grpo", "set": {"penalty.name": "base_kl", "penalty.coefficient": 0.1}}
    for methods, refused in (({"grpo": None}, 0), ({"kl": kl}, 1), ({"grpo": None, "kl": kl}, 1)):
        config = load_config("configs/paper/math_7b.yaml", given | {"methods": methods})
        found = problems(config, facts_of(config), Assumptions())
        assert sum("the model does not fit: 42 GB a device during updates" in line for line in found) == refused


def test_groups_without_spread_cost_ours_no_update():
    config = load_config("configs/paper/math_7b.yaml", {"methods": {"grpo": None}})
    facts = facts_of(config)
    half, none = (step.reckoned(config, "grpo", facts, Assumptions(idle=share)) for share in (0.5, 0.0))
    amount = [{part.what: part.amount for part in s[0].parts if part.phase == "update"} for s in (half, none)]
    for what in ("products of the layers", "attention", "head, TF32", "elementwise kernels"):
        assert amount[0][what] == pytest.approx(amount[1][what] / 2)
    assert half[1].seconds == none[1].seconds
    assert half[0].phases()["logprob"] == none[0].phases()["logprob"]


def test_the_type_of_gpu_follows_from_rate_and_memory():
    hardware = load_config("configs/paper/math_7b.yaml").hardware
    for gpu in GPUS.values():
        given = hardware.model_copy(update={"tflops": gpu.bf16 / 1e12, "memory_gb": gpu.memory_gb})
        assert gpu_of(given) == gpu
    near = gpu_of(hardware.model_copy(update={"tflops": 400.0, "memory_gb": 80.0}))
    assert (near.name, near.bf16, near.memory) == ("A100", pytest.approx(400e12), 2.04e12)


def sourced(text):
    """A word of ours for it, a publication with its number or date, or a file of this repository."""
    files = re.findall(r"benchmarks/[\w./]+\w", text)
    published = re.search(r"arXiv \d{4}\.\d{5}|issue \d+|, \d{1,2} [A-Z][a-z]+ 20\d\d", text)
    return bool(re.match("assumed|calibrated", text) or published or files) and all(Path(f).is_file() for f in files)


def test_every_share_and_fixed_time_has_a_source():
    for entry in [*EFFICIENCIES.values(), *FIXED.values()]:
        assert sourced(entry.source), entry
    assert sourced("assumed")
    assert not any(map(sourced, ("it is well known", "measured", "benchmarks/none.json", "")))
    assert all(0 < share <= 1 for e in EFFICIENCIES.values() for share in (e.share, *dict(e.by_type).values()))


def test_explain_prints_parts_that_add_up(capsys):
    given = ["plan", "--config", "configs/paper/math_1.5b.yaml", "--gpu", "H100", "--run", "steer"]
    assert cli.main([*given, "--explain", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["step"]
    assert (told["gpu"], told["gpus"], told["run"]) == ("H100", 8, "steer")
    for name in ("ours", "verl"):
        assert sum(part["seconds"] for part in told[name]["parts"]) == pytest.approx(told[name]["seconds"], abs=0.1)
        assert sum(told[name]["phases"].values()) == pytest.approx(told[name]["seconds"], abs=0.1)
    assert told["ours_over_verl"] == pytest.approx(told["ours"]["seconds"] / told["verl"]["seconds"], abs=0.002)
    assert cli.main([*given, "--explain"]) == 0
    said = capsys.readouterr().out
    for text in ("phase and part", "keys and values read", "head, TF32", "what verl does otherwise", "nccl-tests"):
        assert text in said
    assert cli.main([*given]) == 0
    assert "phase and part" not in capsys.readouterr().out
    assert cli.main([*given[:-1], "stear"]) == 2
    assert "no run 'stear' in `methods`" in capsys.readouterr().err


@pytest.mark.parametrize("gpu", ["H100", "H20"])
@pytest.mark.parametrize(("run", "idle", "limit"), [("grpo", 0.0, 1.1), ("steer", 0.3, 1.1), ("steer", 0.0, 1.2)])
def test_a_7b_step_is_little_longer_than_verls(gpu, run, idle, limit):
    """By the plan's own reckoning: a tenth, for STEER only where it leaves out groups; a fifth with every group."""
    rates = {"hardware.tflops": GPUS[gpu].bf16 / 1e12, "hardware.memory_gb": GPUS[gpu].memory_gb}
    config = load_config("configs/paper/math_7b.yaml", rates)
    own, other = step.reckoned(config, run, KNOWN[config.model.path], Assumptions(idle=idle))
    assert own.seconds <= limit * other.seconds


def test_the_documented_steps_are_those_of_the_plan():
    text = Path("docs/scaling.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (H100|H20), `(\w+)` \| (.*) \|$", text, re.M)
    assert len(rows) == 4
    for gpu, run, cells in rows:
        rates = {"hardware.tflops": GPUS[gpu].bf16 / 1e12, "hardware.memory_gb": GPUS[gpu].memory_gb}
        config = load_config("configs/paper/math_7b.yaml", rates)
        found = explain.step_of(config, run, facts_of(config), Assumptions())
        phases = [found["ours"]["phases"].get(phase) for phase in step.PHASES]
        seconds = [f"{s:.0f}" if s else "–" for s in (found["ours"]["seconds"], *phases, found["verl"]["seconds"])]
        ratios = [f"{found[key]:.2f}" for key in ("ours_over_verl", "ours_over_verl_all_groups")]
        assert cells.split(" | ") == seconds + ratios


def test_phases_of_the_outside_runs(shared_data, monkeypatch):
    """Passes within a tenth, rollouts within two fifths; two of the five runs gave the fixed times."""
    path = shared_data / "outside/verl_runs.csv"
    if not path.is_file():
        pytest.skip(f"no outside runs: {path} is not a file")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    monkeypatch.delitem(sys.modules, "measure", raising=False)
    import plan_gpu

    rows = plan_gpu.compared(path)
    assert [row["gpu"] for row in rows] == ["H200", "H200", "H200", "A100", "A100"]
    for row in rows:
        peak = GPUS[row["gpu"]].bf16 / 1e12
        assert row["peak_tflops"] == pytest.approx(peak, rel=0.02)
        for phase, limit in (("logprob", 0.1), ("update", 0.1), ("rollout", 0.4)):
            of = row["phases"][phase]
            assert of["predicted_s"] == pytest.approx(of["measured_s"], rel=limit), (row["run"], phase)
            assert of["predicted_share"] == pytest.approx(of["measured_share"], abs=0.1), (row["run"], phase)
