# The base model, from scratch or from a pretrained one, and one training run per method and seed.


if CONFIG.model.path is None:

    rule warm_start:
        output:
            directory(f"{RESULTS}/base_model"),
        log:
            f"{RESULTS}/logs/warm_start.log",
        benchmark:
            f"{RESULTS}/benchmarks/warm_start.tsv"
        conda:
            "../../environment.yml"
        threads: CONFIG.threads.warm_start
        resources:
            gpu=min(CONFIG.hardware.gpus, 1),
        params:
            config=f"{RESULTS}/config.yaml",
            code=code_version("data/tasks", "models", "engines", "verify", starting=("warm_start", "starting")),
            warm_start=SECTIONS["model"]["warm_start"],
            benchmarks=BENCHMARKS,
        shell:
            "steer warm-start --config {params.config} --out {output} --threads {threads} > {log} 2>&1"

else:

    rule base_model:
        input:
            data=f"{RESULTS}/data/train.jsonl",
            given=files_of_model(CONFIG.model),
        output:
            directory(f"{RESULTS}/base_model"),
        log:
            f"{RESULTS}/logs/base_model.log",
        benchmark:
            f"{RESULTS}/benchmarks/base_model.tsv"
        conda:
            "../../environment.yml"
        threads: CONFIG.threads.train
        resources:
            gpu=min(CONFIG.hardware.gpus, 1),
        params:
            config=f"{RESULTS}/config.yaml",
            # Without the engine and the verifier, which only measure the model: a changed verifier does not remake it.
            code=code_version("models", starting=("base_model", "cold_start", "starting")),
            model={key: SECTIONS["model"][key] for key in MADE_FROM},
        shell:
            "steer base-model --config {params.config} --data {input.data} --out {output} --threads {threads}"
            " > {log} 2>&1"


rule train:
    input:
        data=f"{RESULTS}/data/train.jsonl",
        model=base_model,
    output:
        **KEPT_MODELS,
        metrics=f"{RESULTS}/runs/{{run}}/seed{{seed}}/metrics.jsonl",
        config=f"{RESULTS}/runs/{{run}}/seed{{seed}}/config.yaml",
        model=directory(f"{RESULTS}/runs/{{run}}/seed{{seed}}/model"),
        tokens=f"{RESULTS}/runs/{{run}}/seed{{seed}}/tokens.jsonl.gz",
    log:
        f"{RESULTS}/logs/train/{{run}}/seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/{{run}}/seed{{seed}}.tsv"
    wildcard_constraints:
        run="|".join(map(re.escape, CONFIG.methods)) or "none",
    conda:
        TRAIN_ENVIRONMENT
    threads: CONFIG.threads.train
    resources:
        # Only one verl run at a time uses the cluster, if a profile sets `resources: verl=1`.
        verl=int(VERL),
        gpu=gpus_of_run,
    params:
        config=f"{RESULTS}/config.yaml",
        code=run_code,
        sections=run_sections,
        model=lambda wildcards, input: (input.model[0] if input.model else CONFIG.model.path),
        out=subpath(output.metrics, parent=True),
        # Not an output: a checkpoint must outlive a killed job.
        checkpoints=f"{RESULTS}/checkpoints/{{run}}/seed{{seed}}",
        verdicts="results/cache/verdicts",
    shell:
        "steer train --config {params.config} --run {wildcards.run} --seed {wildcards.seed} --model {params.model:q}"
        " --data {input.data} --out {params.out} --checkpoints {params.checkpoints} --verdicts {params.verdicts}"
        " --threads {threads} > {log} 2>&1"
