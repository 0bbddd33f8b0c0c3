"""Count the jobs of each workflow rule for a configuration, from scratch. A test compares this with a dry run."""

from steer.configs.schema import Config
from steer.figures.wanted import wanted


def jobs(config: Config) -> dict[str, int]:
    """Map each rule to its number of jobs, in the order of the stages, without rules that have none.

    Rules of baselines with their own trainer count together as `baselines`, one job per seed.
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
        "validate": trained if chosen else 0,
        "frontier": len(config.frontier_runs) * seeds,
        "select": trained if chosen else 0,
        "measured_base": sum(model.made for model in further),
        "measured_train": len(further),
        "measure": 1 + len(further) if measured else 0,
        "generate": evaluated,
        "grade": evaluated,
        "tabulate": 1,
        "plot": len(wanted(config)),
        "report": 1,
        "everything": 1,
    }
    return {rule: count for rule, count in counts.items() if count}
