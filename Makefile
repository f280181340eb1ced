# Every target is a thin wrapper around a program that can also be run directly; `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
# Every command here starts interpreters by the dozen; without compiled files each would compile the code again.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
MESH := $(if $(BACKEND),MESH_BACKEND=$(BACKEND) )$(BIN)/mesh
PYTEST := $(BIN)/python -m pytest
# Each worker takes a file at a time (how many there are: testkit.parallel); the slowest tests are listed.
PARALLEL := -n logical --durations 20
BENCHMARKS := $(BIN)/python -P -m benchmarks
SERVICES := $(notdir $(patsubst %/service.yaml,%,$(wildcard services/*/service.yaml)))
# Anything that has tests: test-imaging, test-chassis, test-contracts, test-localmesh, test-mesh, test-e2e, …
member = $(firstword $(wildcard $(patsubst %,%/$*/tests,services services/lib libraries localstack tools tests .) tests/$*))

# The first line of every target that acts on one environment: without ENV it prints the usage.
needs-env = @test -n "$(ENV)" || { echo "usage: make $@ ENV=dev" >&2; exit 2; }

.PHONY: help setup up down status logs reset demo test smoke conformance test-fast test-changed test-scheduled mutants check fmt \
	contracts-export contracts-check contracts-docs openapi readmes \
	infra-bootstrap infra-plan infra-apply infra-diff infra-destroy infra-outputs package lambda-deploy lambda-logs \
	db-migrate secrets-push secrets-pull secrets-list verify cost eval eval-compare bench bench-backends ci clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z%<>-]+:.*## / { sub(/%/, "<name>", $$1); printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  services: $(SERVICES)"

setup: ## Install everything into .venv (returns at once when nothing has changed)
	@if ! $(BIN)/python -IS tools/bootstrap.py --is-current 2>/dev/null; then \
		command -v python3 >/dev/null || { echo "setup: python3 was not found: install Python 3.11 or newer" >&2; exit 1; }; \
		python3 tools/bootstrap.py; \
	fi

up: setup ## Start the mesh; BACKEND=localstack, MODE=containers, IAM=0
	@$(MESH) up $(if $(filter 0,$(IAM)),--no-iam) $(if $(MODE),--mode "$(MODE)")

down: setup ## Stop the mesh; its state stays
	@$(MESH) down

status: setup ## Processes, functions, queues, dead letters, parked events, last errors
	@$(MESH) status

logs: setup ## Logs of SERVICE=imaging; FOLLOW=1 follows, SINCE=1h goes further back
	@test -n "$(SERVICE)" || { echo "usage: make logs SERVICE=imaging (one of: $(SERVICES) postgres emulator companion providers)" >&2; exit 2; }
	@$(MESH) logs $(SERVICE) $(if $(SINCE),--since $(SINCE)) $(if $(FOLLOW),--follow)

reset: setup ## Stop the mesh and delete all its data (asks first; YES=1 does not)
	@$(MESH) reset $(if $(YES),--yes)

demo: setup ## Start the mesh and demonstrate it: upload pictures, search, chat
	@$(MESH) demo

test: setup ## All tests that need no Docker, in parallel; with ARGS= one pytest with these arguments
	@$(PYTEST) $(or $(ARGS),$(PARALLEL))

conformance: setup ## What AWS does, tried on both emulators of it, with a table of what differs
	@$(PYTEST) tests/conformance --scheduled $(ARGS)

test-fast: setup ## The tests that start no server and no Terraform, in two minutes
	@$(PYTEST) $(PARALLEL) -m "not integration and not e2e and not terraform" $(ARGS)

test-changed: setup ## The tests that can notice what changed since BASE (main), committed or not
	@tests=$$($(BIN)/python -m testkit.changed $(if $(BASE),--base "$(BASE)")) && \
		if [ -z "$$tests" ]; then echo "nothing that a test can notice has changed"; \
		else $(PYTEST) $(PARALLEL) $(ARGS) $$tests; fi

test-scheduled: setup ## All tests, with whole corpora and what takes long, as the scheduled workflow runs them
	@$(PYTEST) $(PARALLEL) --scheduled $(ARGS)

test-%: setup ## The tests of one service or library, e.g. make test-imaging; make test-e2e BACKEND=localstack, or ATTACH=folder
	@test -n "$(member)" || { echo "make: there are no tests named $*" >&2; exit 2; }
	@$(if $(BACKEND),MESH_BACKEND=$(BACKEND) )$(PYTEST) $(member) $(ARGS)

smoke: setup ## The few end-to-end tests that every back end has to pass, in three minutes; BACKEND=localstack
	@$(if $(BACKEND),MESH_BACKEND=$(BACKEND) )$(PYTEST) tests/e2e -m smoke --scheduled --durations 5 $(ARGS)

mutants: setup ## Which changes of the code does no test notice? MODULE=chassis.outbox; default: a sample of all. ARGS=--help
	@$(BIN)/python -P -m mutation run $(MODULE) $(ARGS)

check: setup ## Lint, types, import rules between packages, and contract compatibility
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(MAKE) contracts-check

fmt: setup ## Format and sort imports
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

contracts-export: setup ## Export the JSON Schemas of all events from their models
	@$(BIN)/python -m contracts.export contracts/schemas

contracts-check: setup ## Would the working tree break any consumer? BASE=rev compares with a revision other than main
	@$(MESH) contracts check $(if $(BASE),--base $(BASE)) $(if $(GITHUB_ACTIONS),--output github)

contracts-docs: setup ## Write the contract catalogue as a web site to build/contracts
	@$(MESH) contracts docs build/contracts

