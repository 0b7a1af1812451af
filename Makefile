# Everything a person runs by hand. `make test` is the whole test command: it installs what the tests need, then runs all of them.

export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/synoptic/target

.PHONY: test check openapi permissions bench bench-http bench-access bench-models bench-faults bench-documents bench-work

test: ## Install what the tests need and run every test.
	scripts/install-test-tools.sh
	scripts/run-tests.sh

check: ## Formatting and lints, warnings as errors.
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings

openapi: ## Write docs/openapi.json anew.
	cargo run --quiet --locked -- openapi > docs/openapi.json.partial
	mv docs/openapi.json.partial docs/openapi.json

permissions: ## Write docs/permissions.md anew.
	cargo run --quiet --locked -- permissions > docs/permissions.md.partial
	mv docs/permissions.md.partial docs/permissions.md

bench: ## Accuracy, ROUGE and speed of the embedded engine, next to Python baselines; writes docs/benchmarks.md.
	cargo bench --locked --bench engine
	cargo build --release --locked --example quality
	python3 -m venv "$(CARGO_TARGET_DIR)/../bench-venv"
	"$(CARGO_TARGET_DIR)/../bench-venv/bin/pip" install --quiet -r scripts/bench/requirements.txt
	"$(CARGO_TARGET_DIR)/../bench-venv/bin/python" scripts/bench/run.py "$(CARGO_TARGET_DIR)/release/examples/quality" docs/benchmarks.md

bench-http: ## Requests a second of the server, next to a bare handler.
	scripts/bench/http.sh

bench-access: ## What recognising a caller costs a request, and what hashing passwords does to others.
	scripts/bench/access.sh

bench-models: ## What Synoptic adds to calls to a model: latency, throughput of cached answers, memory, the ledger of 5 000 requests.
	scripts/bench/models.sh

bench-faults: ## Every documented fault of a provider, 1 000 times: outcomes, tokens booked, what is left behind.
	cargo run --release --locked --example provider_faults -- 1000

bench-documents: ## Documents stored a second, and how long lists and searches take with 10 000 and with $(DOCUMENTS), on both databases.
	DOCUMENTS=$${DOCUMENTS:-1000000} scripts/bench/documents.sh

bench-work: ## A burst of arrivals beside people who wait, and what each further process adds.
	scripts/bench/work.sh
