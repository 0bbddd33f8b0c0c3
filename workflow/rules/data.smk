# Training and evaluation problems.


rule data:
    input:
        rows=files_of_data,
    output:
        evaluation=expand(f"{RESULTS}/data/{{benchmark}}.jsonl", benchmark=BENCHMARKS),
        train=f"{RESULTS}/data/train.jsonl",
        removed=f"{RESULTS}/data/removed.csv",
    log:
        f"{RESULTS}/logs/data.log",
    conda:
        "../../environment.yml"
    params:
        config=f"{RESULTS}/config.yaml",
        code=code_version("data"),
        data=SECTIONS["data"],
        sets={name: data_set(name, CONFIG.data).model_dump(mode="json") for name in used_sets(CONFIG)},
        out=subpath(output.train, parent=True),
    shell:
        "steer data --config {params.config} --out {params.out} > {log} 2>&1"
