# Responses of every evaluated model to every benchmark, and verdicts.


rule generate:
    input:
        data=rules.data.output.evaluation,
        model=evaluated_model,
    output:
        expand(
            f"{RESULTS}/generations/{{{{run}}}}/seed{{{{seed}}}}/{{benchmark}}.jsonl.gz",
            benchmark=BENCHMARKS,
        ),
    log:
        f"{RESULTS}/logs/generate/{{run}}/seed{{seed}}.log",
    conda:
        "../../environment.yml"
    threads: CONFIG.threads.generate
    resources:
        gpu=SAMPLING_GPUS,
    params:
        config=f"{RESULTS}/config.yaml",
        code=code_version("models", "engines", "generate"),
        evaluation={key: value for key, value in SECTIONS["evaluation"].items() if key not in CHOICE},
        rollout=SECTIONS["rollout"],
        model=model_argument,
        cache="results/cache/generations",
        data=folder_of_data,
        out=subpath(output[0], parent=True),
    shell:
        "steer generate --config {params.config} {params.model} --data {params.data} --out {params.out}"
        " --cache {params.cache} --threads {threads} > {log} 2>&1"


rule grade:
    input:
        data=rules.data.output.evaluation,
        generations=rules.generate.output,
    output:
        expand(
            f"{RESULTS}/verdicts/{{{{run}}}}/seed{{{{seed}}}}/{{benchmark}}.jsonl.gz",
            benchmark=BENCHMARKS,
        ),
    log:
        f"{RESULTS}/logs/grade/{{run}}/seed{{seed}}.log",
    conda:
        "../../environment.yml"
    threads: CONFIG.threads.grade
    params:
        config=f"{RESULTS}/config.yaml",
        code=code_version("verify", "grade/command.py"),
        reward=JUDGED,
        functions=content(tuple(VERIFIER_FILES)),
        data=folder_of_data,
        generations=lambda wildcards, input: Path(input.generations[0]).parent,
        verdicts="results/cache/verdicts",
        out=subpath(output[0], parent=True),
    shell:
        "steer grade --config {params.config} --data {params.data} --generations {params.generations}"
        " --out {params.out} --verdicts {params.verdicts} --workers {threads} > {log} 2>&1"


rule validate:
    input:
        data=f"{RESULTS}/data/{SELECT_BY}.jsonl",
        models=f"{RESULTS}/runs/{{run}}/seed{{seed}}/models",
    output:
        directory(f"{RESULTS}/validations/{{run}}/seed{{seed}}"),
    log:
        f"{RESULTS}/logs/validate/{{run}}/seed{{seed}}.log",
    conda:
        "../../environment.yml"
    threads: CONFIG.threads.generate
    resources:
        gpu=SAMPLING_GPUS,
    params:
        config=f"{RESULTS}/config.yaml",
        code=code_version("models", "engines", "generate", "verify", "grade"),
        evaluation=SELECTION,
        rollout=SECTIONS["rollout"],
        reward=JUDGED,
        functions=content(tuple(VERIFIER_FILES)),
        # A restarted job continues from the responses it had.
        cache="results/cache/generations",
        verdicts="results/cache/verdicts",
    shell:
        "steer validate --config {params.config} --models {input.models} --data {input.data} --out {output}"
        " --cache {params.cache} --verdicts {params.verdicts} --threads {threads} > {log} 2>&1"


rule select:
    input:
        models=f"{RESULTS}/runs/{{run}}/seed{{seed}}/models",
        verdicts=rules.validate.output,
        code=[os.path.relpath(ROOT / "src/steer/analyse" / name) for name in ("select.py", "statistics.py")],
    output:
        model=directory(f"{RESULTS}/runs/{{run}}/seed{{seed}}/best"),
        summary=f"{RESULTS}/runs/{{run}}/seed{{seed}}/selection.json",
    log:
        f"{RESULTS}/logs/select/{{run}}/seed{{seed}}.log",
    conda:
        "../../environment.yml"
    shell:
        "steer select --models {input.models} --verdicts {input.verdicts}/step*.jsonl.gz --out {output.model}"
        " --summary {output.summary} > {log} 2>&1"


rule frontier:
    input:
        data=rules.data.output.evaluation,
        models=f"{RESULTS}/runs/{{run}}/seed{{seed}}/models",
        base=base_model,
    output:
        f"{RESULTS}/frontier/{{run}}/seed{{seed}}.jsonl.gz",
    log:
        f"{RESULTS}/logs/frontier/{{run}}/seed{{seed}}.log",
    conda:
        "../../environment.yml"
    threads: CONFIG.threads.generate
    resources:
        gpu=SAMPLING_GPUS,
    params:
        config=f"{RESULTS}/config.yaml",
        code=code_version("models", "engines", "generate", "verify", "grade"),
        evaluation=FRONTIER,
        rollout=SECTIONS["rollout"],
        reward=JUDGED,
        functions=content(tuple(VERIFIER_FILES)),
        base=lambda wildcards, input: (input.base[0] if input.base else CONFIG.model.path),
        data=folder_of_data,
        cache="results/cache/generations",
        verdicts="results/cache/verdicts",
    shell:
        "steer frontier --config {params.config} --run {wildcards.run} --base {params.base:q} --models {input.models}"
        " --data {params.data} --out {output} --cache {params.cache} --verdicts {params.verdicts} --threads {threads} > {log} 2>&1"
