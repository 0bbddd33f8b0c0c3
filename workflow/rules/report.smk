# Tables from verdicts and metrics, figures from tables, the page from all of them.


rule tabulate:
    input:
        data=rules.data.output.evaluation,
        validations=of_runs("runs/{run}/seed{seed}/validation.jsonl", [pair for pair in TRAINED if pair[0] in IMPORTED]),
        metrics=of_runs("runs/{run}/seed{seed}/metrics.jsonl", TRAINED),
        generations=of_runs(f"generations/{{run}}/seed{{seed}}/{BENCHMARKS[0]}.jsonl.gz", EVALUATED),
        verdicts=of_runs(f"verdicts/{{run}}/seed{{seed}}/{BENCHMARKS[0]}.jsonl.gz", EVALUATED),
        along=of_runs("frontier/{run}/seed{seed}.jsonl.gz", [(run, seed) for run in ALONG for seed in CONFIG.seeds]),
        measurements=expand(f"{RESULTS}/measurements/{{model}}.csv.gz", model=MEASURED),
        code=code("analyse"),
    output:
        report(
            directory(f"{RESULTS}/tables"),
            patterns=["{table}.md"],
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
    log:
        f"{RESULTS}/logs/tabulate.log",
    conda:
        "../../environment.yml"
    params:
        config=f"{RESULTS}/config.yaml",
        sections={
            key: SECTIONS[key]
            for key in (
                "name",
                "methods",
                "external",
                "seeds",
                "data",
                "evaluation",
                "measurement",
                "model",
                "reward",
            )
        },
        labels=LABELS,
        results=subpath(output[0], parent=True),
    shell:
        "steer tabulate --config {params.config} --results {params.results} --out {output} > {log} 2>&1"


rule plot:
    input:
        tables=f"{RESULTS}/tables",
        code=code("figures"),
    output:
        report(
            f"{RESULTS}/figures/{{figure}}.png",
            caption="../report/figure.rst",
            category=lambda wildcards: ABOUT_FIGURES[wildcards.figure].category,
            labels={"figure": "{figure}"},
        ),
        f"{RESULTS}/figures/{{figure}}.pdf",
    log:
        f"{RESULTS}/logs/plot/{{figure}}.log",
    conda:
        "../../environment.yml"
    params:
        config=f"{RESULTS}/config.yaml",
        out=subpath(output[0], parent=True),
    shell:
        "steer plot {wildcards.figure} --config {params.config} --tables {input.tables} --out {params.out} > {log} 2>&1"


rule report:
    input:
        tables=f"{RESULTS}/tables",
        figures=expand(f"{RESULTS}/figures/{{figure}}.png", figure=FIGURES),
        runs=of_runs("runs/{run}/seed{seed}/config.yaml", TRAINED),
        code=code("report"),
    output:
        f"{RESULTS}/report/index.html",
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        "../../environment.yml"
    params:
        config=f"{RESULTS}/config.yaml",
        # The page shows the whole configuration.
        sections=SECTIONS,
        results=subpath(output[0], ancestor=2),
    shell:
        "steer report --config {params.config} --results {params.results} --out {output} > {log} 2>&1"
