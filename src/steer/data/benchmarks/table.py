"""The benchmarks, one entry each: hub address and pinned revision, local files, known copies, prompts.

`copies` lists copies whose content was read and hashed. The hub's own copy has the same hash where it agrees with
one of them in questions and golds. OlympiadBench is known with 674 rows (hub) and 675 (Qwen2.5-Math's copy).
"""

from steer.data.benchmarks import code_rows, math_rows, prompts
from steer.data.benchmarks.livecodebench import livecodebench
from steer.data.benchmarks.source import BenchmarkSource, Copy

_BOXED = {"instruct": prompts.boxed_instruction, "coder": prompts.boxed_instruction}
_DAPO = {"default": prompts.dapo_answer, "base": prompts.dapo_answer, **_BOXED}
_BARE = {"default": prompts.bare, "base": prompts.bare, **_BOXED}
_COMPLETE = {
    "default": prompts.evalplus_instruct,
    "base": prompts.completion,
    "instruct": prompts.evalplus_instruct,
    "coder": prompts.codeqwen_complete,
}
_MBPP = {**_COMPLETE, "base": prompts.mbpp_docstring}
_LIVECODEBENCH = {
    "default": prompts.livecodebench_chat,
    "base": prompts.livecodebench_base,
    "instruct": prompts.livecodebench_chat,
    "coder": prompts.livecodebench_codeqwen,
}
_SOURCES = (
    BenchmarkSource(
        name="aime24",
        title="AIME24",
        kind="math",
        hub="HuggingFaceH4/aime_2024",
        revision="2fe88a2f1091d5048c0f36abc874fb997b3dd99a",
        split="train",
        rows=30,
        files=("math/aime24.jsonl",),
        parse=math_rows.aime,
        templates=_DAPO,
        copies=(Copy(30, "c1028c20d210e8c8aaba70393fd51cb9dcda196fdf8f2500bea37c96e0b78c3a", "copy of Qwen2.5-Math"),),
    ),
    BenchmarkSource(
        name="aime25",
        title="AIME25",
        kind="math",
        hub="math-ai/aime25",
        revision="563bb8404243c5f09de6ec262f2db674fe5bce9b",
        split="test",
        rows=30,
        files=("math/aime25.jsonl",),
        parse=math_rows.aime,
        templates=_DAPO,
        copies=(
            Copy(
                30,
                "c5f58614b37fe73c046464dc02306d8e9c1e4ac985e3b79186c071b1d490ff75",
                "copy of Slow_Thinking_with_LLMs",
            ),
        ),
    ),
    BenchmarkSource(
        name="amc23",
        title="AMC23",
        kind="math",
        hub="math-ai/amc23",
        revision="80815d37005feb82cd7f8fbc6901d5d3eff43057",
        split="test",
        rows=40,
        files=("math/amc23.jsonl",),
        parse=math_rows.amc,
        templates=_DAPO,
        copies=(Copy(40, "b451b1d26b94fdb1c94576daed9583d2d254bde5e9f78a1a7f6bc5e5823fa979", "copy of Qwen2.5-Math"),),
    ),
    BenchmarkSource(
        name="math500",
        title="MATH500",
        kind="math",
        hub="HuggingFaceH4/MATH-500",
        revision="6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be",
        split="test",
        rows=500,
        files=("math/math500.jsonl",),
        parse=math_rows.math500,
        templates=_BARE,
        copies=(Copy(500, "4a06788f3cba46e9a4ab4525f68621e9c2e6dfa08fe1951ffb7345026ab0dea6", "the hub's file"),),
    ),
    BenchmarkSource(
        name="minerva",
        title="Minerva",
        kind="math",
        hub="math-ai/minervamath",
        revision="ee46ddc498933b1977577953250ca5c66be64f96",
        split="test",
        rows=272,
        files=("math/minerva.jsonl",),
        parse=math_rows.minerva,
        templates=_BARE,
        copies=(Copy(272, "bec8ab22f61895eeac3bbe40e6e9f94a7334d1045f512d1295c04fe1da67184c", "copy of Qwen2.5-Math"),),
    ),
    BenchmarkSource(
        name="olympiadbench",
        title="OlympiadBench",
        kind="math",
        hub="Hothan/OlympiadBench",
        revision="91184b52131e7fc9455fef848035173aea8cc01a",
        config="OE_TO_maths_en_COMP",
        split="train",
        rows=674,
        files=("math/olympiadbench.jsonl",),
        parse=math_rows.olympiadbench,
        templates=_BARE,
        copies=(Copy(675, "3b563da106fdde47298a20957033e7da58af538ac19c3258a1c999c311fedca7", "copy of Qwen2.5-Math"),),
    ),
    BenchmarkSource(
        name="gsm8k",
        title="GSM8K",
        kind="math",
        hub="openai/gsm8k",
        revision="740312add88f781978c0658806c59bc2815b9866",
        config="main",
        split="test",
        rows=1319,
        files=("math/gsm8k.jsonl",),
        parse=math_rows.gsm8k,
        templates=_BARE,
        copies=(
            Copy(1319, "b72bc7d4740c667a947ebebe59447892badb9d21bf7b04ac6547e5a7306fb6aa", "openai/grade-school-math"),
        ),
    ),
    BenchmarkSource(
        name="humaneval",
        title="HumanEval",
        kind="code",
        hub="openai/openai_humaneval",
        revision="7dce6050a7d6d172f3cc5c32aa97f52fa1a2e544",
        split="test",
        rows=164,
        files=("code/humaneval.jsonl.gz",),
        parse=code_rows.humaneval,
        templates=_COMPLETE,
        copies=(Copy(164, "6ddcd9d1b7b5fb3242d98a7b4f11bca0a4d2ac78a2abaa201eeecf92c2f3382a", "openai/human-eval"),),
    ),
    BenchmarkSource(
        name="humanevalplus",
        title="HumanEval+",
        kind="code",
        hub="evalplus/humanevalplus",
        revision="d32357cf319e50e9c8d8dab5ea876c72b0fd321b",
        split="test",
        rows=164,
        files=("code/humanevalplus_hub_format.jsonl.gz",),
        parse=code_rows.humaneval,
        templates=_COMPLETE,
        copies=(
            Copy(
                164,
                "2bf0b444c323694eeb4db702d3ad84398a443f89811a82a5069432641accd766",
                "EvalPlus v0.1.10 in the hub's columns",
            ),
        ),
    ),
    BenchmarkSource(
        name="mbpp",
        title="MBPP",
        kind="code",
        hub="google-research-datasets/mbpp",
        revision="4bb6404fdc6cacfda99d4ac4205087b89d32030c",
        config="full",
        split="train+test+validation+prompt",
        rows=974,
        files=("code/mbpp.jsonl",),
        parse=code_rows.mbpp,
        templates=_MBPP,
        copies=(
            Copy(974, "0bfdd98fde226b0096273dbfbe714e4f2c3c061b0d713d9e78edbee222d536ce", "google-research mbpp.jsonl"),
        ),
    ),
    BenchmarkSource(
        name="mbpp_sanitized",
        title="MBPP sanitized",
        kind="code",
        hub="google-research-datasets/mbpp",
        revision="4bb6404fdc6cacfda99d4ac4205087b89d32030c",
        config="sanitized",
        split="train+test+validation+prompt",
        rows=427,
        files=("code/mbpp_sanitized.json",),
        parse=code_rows.mbpp,
        templates=_MBPP,
        copies=(
            Copy(
                427,
                "5fdc0e666d5f1a75b9bcc7211da30db8fc82bf69ddc361f5efc90666b5dcb866",
                "google-research sanitized-mbpp.json",
            ),
        ),
    ),
    BenchmarkSource(
        name="mbppplus",
        title="MBPP+",
        kind="code",
        hub="evalplus/mbppplus",
        revision="b2d74c91837c3f2a20c1299ae98133cbe7cfa077",
        split="test",
        rows=378,
        files=("code/mbppplus_hub_format.jsonl.gz",),
        parse=code_rows.mbppplus,
        templates=_MBPP,
        copies=(
            Copy(
                378,
                "5439831632d8fbce28abf9e7aeda927e8b05abb4c365e0de90f7c5acabdde34b",
                "EvalPlus v0.2.0 in the hub's columns",
            ),
        ),
    ),
    BenchmarkSource(
        name="livecodebench",
        title="LiveCodeBench v5",
        kind="code",
        hub="livecodebench/code_generation_lite",
        revision="0fe84c3912ea0c4d4a78037083943e8f0c4dd505",
        split="test",
        data_files=("test.jsonl", "test2.jsonl", "test3.jsonl", "test4.jsonl", "test5.jsonl"),
        rows=279,
        files=("code/livecodebench_v1_public.jsonl",),
        parse=livecodebench,
        templates=_LIVECODEBENCH,
        copies=(
            Copy(
                400, "84d67842ce4c4d547a7162b6349cd254d29b3e84de7d08432a0184544834433c", "release v1, public tests only"
            ),
        ),
    ),
)

BENCHMARKS: dict[str, BenchmarkSource] = {source.name: source for source in _SOURCES}
