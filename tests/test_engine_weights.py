"""What engines and trainer must agree on: the checksum of weights, the correction, limits and stop tokens."""

import copy
import math
import sys

import pytest
import torch
from methods_batch import two_tokens
from training import TRAINING
from transformers import GenerationConfig

from steer.configs.schema import Architecture, Rollout
from steer.engines.limits import check_memory, check_positions, kv_bytes_per_token, stop_tokens
from steer.engines.local import LocalEngine
from steer.engines.open import check_installed, for_training
from steer.engines.sampling import Sampling
from steer.engines.vllm_nccl import buckets
from steer.engines.weights import buffer_sums, changed, combine, share, tensor_sums, trainer_weights
from steer.errors import UserError
from steer.methods import load_method
from steer.methods.correction import mismatch_metrics, truncated_importance
from steer.models.load import load_tokenizer, new_model, save_model

SMALL = Architecture(hidden_size=32, layers=2, heads=4, kv_heads=2, intermediate_size=48, max_positions=128)


@pytest.fixture(scope="module")
def model(tokenizer):
    return new_model(SMALL, tokenizer, seed=0).eval()


def checksum(model):
    return combine(tensor_sums(trainer_weights(model)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_parts_of_a_tensor_add_up_to_the_whole(dtype):
    """Fused and sharded weights are checked in parts: by rows, by columns, padded with rows of zeros."""
    weight = torch.randn(11, 7, generator=torch.Generator().manual_seed(0)).to(dtype)
    whole = share(weight)
    assert (share(weight[:4]) + share(weight[4:], row=4)) % 2**64 == whole
    assert (share(weight[:, :3]) + share(weight[:, 3:], column=3)) % 2**64 == whole
    assert share(torch.cat([weight, torch.zeros(5, 7, dtype=dtype)])) == whole
    assert share(weight[:4], row=1) != share(weight[:4])


def test_the_sum_of_a_tensor_is_that_of_its_definition():
    """Written out in Python's integers: Σ a(i)·b(j)·bits, modulo 2^64, with splitmix64's numbers."""

    def multiplier(index):
        x = (index + 1) * 0x9E3779B97F4A7C15 % 2**64
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ x >> 27) * 0x94D049BB133111EB % 2**64
        return (x ^ x >> 31) | 1

    weight = torch.tensor([[1.5, -2.0], [0.25, 3.0]])
    bits = weight.view(torch.int32).tolist()
    told = sum(multiplier(i) * multiplier(j) * bits[i][j] for i in range(2) for j in range(2)) % 2**64
    assert share(weight) == told


def test_one_changed_bit_one_swap_and_one_name_change_the_checksum(model):
    before = checksum(model)
    assert before == checksum(copy.deepcopy(model)) < 2**48
    changed = copy.deepcopy(model)
    weight = changed.model.layers[1].mlp.up_proj.weight
    with torch.no_grad():
        weight.view(torch.int32)[3, 5] ^= 1
    assert checksum(changed) != before
    swapped = copy.deepcopy(model)
    with torch.no_grad():
        weight = swapped.model.layers[0].mlp.up_proj.weight
        weight[[0, 1]] = weight[[1, 0]]
    assert checksum(swapped) != before
    sums = tensor_sums(trainer_weights(model))
    q, k = (f"model.layers.{i}.self_attn.q_proj.weight" for i in (0, 1))
    assert combine({**sums, q: sums[k], k: sums[q]}) != before


def test_a_lost_table_of_angles_is_named(model):
    """Weights do not bring it, so that their checksum cannot show it."""
    before, weights = buffer_sums(model), checksum(model)
    spoilt = copy.deepcopy(model)
    spoilt.model.rotary_emb.inv_freq.zero_()
    assert changed(before, buffer_sums(copy.deepcopy(model))) == []
    assert changed(before, buffer_sums(spoilt)) == ["model.rotary_emb.inv_freq"]
    assert checksum(spoilt) == weights
    module = torch.nn.Module()
    for name, value in {"scalar": torch.tensor(2.0), "none": torch.empty(0), "flag": torch.tensor([True])}.items():
        module.register_buffer(name, value)
    assert set(buffer_sums(module)) == {"scalar", "flag"}


def test_tied_weights_come_under_both_names(model):
    names = [name for name, _ in trainer_weights(model)]
    assert {"lm_head.weight", "model.embed_tokens.weight"} <= set(names)


def test_the_correction_by_hand():
    """π_trainer = (1/2, 1/4, 1/2), π_rollout = (1/4, 1/2, 1/8), C = 3: factors 2, 1/2 and min(4, 3)."""
    trainer = torch.tensor([[0.5, 0.25], [0.5, 9.0]]).log()
    rollout = torch.tensor([[0.25, 0.5], [0.125, 1e-9]]).log()
    mask = torch.tensor([[True, True], [True, False]])
    torch.testing.assert_close(truncated_importance(trainer, rollout, mask, 3.0), torch.tensor([[2, 0.5], [3, 1.0]]))
    found = mismatch_metrics(trainer, rollout, mask)
    log2 = math.log(2)
    expected = {
        "rollout_mismatch_mean": (log2 + log2 + 2 * log2) / 3,
        "rollout_mismatch_max": 2 * log2,
        "rollout_kl_k1": -(log2 - log2 + 2 * log2) / 3,
        "rollout_kl_k3": ((2 - 1 - log2) + (0.5 - 1 + log2) + (4 - 1 - 2 * log2)) / 3,
    }
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_mismatch_estimates_are_those_of_the_kl_divergence():
    """Over all tokens in proportion to π_rollout both estimates are KL(π_rollout || π_trainer)."""
    rollout, trainer = torch.tensor([0.5, 0.25, 0.25]), torch.tensor([0.25, 0.5, 0.25])
    drawn = torch.tensor([[0, 0, 1, 2]])
    told = (rollout * (rollout / trainer).log()).sum().item()
    found = mismatch_metrics(trainer.log()[drawn], rollout.log()[drawn], torch.ones(1, 4, dtype=torch.bool))
    assert found["rollout_kl_k1"] == pytest.approx(told, rel=1e-5)
    assert found["rollout_kl_k3"] == pytest.approx(told, rel=1e-5)


@pytest.mark.parametrize("name", ["grpo", "steer", "entropy_regularisation"])
def test_the_loss_of_a_token_is_multiplied_by_its_factor(name):
    method, tokens = load_method(name), two_tokens()
    alone = [method.loss(tokens.with_(mask=torch.tensor([[row == 0], [row == 1]]))).loss.item() / 2 for row in (0, 1)]
    factors = torch.tensor([[2.0], [0.5]], dtype=torch.float64)
    plain = method.loss(tokens).loss.item()
    corrected = method.loss(tokens.with_(correction=factors)).loss.item()
    if name == "grpo":
        assert plain == pytest.approx(sum(alone)), "else the two tokens are not independent"
        assert corrected == pytest.approx(2 * alone[0] + 0.5 * alone[1])
    assert corrected != pytest.approx(plain)
    assert method.loss(tokens.with_(correction=torch.ones_like(factors))).loss.item() == plain
    with pytest.raises(ValueError, match="unequal shape"):
        method.loss(tokens.with_(correction=torch.ones(1, 1)))


def test_a_response_ends_at_any_stop_token(model, tokenizer):
    prompt = [tokenizer.encode("1+1=?\n", add_special_tokens=False)]
    plain = Sampling(samples=4, max_tokens=20)
    engine = LocalEngine(model, tokenizer)
    free = engine.generate(prompt, plain, torch.Generator().manual_seed(0))[0]
    chosen = free[0].tokens[5]
    stopped = Sampling(samples=4, max_tokens=20, stop=(chosen,))
    found = engine.generate(prompt, stopped, torch.Generator().manual_seed(0))[0]
    for before, after in zip(free, found, strict=True):
        cut = before.tokens.index(chosen) + 1 if chosen in before.tokens else len(before.tokens)
        assert after.tokens == before.tokens[:cut]
        ends = after.tokens[-1] in (chosen, tokenizer.eos_token_id)
        assert after.finish_reason == ("stop" if ends else "length")
    assert found[0].finish_reason == "stop"


def test_the_generation_settings_end_responses_and_so_do_named_tokens(tokenizer):
    eos = tokenizer.eos_token_id
    assert stop_tokens(GenerationConfig(eos_token_id=[eos, 7, 5]), tokenizer, []) == (5, 7)
    assert stop_tokens(GenerationConfig(eos_token_id=eos), tokenizer, ["\\boxed{"]) == (
        tokenizer.convert_tokens_to_ids("\\boxed{"),
    )
    assert stop_tokens(GenerationConfig(), tokenizer, []) == ()
    with pytest.raises(UserError, match=r"key `rollout\.stop`: 'ab' is 2 tokens"):
        stop_tokens(GenerationConfig(), tokenizer, ["ab"])


def test_what_cannot_fit_is_said_in_one_line(model):
    check_positions(model.config, 28, 100, "x", "y")
    with pytest.raises(UserError, match=r"configs/a\.yaml: 29 prompt and 100 response tokens.*128 positions; lower it"):
        check_positions(model.config, 29, 100, "configs/a.yaml", "lower it")
    # 2 (keys, values) · 2 layers · 2 heads · 8 wide · 4 bytes
    assert kv_bytes_per_token(model.config, 4) == 256
    check_memory(model, 8, 128, "lower it")
    with pytest.raises(UserError, match=r"keys and values of 1000000000 sequences of 128 tokens.*lower it"):
        check_memory(model, 10**9, 128, "lower it")


def test_tensor_parallel_vllm_has_devices_of_its_own():
    with pytest.raises(ValueError, match="placement: own"):
        Rollout(engine="vllm", tensor_parallel=2)


def test_without_vllm_the_line_names_the_target_that_installs_it(model, tokenizer, tmp_path, monkeypatch):
    save_model(model, tokenizer, tmp_path / "m")
    monkeypatch.setitem(sys.modules, "vllm", None)
    for name in ("VLLM_ENABLE_V1_MULTIPROCESSING", "VLLM_LOGGING_LEVEL", "VLLM_LOGGING_STREAM", "VLLM_NO_USAGE_STATS"):
        monkeypatch.setenv(name, "")
    with pytest.raises(UserError, match=r"vLLM is not installed here.*`make vllm-setup`") as error:
        for_training(Rollout(engine="vllm"), str(tmp_path / "m"), None, TRAINING)(model, tokenizer)
    with pytest.raises(UserError, match=r"vLLM is not installed here"):
        check_installed(Rollout(engine="vllm"))
    check_installed(Rollout())
    assert "\n" not in str(error.value)


def test_training_with_vllm_needs_log_probabilities_before_top_p():
    odd = TRAINING.model_copy(update={"temperature": 0.6, "top_p": 0.9})
    with pytest.raises(UserError, match=r"key `training\.top_p`: at temperature 0\.6 vLLM tells no log-probabilities"):
        for_training(Rollout(engine="vllm"), "model", None, odd)
    assert for_training(Rollout(engine="vllm"), "model", None, odd.model_copy(update={"temperature": 1.0}))


def test_weights_are_announced_in_buckets_of_a_bounded_size():
    weights = [(str(n), torch.zeros(n)) for n in (1, 2, 3, 9, 1, 1)]
    found = list(buckets(weights, size=12))
    assert [[name for name, _ in bucket] for bucket in found] == [["1", "2"], ["3"], ["9"], ["1", "1"]]


def test_a_tokenizer_without_a_chat_template_is_said_at_once(model, tokenizer, tmp_path):
    bare = copy.deepcopy(tokenizer)
    bare.chat_template = None
    save_model(model, bare, tmp_path / "m")
    with pytest.raises(UserError, match=r"has no chat template; add `chat_template`"):
        load_tokenizer(str(tmp_path / "m"))
