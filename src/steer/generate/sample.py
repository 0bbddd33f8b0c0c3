"""Sample responses to a benchmark's problems with any engine, as rows for grading."""

import hashlib
from typing import Any

import torch
from tqdm import tqdm

from steer.configs.schema import Evaluation
from steer.data.problem import Problem
from steer.engines.sampling import Completion, Engine, Sampling
from steer.models.tokenizer import render_prompt


def oracle_rows(problems: list[Problem]) -> list[dict[str, Any]]:
    """Answer each problem with its reference response: the score of a perfect model under the same verifiers."""
    return [
        {
            "id": p.id,
            "prompt": p.prompt,
            "responses": [{"text": p.solution, "tokens": len(p.solution), "finish_reason": "stop"}],
            "sampling": {"samples": 1},
            "model": "oracle",
        }
        for p in problems
    ]


def encode(tokenizer, problems: list[Problem], room: int) -> tuple[list[str], list[list[int]]]:
    """Encode prompts as the model's input: text, and at most `room` tokens of each, keeping the right end."""
    rendered = [render_prompt(tokenizer, p.prompt, p.system) for p in problems]
    tokens = tokenizer(rendered, add_special_tokens=False)["input_ids"]
    return rendered, [t[-room:] for t in tokens]


def model_rows(
    engine: Engine,
    problems: list[Problem],
    benchmark: str,
    evaluation: Evaluation,
    model: str,
    max_prompt: int,
    stop: tuple[int, ...] = (),
) -> list[dict[str, Any]]:
    """Sample responses; the seed depends only on the configuration's seed and the benchmark."""
    samples = evaluation.samples_for(benchmark)
    sampling = Sampling(samples, evaluation.temperature, evaluation.top_p, evaluation.max_response_tokens, stop)
    digest = hashlib.sha256(f"{evaluation.seed}/{benchmark}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    told, rows = evaluation.sampling(benchmark), []
    per_batch = max(1, evaluation.batch // samples)
    for start in tqdm(range(0, len(problems), per_batch), desc=benchmark, mininterval=5):
        chunk = problems[start : start + per_batch]
        rendered, tokens = encode(engine.tokenizer, chunk, max_prompt)
        completions = engine.generate(tokens, sampling, generator)
        for problem, prompt, group in zip(chunk, rendered, completions, strict=True):
            responses = [_response(engine, completion) for completion in group]
            rows.append({"id": problem.id, "prompt": prompt, "responses": responses, "sampling": told, "model": model})
    return rows


def _response(engine: Engine, completion: Completion) -> dict[str, Any]:
    text = engine.tokenizer.decode(completion.tokens, skip_special_tokens=True)
    told = {"text": text, "tokens": len(completion.tokens), "finish_reason": completion.finish_reason}
    if not completion.logprobs:
        return told
    return {**told, "logprob": round(sum(completion.logprobs) / len(completion.logprobs), 6)}
