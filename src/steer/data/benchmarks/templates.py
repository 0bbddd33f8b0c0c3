"""Choose the function that writes the prompts of a data set."""

import inspect

from steer.configs.dataset import FAMILIES, DataSet
from steer.configs.load import nearest
from steer.data.benchmarks import prompts
from steer.errors import UserError


def template_of(name: str, spec: DataSet, template: str | None) -> prompts.Template:
    """Return the function that writes the prompts of the set `name`.

    `template` is a model family, also one that the set's `prompts` add, or the name of a function in `prompts`; None:
    the set's own. Raises `UserError` for an
    unknown name.
    """
    named = dict(inspect.getmembers(prompts, _is_template))
    if template is not None and template not in (*FAMILIES, *spec.prompts):
        if template not in named:
            near = nearest(template, [*FAMILIES, *spec.prompts, *named])
            raise UserError(f"key `data.template`: no prompt template {template!r}{near}")
        return named[template]
    prompt = spec.prompts.get(template, spec.prompt)
    if prompt is None:
        return prompts.bare
    if "{question}" in prompt:
        return lambda question: prompt.replace("{question}", question.text)
    if prompt not in named:
        key = f"prompts.{template}" if template in spec.prompts else "prompt"
        raise UserError(f"data set {name!r}, key `{key}`: no prompt template {prompt!r}{nearest(prompt, named)}")
    return named[prompt]


def _is_template(member: object) -> bool:
    return inspect.isfunction(member) and member.__module__ == prompts.__name__ and member.__name__[0] != "_"
