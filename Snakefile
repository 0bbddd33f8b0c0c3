# One DAG for every scale: configs → data → train → generate → grade → analyse → figures → report.
# `snakemake --cores 2` runs configs/tiny.yaml; `--configfile configs/<other>.yaml` runs another experiment.


from snakemake.utils import min_version

min_version("9.27")


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/import.smk"
include: "workflow/rules/theory.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"


# A baseline with its own trainer is one file in this folder; nothing else changes.
for path in sorted(Path(workflow.basedir, "workflow/rules/baselines").glob("*.smk")):

    include: str(path)


# Snakemake's own error would name the evaluation files that lack a model, not the fix. An existing model folder needs
# no rule.
for name, run in CONFIG.external.items():
    for seed, log in run.logs.items():
        if not Path(log).exists():
            raise WorkflowError(f"{CONFIG_FILE}: key `external.{name}.logs.{seed}`: no such file {log}; correct it")
    if run.logs:
        continue
    model = f"{RESULTS}/runs/{name}/seed{next(iter(CONFIG.seeds), 0)}/model"
    ruled = any(file.match(model) for rule in workflow.rules for file in rule.output)
    if not ruled and not Path(model).exists():
        remedy = "add one to workflow/rules/baselines/ (README.md) or take the entry out"
        raise WorkflowError(f"{CONFIG_FILE}: key `external.{name}`: no rule writes {model}; {remedy}")


rule all:
    default_target: True
    input:
        f"{RESULTS}/report/index.html",


# The configuration that the commands read. It is no rule's output: a rule above all others would hide from Snakemake
# why they must rerun.
onstart:
    atomic_write(f"{RESULTS}/config.yaml", dump(CONFIG))
