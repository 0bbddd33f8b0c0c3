"""What the plan's steps of a trainer and of verl are made of in each set-up: engines, rounds, adapters, validation."""

from dataclasses import replace

import pytest

from steer import cli
from steer.configs.load import load_config
from steer.plan import cost, step, work
from steer.plan.assumed import Assumptions
from steer.plan.facts import KNOWN, Facts
from steer.plan.passes import Needs
from steer.plan.rates import GPUS
from steer.plan.sampling import sampled
from steer.plan.work import Part, Passes, Rows

PAPER = "configs/paper/math_7b.yaml"
MATH_7B = KNOWN["Qwen/Qwen2.5-Math-7B"]
SMALL = Facts("qwen2", 64, 2, 4, 2, 160, 100, 64, tied=True, head_size=32)
GRPO = Needs(statistics=False, base=False, teacher=False, idle=1.0, heads=1, extra=0)


def steps(needs=GRPO, assumed=None, **changes):
    config = load_config(PAPER, {key.replace("__", "."): value for key, value in changes.items()})
    given = config, "grpo", MATH_7B, assumed or Assumptions(), needs
    return step.ours(*given), step.verl(*given)


def amounts(of, phase):
    return {part.what: part.amount for part in of.parts if part.phase == phase}


def test_dynamic_sampling_leaves_no_group_without_spread():
    training = load_config(PAPER, {"training.dynamic_sampling": 10}).training
    assert step.idle_share(training, Assumptions(idle=0.3)) == 0
    # Two rounds of which a quarter each is of use fill half of the batch.
    assert step.idle_share(training, Assumptions(idle=0.75)) == pytest.approx(0.5)
    assert step.idle_share(load_config(PAPER).training, Assumptions(idle=0.3)) == pytest.approx(0.3)
    (several, _), (once, _) = steps(training__dynamic_sampling=10), steps(assumed=Assumptions(idle=0))
    assert amounts(several, "update") == amounts(once, "update")
    # The second round begins when the first has ended.
    for what, amount in amounts(once, "rollout").items():
        assert amounts(several, "rollout")[what] == pytest.approx(2 * amount)


def test_a_teacher_sees_half_of_the_groups_with_spread():
    plain, taught = (steps(replace(GRPO, teacher=teacher))[0] for teacher in (False, True))
    for kind in ("products of the layers", "attention"):
        first, *more = [part.amount for part in taught.parts if (part.phase, part.what) == ("logprob", kind)]
        assert first == amounts(plain, "logprob")[kind]
        assert more == [pytest.approx(0.35 * first)]


def test_verl_samples_on_its_trainers_gpus():
    """Four processes, each with one GPU for vLLM, have as many GPUs as verl in one place."""
    apart = {"rollout__placement": "own", "training__processes": 4, "verl__tensor_parallel": 4}
    own, other = steps(**apart)
    together = steps(verl__tensor_parallel=4)[1]
    assert (own.gpus, other.gpus) == (4, 8)
    assert other.phases()["rollout"] == together.phases()["rollout"]
    # One engine for each process: half as many as eight processes have.
    assert amounts(own, "rollout")["prefill, each prompt once"] == pytest.approx(
        2 * amounts(steps()[0], "rollout")["prefill, each prompt once"]
    )


def test_verl_has_vllm_whatever_engine_we_have():
    with_ours, with_vllm = (steps(rollout__engine=engine)[1] for engine in ("local", "vllm"))
    for phase in ("rollout", "logprob", "update", "sync"):
        assert with_ours.phases()[phase] == with_vllm.phases()[phase]
    assert "sync" not in steps(rollout__engine="local")[0].phases()


def test_the_local_engine_tells_statistics_only_from_the_trainers_own_model():
    local = {"rollout__engine": "local", "training__precision": "fp32"}
    assert "logprob" not in steps(training__processes=1, **local)[0].phases()
    assert "logprob" in steps(training__processes=8, **local)[0].phases()
    assert "logprob" in steps(training__processes=1, **local | {"training__precision": "bf16"})[0].phases()
    assert "logprob" in steps(replace(GRPO, heads=2), training__processes=1, **local)[0].phases()


def test_the_cache_is_that_of_all_gpus_of_an_engine():
    changes = {"rollout.kv_cache_gib": 1.0, "rollout.placement": "own", "rollout.tensor_parallel": 2}
    config = load_config(PAPER, changes)
    assert cost.cached_tokens(config, MATH_7B, Assumptions()) == pytest.approx(2 * 2**30 / 57_344)
    assert cost.cached_tokens(config, MATH_7B, Assumptions(), 4) == pytest.approx(4 * 2**30 / 57_344)


@pytest.mark.parametrize("recompute", [False, True])
def test_frozen_weights_have_no_gradient_of_their_own(recompute):
    """Products: forward 2, recomputed 2, of the inputs' gradient 2, of the weights' gradient 2 only for adapters."""
    n, head, again = work.layer_products(SMALL), SMALL.embedding_parameters, 2 * recompute
    rows, how = Rows(4, 100, 80, 3000), Passes(1, "blocks", "bf16", recompute, adapters=10)
    parts = {part.what: part for part in work.updated("update", GPUS["H100"], SMALL, rows, how, 1)}
    assert parts["products of the layers"].amount == ((4 + again) * n + (6 + again) * 10) * 100
    # The head's blocks: forward, again, and the gradient of the states.
    assert parts["head, TF32"].amount == 6 * head * 80
    more = {part.what: part for part in work.updated("update", GPUS["H100"], SMALL, rows, how, 1, extra=8)}
    assert more["head, TF32"].amount == 12 * head * 80
    forward = {part.what: part for part in work.scored("logprob", GPUS["H100"], SMALL, rows, how, 1)}
    assert forward["products of the layers"].amount == 2 * (n + 10) * 100


