"""What models of other families do, and Qwen2 does not: either it is computed as they compute it, or it is refused."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from steer.configs.schema import Training
from steer.errors import UserError
from steer.models.forward import Sequences
from steer.models.load import load_model
from steer.models.statistics import policy_statistics
from steer.models.tokenizer import character_tokenizer, render_prompt
from steer.train.sharding import prepared

SIZES = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": 1,
}


def spread(family, **settings):
    """A random model whose attention tells tokens apart."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **SIZES, **settings)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(4)
    return model


@pytest.mark.parametrize("window", [None, 4])
@pytest.mark.parametrize("family", ["mistral", "phi3", "qwen2"])
def test_a_window_of_attention_is_kept_to(family, window):
    """Also where no types of layers say so. Beside the model's own forward pass, one by one."""
    switch = {"use_sliding_window": window is not None, "max_window_layers": 0} if family == "qwen2" else {}
    model = spread(family, sliding_window=window, **switch)
    prompts, responses = [[5, 6, 7] * 4, [5, 6, 7] * 4, [9]], [[8, 9, 10], [11] * 7, [12, 13, 14, 15, 16, 17]]
    batch = Sequences.from_lists(prompts, responses, 0)
    with torch.no_grad():
        found = policy_statistics(model, batch, Training(steps=1, prompts=1, updates=1))
        for row, (prompt, response) in enumerate(zip(prompts, responses, strict=True)):
            log_pi = model(input_ids=torch.tensor([prompt + response])).logits[0].log_softmax(-1)
            expected = [log_pi[len(prompt) - 1 + t, token] for t, token in enumerate(response)]
            assert torch.allclose(found.logprob[row, : len(response)], torch.stack(expected), atol=1e-5)


@pytest.mark.parametrize(
    ("family", "settings", "served"),
    [
        ("llama", {"head_dim": 16}, True),
        ("qwen3", {}, True),
        ("mistral", {}, True),
        ("granite", {"logits_scaling": 8.0}, False),
        ("cohere", {"logit_scale": 0.0625}, False),
        ("gemma2", {"final_logit_softcapping": 30.0, "head_dim": 8}, False),
        ("gpt2", {}, False),
    ],
)
def test_logits_that_are_not_the_heads_product_are_refused(family, settings, served, tmp_path):
    """Statistics and samples of such a model would be those of another distribution."""
    spread(family, **settings).save_pretrained(tmp_path)
    if served:
        load_model(str(tmp_path))
        return
    with pytest.raises(UserError, match="makes more of its last hidden states than `lm_head` does") as caught:
        load_model(str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("told", ["date_string", "strftime_now('%d %b %Y')"])
def test_a_prompt_does_not_change_with_the_day(told):
    """Llama 3's templates begin with today's date; a run of days would go on with other prompts than it began with."""
    tokenizer = character_tokenizer()
    default = "{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
    tokenizer.chat_template = default + "Today Date: {{ " + told + " }}\n{{ messages[0]['content'] }}"
    assert render_prompt(tokenizer, "1 + 1?") == "Today Date: 26 Jul 2024\n1 + 1?"


@pytest.mark.parametrize("family", ["llama", "qwen3", "phi3"])
def test_dropout_stays_off_where_layers_are_computed_again(family):
    """Gradient checkpointing needs training mode, in which a model that asks for dropout of attention would have it."""
    model = spread(family, attention_dropout=0.4)
    batch = Sequences.from_lists([[5, 6, 7]] * 2, [[8, 9, 10]] * 2, 0)
    training = Training(steps=1, prompts=1, updates=1, gradient_checkpointing=True)
    expected = policy_statistics(model, batch, training).logprob
    model, _ = prepared(model, training, torch.device("cpu"))
    for sharing in (True, False):
        found = policy_statistics(model, batch, training.model_copy(update={"shared_prompts": sharing})).logprob
        assert torch.allclose(found, expected, atol=1e-5)
