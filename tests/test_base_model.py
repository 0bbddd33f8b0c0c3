"""The model that runs start from: of a .gguf file, after a cold start, with arguments of its chat template."""

import json

import gguf
import numpy as np
import pytest
import torch
import yaml

from steer import cli
from steer.configs.load import check, load_config
from steer.configs.model import ColdStart
from steer.data.problem import read_problems
from steer.data.tasks import distinct_problems
from steer.errors import UserError
from steer.io import read_jsonl, write_jsonl
from steer.models.load import load_model, load_tokenizer, save_model, with_arguments
from steer.models.tokenizer import render_prompt
from steer.plan.facts import facts_of
from steer.plan.jobs import jobs
from steer.train.cold_start import fine_tune
from steer.train.starting import encode

SHAPE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
SYMBOLS = [*map(chr, range(33, 127)), "Ġ", "Ċ", "12"]


@pytest.fixture(scope="module")
def llama():
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = {**SHAPE, "num_key_value_heads": 2, "max_position_embeddings": 256, "vocab_size": len(SYMBOLS) + 3}
    return LlamaForCausalLM(LlamaConfig(**shape, tie_word_embeddings=True, eos_token_id=2, pad_token_id=2)).eval()


@pytest.fixture(scope="module")
def file(llama, tmp_path_factory):
    """The model in GGUF, weights in fp32, with a tokenizer of single characters."""
    path = tmp_path_factory.mktemp("gguf") / "small.gguf"
    writer, config = gguf.GGUFWriter(path, "llama"), llama.config
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["<|endoftext|>", "<|im_start|>", "<|im_end|>", *SYMBOLS])
    writer.add_token_types([3, 3, 3, *[1] * len(SYMBOLS)])
    writer.add_token_merges(["1 2"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_chat_template(
        "{% for m in messages %}{{ m['content'] }}{% endfor %}{% if thinking is defined and not thinking %}!{% endif %}"
    )
    for name, tensor in _gguf_tensors(llama):
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _gguf_tensors(llama):
    """llama.cpp's names and the order in which it keeps the rows of queries and keys: halves interleaved."""
    names = {
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    }  # fmt: skip
    state = {name: value.numpy().astype(np.float32) for name, value in llama.state_dict().items()}
    yield "token_embd.weight", state["model.embed_tokens.weight"]
    yield "output_norm.weight", state["model.norm.weight"]
    for layer in range(llama.config.num_hidden_layers):
        for ours, theirs in names.items():
            value = state[f"model.layers.{layer}.{ours}.weight"]
            heads = {"attn_q": llama.config.num_attention_heads, "attn_k": llama.config.num_key_value_heads}.get(theirs)
            if heads:
                rows, columns = value.shape
                value = value.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)
            yield f"blk.{layer}.{theirs}.weight", value


@pytest.fixture
def base_model(model, tokenizer, tmp_path):
    save_model(model, tokenizer, tmp_path / "given")
    return tmp_path / "given"


def settings(tmp_path, **model):
    tree = {
        "name": "small",
        "data": {"benchmarks": ["sums"], "train_size": 8, "rows": 2},
        "model": model,
        "training": {"steps": 1, "prompts": 2, "rollouts": 2, "updates": 1, "max_response_tokens": 4},
        "evaluation": {"max_response_tokens": 4},
        "methods": {"grpo": {}},
        "seeds": [0],
    }
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(tree))
    write_jsonl(tmp_path / "train.jsonl", (p.to_json() for p in distinct_problems("sums", "train", 0, 8)))
    return ["base-model", "--config", f"{tmp_path}/small.yaml", "--data", f"{tmp_path}/train.jsonl"]


def test_a_gguf_file_becomes_a_folder_that_computes_the_same(file, llama, tmp_path):
    command = settings(tmp_path, path=str(file), chat_template={"thinking": False})
    assert cli.main([*command, "--out", f"{tmp_path}/base"]) == 0
    model, tokenizer = load_model(f"{tmp_path}/base"), load_tokenizer(f"{tmp_path}/base")
    tokens = torch.tensor([[5, 9, 70, 33]])
    assert torch.equal(model(tokens).logits, llama(tokens).logits)
    assert tokenizer.encode("13") == [3 + SYMBOLS.index(symbol) for symbol in "13"]
    assert render_prompt(tokenizer, "a") == "a!"
    told = json.loads((tmp_path / "base" / "base_model.json").read_text())
    assert 0 <= told["accuracy"] <= 1
    assert "loss" not in told


def test_a_plan_reads_the_shape_from_the_file(file, llama, tmp_path):
    settings(tmp_path, path=str(file))
    config = load_config(tmp_path / "small.yaml")
    assert facts_of(config).parameters == sum(p.numel() for p in llama.parameters())
    assert jobs(config)["base_model"] == 1
    assert "warm_start" not in jobs(config)


def test_a_file_that_is_missing_or_broken_is_one_line(tmp_path, capsys):
    for content, said in ((None, "no such file; correct `model.path`"), (b"GGUF nothing", "no model could be read")):
        path = tmp_path / "broken.gguf"
        if content:
            path.write_bytes(content)
        assert cli.main([*settings(tmp_path, path=str(path)), "--out", f"{tmp_path}/base"]) == 2
        error = capsys.readouterr().err.strip()
        assert f"{path}: {said}" in error
        assert error.count("\n") == 0


