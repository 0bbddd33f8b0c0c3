"""Layers with a derivative written by hand, and gradients gathered from shares of a batch."""

import pytest
import torch
from torch.distributed.fsdp import FSDPModule
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import LlamaConfig, LlamaForCausalLM

from steer.configs.schema import Architecture, Training
from steer.models import lean, shared
from steer.models.forward import Sequences, response_statistics
from steer.models.load import load_model, new_model
from steer.models.statistics import policy_statistics
from steer.models.tokenizer import character_tokenizer
from steer.train.sharding import prepared, save_trained
from steer.train.warm_start import Shares, plain

PROMPTS = [[5] * 3, [5, 6], [5] * 3, [7], [5, 6], [8] * 5]
RESPONSES = [[7, 8, 9], [6], [30] * 4, [10, 11], [12] * 4, [9]]


@pytest.mark.parametrize("bias", [False, True])
def test_the_derivative_of_the_layers_is_that_of_finite_differences(bias):
    torch.manual_seed(0)
    sizes = {"vocab_size": 40, "hidden_size": 8, "intermediate_size": 6, "num_hidden_layers": 2}
    config = LlamaConfig(**sizes, num_attention_heads=4, num_key_value_heads=2, head_dim=4, attention_bias=bias)
    model = LlamaForCausalLM(config).double()
    assert lean.fits(model)
    layout = shared.layout_of(Sequences.from_lists(PROMPTS, RESPONSES, 0))
    assert len(layout.blocks) == 1 and layout.prompts[0] == 4
    names = [name for name, _ in model.model.layers.named_parameters()]
    values = [(p.detach() + 0.3 * torch.randn_like(p)).requires_grad_() for p in model.model.layers.parameters()]

    def states(*weights):
        fresh = dict(zip((f"model.layers.{name}" for name in names), weights, strict=True))
        return torch.func.functional_call(_Hidden(model, layout), fresh, ())

    assert torch.autograd.gradcheck(states, values, fast_mode=True)


class Products(TorchDispatchMode):
    """Notes the type and the sizes of every product of two matrices."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function in (torch.ops.aten.mm.default, torch.ops.aten.addmm_.default):
            left, right = args[-2:]
            self.seen.append((left.dtype, {*left.shape, *right.shape}))
        return function(*args, **kwargs or {})


class _Hidden(torch.nn.Module):
    """The last hidden states as a module, so that its weights can be exchanged."""

    def __init__(self, model, layout):
        super().__init__()
        self.model, self.whole, self.layout = model.model, [model], layout

    def forward(self):
        return lean.last_hidden(self.whole[0], self.layout)


def test_the_lean_layers_serve_only_models_they_compute():
    tokenizer = character_tokenizer()
    small = Architecture(hidden_size=16, layers=1, heads=2, kv_heads=2, intermediate_size=16, max_positions=64)
    model = new_model(small, tokenizer, seed=0)
    assert lean.fits(model)
    assert not lean.fits(new_model(small, tokenizer, seed=0).bfloat16())
    model.gradient_checkpointing_enable()
    assert not lean.fits(model)


def larger(tokenizer):
    sizes = {"hidden_size": 64, "layers": 4, "heads": 4, "kv_heads": 2, "intermediate_size": 128, "max_positions": 64}
    return new_model(Architecture(**sizes), tokenizer, seed=0)


@pytest.mark.parametrize("head", ["plain", "fused"])
def test_bf16_layers_are_as_close_to_fp32_as_transformers_modules_in_bf16(head):
    tokenizer, batch = character_tokenizer(), Sequences.from_lists(PROMPTS, RESPONSES, 0)
    training = Training(steps=1, prompts=1, updates=1, head=head)
    model, theirs = larger(tokenizer), larger(tokenizer)
    gradients, found = {}, {}
    for name, policy, precision in (("fp32", model, "fp32"), ("ours", model, "bf16"), ("theirs", theirs, "fp32")):
        policy = policy.bfloat16() if name == "theirs" else policy
        found[name] = policy_statistics(policy, batch, training.model_copy(update={"precision": precision})).logprob
        (found[name] * batch.mask).sum().backward()
        gradients[name] = torch.cat([p.grad.float().flatten() for p in policy.parameters()])
        policy.zero_grad()
    apart = {name: (found[name] - found["fp32"]).abs().mean() for name in ("ours", "theirs")}
    assert 0 < apart["ours"] < 1.5 * apart["theirs"]
    off = {name: torch.dist(gradients[name], gradients["fp32"]) for name in ("ours", "theirs")}
    assert 0 < off["ours"] < 1.5 * off["theirs"] and off["ours"] < 0.02 * gradients["fp32"].norm()
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_bf16_reaches_the_products_of_the_heads_gradient_and_fp32_does_not():
    """Logits are in fp32 in both."""
    tokenizer, batch = character_tokenizer(), Sequences.from_lists(PROMPTS, RESPONSES, 0)
    model, seen = larger(tokenizer), {}
    for precision in ("fp32", "bf16"):
        training = Training(steps=1, prompts=1, updates=1, head="fused", precision=precision)
        with Products() as products:
            policy_statistics(model, batch, training).logprob.sum().backward()
        seen[precision] = {d for d, shapes in products.seen if model.config.vocab_size in shapes}
    assert seen == {"fp32": {torch.float32}, "bf16": {torch.float32, torch.bfloat16}}


def test_one_process_trains_in_bf16_without_sharding_and_saves_in_bf16(tmp_path):
    tokenizer = character_tokenizer()
    training = Training(steps=1, prompts=1, updates=1, precision="bf16")
    model, copied = prepared(larger(tokenizer), training, torch.device("cpu"))
    assert copied and not isinstance(model, FSDPModule)
    save_trained(model, tokenizer, "bf16", tmp_path / "model")
    saved = load_model(tmp_path / "model", dtype="auto")
    assert all(torch.equal(p, q) for p, q in zip(saved.parameters(), model.bfloat16().parameters(), strict=True))


@pytest.mark.parametrize("shares", [1, 2, 4])
def test_gradients_of_shares_add_up_to_that_of_the_mean_token_loss(shares):
    small = Architecture(hidden_size=16, layers=1, heads=2, kv_heads=2, intermediate_size=16, max_positions=64)
    model = new_model(small, character_tokenizer(), seed=0)
    sequences = Sequences.from_lists(PROMPTS, RESPONSES, 0)
    loss = -response_statistics(model, sequences, 1.0).logprob[sequences.mask].mean()
    expected = torch.autograd.grad(loss, list(model.parameters()))
    assert Shares(model, shares).set_gradients(plain(sequences)) == pytest.approx(loss.item(), rel=1e-5)
    for gradient, parameter in zip(expected, model.parameters(), strict=True):
        assert torch.allclose(parameter.grad, gradient, atol=1e-6)
