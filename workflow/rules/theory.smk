# Measure the entropy change of single updates on the configuration's model, and on further models trained here with the
# same run.

MEASURED = ["main", *CONFIG.measurement.models] if CONFIG.measurement else []
FURTHER = MEASURED[1:]
STARTING = ("warm_start", "base_model", "cold_start", "starting")


rule measured_base:
    input:
        data=f"{RESULTS}/data/train.jsonl",
        given=lambda wildcards: files_of_model(CONFIG.measurement.models[wildcards.model]),
    output:
        directory(f"{RESULTS}/measured/{{model}}/base_model"),
    log:
        f"{RESULTS}/logs/measured/{{model}}/base_model.log",
    wildcard_constraints:
        model="|".join(map(re.escape, FURTHER)) or "none",
    conda:
        "../../environment.yml"
    threads: CONFIG.threads.warm_start
    resources:
        gpu=min(CONFIG.hardware.gpus, 1),
    params:
        config=f"{RESULTS}/config.yaml",
        code=code_version("data/tasks", "models", "engines", "verify", starting=STARTING),
        settings=lambda wildcards: json.dumps(SECTIONS["measurement"]["models"][wildcards.model]),
        benchmarks=BENCHMARKS,
    shell:
        "steer base-model --config {params.config} --set model=null --set model={params.settings:q} --data {input.data}"
        " --out {output} --threads {threads} > {log} 2>&1"


use rule train as measured_train with:
    input:
        data=f"{RESULTS}/data/train.jsonl",
        model=measured_base,
    output:
        metrics=f"{RESULTS}/measured/{{model}}/{{run}}/seed{{seed}}/metrics.jsonl",
        config=f"{RESULTS}/measured/{{model}}/{{run}}/seed{{seed}}/config.yaml",
        model=directory(f"{RESULTS}/measured/{{model}}/{{run}}/seed{{seed}}/model"),
        models=directory(f"{RESULTS}/measured/{{model}}/{{run}}/seed{{seed}}/models"),
        tokens=f"{RESULTS}/measured/{{model}}/{{run}}/seed{{seed}}/tokens.jsonl.gz",
    log:
        f"{RESULTS}/logs/measured/{{model}}/{{run}}/seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/measured/{{model}}/{{run}}/seed{{seed}}.tsv"
    wildcard_constraints:
        model="|".join(map(re.escape, FURTHER)) or "none",
    params:
        config=f"{RESULTS}/config.yaml",
        code=run_code,
        sections=run_sections,
        model=lambda wildcards, input: measured_path(wildcards) or input.model[0],
        out=subpath(output.metrics, parent=True),
        checkpoints=f"{RESULTS}/checkpoints/measured/{{model}}/{{run}}/seed{{seed}}",


rule measure:
    input:
        data=f"{RESULTS}/data/train.jsonl",
        base=measured_base,
        run=measured_run,
    output:
        tokens=f"{RESULTS}/measurements/{{model}}.csv.gz",
        facts=f"{RESULTS}/measurements/{{model}}.json",
    log:
        f"{RESULTS}/logs/measure/{{model}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure/{{model}}.tsv"
    wildcard_constraints:
        model="|".join(map(re.escape, MEASURED)) or "none",
    conda:
        "../../environment.yml"
    threads: CONFIG.threads.train
    resources:
        gpu=min(CONFIG.hardware.gpus, 1),
    params:
        config=f"{RESULTS}/config.yaml",
        code=measure_code,
        measurement={key: value for key, value in (SECTIONS["measurement"] or {}).items() if key != "draws"},
        model=lambda wildcards, input: measured_path(wildcards) or input.base[0],
        run=lambda wildcards, input: Path(input.run[0]).parent,
    shell:
        "steer measure --config {params.config} --model {params.model:q} --run {params.run} --data {input.data}"
        " --out {output.tokens} --threads {threads} > {log} 2>&1"
