#!/usr/bin/env bash
# Snakemake runs this once the environment is made, in the folder of the workflow.
set -euo pipefail
python -m pip install --quiet --no-deps --no-build-isolation --editable .
