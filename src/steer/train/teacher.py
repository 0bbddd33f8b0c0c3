"""RLRT's second forward pass: score the responses after a prompt that contains a correct rollout of the problem.

Symbols: docs/notation.md.
"""

import torch
from torch import Tensor

from steer.configs.schema import Training
from steer.methods.teacher import choose_teachers, teacher_prompt
from steer.models.forward import Sequences
from steer.models.head import TokenStatistics
from steer.models.tokenizer import render_prompt
from steer.train.rollouts import Rollouts
from steer.train.scoring import scored


def teacher_logprob(
    model,
    tokenizer,
    rollouts: Rollouts,
    old: TokenStatistics,
    shaped: Tensor,
    training: Training,
    generator: torch.Generator,
) -> Tensor:
    """Log-probability (S, T) of the sampled tokens under the teacher; the policy's own if there is no teacher.

    `shaped` (S,) bool: responses whose advantage the teacher shapes; others are not passed. If prompt and response
    exceed the model's positions, the prompt keeps its right end.
    """
    device = old.logprob.device
    correct = torch.tensor([verdict.verdict == "correct" for verdict in rollouts.verdicts], device=device)
    teachers = choose_teachers(correct, rollouts.group, generator)
    taught = ((teachers >= 0).to(device) & shaped).nonzero().squeeze(1)
    logprob = old.logprob.clone()
    if len(taught) == 0:
        return logprob
    prompts, responses = [], []
    for i in taught.tolist():
        question = teacher_prompt(rollouts.problems[i].prompt, rollouts.texts[int(teachers[i])])
        length = int(rollouts.sequences.lengths[i])
        room = model.config.max_position_embeddings - length
        prompts.append(tokenizer.encode(render_prompt(tokenizer, question), add_special_tokens=False)[-room:])
        responses.append(rollouts.sequences.responses[i, :length].tolist())
    sequences = Sequences.from_lists(prompts, responses, tokenizer.pad_token_id).to(device)
    found = scored(model, sequences, training).logprob
    mask = sequences.mask
    padded = logprob[taught]
    padded[:, : mask.shape[1]] = torch.where(mask, found, padded[:, : mask.shape[1]])
    logprob[taught] = padded
    return logprob
