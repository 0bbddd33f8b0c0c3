# The configuration as it was run, and the problems to train and to evaluate on.


rule config:
    output:
        f"{RESULTS}/config.yaml",
    log:
        f"{RESULTS}/logs/config.log",
    conda:
        "../../environment.yml"
    params:
        sections=SECTIONS,
        file=CONFIG_FILE,
        set=[f"--set {part!r}" for part in SET],
    shell:
        "steer config --config {params.file} {params.set} --out {output} 2> {log}"


rule data:
    input:
        config=ancient(f"{RESULTS}/config.yaml"),
        code=code("data"),
    output:
        evaluation=expand(f"{RESULTS}/data/{{benchmark}}.jsonl", benchmark=BENCHMARKS),
        train=f"{RESULTS}/data/train.jsonl",
        removed=f"{RESULTS}/data/removed.csv",
    log:
        f"{RESULTS}/logs/data.log",
    conda:
        "../../environment.yml"
    params:
        data=SECTIONS["data"],
        out=subpath(output.train, parent=True),
    shell:
        "steer data --config {input.config} --out {params.out} > {log} 2>&1"
