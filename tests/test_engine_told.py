"""What the local engine tells beside tokens: statistics that spare a forward pass, and responses as they end."""

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from training import TRAINING, ParityVerifier, flat, sampler, trainer

from steer.data.tasks import distinct_problems
from steer.engines.local import LocalEngine
from steer.engines.sampling import Sampling
from steer.methods import load_method
from steer.models.forward import Sequences, response_statistics
from steer.train import loop


@pytest.fixture(scope="module")
def model(tokenizer):
    return sampler(tokenizer)


@pytest.mark.parametrize("plain", [False, True])
def test_what_comes_with_samples_is_what_a_forward_pass_finds(model, tokenizer, prompts, plain):
    """So that training needs none for the policy that samples: at any temperature, and before top-p cuts."""
    engine = LocalEngine(model, tokenizer, plain)
    for sampling in (Sampling(8, max_tokens=20, entropy=True), Sampling(8, 1.7, 0.8, 20, entropy=True)):
        completions = engine.generate(prompts, sampling, torch.Generator().manual_seed(5))
        repeated = [prompt for prompt in prompts for _ in range(8)]
        sampled = flat(completions)
        sequences = Sequences.from_lists(repeated, [c.tokens for c in sampled], tokenizer.pad_token_id)
        with torch.no_grad():
            found = response_statistics(model, sequences, sampling.temperature)
        for i, completion in enumerate(sampled):
            length = len(completion.tokens)
            assert completion.logprobs == pytest.approx(found.logprob[i, :length].tolist(), abs=2e-5)
            assert completion.entropies == pytest.approx(found.entropy[i, :length].tolist(), abs=2e-5)


def test_responses_are_told_once_as_they_end_and_are_those_returned(model, tokenizer, prompts):
    sampling, told = Sampling(samples=16, temperature=2.0, max_tokens=100), []
    drawn = flat(LocalEngine(model, tokenizer).generate(prompts, sampling, torch.Generator().manual_seed(4)))
    # Tokens that are drawn often end the responses.
    end, *stop = (token for token, _ in Counter(t for c in drawn for t in c.tokens).most_common(8))
    engine, sampling = (
        LocalEngine(model, SimpleNamespace(eos_token_id=end, pad_token_id=0)),
        replace(sampling, stop=stop),
    )
    found = flat(engine.generate(prompts, sampling, torch.Generator().manual_seed(4), lambda *both: told.append(both)))
    assert len(told) > 2
    assert sorted(place for places, _ in told for place in places) == list(range(len(found)))
    for places, completions in told:
        assert [found[place] for place in places] == completions
    # The short ones first: what ended early is not kept back.
    longest = [max(len(c.tokens) for c in completions) for _, completions in told]
    assert longest == sorted(longest)


@pytest.mark.parametrize("method", ["grpo", "steer", "entropy_regularisation"])
def test_a_step_is_the_same_whether_statistics_come_with_the_samples_or_from_a_pass(
    model, tokenizer, tmp_path, monkeypatch, method
):
    """Every metric of the first step, weights, clips and gradient among them."""
    passes = []
    real = loop.scored
    monkeypatch.setattr(loop, "scored", lambda *given: passes.append(1) or real(*given))
    found = []
    for exact in (True, False):
        run = trainer(
            model, tokenizer, distinct_problems("sums", "train", 0, 8), tmp_path / str(exact),
            training=TRAINING.model_copy(update={"steps": 1}), method=load_method(method), verifier=ParityVerifier,
            engine=lambda m, t, exact=exact: LocalEngine(m, t, exact=exact),
        )  # fmt: skip
        (metrics,) = run.run()
        found.append({k: v for k, v in metrics.items() if not k.startswith(("seconds", "rollout_mismatch"))})
    assert len(passes) == 1
    assert found[0] == pytest.approx(found[1], abs=1e-4)


def test_statistics_that_a_method_needs_beyond_the_two_take_a_pass(model, tokenizer, tmp_path, monkeypatch):
    passes, real = [], loop.scored
    monkeypatch.setattr(loop, "scored", lambda *given: passes.append(given[-1]) or real(*given))
    problems = distinct_problems("sums", "train", 0, 8)
    method = load_method("lp_reg")
    assert "proxy_logprob" in method.needs
    training = TRAINING.model_copy(update={"steps": 1})
    trainer(model, tokenizer, problems, tmp_path, training=training, method=method, verifier=ParityVerifier).run()
    assert passes == [method.needs]
