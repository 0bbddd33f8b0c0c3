"""RLRT's teacher: the same weights, with a correct rollout of the same prompt in the context.

The paper (arXiv 2605.10781) does not give its teacher's prompt; this one is ours. Scoring the response after that
prompt gives `Tokens.teacher_logprob`.
"""

import torch
from torch import Tensor


def teacher_prompt(problem: str, solution: str) -> str:
    """Build the teacher's prompt: the problem, a correct solution of it, and the problem again."""
    return (
        f"{problem}\n\nA correct solution, for reference:\n\n{solution}\n\nNow solve the problem yourself:\n\n{problem}"
    )


def choose_teachers(correct: Tensor, group: Tensor, generator: torch.Generator) -> Tensor:
    """Choose a correct rollout as teacher for each response: (S,) bool and group ids → (S,) index, -1 if there is none.

    Drawn from the group's correct rollouts other than the response itself. If there is none, set
    `teacher_logprob` to `old_logprob`: RLRT then does not change the advantage.
    """
    teachers = torch.full((len(correct),), -1)
    for response in range(len(correct)):
        others = correct.bool() & (group == group[response])
        others[response] = False
        candidates = others.nonzero().squeeze(1).cpu()
        if len(candidates):
            drawn = torch.randint(len(candidates), (1,), generator=generator, device=generator.device)
            teachers[response] = candidates[int(drawn)]
    return teachers
