# Everything a developer or operator calls. `make help` lists it.
.DEFAULT_GOAL := help
.PHONY: help setup run test soak check lint format typecheck imports security bench migrate migration lock sdk-demo \
        docker-build docker-up sbom clean

BIN := .venv/bin
CODE := conftest.py shared services simulators tests $(wildcard benchmarks)

help: ## Say what there is
	@echo "Settings: PORT (8000), BREEZEWAY_HOME (.breezeway), DATABASE_URL, REDIS_URL; all in .env.example"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Create .venv from requirements.lock; does nothing when it is current
	@sh .ci/setup

run: setup ## Start everything: stores, simulator, services, gateway; Ctrl-C stops it
	@sh .ci/web
	@exec $(BIN)/python -m breezeway.cli.main run

test: setup ## Every test, with lint, types, import contracts and coverage; PYTEST_ARGS adds options
	@# Too little coverage fails a whole run; a part of it, chosen by PYTEST_ARGS, covers what it may. Who runs what is
	@# decided in conftest.py.
	@# A test that outlives its time-out by far hangs where no exception reaches it: its process ends with a traceback.
	@$(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart=0 -o faulthandler_timeout=1000 \
	    -o faulthandler_exit_on_timeout=true --cov --cov-report= $(PYTEST_ARGS); tests=$$?; \
	    $(BIN)/python .ci/coverage_gate.py || [ -n "$(PYTEST_ARGS)" ] || [ $$tests -ne 0 ] || tests=1; exit $$tests

soak: setup ## The long tests: kills, storms and leaks; SOAK_MINUTES (60) is the length of the leak test
	@exec $(BIN)/python -m pytest -m soak --timeout=7200 $(PYTEST_ARGS)

check: lint typecheck imports security ## The quick look before a commit: lint, types, imports, security, unit tests
	@exec $(BIN)/python -m pytest -q $(wildcard shared/tests/unit services/*/tests/unit simulators/*/tests/unit)

lint: setup ## Style and likely mistakes
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)

format: setup ## Rewrite the code in the common style
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

typecheck: setup ## mypy --strict
	@$(BIN)/mypy

imports: setup ## Who may import whom
	@$(BIN)/lint-imports

security: setup ## pip-audit, bandit and a secret scan; STRICT=1 fails when the advisories cannot be asked for
	@$(BIN)/python .ci/security.py

bench: setup ## Our figures beside the peers', from one run
	@sh .ci/peers
	@exec $(BIN)/python -m benchmarks

migrate: setup ## Bring the databases to the newest schema
	@exec $(BIN)/python -m breezeway.cli.main migrate

migration: setup ## New empty migration: make migration service=auth name="add phone numbers"
	@test -n "$(service)" -a -n "$(name)" || { echo 'usage: make migration service=auth name="add phone numbers"'; exit 2; }
	@$(BIN)/alembic -c services/$(service)/alembic.ini revision -m "$(name)"

lock: setup ## Renew requirements.lock; it names no registry
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --upgrade \
	    --no-emit-index-url --no-annotate --no-header --quiet -o requirements.lock
	@$(BIN)/uv pip compile benchmarks/peers/requirements.in --python-version 3.11 --generate-hashes --upgrade \
	    --no-emit-index-url --no-annotate --no-header --quiet -o benchmarks/peers/requirements.lock

sbom: setup ## build/sbom.json: every locked package, Python's and the web app's, as CycloneDX
	@$(BIN)/python .ci/sbom.py build/sbom.json

sdk-demo: setup ## The unmodified breeze-connect against the simulator
	@exec $(BIN)/python -m breeze_simulator.sdk_demo

docker-build: ## Build the one image of all services
	docker build -f deploy/Dockerfile -t breezeway:latest .

docker-up: ## Start the production shape with Docker Compose; needs .env
	docker compose up --build

clean: ## Remove caches and the environment; data in .breezeway stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -not -path './frontend/*' -prune -exec rm -rf {} +
