# Responses of every evaluated model to every benchmark, and their verdicts.


rule generate:
    input:
        data=rules.data.output.evaluation,
        model=evaluated_model,
        code=code("models", "engines", "generate"),
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
    params:
        config=f"{RESULTS}/config.yaml",
        evaluation={key: value for key, value in SECTIONS["evaluation"].items() if key != "also"},
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
        code=code("verify", "grade"),
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
        reward=SECTIONS["reward"],
        data=folder_of_data,
        generations=lambda wildcards, input: Path(input.generations[0]).parent,
        out=subpath(output[0], parent=True),
    shell:
        "steer grade --config {params.config} --data {params.data} --generations {params.generations}"
        " --out {params.out} --workers {threads} > {log} 2>&1"
