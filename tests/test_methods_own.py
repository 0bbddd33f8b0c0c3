"""A slot function of one's own, in a new file: what is taken from it, and what a mistake in it is told."""

import sys

import pytest
import torch
from methods_batch import batch

from steer.errors import UserError
from steer.methods import load_method, weight
from steer.methods.load import slot_functions


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Writes `own.py`, as if it lay in the package of weights."""

    def write(source):
        (tmp_path / "own.py").write_text(source, encoding="utf-8")
        monkeypatch.setattr(weight, "__path__", [*weight.__path__, str(tmp_path)])
        slot_functions.cache_clear()

    yield write
    sys.modules.pop("steer.methods.weight.own", None)
    slot_functions.cache_clear()


@pytest.mark.parametrize("first", ["", "from __future__ import annotations\n"])
def test_annotations_may_be_text(own, first):
    own(
        f"{first}from typing import Annotated\nfrom pydantic import Field\n"
        "def own(tokens, context, *, factor: Annotated[float, Field(ge=0)] = 0.5):\n"
        "    return 0 * tokens.logprob + factor\n"
    )
    out = load_method("grpo", {"weight": "own", "weight.factor": 0.25}).loss(batch())
    assert out.weight.unique().tolist() == [0.25]
    with pytest.raises(UserError, match=r"`weight.factor`: .*got -1"):
        load_method("grpo", {"weight": "own", "weight.factor": -1})


SIGNATURES = {
    "tokens, context, *, factor=0.5": r"own.py: `own`: parameter `factor` has no type; write `factor: float`",
    "tokens, context, factor: float = 0.5": r"own.py: `own`: parameter `factor` is not keyword-only; put `\*` before",
    "tokens, context, *, name: str = ''": r"own.py: `own`: parameter `name`: .*call it otherwise",
}


@pytest.mark.parametrize("signature", SIGNATURES)
def test_parameters_that_no_file_could_set(own, signature):
    own(f"def own({signature}):\n    return tokens.logprob\n")
    with pytest.raises(UserError, match=SIGNATURES[signature]):
        load_method("grpo", {"weight": "own"})


def test_a_name_that_is_taken(own):
    """Else the one file or the other is read, by the order of their names."""
    own("def fork(tokens, context):\n    return tokens.logprob\n")
    with pytest.raises(UserError, match=r"`fork` stands in .* too; rename one"):
        load_method("fork_tokens")


RESULTS = {
    "None": r"grpo, slot weight: `own` gave NoneType where a tensor of shape \(8, 7\) is wanted",
    "0.5": r"`own` gave float where",
    "tokens.logprob[:, 0]": r"`own` gave \(8,\) where",
    "tokens.logprob / tokens.mask": r"`own` gave nan; it must be finite, at padding too",
}


@pytest.mark.parametrize("result", RESULTS)
def test_results_that_are_no_weights(own, result):
    own(f"def own(tokens, context):\n    return {result}\n")
    with pytest.raises(ValueError, match=RESULTS[result]):
        load_method("grpo", {"weight": "own"}).loss(batch())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_perplexity_shaping_in_half_precision(dtype):
    """torch has no quantile of it."""
    tokens = batch()
    half = tokens.map(lambda t: t.to(dtype) if t.is_floating_point() else t)
    method = load_method("perplexity_shaping")
    shaped = method.prepare(half).advantage
    assert shaped.dtype == dtype
    torch.testing.assert_close(shaped.double(), method.prepare(tokens).advantage, rtol=0.02, atol=0.01)