def test_a_trainer_given_a_gguf_file_says_what_to_do(file):
    with pytest.raises(UserError, match=r"small\.gguf: a \.gguf file is no model folder; make one of it with"):
        load_model(str(file))


def test_a_cold_start_makes_solutions_likelier_and_is_the_same_again(base_model, tmp_path):
    problems = distinct_problems("sums", "train", 0, 16)
    held_out = distinct_problems("sums", "train", 1, 16)

    def trained():
        model, tokenizer = load_model(str(base_model)), load_tokenizer(str(base_model))
        before = _loss(model, tokenizer, held_out)
        fine_tune(model, tokenizer, problems, ColdStart(steps=20, batch=8, lr=3e-3))
        return model, before, _loss(model, tokenizer, held_out)

    (one, before, after), (two, *_) = trained(), trained()
    assert after < 0.9 * before
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


@torch.no_grad()
def _loss(model, tokenizer, problems):
    from steer.models.statistics import shared_statistics

    sequences = encode(tokenizer, problems, [p.solution for p in problems])
    return -shared_statistics(model, sequences, temperature=1.0).logprob[sequences.mask].mean().item()


def test_a_cold_start_learns_from_rows_with_a_solution_and_all_runs_start_from_its_output(base_model, tmp_path):
    command = settings(tmp_path, path=str(base_model), cold_start={"steps": 2, "batch": 4})
    assert cli.main([*command, "--out", f"{tmp_path}/base"]) == 0
    told = json.loads((tmp_path / "base" / "base_model.json").read_text())
    assert (told["examples"], told["steps"]) == (8, 2)
    first, second = load_model(str(base_model)), load_model(f"{tmp_path}/base")
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_a_cold_start_without_solutions_or_without_a_model_is_one_line(base_model, tmp_path, capsys):
    command = settings(tmp_path, path=str(base_model), cold_start={"data": f"{tmp_path}/bare.jsonl"})
    assert cli.main([*command, "--out", f"{tmp_path}/base"]) == 2
    assert "bare.jsonl: no such file; correct `model.cold_start.data`" in capsys.readouterr().err
    rows = [{**row, "solution": ""} for row in read_jsonl(tmp_path / "train.jsonl")]
    write_jsonl(tmp_path / "bare.jsonl", rows)
    assert cli.main([*command, "--out", f"{tmp_path}/base"]) == 2
    assert "bare.jsonl: no row has a `solution` to learn from" in capsys.readouterr().err
    tree = yaml.safe_load((tmp_path / "small.yaml").read_text())
    with pytest.raises(UserError, match="cold_start fine-tunes a pretrained model"):
        check({**tree, "model": {"cold_start": {}}}, "mine.yaml")


def test_arguments_of_the_chat_template_hold_for_the_loaded_and_the_saved_tokenizer(base_model, tmp_path):
    folder = base_model
    tokenizer = load_tokenizer(str(folder))
    tokenizer.chat_template = (
        "{% macro end() %}{{ mark }}{% endmacro %}{% for m in messages %}{{ m['content'] }}"
        "{% if enable_thinking is defined and enable_thinking is false %}<think></think>{% endif %}{% endfor %}"
    )
    save_model(load_model(str(folder)), tokenizer, folder)
    assert render_prompt(load_tokenizer(str(folder)), "1+1?") == "1+1?"
    told = load_tokenizer(str(folder), arguments={"enable_thinking": False, "mark": 'a "b"'})
    assert render_prompt(told, "1+1?") == "1+1?<think></think>"
    save_model(load_model(str(folder)), told, folder)
    again = load_tokenizer(str(folder), arguments={"enable_thinking": False, "mark": 'a "b"'})
    assert again.chat_template == told.chat_template
    assert render_prompt(again, "1+1?") == "1+1?<think></think>"


def test_arguments_hold_in_each_of_several_named_templates(base_model):
    tokenizer = load_tokenizer(str(base_model))
    tokenizer.chat_template = {"default": "{{ 'yes' if flag else 'no' }}", "tools": "{{ flag }}"}
    assert render_prompt(with_arguments(tokenizer, {"flag": True}), "Q") == "yes"
    with pytest.raises(UserError, match="reads no `flags`"):
        with_arguments(tokenizer, {"flags": True})


@pytest.mark.parametrize(
    ("template", "system", "said"),
    [
        ("", "", "renders the prompt as no text; correct the template"),
        ("{{ messages[0]['content'] ", "", r"refuses the prompt \(.*\); correct the template"),
        ("{{ raise_exception('no system') }}", "S", r"\(no system\); take `system` out of the set"),
    ],
)
def test_a_chat_template_that_renders_no_prompt_is_one_line(base_model, template, system, said):
    tokenizer = load_tokenizer(str(base_model))
    tokenizer.chat_template = template
    with pytest.raises(UserError, match=said):
        render_prompt(tokenizer, "Q", system)


def test_a_row_whose_text_is_none_is_named_before_a_tokenizer_meets_it(tmp_path):
    row = {"id": "a", "benchmark": "b", "kind": "math", "prompt": "p", "solution": 5}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    with pytest.raises(UserError, match=r"rows.jsonl, line 1: problem 'a': `solution` is no text: 5"):
        read_problems(tmp_path / "rows.jsonl")


def test_an_argument_that_the_chat_template_does_not_read_is_refused(base_model):
    with pytest.raises(
        UserError, match=r"key `model.chat_template`: the model's chat template reads no `enable_thinkng`"
    ):
        load_tokenizer(str(base_model), arguments={"enable_thinkng": False})
