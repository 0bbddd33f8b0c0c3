"""Prompt templates. Each is a function of one question and names the source of its wording.

A template writes the user turn (or, for base models, the text to continue); the chat template of the model is
applied later. A benchmark names one template per model family; each can also be selected by its own name.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """Inputs of a template: statement, starter code and tests to show, as in the benchmark."""

    text: str
    starter: str = ""
    tests: tuple[str, ...] = ()


Template = Callable[[Question], str]


class Lacking(ValueError):
    """A template shows a part of the question that the row does not have."""


def bare(question: Question) -> str:
    """The question and nothing else: STEER's evaluation of MATH500, Minerva Math and OlympiadBench."""
    return question.text


def boxed_instruction(question: Question) -> str:
    r"""Qwen2.5-Math's own instruction for instruct models: reason step by step, answer in `\boxed{}`."""
    return f"{question.text}\n\nPlease reason step by step, and put your final answer within \\boxed{{}}."


def dapo_answer(question: Question) -> str:
    """The wording of DAPO (arXiv 2503.14476), `Answer: $Answer`: STEER's evaluation of AIME24, AIME25, AMC23."""
    return (
        "Solve the following math problem step by step. The last line of your response should be of the form "
        "Answer: $Answer (without quotes) where $Answer is the answer to the problem.\n\n"
        f'{question.text}\n\nRemember to put your answer on its own line after "Answer:".'
    )


def dapo_boxed(question: Question) -> str:
    r"""The DAPO wording with `\boxed{Answer}` in place of `Answer: $Answer`: STEER's training prompt (English)."""
    return (
        "Solve the following math problem step by step. The last line of your response should be of the form "
        "\\boxed{Answer} where Answer is the answer to the problem.\n\n"
        f"{question.text}\n\nRemember to put your answer in \\boxed{{...}} format on its own line."
    )


def dapo_boxed_chinese(question: Question) -> str:
    """The instruction that follows the Chinese questions of DAPO-Math-17k in STEER's training file."""
    return (
        f'{question.text}\n让我们一步一步地思考。请以"Answer: \\boxed{{<final_answer>}}"的格式输出最终答案。'
        "如果是选择题，请按顺序输出正确的选项，不带任何标点或空格。对于其他类型的问题，请只输出最终答案的数值。"
    )


def completion(question: Question) -> str:
    """The code to continue and nothing else: HumanEval's own format (Chen et al. 2021), for base models."""
    return _shown(question.starter)


def evalplus_instruct(question: Question) -> str:
    """EvalPlus' instruction for chat models (its `codegen`), around the code or the docstring of the task."""
    return (
        "Please provide a self-contained Python script that solves the following problem in a markdown code block:\n"
        f"```\n{_task_text(question).strip()}\n```\n"
    )


def codeqwen_complete(question: Question) -> str:
    """The user turn of Qwen's coder evaluation on EvalPlus (CodeQwen, Qwen2.5-Coder chat models)."""
    return f"Can you complete the following Python function?\n```python\n{_task_text(question).strip()}\n```\n"


def mbpp_docstring(question: Question) -> str:
    """EvalPlus' MBPP prompt: the task and its first assertion in a docstring, for base models to continue."""
    return f'"""\n{question.text.strip()}\n{_shown(question.tests)[0]}\n"""\n'


def mbpp_austin(question: Question) -> str:
    """The prompt of the MBPP paper (Austin et al. 2021), zero-shot: the task, all its tests, then `[BEGIN]`."""
    tests = "\n".join(_shown(question.tests))
    return (
        f"You are an expert Python programmer, and here is your task: {question.text.strip()} "
        f"Your code should pass these tests:\n\n{tests}\n[BEGIN]\n"
    )


def livecodebench_chat(question: Question) -> str:
    """LiveCodeBench's generic chat format (`lcb_runner`), with its system sentence at the head of the user turn."""
    return (
        "You are an expert Python programmer. You will be given a question (problem specification) and will "
        "generate a correct Python program that matches the specification and passes all tests. You will NOT "
        f"return anything except for the program.\n\n### Question:\n{question.text}\n\n"
        f"### Format: {_livecodebench_format(question)}\n"
        "### Answer: (use the provided format with backticks)\n\n"
    )


def livecodebench_codeqwen(question: Question) -> str:
    """LiveCodeBench in the wording of Qwen's coder evaluation (CodeQwen chat format)."""
    return (
        "You will be given a question (problem specification) and will generate a correct Python program that "
        "matches the specification and passes all tests. You will NOT return anything except for the program."
        f"\n\nQuestion: {question.text}\n\n{_livecodebench_format(question)}"
    )


def livecodebench_base(question: Question) -> str:
    """LiveCodeBench's headings for base models (`lcb_runner`), without its one worked example: zero-shot."""
    starter = f"### Starter Code\n{question.starter}\n\n" if question.starter else ""
    return f"### Question\n{question.text}\n\n{starter}### Answer\n\n"


def _shown(part):
    if not part:
        raise Lacking("its prompt template shows code to continue or assertions, and the row has none")
    return part


def _task_text(question: Question) -> str:
    return question.starter or mbpp_docstring(question)


def _livecodebench_format(question: Question) -> str:
    if question.starter:
        return (
            "You will use the following starter code to write the solution to the problem and enclose your code "
            f"within delimiters.\n```python\n{question.starter}\n```\n"
        )
    return (
        "Read the inputs from stdin solve the problem and write the answer to stdout (do not directly test on the "
        "sample inputs). Enclose your code within delimiters as follows.\n```python\n# YOUR CODE HERE\n```\n"
    )
