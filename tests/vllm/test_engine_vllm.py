"""vLLM for real, on a CPU: it answers as the local engine does, and serves the trainer's weights or nothing.

`make test-vllm` runs these in an environment of their own.
"""

import copy
import dataclasses

import pytest
import torch

from steer.configs.schema import Architecture, Rollout
from steer.engines.local import LocalEngine
from steer.engines.sampling import Sampling
from steer.engines.vllm import VllmEngine
from steer.engines.weights import combine, tensor_sums, trainer_weights
from steer.errors import UserError
from steer.models.forward import Sequences, response_statistics
from steer.models.load import new_model, save_model

pytestmark = pytest.mark.vllm

# vLLM's CPU attention knows heads of 32 and more.
SMALL = Architecture(hidden_size=128, layers=2, heads=4, kv_heads=2, intermediate_size=96, max_positions=128)
SETTINGS = Rollout(engine="vllm", dtype="float32", kv_cache_gib=0.06, enforce_eager=True)
PROMPTS = ["1+1=?\n", "f(0)=4 f(1)=10\n", "largest even above 3\n"]


@pytest.fixture(scope="module")
def trained(tokenizer):
    """The trainer's model, with weights large enough that every layer matters and choices are not near ties."""
    model = new_model(SMALL, tokenizer, seed=0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2:
                parameter.mul_(10 if "embed" in name else 8)
    return model.eval()


@pytest.fixture(scope="module")
def folder(trained, tokenizer, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m"
    save_model(trained, tokenizer, path)
    return str(path)


@pytest.fixture(scope="module")
def engine(folder, tokenizer):
    made = VllmEngine(folder, tokenizer, SETTINGS, samples=8, tokens=100, temperature=0.6)
    yield made
    made.close()


@pytest.fixture
def served(engine, trained):
    """The engine with the trainer's weights."""
    engine.update_weights(trainer_weights(trained))
    return engine


@pytest.fixture(scope="module")
def prompts(tokenizer):
    return [tokenizer.encode(p, add_special_tokens=False) for p in PROMPTS]


@pytest.fixture(scope="module")
def moved(trained):
    """The same model after something like an optimizer step."""
    other, generator = copy.deepcopy(trained), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return other


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def flat(completions):
    return [c for group in completions for c in group]


def trainer_logprobs(model, prompts, completions, temperature=1.0):
    repeated = [prompt for prompt, group in zip(prompts, completions, strict=True) for _ in group]
    sequences = Sequences.from_lists(repeated, [c.tokens for c in flat(completions)], 0)
    with torch.no_grad():
        return response_statistics(model, sequences, temperature).logprob[sequences.mask]


def told(completions):
    return torch.tensor([value for c in flat(completions) for value in c.logprobs])


def test_greedy_tokens_and_their_logprobs_are_the_local_engines(engine, trained, tokenizer, prompts):
    """With the weights as the folder has them, before any update."""
    greedy = Sampling(samples=2, temperature=0, max_tokens=30)
    found = engine.generate(prompts, greedy, seeded())
    local = LocalEngine(trained, tokenizer).generate(prompts, greedy, seeded())
    assert [[c.tokens for c in group] for group in found] == [[c.tokens for c in group] for group in local]
    assert [c.finish_reason for c in flat(found)] == [c.finish_reason for c in flat(local)]
    assert (told(found) - told(local)).abs().max() < 1e-3


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_sampled_logprobs_are_the_trainers_at_that_temperature(served, trained, prompts, temperature):
    found = served.generate(prompts, Sampling(samples=8, temperature=temperature, max_tokens=30), seeded())
    assert (told(found) - trainer_logprobs(trained, prompts, found, temperature)).abs().max() < 1e-3


def test_samples_differ_and_come_again_with_the_same_generator_state(served, prompts):
    sampling = Sampling(samples=8, max_tokens=20)
    found = served.generate(prompts, sampling, seeded(3))
    assert [len(group) for group in found] == [8, 8, 8]
    for group in found:
        assert len({tuple(c.tokens) for c in group}) == 8
    assert served.generate(prompts, sampling, seeded(3)) == found
    assert served.generate(prompts[1:], sampling, seeded(4)) != found[1:]
    generator = seeded(3)
    assert served.generate(prompts, sampling, generator) != served.generate(prompts, sampling, generator)


def test_temperature_sharpens_and_top_p_cuts_the_tail(served, trained, prompts):
    def likely(**changes):
        found = served.generate(prompts, Sampling(samples=8, max_tokens=30, **changes), seeded())
        return trainer_logprobs(trained, prompts, found)

    plain, cold, cut = likely(), likely(temperature=0.3), likely(top_p=0.3)
    both = served.generate(prompts, Sampling(temperature=0.6, top_p=0.5, max_tokens=5), seeded())
    assert not both[0][0].logprobs, "vLLM does not tell them"
    assert plain.mean() < cold.mean() and plain.mean() < cut.mean()
    greedy = served.generate(prompts, Sampling(temperature=0, max_tokens=20), seeded())
    assert served.generate(prompts, Sampling(top_p=1e-6, max_tokens=20), seeded())[0][0].tokens == greedy[0][0].tokens


def test_a_response_ends_at_the_end_of_sequence_at_a_stop_token_or_at_the_limit(served, tokenizer, prompts):
    eos, sampling = tokenizer.eos_token_id, Sampling(samples=8, max_tokens=40)
    free = served.generate(prompts, sampling, seeded())
    for completion in flat(free):
        assert eos not in completion.tokens[:-1]
        assert completion.finish_reason == ("stop" if completion.tokens[-1] == eos else "length")
        assert len(completion.tokens) == len(completion.logprobs) <= 40
        assert completion.finish_reason == "stop" or len(completion.tokens) == 40
    chosen = free[0][0].tokens[3]
    stopped = served.generate(prompts, dataclasses.replace(sampling, stop=(chosen,)), seeded())
    for before, after in zip(flat(free), flat(stopped), strict=True):
        cut = before.tokens.index(chosen) + 1 if chosen in before.tokens else len(before.tokens)
        assert after.tokens == before.tokens[:cut]
        assert after.finish_reason == ("stop" if after.tokens[-1] in (eos, chosen) else "length")


def test_a_weight_update_reaches_every_layer(served, trained, moved, tokenizer, prompts):
    sampling = Sampling(samples=4, max_tokens=30)
    before = served.generate(prompts, sampling, seeded())
    checksum = served.update_weights(trainer_weights(moved))
    assert checksum == combine(tensor_sums(trainer_weights(moved)))
    after = served.generate(prompts, sampling, seeded())
    assert after != before
    assert (told(after) - trainer_logprobs(moved, prompts, after)).abs().max() < 1e-3
    greedy = Sampling(temperature=0, max_tokens=30)
    local = LocalEngine(moved, tokenizer).generate(prompts, greedy, seeded())
    assert [c.tokens for c in flat(served.generate(prompts, greedy, seeded()))] == [c.tokens for c in flat(local)]
    assert served.update_weights(trainer_weights(trained)) != checksum
    assert served.generate(prompts, sampling, seeded()) == before


def test_another_models_weights_are_read_from_its_folder(served, trained, moved, tokenizer, prompts, tmp_path):
    """As a start with that folder would serve them; so do the next validations of a run."""
    save_model(moved, tokenizer, tmp_path / "m")
    assert served.read(str(tmp_path / "m")) == combine(tensor_sums(trainer_weights(moved)))
    greedy = Sampling(temperature=0, max_tokens=30)
    local = LocalEngine(moved, tokenizer).generate(prompts, greedy, seeded())
    assert [c.tokens for c in flat(served.generate(prompts, greedy, seeded()))] == [c.tokens for c in flat(local)]
    served.update_weights(trainer_weights(trained))


def test_an_update_that_does_not_arrive_whole_is_an_error_and_nothing_is_sampled(served, moved, prompts):
    """One layer's weights missing: vLLM warns and keeps the old ones, the checksum does not let it pass."""

    def most(model):
        return ((name, tensor) for name, tensor in trainer_weights(model) if "layers.1.mlp.down_proj" not in name)

    with pytest.raises(RuntimeError, match=r"1 of \d+ tensors differ, model\.layers\.1\.mlp\.down_proj\.weight among"):
        served.update_weights(most(moved))
    with pytest.raises(RuntimeError, match="no fresh weights"):
        served.generate(prompts, Sampling(), seeded())


def test_weights_that_change_behind_the_engines_back_are_noticed(served, trained):
    """A served tensor is overwritten: the next sums show it, at its name."""
    before = served._rpc("served_sums")[0]

    def spoil(worker):
        worker.model_runner.get_model().model.norm.weight.data.mul_(1.5)

    served.llm.collective_rpc(spoil)
    after = served._rpc("served_sums")[0]
    assert {name for name in before if before[name] != after[name]} == {"model.norm.weight"}
    assert set(before) == {name for name, _ in trainer_weights(trained)}


def test_a_table_of_angles_that_sleep_lost_is_noticed(served, trained, prompts):
    """The next weights arrive whole, and yet nothing is sampled."""

    def scale(worker, factor):
        for name, buffer in worker.model_runner.get_model().named_buffers():
            if name.endswith("cos_sin_cache"):
                buffer.mul_(factor)

    served.llm.collective_rpc(scale, args=(0.5,))
    with pytest.raises(RuntimeError, match=r"buffers are not those of its start: .*cos_sin_cache"):
        served.update_weights(trainer_weights(trained))
    with pytest.raises(RuntimeError, match="no fresh weights"):
        served.generate(prompts, Sampling(), seeded())
    served.llm.collective_rpc(scale, args=(2.0,))
    served.update_weights(trainer_weights(trained))


def test_no_waking_without_fresh_weights(served, trained, prompts):
    served.sleep()
    with pytest.raises(RuntimeError, match="no fresh weights"):
        served.generate(prompts, Sampling(), seeded())
    with pytest.raises(RuntimeError, match="fresh weights only"):
        served.wake(None)
    with pytest.raises(RuntimeError, match="no fresh weights"):
        served.generate(prompts, Sampling(), seeded())
    assert served.wake(trainer_weights(trained)) == combine(tensor_sums(trainer_weights(trained)))
    assert served.generate(prompts, Sampling(max_tokens=3), seeded())


def test_more_than_fits_is_one_line_before_vllm_starts(folder, tokenizer):
    small = SETTINGS.model_copy(update={"kv_cache_gib": 0.001})
    # 2 (keys, values) · 2 layers · 2 heads · 32 wide · 4 bytes = 1 KiB a token
    with pytest.raises(UserError, match=r"holds 1048 tokens, but the 11 samples of one prompt take up to 1100; raise"):
        VllmEngine(folder, tokenizer, small, samples=11, tokens=100, temperature=1)
    with pytest.raises(UserError, match=r"vLLM does not start with .*max_model_len.*\(?1000\)?"):
        VllmEngine(folder, tokenizer, SETTINGS, samples=1, tokens=1000, temperature=1)


def test_heads_without_cpu_kernels_are_said_at_once(tokenizer, tmp_path):
    narrow = Architecture(hidden_size=96, layers=1, heads=4, kv_heads=4, intermediate_size=32, max_positions=64)
    save_model(new_model(narrow, tokenizer, 0), tokenizer, tmp_path / "m")
    with pytest.raises(UserError, match="no attention for heads of size 24; use `local`"):
        VllmEngine(str(tmp_path / "m"), tokenizer, SETTINGS, samples=1, tokens=64, temperature=1)
