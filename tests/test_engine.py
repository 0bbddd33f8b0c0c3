"""The tokenizer, the forward pass and the local engine agree with one another and with transformers."""

import copy
from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training import flat, sampler
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from steer.configs.schema import Architecture, Training
from steer.engines.decoder import LeanDecoder, ModuleDecoder
from steer.engines.local import LocalEngine, sample
from steer.engines.sampling import Sampling
from steer.errors import UserError
from steer.models import shared
from steer.models.forward import Sequences, bucketed_statistics, response_statistics
from steer.models.head import token_statistics
from steer.models.load import load_model, load_tokenizer, new_model, save_model
from steer.models.statistics import policy_statistics
from steer.models.tokenizer import character_tokenizer, render_prompt


@pytest.fixture(scope="module")
def model(tokenizer):
    return sampler(tokenizer)


def test_saved_model_and_tokenizer_load_unchanged_through_the_auto_classes(model, tokenizer, tmp_path):
    save_model(model, tokenizer, tmp_path / "m")
    again = AutoTokenizer.from_pretrained(tmp_path / "m")
    text = "def f(x): return 2*x for v in x if \\boxed{7}\n é中\t  ~"
    assert again.encode(text) == tokenizer.encode(text)
    assert again.decode(again.encode(text)) == text
    assert render_prompt(again, "hi") == "hi\n"
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "m").state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in model.state_dict().items())


def test_frequent_strings_are_one_token(tokenizer):
    assert len(tokenizer.encode("\\boxed{")) == len(tokenizer.encode("return ")) == 1


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=40))
def test_any_text_survives_the_tokenizer(text):
    import unicodedata

    tokenizer = character_tokenizer()
    text = unicodedata.normalize("NFC", text.encode("utf-8", "ignore").decode())
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_statistics_match_a_plain_computation():
    logits = torch.tensor([[[1.0, 2.0, 0.5], [0.0, 0.0, 3.0]]], dtype=torch.float64)
    found = token_statistics(logits, torch.tensor([[1, 0]]), temperature=2.0, needs=frozenset({"reduction"}))
    p = torch.softmax(logits / 2, -1)
    entropy = -(p * p.log()).sum(-1)
    assert torch.allclose(found.logprob, torch.stack([p[0, 0, 1].log(), p[0, 1, 0].log()])[None])
    assert torch.allclose(found.entropy, entropy)
    assert torch.allclose(found.reduction, (p**2 * (p.log() + entropy[..., None])).sum(-1))


def test_bf16_logits_are_reduced_in_fp32():
    logits = torch.randn(1, 2, 50).bfloat16()
    found = token_statistics(logits, torch.zeros(1, 2, dtype=torch.long))
    assert found.entropy.dtype == torch.float32
    assert torch.allclose(
        found.entropy, token_statistics(logits.double(), torch.zeros(1, 2, dtype=torch.long)).entropy.float()
    )


def test_padding_and_batching_do_not_change_a_response(model, tokenizer, prompts):
    responses = [[5, 6, 7, 1], [9, 1], [30, 31, 32, 33, 34, 1]]
    batch = Sequences.from_lists(prompts, responses, tokenizer.pad_token_id)
    together = response_statistics(model, batch, 1.0)
    for i, (prompt, response) in enumerate(zip(prompts, responses, strict=True)):
        alone = response_statistics(model, Sequences.from_lists([prompt], [response], 0), 1.0)
        assert torch.allclose(together.logprob[i, : len(response)], alone.logprob[0], atol=1e-5)
        assert torch.allclose(together.entropy[i, : len(response)], alone.entropy[0], atol=1e-5)
    assert batch.responses[batch.mask].tolist() == [token for r in responses for token in r]
    part = batch.rows(torch.tensor([1]))
    assert part.tokens.shape[1] == len(prompts[1]) + 2
    assert sorted(torch.cat(batch.by_length(2)).tolist()) == [0, 1, 2]


