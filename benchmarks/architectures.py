"""Which architectures plan, run dry and train: each is tried with a tiny random model, or refused in one line.

    python benchmarks/architectures.py                 # all; writes architectures.json and the table of docs/scaling.md
    python benchmarks/architectures.py qwen3 mixtral   # these alone, compared with architectures.json

Each model is saved as a folder and given to `steer plan`, `steer dry` and `steer train` as a user would give it. Its
log-probabilities are compared with those of transformers' own forward pass, response by response. With vLLM's CPU build
(`.venv-vllm`) a second run of two steps samples with vLLM and compares the log-probabilities of both.
"""

import argparse
import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText
from transformers.utils import logging

from steer import cli
from steer.configs.schema import Training
from steer.data.tasks import distinct_problems
from steer.engines.served import BORROWED
from steer.io import read_jsonl, write_jsonl
from steer.models.forward import Sequences
from steer.models.load import load_model, save_model
from steer.models.statistics import policy_statistics
from steer.models.tokenizer import character_tokenizer

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).with_suffix(".json")
PAGE = REPOSITORY / "docs/scaling.md"
VLLM = REPOSITORY / ".venv-vllm/bin/python"
SIZES = {
    "hidden_size": 128,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,  # the smallest that vLLM's CPU kernels know
    "max_position_embeddings": 128,
}
EXPERTS = {"num_experts_per_tok": 2, "num_experts": 4, "moe_intermediate_size": 32}
ROPE = {"rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
WINDOW = {"sliding_window": 16}
# Name → what the table calls it, transformers' model_type, and settings that set the published models apart.
ARCHITECTURES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "qwen2": ("Qwen 2", "qwen2", {"tie_word_embeddings": True}),
    "qwen2.5": ("Qwen 2.5", "qwen2", {"tie_word_embeddings": False, "rope_theta": 1e6}),
    "qwen3": ("Qwen 3", "qwen3", {"tie_word_embeddings": True}),
    "llama3": ("Llama 3", "llama", {"rope_parameters": {**ROPE, "original_max_position_embeddings": 64}}),
    "gemma3_text": ("Gemma 3, text (1B)", "gemma3_text", WINDOW),
    "gemma3": ("Gemma 3, text and images (from 4B on)", "gemma3", {}),
    "phi3": ("Phi-3", "phi3", WINDOW),
    "phi4": ("Phi-4-mini", "phi3", {"partial_rotary_factor": 0.75, "tie_word_embeddings": True}),
    "mistral": ("Mistral", "mistral", WINDOW),
    "olmo2": ("OLMo 2", "olmo2", {}),
    "olmo3": ("OLMo 3", "olmo3", WINDOW),
    "smollm3": ("SmolLM3", "smollm3", {"no_rope_layers": [1, 0], "tie_word_embeddings": True}),
    "qwen3_moe": ("Qwen 3, mixture of experts", "qwen3_moe", EXPERTS),
    "mixtral": ("Mixtral", "mixtral", {"num_local_experts": 4}),
}
CONFIG = {
    "name": "architecture",
    "data": {"benchmarks": ["sums"], "rows": 4},
    "training": {"steps": 2, "prompts": 4, "rollouts": 4, "updates": 2, "lr": 1e-3, "max_prompt_tokens": 60},
    "reward": {"kind": "random", "verifier_workers": 1},
    "evaluation": {"samples": {"default": 2}, "max_response_tokens": 8},
    "hardware": {"gpus": 1, "memory_gb": 80},
    "methods": {"grpo": None},
    "seeds": [0],
}
SERVED = {"engine": "vllm", "dtype": "float32", "kv_cache_gib": 0.03, "enforce_eager": True}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[[], *ARCHITECTURES], metavar="NAME", help=", ".join(ARCHITECTURES))
    parser.add_argument("--without-vllm", action="store_true", help="leave vLLM's column as it was")
    args = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    logging.disable_progress_bar()
    before = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    found, differing = {}, []
    for name in args.names or ARCHITECTURES:
        with tempfile.TemporaryDirectory() as folder:
            found[name] = tried(name, Path(folder), not args.names and not args.without_vllm)
        found[name].setdefault("vllm", before.get(name, {}).get("vllm", "not run"))
        print(f"{name}: {json.dumps(found[name])}", flush=True)
        if not args.names:
            RESULTS.write_text(json.dumps({**before, **found}, indent=1) + "\n")
        if args.names and settled(found[name]) != settled(before.get(name, {})):
            differing.append(name)
    if differing:
        sys.exit(
            f"other than in {RESULTS.name}: {', '.join(differing)}; run `make architectures` and look at the change"
        )
    if not args.names:
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
        PAGE.write_text(with_table(PAGE.read_text(), found))


def tried(name: str, folder: Path, vllm: bool) -> dict[str, Any]:
    """What each command says to a random model of the architecture: "yes", or its one line."""
    _, model_type, _ = ARCHITECTURES[name]
    random_model(name, folder / "model")
    write_jsonl(folder / "train.jsonl", [p.to_json() for p in distinct_problems("sums", "train", 0, 8)])
    tree = {**CONFIG, "model": {"path": str(folder / "model")}}
    tree["training"] = {**CONFIG["training"], "max_response_tokens": 24}
    file = str(folder / "config.yaml")
    Path(file).write_text(yaml.safe_dump(tree))
    result: dict[str, Any] = {"model_type": model_type}
    result["plan"] = said(["plan", "--configfile", file], folder)
    result["dry"] = said(["dry", file], folder)
    result["train"] = said(training(folder), folder)
    if result["train"] == "yes":
        result["apart"] = apart(folder / "model")
    if vllm and VLLM.is_file():
        result["vllm"] = with_vllm(folder, model_type) if result["train"] == "yes" else result["train"]
    return result


