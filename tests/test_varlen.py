"""Attention without padding: the same numbers as the masked form, and used only where its kernel is right."""

import pytest
import torch

from steer.models import shared, varlen
from steer.models.forward import Sequences, response_statistics
from steer.models.shared import layout_of
from steer.models.statistics import shared_statistics

# Prompts of three lengths, one of them twice in the batch, responses down to one token.
PROMPTS = [[9, 10, 11], [12, 13], [9, 10, 11], [14], [12, 13]]
RESPONSES = [[20, 21, 22, 23], [24], [25, 26], [27, 28, 29], [30, 31, 32, 33, 34]]


@pytest.fixture
def sequences():
    return Sequences.from_lists(PROMPTS, RESPONSES, 0)


def test_the_plain_form_by_hand():
    """One sequence of two keys and one query that sees both; one of two positions, the first of which sees itself."""
    query = torch.tensor([[[0.0]], [[0.0]], [[0.0]]])
    key, value = torch.zeros(4, 1, 1), torch.tensor([2.0, 4.0, 6.0, 10.0])[:, None, None]
    found = varlen.plain(query, key, value, [1, 2], [2, 2], scale=1.0)
    assert found.flatten().tolist() == [3.0, 6.0, 8.0]


def test_every_query_has_the_keys_of_its_prompt_and_its_own_past(sequences):
    layout = layout_of(sequences)
    spans = layout.spans
    assert sum(spans.queries) == len(layout.tokens)
    held = [layout.tokens[rows].tolist() for rows in spans.key_rows.split(spans.keys)]
    assert sorted(held[:3]) == [[9, 10, 11], [12, 13], [14]]
    # The last token of a response does not enter; one of one token has no query.
    expected = [p + r[:-1] for p, r in zip(PROMPTS, RESPONSES, strict=True) if len(r) > 1]
    assert held[3:] == expected


def test_without_padding_the_statistics_and_gradients_are_those_of_the_masked_form(model, sequences, monkeypatch):
    """The kernel's place taken by the plain form, in a model whose attention is ours."""
    assert shared.fits(model)
    monkeypatch.setattr("steer.models.lean.fits", lambda model: False)
    calls = []

    def outcome():
        model.zero_grad()
        found = shared_statistics(model, sequences, 1.0)
        (found.logprob.sum() + found.entropy.sum()).backward()
        return found.logprob.detach(), torch.cat([p.grad.flatten() for p in model.parameters()])

    masked = outcome()
    monkeypatch.setattr(varlen, "serves", lambda query: True)
    monkeypatch.setattr(varlen, "flash", lambda *given: calls.append(1) or varlen.plain(*given))
    packed = outcome()
    assert calls
    for a, b in zip(packed, masked, strict=True):
        assert (a - b).abs().max() < 1e-5
    alone = response_statistics(model, sequences, 1.0).logprob.detach()
    assert ((packed[0] - alone) * sequences.mask).abs().max() < 1e-5


def wrong(query, key, value, queries, keys, scale):
    """Causal from the first key, as some kernels take it."""
    results = []
    for q, k, v in zip(query.split(queries), key.split(keys), value.split(keys), strict=True):
        k, v = (states[: len(q)].repeat_interleave(2, 1).transpose(0, 1) for states in (k, v))
        mixed = torch.nn.functional.scaled_dot_product_attention(q.transpose(0, 1), k, v, is_causal=True, scale=scale)
        results.append(mixed.transpose(0, 1))
    return torch.cat(results)


def test_a_kernel_that_lines_up_its_keys_otherwise_is_not_used(monkeypatch, capsys):
    device = torch.device("cpu")
    assert varlen.difference(varlen.plain, device, torch.bfloat16, 16) == 0
    monkeypatch.setattr(varlen, "flash", wrong)
    varlen._agrees.cache_clear()
    assert not varlen._agrees(device, torch.bfloat16, 16)
    assert "differs from the plain form" in capsys.readouterr().err
    varlen._agrees.cache_clear()


def test_torchs_kernel_is_not_for_processors(capsys):
    """What it needs is not here; that is said, and the masked form goes on."""
    assert not varlen.serves(torch.zeros(1, 2, 3, 16))
    assert not varlen._agrees(torch.device("cpu"), torch.bfloat16, 16)
    assert "is not used" in capsys.readouterr().err
    varlen._agrees.cache_clear()