@pytest.mark.parametrize("family", ["qwen2", "qwen3", "llama"])
def test_neither_buckets_nor_shared_prompts_change_values_or_gradients(model, family):
    model = {"qwen2": lambda: model, "qwen3": lambda: spread((Qwen3Config, Qwen3ForCausalLM)), "llama": llama}[family]()
    prompts = [[5] * 3, [5, 6], [5] * 3, [7], [5, 6], [5] * 3, [8] * 9]
    batch = Sequences.from_lists(prompts, [[7, 8, 9], [6], [30] * 6, [10, 11], [12] * 4, [9], [7, 7]], 0)
    needs, names = frozenset({"reduction", "proxy_logprob"}), ("logprob", "entropy", "reduction", "proxy_logprob")
    plain = response_statistics(model, batch, 1.3, needs)
    sharing = Training(steps=1, prompts=1, updates=1, temperature=1.3)
    assert shared.fits(model)
    for statistics in (
        bucketed_statistics(model, batch, 1.3, 2, needs),
        policy_statistics(model, batch, sharing, needs),
        policy_statistics(model, batch, sharing, needs, rows=3),
    ):
        for name in names:
            expected, value = getattr(plain, name)[batch.mask], getattr(statistics, name)
            assert torch.allclose(value[batch.mask], expected, atol=1e-5), name
            assert not value[~batch.mask].any()
        gradients = [
            torch.autograd.grad((s.logprob + 0.3 * s.entropy**2)[batch.mask].sum(), list(model.parameters()))
            for s in (response_statistics(model, batch, 1.3), statistics)
        ]
        for expected, gradient in zip(*gradients, strict=True):
            assert torch.allclose(expected, gradient, atol=1e-4 * max(1.0, expected.abs().max()))


def test_equal_prompts_enter_once_and_last_tokens_not_at_all():
    batch = Sequences.from_lists([[5, 6, 7], [5, 6, 7], [5, 6]], [[1, 2, 3], [4], [8, 9]], 0)
    layout = shared.layout_of(batch)
    assert sorted(layout.tokens.tolist()) == sorted([5, 6, 7, 5, 6, 1, 2, 8])
    assert layout.targets.tolist() == [1, 2, 3, 4, 8, 9]
    before = list(zip(layout.tokens[layout.before].tolist(), layout.positions[layout.before].tolist(), strict=True))
    assert before == [(7, 2), (1, 3), (2, 4), (7, 2), (6, 1), (8, 2)]


@pytest.mark.parametrize("plain", [False, True])
def test_the_engine_reports_the_trainers_log_probabilities(model, tokenizer, prompts, plain):
    sampling = Sampling(samples=5, temperature=0.8, max_tokens=20)
    completions = LocalEngine(model, tokenizer, plain).generate(prompts, sampling, torch.Generator().manual_seed(0))
    repeated = [prompt for prompt in prompts for _ in range(5)]
    sequences = Sequences.from_lists(repeated, [c.tokens for c in flat(completions)], 0)
    found = response_statistics(model, sequences, 0.8).logprob[sequences.mask]
    told = torch.tensor([value for c in flat(completions) for value in c.logprobs])
    assert (found - told).abs().max() < 1e-4


@pytest.mark.parametrize("plain", [False, True])
def test_greedy_decoding_is_that_of_transformers(model, tokenizer, prompts, plain):
    completions = LocalEngine(model, tokenizer, plain).generate(
        prompts, Sampling(temperature=0, max_tokens=24), torch.Generator()
    )
    for prompt, completion in zip(prompts, flat(completions), strict=True):
        told = model.generate(
            torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), max_new_tokens=24, do_sample=False
        )[0, len(prompt) :].tolist()
        assert completion.tokens == told
        assert completion.finish_reason == ("stop" if told[-1] == tokenizer.eos_token_id else "length")


def test_the_same_seed_samples_the_same_and_each_response_ends_once(model, tokenizer, prompts):
    engine, sampling = LocalEngine(model, tokenizer), Sampling(samples=8, max_tokens=30)
    first, again = (engine.generate(prompts, sampling, torch.Generator().manual_seed(3)) for _ in range(2))
    assert first == again
    for completion in flat(first):
        assert tokenizer.eos_token_id not in completion.tokens[:-1]
        assert (completion.finish_reason == "stop") == (completion.tokens[-1] == tokenizer.eos_token_id)
        assert len(completion.tokens) == len(completion.logprobs) <= 30


