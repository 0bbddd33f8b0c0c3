# One DAG for every scale: configs → data → train → generate → grade → analyse → figures → report.
# `snakemake --cores 2` runs configs/tiny.yaml; `--configfile configs/<other>.yaml` runs another experiment.


from snakemake.utils import min_version

min_version("9.27")


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/theory.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"


# A baseline with a trainer of its own is a file in this folder; nothing else changes.
for path in sorted(Path(workflow.basedir, "workflow/rules/baselines").glob("*.smk")):

    include: str(path)


rule all:
    default_target: True
    input:
        f"{RESULTS}/report/index.html",


# What the commands read. No rule makes it: a rule above all others would hide from Snakemake why they must run again.
onstart:
    atomic_write(f"{RESULTS}/config.yaml", dump(CONFIG))
