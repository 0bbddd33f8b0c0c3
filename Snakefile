# The entry from the root of the repository: the workflow itself is workflow/Snakefile.


include: "workflow/Snakefile"


# A default target does not survive inclusion: without this rule `snakemake` would run nothing.
rule everything:
    default_target: True
    input:
        rules.all.input,