def test_only_the_adapters_gradients_cross_the_links():
    over = "weights and gradients over the links, beyond the computation"
    for adapters, trained in ((0, SMALL.parameters), (10, 10)):
        how = Passes(4, "blocks", "bf16", True, adapters)
        parts = {part.what: part for part in work.updated("u", GPUS["H100"], SMALL, Rows(0, 0, 0, 0), how, 3)}
        # Weights of two bytes, gathered forward and backward, and gradients of four; a quarter is here already.
        assert parts[over].amount == pytest.approx(3 * (SMALL.parameters * 4 + trained * 4) * 3 / 4)


def test_a_run_with_adapters_counts_them():
    lora = {"rank": 8, "targets": ["q_proj"]}
    adapters = 28 * 8 * (3584 + 3584)
    rows = steps(assumed=Assumptions(idle=0))[0]
    with_lora = steps(assumed=Assumptions(idle=0), model__lora=lora, rollout__dtype="float32")
    n, what = work.layer_products(MATH_7B), "products of the layers"
    tokens = amounts(rows, "update")[what] / (8 * n)
    assert amounts(with_lora[0], "update")[what] == pytest.approx((6 * n + 8 * adapters) * tokens)
    assert "products of the layers" in amounts(with_lora[1], "update")


@pytest.mark.parametrize(
    ("changes", "share", "count"),
    [
        ({"micro_batch": 8}, 1.0, 2 * 4),
        ({"micro_batch": 8}, 0.5, 2 * 2),
        ({"micro_batch": 8}, 0.3, 2 * 2),
        ({"micro_batch_tokens": 100}, 0.5, 2 * 2),
        ({}, 0.5, 2),
    ],
)
def test_micro_batches_of_the_rows_that_enter(changes, share, count):
    """64 sequences of 640 tokens in two updates."""
    empty = {"micro_batch": None, "micro_batch_tokens": None}
    training = load_config(PAPER).training.model_copy(update=empty | changes)
    assert step.micro_batches(training, Rows(64, 640, 600, 0).scaled(share), 2, 1) == count


def test_a_validation_takes_all_gpus_of_its_engine(monkeypatch):
    """100 steps, ten kept models, 8 GPUs: 8 seconds on one GPU are 0.1 s of a step, and twice that on two.

    So is the engine's start, 90 seconds once a run.
    """
    monkeypatch.setattr(step, "evaluation_seconds", lambda *given: 8.0)
    found = []
    for parallel in (1, 2):
        own = {"rollout.placement": "own", "rollout.tensor_parallel": parallel}
        config = load_config(PAPER, {"training.steps": 100, "training.keep_models_every": 10, **own})
        parts = step._validation(config, config.training, MATH_7B, Assumptions(), 8)
        found.append({part.what.split(",")[0]: part.seconds for part in parts})
    assert found[0] == {
        "validation of kept models": pytest.approx(0.1),
        "start of its engine": pytest.approx(90 / 8 / 100),
    }
    assert found[1] == {name: pytest.approx(2 * seconds) for name, seconds in found[0].items()}


def test_an_evaluation_passes_each_prompt_once(monkeypatch):
    asked = []

    def noted(phase, gpu, facts, engine, prompts, samples, prompt, lengths):
        asked.append((prompts, samples))
        return sampled(phase, gpu, facts, engine, prompts, samples, prompt, lengths)

    monkeypatch.setattr(step, "sampled", noted)
    config = load_config(PAPER)
    assert step.evaluation_seconds(config, ["aime24"], MATH_7B, Assumptions()) > 0
    # 500 problems once and 30 of 32 samples.
    assert step.evaluation_seconds(config, ["aime24", "math500"], MATH_7B, Assumptions()) > 0
    assert asked == [(30, 32), (530, pytest.approx((30 * 32 + 500) / 530))]


def test_a_part_done_several_times():
    part = Part("rollout", "products", 10, "FLOP", 5, 0.5)
    assert part.times(3).seconds == 3 * part.seconds == 12


def test_a_type_of_gpu_needs_gpus(capsys):
    given = ["plan", "--config", "configs/nano.yaml", "--gpu", "H100"]
    assert cli.main(given) == 2
    told = capsys.readouterr().err
    assert "key `hardware.gpus` is 0, so jobs run on the CPU and --gpu H100 has no effect" in told
    assert told.count("\n") == 1
    assert cli.main([*given, "--set", "hardware.gpus=1"]) == 0


def test_several_machines_are_said_to_have_slower_links(capsys):
    given = ["plan", "--config", PAPER, "--gpu", "H100", "--run", "grpo", "--set", "engine=verl"]
    given += ["--set", 'methods={"grpo": {}}', "--set", "verl.gpus_per_node=8"]
    for nodes, said in ((1, False), (2, True)):
        cli.main([*given, "--set", f"verl.nodes={nodes}"])
        told = capsys.readouterr().out
        assert ("links between machines are slower than the plan counts" in told) == said
        assert f"a training step of grpo on {8 * nodes} H100" in told
