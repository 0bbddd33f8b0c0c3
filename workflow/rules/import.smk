# Runs made elsewhere: one run folder per log.


rule import_log:
    input:
        log_of_run,
    output:
        metrics=f"{RESULTS}/runs/{{run}}/seed{{seed}}/metrics.jsonl",
        validation=f"{RESULTS}/runs/{{run}}/seed{{seed}}/validation.jsonl",
        config=f"{RESULTS}/runs/{{run}}/seed{{seed}}/config.yaml",
        about=f"{RESULTS}/runs/{{run}}/seed{{seed}}/import.json",
    log:
        f"{RESULTS}/logs/import/{{run}}/seed{{seed}}.log",
    wildcard_constraints:
        run="|".join(map(re.escape, IMPORTED)) or "none",
    conda:
        "../../environment.yml"
    params:
        code=code_version("outside"),
        format=lambda wildcards: CONFIG.external[wildcards.run].format,
        map=lambda wildcards: [f"{theirs}={ours}" for theirs, ours in CONFIG.external[wildcards.run].map.items()],
        option=lambda wildcards: "--map" if CONFIG.external[wildcards.run].map else "",
        out=subpath(output.metrics, parent=True),
    shell:
        "steer import {input:q} --out {params.out} --format {params.format} --seed {wildcards.seed}"
        " {params.option} {params.map:q} > {log} 2>&1"