def spread(family, **settings):
    """A small random model of another architecture, its logits spread."""
    torch.manual_seed(0)
    sizes = {"vocab_size": 262, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    model = family[1](family[0](**sizes, num_attention_heads=4, num_key_value_heads=2, **settings)).eval()
    with torch.no_grad():
        model.lm_head.weight.mul_(12)
    return model


def llama(**settings):
    return spread((LlamaConfig, LlamaForCausalLM), **settings)


SCALED = {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}


@pytest.mark.parametrize("make", [None, llama, lambda: llama(head_dim=12, attention_bias=True, rope_parameters=SCALED)])
def test_the_lean_decoder_samples_what_transformers_modules_do(model, tokenizer, prompts, make):
    """The same tokens for the same random numbers, while responses of many lengths leave the batch."""
    chosen = make() if make else model
    sampling, found = Sampling(samples=16, temperature=2.0, max_tokens=40), []
    drawn = LocalEngine(chosen, tokenizer).generate(prompts, sampling, torch.Generator().manual_seed(4))
    # A token that is drawn often ends the responses.
    ends = Counter(token for c in flat(drawn) for token in c.tokens).most_common(1)[0][0]
    for plain in (False, True):
        engine = LocalEngine(chosen, SimpleNamespace(eos_token_id=ends, pad_token_id=0), plain)
        assert engine.decoder is (ModuleDecoder if plain else LeanDecoder)
        found.append(flat(engine.generate(prompts, sampling, torch.Generator().manual_seed(4))))
    assert len({len(c.tokens) for c in found[0]}) > 5
    for lean, plain in zip(*found, strict=True):
        assert lean.tokens == plain.tokens
        assert lean.logprobs == pytest.approx(plain.logprobs, abs=1e-5)


def test_the_lean_decoder_serves_only_models_it_computes(model):
    def changed(change):
        other = copy.deepcopy(model)
        change(other)
        return LeanDecoder.fits(other)

    class Adapter(torch.nn.Linear):
        pass

    def adapt(other):
        other.model.layers[1].mlp.up_proj = Adapter(32, 48, bias=False)

    assert LeanDecoder.fits(model)
    assert not changed(adapt)
    assert not changed(lambda m: setattr(m.config, "layer_types", ["full_attention", "sliding_attention"]))
    assert not changed(lambda m: setattr(m.config, "hidden_act", "gelu"))
    assert not changed(lambda m: m.config.rope_parameters.update(rope_type="dynamic"))
    assert not LeanDecoder.fits(spread((Qwen3Config, Qwen3ForCausalLM)))


def test_the_engine_follows_a_weight_update_at_once(model, tokenizer, prompts):
    other = copy.deepcopy(model)
    engine, greedy = LocalEngine(other, tokenizer), Sampling(temperature=0, max_tokens=5)
    before = engine.generate(prompts, greedy, torch.Generator())
    with torch.no_grad():
        other.model.norm.weight.neg_()
    assert engine.generate(prompts, greedy, torch.Generator()) != before


def test_sampling_follows_the_distribution_and_top_p_cuts_its_tail():
    logits = torch.tensor([[0.6, 0.3, 0.1, 1e-9]]).log()
    uniform = (torch.arange(1000) + 0.5) / 1000
    drawn, logprob = sample(logits.expand(1000, -1), uniform, Sampling())
    assert torch.bincount(drawn, minlength=4).tolist() == [600, 300, 100, 0]
    assert torch.allclose(logprob, logits[0][drawn])
    drawn, logprob = sample(logits.expand(1000, -1), uniform, Sampling(top_p=0.7))
    assert torch.bincount(drawn, minlength=4).tolist() == [667, 333, 0, 0]
    assert torch.allclose(logprob, logits[0][drawn]), "the log-probability is that of the whole distribution"


def test_no_uniform_number_draws_an_impossible_token():
    logits = torch.tensor([[0.0, 1.0, -torch.inf, -torch.inf]]).expand(3, -1)
    drawn, _ = sample(logits, torch.tensor([0.0, 1 - 2**-24, 1.0]), Sampling())
    assert drawn.max() <= 1


@pytest.mark.parametrize(
    ("files", "said"), [((), "no such model folder"), (("config.json",), "holds no tokenizer.json")]
)
def test_a_folder_without_what_is_needed_is_named(tmp_path, files, said):
    folder = tmp_path / "model"
    if files:
        folder.mkdir()
        for name in files:
            (folder / name).write_text("{}")
    with pytest.raises(UserError, match=said) as error:
        load_tokenizer(str(folder))
    assert str(folder) in str(error.value)


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(UserError, match=r"holds no config\.json"):
        load_model(str(tmp_path))


def test_a_bf16_model_is_decoded_as_its_modules_do_it():
    """Its logits are fp32; the cache, the mask and the rotation are of its own type."""
    tokenizer = character_tokenizer()
    shape = Architecture(hidden_size=32, layers=2, heads=4, kv_heads=2, intermediate_size=32, max_positions=64)
    model = new_model(shape, tokenizer, seed=0).to(torch.bfloat16)
    drawn = [
        LocalEngine(model, tokenizer, plain=plain).generate(
            [[10, 11, 12], [20, 21]], Sampling(samples=3, max_tokens=8), torch.Generator().manual_seed(0)
        )
        for plain in (False, True)
    ]
    lean, plain = ([completion for group in groups for completion in group] for groups in drawn)
    assert [c.tokens for c in lean] == [c.tokens for c in plain]
    for a, b in zip(lean, plain, strict=True):
        assert a.logprobs == pytest.approx(b.logprobs, abs=0.02)
