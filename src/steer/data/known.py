"""Whether the benchmarks that a configuration names are there, before anything runs."""

from steer.configs.load import nearest
from steer.configs.schema import Config
from steer.data.benchmarks import BENCHMARKS
from steer.data.tasks import FAMILIES
from steer.errors import UserError


def check_names(config: Config, file: str) -> None:
    """`UserError` for a name in `data.benchmarks` or `evaluation.samples` that is no benchmark's.

    `evaluation.samples` may name any, since configurations inherit it; a name of none would let `default` stand in.
    """
    known = FAMILIES if config.data.source == "synthetic" else BENCHMARKS
    for name in config.data.benchmarks:
        if name not in known:
            kind = "synthetic family" if config.data.source == "synthetic" else "benchmark"
            raise UserError(f"{file}: key `data.benchmarks`: no {kind} {name!r}{nearest(name, known)}")
    every = ["default", *FAMILIES, *BENCHMARKS]
    for name in config.evaluation.samples:
        if name not in every:
            raise UserError(f"{file}: key `evaluation.samples`: no benchmark {name!r}{nearest(name, every)}")