eval: setup ## How well searches find what they should: the golden set; QUERIES=queries.json with URL= or ENV=dev: your own
	@test -z "$(ENV)" || test -n "$(QUERIES)" || { echo "usage: make $@ QUERIES=queries.json ENV=dev" >&2; exit 2; }
	@$(if $(QUERIES),$(MESH) evaluate "$(QUERIES)" $(if $(ENV),--env "$(ENV)",--url "$(URL)"),$(BENCHMARKS) golden) $(ARGS)

eval-compare: setup ## Report B=b.json of mesh evaluate beside A=a.json; fails where it is worse by more than .01
	@test -n "$(A)" && test -n "$(B)" || { echo "usage: make $@ A=a.json B=b.json" >&2; exit 2; }
	@$(MESH) evaluate --compare "$(A)" "$(B)" $(ARGS)

bench: setup ## Benchmarks of pipeline, imports and packages: tables of figures, each beside its reference
	@$(BENCHMARKS) all

bench-backends: setup ## The mesh on each back end, side by side, as a Markdown table; BACKEND=localstack: on one
	@$(BENCHMARKS) backends $(if $(BACKEND),--backend "$(BACKEND)") $(ARGS)

bench-%: setup ## Run one benchmark: imports, packages, pipeline, replay, contracts, store, search; ARGS=--help shows its options
	@$(BENCHMARKS) $* $(ARGS)

infra-bootstrap: setup ## Create the bucket for Terraform's state, once per AWS account (asks first; YES=1 does not)
	@$(MESH) infra bootstrap $(if $(YES),--yes)

infra-plan: setup ## Show what infra-apply would change in ENV=dev
	$(needs-env)
	@$(MESH) infra plan --env "$(ENV)" $(ARGS)

infra-apply: setup ## Plan, show and apply the changes to ENV=dev (asks first; YES=1 does not, prod: CONFIRM=prod)
	$(needs-env)
	@$(MESH) infra apply --env "$(ENV)" $(if $(YES),--yes) $(if $(CONFIRM),--confirm "$(CONFIRM)") $(ARGS)

infra-diff: setup ## Does ENV=dev differ from the code? Exit code of mesh infra diff: 0 no, 4 yes
	$(needs-env)
	@$(MESH) infra diff --env "$(ENV)" $(ARGS)

infra-destroy: setup ## Destroy ENV=dev for good, after showing the plan (its name must be typed, or CONFIRM=dev)
	$(needs-env)
	@$(MESH) infra destroy --env "$(ENV)" $(if $(CONFIRM),--confirm "$(CONFIRM)")

infra-outputs: setup ## Print the names and addresses of ENV=dev, and save them for the other commands
	$(needs-env)
	@$(MESH) infra outputs --env "$(ENV)" $(ARGS)

package: setup ## Build the Lambda packages that have changed into build/packages; SERVICE=chat for one service
	@$(MESH) package $(SERVICE) $(ARGS)

lambda-deploy: setup ## Deploy the code of SERVICE=chat to ENV=dev, without Terraform (prod: CONFIRM=prod)
	@test -n "$(SERVICE)" && test -n "$(ENV)" || { echo "usage: make $@ SERVICE=chat ENV=dev (one of: $(SERVICES))" >&2; exit 2; }
	@$(MESH) deploy "$(SERVICE)" --env "$(ENV)" $(if $(YES),--yes) $(if $(CONFIRM),--confirm "$(CONFIRM)") $(ARGS)

lambda-logs: setup ## Logs of the functions of SERVICE=chat in ENV=dev (default: the local mesh); FOLLOW=1, SINCE=1h
	@test -n "$(SERVICE)" || { echo "usage: make $@ SERVICE=chat [ENV=dev] (one of: $(SERVICES))" >&2; exit 2; }
	@$(MESH) logs "$(SERVICE)" $(if $(ENV),--env "$(ENV)") $(if $(SINCE),--since $(SINCE)) $(if $(FOLLOW),--follow)

db-migrate: setup ## Apply the services' migrations to the database of ENV=dev
	$(needs-env)
	@$(MESH) db migrate --env "$(ENV)" $(ARGS)

secrets-push: setup ## Write the keys of .env to the Parameter Store of ENV=dev (asks before it overwrites)
	$(needs-env)
	@$(MESH) secrets push "$(ENV)" $(if $(YES),--yes) $(ARGS)

secrets-pull: setup ## Write the keys of ENV=dev into .env (asks before it overwrites)
	$(needs-env)
	@$(MESH) secrets pull "$(ENV)" $(if $(YES),--yes) $(ARGS)

secrets-list: setup ## List the names of the secrets of ENV=dev, never values
	$(needs-env)
	@$(MESH) secrets list "$(ENV)" $(ARGS)

verify: setup ## Check that ENV=dev works: ten checks with their times; the report is in build/verify
	$(needs-env)
	@mkdir -p build/verify
	@$(MESH) verify --env "$(ENV)" --report "build/verify/$(ENV).md" $(ARGS)

cost: setup ## Estimate the monthly cost of an environment; ENV=dev: from its plan; ARGS=--write updates terraform/COST.md
	@$(MESH) cost $(if $(ENV),--env "$(ENV)") $(ARGS)

openapi: setup ## Write the merged OpenAPI document of all services
	@$(BIN)/python -m registry.openapi

readmes: setup ## Write what READMEs repeat of manifests and migrations: pictures, events, routes, tables
	@$(BIN)/python -m manifests.readme

ci: ## What continuous integration runs
	@bash .ci/run

clean: ## Remove everything installed and built (not the mesh's state: that is make reset)
	@if [ -x $(MESH) ]; then $(MESH) down; fi
	@rm -rf .venv .tools build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