def random_model(name: str, folder: Path) -> None:
    """Save a random model whose attention tells tokens apart, with its tokenizer."""
    _, model_type, settings = ARCHITECTURES[name]
    tokenizer = character_tokenizer()
    special = {"bos_token_id": None, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    given = {**SIZES, **special, "vocab_size": len(tokenizer), **settings}
    torch.manual_seed(0)
    if model_type == "gemma3":
        small = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
        picture = {**small, "image_size": 32, "patch_size": 8}
        config = AutoConfig.for_model("gemma3", text_config=given, vision_config=picture, mm_tokens_per_image=4)
        model = AutoModelForImageTextToText.from_config(config)
    else:
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **given))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(3)
    save_model(model, tokenizer, folder)


def training(folder: Path, *more: str) -> list[str]:
    where = ["--model", f"{folder}/model", "--data", f"{folder}/train.jsonl", "--out", f"{folder}/run{len(more)}"]
    return ["train", "--config", f"{folder}/config.yaml", "--run", "grpo", "--seed", "0", *where, *more]


def said(command: list[str], folder: Path) -> str:
    """Run one command of ours: "yes", or the one line of its refusal. Anything longer is a fault, and raised."""
    error = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(error):
        status = cli.main(command)
    return outcome(status, error.getvalue(), folder)


def outcome(status: int, error: str, folder: Path) -> str:
    if status == 0:
        return "yes"
    lines = [line for line in error.splitlines() if line.strip()]
    if status != 2 or "Traceback" in error:
        raise RuntimeError(f"not refused in one line: {error}")
    return re.sub(r"^steer[^:]*: ", "", lines[-1]).replace(f"{folder}/", "")


def apart(model: Path) -> float:
    """The largest difference of a token's log-probability from that of the model's own forward pass."""
    policy = load_model(str(model)).eval()
    prompts, responses = [[5, 6, 7] * 8, [5, 6, 7] * 8, [9]], [[8, 9, 10], [11] * 7, [12, 13, 14, 15, 16, 17]]
    batch, largest = Sequences.from_lists(prompts, responses, 0), 0.0
    with torch.no_grad():
        found = policy_statistics(policy, batch, Training(steps=1, prompts=1, updates=1)).logprob
        for row, (prompt, response) in enumerate(zip(prompts, responses, strict=True)):
            log_pi = policy(input_ids=torch.tensor([prompt + response])).logits[0].log_softmax(-1)
            for place, token in enumerate(response, len(prompt) - 1):
                largest = max(largest, abs(float(found[row, place - len(prompt) + 1] - log_pi[place, token])))
    return float(f"{largest:.1e}")


def with_vllm(folder: Path, model_type: str) -> str:
    """Two steps with vLLM, in the trainer's process unless it changes the trainer's class there; how far its
    log-probabilities are from the trainer's."""
    own = model_type in BORROWED
    settings = {**SERVED, "placement": "own" if own else "colocated"}
    more = [word for key, value in settings.items() for word in ("--set", f"rollout.{key}={json.dumps(value)}")]
    command = [str(VLLM), "-m", "steer.cli", *training(folder, *more)]
    environment = {**os.environ, "TORCHDYNAMO_DISABLE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=1800)
    told = outcome(done.returncode, done.stderr, folder)
    if told != "yes":
        return told
    mismatch = max(line["rollout_mismatch_max"] for line in read_jsonl(folder / f"run{len(more)}/metrics.jsonl"))
    return f"yes, {mismatch:.0e}{' (`own`)' if own else ''}"


def settled(result: dict[str, Any]) -> dict[str, Any]:
    """What must come again on any machine: all but sizes of rounding."""
    kept = {key: value for key, value in result.items() if key in ("model_type", "plan", "dry", "train")}
    return {**kept, "close": result.get("apart", 0.0) < 1e-4}


def with_table(page: str, found: dict[str, dict[str, Any]]) -> str:
    """The page with this table in place of the earlier one, behind its heading."""
    head = "| architecture | `model_type` | `steer plan` | `steer dry` | `steer train` | differs by | vLLM differs by |"
    rows = [head, "|---|---|---|---|---|---|---|"]
    for name, result in found.items():
        told = [short(result[key]) for key in ("plan", "dry", "train")]
        vllm = short(result["vllm"]).replace("yes, ", "")
        cells = ARCHITECTURES[name][0], f"`{result['model_type']}`", *told, str(result.get("apart", "–")), vllm
        rows.append(f"| {' | '.join(cells)} |")
    start = page.index("| architecture | `model_type`")
    return page[:start] + "\n".join(rows) + page[page.index("\n\n", start) :]


def short(told: str) -> str:
    return told if told.startswith(("yes", "not run")) else "refused"


if __name__ == "__main__":
    main()
