"""A data set in a few lines of YAML: `data.sets` of a configuration, and one file each in configs/datasets."""

import difflib
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from steer.configs.answers import MEANINGFUL, NAMES, TOLERANCE
from steer.configs.model import Positive, Section
from steer.configs.references import split_reference

# A data set may name these, or a tolerance: any other hint would have no effect.
TYPES = (*NAMES, *sorted(MEANINGFUL))
FAMILIES = ("base", "instruct", "coder")
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# Keys that only one kind of set reads.
KEYS_OF = {
    "math": ("answer", "answer_after", "type"),
    "code": ("tests", "entry_point", "prefix", "time_limit_s", "memory_limit_mb"),
}
# Keys that only rows from this place read.
OF_HUB = ("config", "split", "revision", "data_files")
OF_TASK = ("size", "start", "settings")
# Keys that rows made by reasoning-gym have no use for.
NOT_OF_TASK = ("local", "question", "answer", "answer_after", "id", "solution", "type", "meta", "parser")


class Copy(Section):
    """A known copy of the data, identified by its hash."""

    sha256: Hash = Field(description="hash of its content")
    rows: Positive | None = Field(None, description="its number of rows")
    note: str = Field("", description="source of the copy")


class DataSet(Section):
    """Location of rows and names of their columns. Dots reach into nested rows: `prompt.0.content`. docs/data.md."""

    title: str | None = Field(None, description="name in tables and figures; absent: the entry's own")
    kind: Literal["math", "code"] = Field(description="which verifier judges")
    file: str | None = Field(
        None,
        description=".jsonl, .jsonl.gz, .json, .csv or .parquet; one file or a glob, from the working directory or the "
        "configuration's folder",
    )
    local: str | None = Field(None, description="file below `data.data_dir`, read if that is set")
    hub: str | None = Field(None, description="hub id of a data set")
    config: str | None = Field(None, description="hub: name of its configuration")
    split: str = Field("train", description="hub: its split")
    revision: str | None = Field(None, description="hub: the commit; absent: the newest")
    data_files: list[str] = Field(default_factory=list, description="hub: JSON-lines files of it to read directly")
    reasoning_gym: str | None = Field(None, description="a task of the package reasoning-gym, which makes the rows")
    size: Positive = Field(512, description="reasoning_gym: number of items")
    start: Annotated[int, Field(ge=0)] = Field(0, description="reasoning_gym: index of the first item")
    settings: dict[str, Any] = Field(default_factory=dict, description="reasoning_gym: the task's own settings")
    parser: str | None = Field(None, description="reader of rows that need more than columns (steer.data.parsers)")
    question: str = Field("question", description="column of the question")
    answer: str = Field("answer", description="column of the reference answer")
    answer_after: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="the answer is what follows the last occurrence of this text"
    )
    tests: str = Field("tests", description="code: column of the tests")
    entry_point: str | None = Field(None, description="column of the name of the function that assert tests call")
    id: str | None = Field(None, description="column of ids; absent: `<set>-<row>`, from 1")
    solution: str | None = Field(None, description="column of worked solutions, for the oracle and for cold starts")
    prefix: str | None = Field(None, description="column of source text that a program continues")
    meta: list[str] = Field(default_factory=list, description="columns kept for tables")
    type: str | None = Field(None, description="hint to the mathematical verifier (docs/verifiers-math.md)")
    system: str = Field("", description="system turn before the question")
    prompt: str | None = Field(None, description="name of a template, or text with {question}; absent: the question")
    prompts: dict[str, str] = Field(default_factory=dict, description="prompts by model family, as `data.template`")
    rows: Positive | None = Field(None, description="required number of rows")
    sha256: Hash | None = Field(None, description="hash of the file, or of the content as `steer data` prints it")
    copies: list[Copy] = Field(default_factory=list, description="several known hashes, instead of one `sha256`")
    time_limit_s: Annotated[float, Field(gt=0)] | None = Field(None, description="code, in evaluation: CPU seconds")
    memory_limit_mb: Positive | None = Field(None, description="code, in evaluation")
    verifier: str = Field("", description="your own function that judges, `FILE.py:FUNCTION` (docs/rewards.md)")
    licence: str | None = Field(None, description="licence of the rows")
    note: str = Field("", description="what a user should know, such as a revision that was not checked")

    @field_validator("type")
    @classmethod
    def _known_type(cls, given: str | None) -> str | None:
        if given is not None and given not in TYPES and not TOLERANCE.fullmatch(given):
            raise ValueError(f"no such type; valid: {', '.join(TYPES)}, real:rel=0.001, real:abs=0.1")
        return given

    @field_validator("prompts")
    @classmethod
    def _families(cls, prompts: dict[str, str]) -> dict[str, str]:
        """Own families are allowed; a misspelt one of ours would have no effect."""
        for family in set(prompts) - set(FAMILIES):
            if close := difflib.get_close_matches(family, FAMILIES, 1, cutoff=0.8):
                raise ValueError(f"{family!r} is close to {close[0]!r}; write that, or choose another name")
        return prompts

    @field_validator("copies", mode="before")
    @classmethod
    def _plain_hashes(cls, copies: Any) -> Any:
        """A hash alone stands for a copy of any number of rows."""
        given = [copies] if isinstance(copies, str) else copies or []
        return [{"sha256": c} if isinstance(c, str) else c for c in given] if isinstance(given, list) else given

    @model_validator(mode="before")
    @classmethod
    def _kind_of_tasks(cls, given: Any) -> Any:
        """Tasks of reasoning-gym judge answers, not programs."""
        return {"kind": "math", **given} if isinstance(given, dict) and "reasoning_gym" in given else given

    @model_validator(mode="after")
    def _one_source(self) -> "DataSet":
        sources = [self.file, self.hub, self.reasoning_gym]
        if len(list(filter(None, sources))) > 1 or not any((*sources, self.local)):
            raise ValueError("give one of `file`, `hub` and `reasoning_gym`")
        self._check_task()
        unread = self._changed(OF_HUB) if self.hub is None else []
        if unread:
            raise ValueError(f"`{unread[0]}` is read with `hub` alone; take it out")
        if self.local and self.file:
            raise ValueError("`local` names a copy of a set on the hub; `file` is read already, so take it out")
        if self.sha256 and self.copies:
            raise ValueError("give `sha256` or `copies`, not both")
        other = "code" if self.kind == "math" else "math"
        unread = self._changed(KEYS_OF[other])
        if unread and not self.parser:
            raise ValueError(f"`{unread[0]}` is read with `kind: {other}` alone; take it out")
        if self.verifier:
            split_reference(self.verifier)
        for prompt in (self.prompt, *self.prompts.values()):
            if prompt is not None and "{question}" not in prompt and not prompt.isidentifier():
                raise ValueError(f"prompt {prompt!r} is no template's name and has no {{question}}")
        return self

    def _changed(self, keys: tuple[str, ...]) -> list[str]:
        """List those of the keys that differ from their defaults, which a dumped configuration holds."""
        defaults = {key: type(self).model_fields[key].get_default(call_default_factory=True) for key in keys}
        return [key for key, default in defaults.items() if getattr(self, key) != default]

    def _check_task(self) -> None:
        unused = self._changed(OF_TASK if self.reasoning_gym is None else (*NOT_OF_TASK, *OF_HUB))
        if unused:
            other = "belongs to" if self.reasoning_gym is None else "is not read with"
            raise ValueError(f"`{unused[0]}` {other} `reasoning_gym`; take it out")
        if self.reasoning_gym is None:
            return
        if self.kind != "math" or self.verifier:
            raise ValueError("a task of reasoning_gym judges answers itself; leave out `kind` and `verifier`")
        if "size" in self.settings:
            raise ValueError("settings: `size` stands beside `reasoning_gym`, not among the task's settings")
        seed = self.settings.get("seed", 0)
        if type(seed) is not int or seed < 0:  # a seed and its negative draw the same item
            raise ValueError(f"settings: `seed` is no integer from 0 (got {seed!r})")

    @property
    def known(self) -> list[Copy]:
        return self.copies or ([Copy(sha256=self.sha256, rows=self.rows)] if self.sha256 else [])
