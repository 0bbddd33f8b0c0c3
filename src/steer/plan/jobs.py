"""How many jobs each rule of the workflow has under a configuration, from scratch. A test holds it to a dry run."""

from steer.configs.schema import Config
from steer.figures.wanted import wanted


def jobs(config: Config) -> dict[str, int]:
    """Rule → jobs, in the order of the stages; rules without jobs are left out.

    The rules of baselines with a trainer of their own count together, one job a seed, as `baselines`.
    """
    seeds = len(config.seeds)
    trained = len(config.methods) * seeds
    chosen = config.evaluation.select_by is not None
    evaluated = len(config.evaluated)
    logs = sum(len(run.logs) for run in config.external.values())
    measured = config.measurement
    further = measured.models.values() if measured else []
    started = config.model.made and (config.methods or "base" in config.evaluation.also)
    from_scratch = config.model.path is None
    counts = {
        "data": 1,
        "warm_start": 1 if started and from_scratch else 0,
        "base_model": 1 if started and not from_scratch else 0,
        "train": trained,
        "baselines": (len(config.external) - len(config.imported)) * seeds,
        "import_log": logs,
        "validate": sum(len(config.kept_steps(run)) for run in config.methods) * seeds if chosen else 0,
        "select": trained if chosen else 0,
        "measured_base": sum(model.made for model in further),
        "measured_train": len(further),
        "measure": 1 + len(further) if measured else 0,
        "generate": evaluated,
        "grade": evaluated,
        "tabulate": 1,
        "plot": len(wanted(config)),
        "report": 1,
        "all": 1,
    }
    return {rule: count for rule, count in counts.items() if count}
