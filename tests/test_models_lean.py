"""Layers with a derivative written by hand, and gradients gathered from shares of a batch."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from steer.configs.schema import Architecture
from steer.models import lean, shared
from steer.models.forward import Sequences, response_statistics
from steer.models.load import new_model
from steer.models.tokenizer import character_tokenizer
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
