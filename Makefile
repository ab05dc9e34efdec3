# `make help` prints what each target does. Every target installs what it misses first and can be run again.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup build install web demo test test-swift test-web test-acceptance crash simulation bench bench-peers fuzz licences clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install by apt and pip what building, testing and measuring need
	@scripts/setup.sh test && scripts/setup.sh bench

build: ## Build the web pages and the server for production (.build/release/comptoir)
	@scripts/setup.sh demo && scripts/build.sh web && scripts/build.sh release

install: ## Install what `make build` made, as root (DESTDIR=DIR to pack it for another machine); starts nothing
	@DESTDIR="$(DESTDIR)" scripts/install.sh

web: ## Build the web pages alone (web/dist)
	@scripts/setup.sh demo && scripts/build.sh web

demo: ## Build what changed and start the demo shop in the foreground (ARGS="--data DIR" keeps its data)
	@scripts/setup.sh demo && scripts/build.sh web && scripts/build.sh release && exec .build/release/comptoir demo $(ARGS)

test: ## Run every test: Swift on SQLite and PostgreSQL, web, browser and real Matrix clients
	@scripts/setup.sh test && scripts/test.sh swift web acceptance

test-swift: ## Run the Swift tests alone (ARGS="--filter StoreTests" for some of them)
	@scripts/setup.sh test && scripts/test.sh swift -- $(ARGS)

test-web: ## Check, lint and test the TypeScript alone
	@scripts/setup.sh demo && scripts/test.sh web

test-acceptance: ## Run the acceptance tests alone (ARGS="-k crash" for some of them)
	@scripts/setup.sh test && scripts/test.sh acceptance -- $(ARGS)

crash: ## Kill the server, fail its disk, network, clock and database under load, and count what is lost (ARGS="--faults 10000")
	@scripts/setup.sh test && scripts/build.sh release && \
		COMPTOIR_BIN=$(CURDIR)/.build/release/comptoir PYTHONPATH=acceptance .venv/bin/python -m underfire $(ARGS)

simulation: ## A day of a desk with a thousand customers and thirty agents, on both databases: nobody waits while a capable agent is free
	@scripts/setup.sh test && scripts/build.sh tests && COMPTOIR_SIMULATION=1000 swift test --skip-build --disable-xctest --filter SimulationTests && \
		COMPTOIR_SIMULATION=200 COMPTOIR_TEST_ON=postgres scripts/with-postgres.sh swift test --skip-build --disable-xctest --filter SimulationTests

bench: ## Measure throughput, latency, CPU and memory of a release build against the goals
	@scripts/setup.sh bench && scripts/build.sh release && bench/run.py $(ARGS)

bench-peers: ## Run the same works on Synapse, ejabberd and prosody beside it and print the ratios (an hour; ARGS="--quick" for minutes)
	@scripts/setup.sh peers && scripts/build.sh release && bench/peers.py $(ARGS)

fuzz: ## Hunt for inputs that break a parser, by libFuzzer (an hour or more; ARGS="--target json --runs 10000000", --help for the rest)
	@scripts/setup.sh demo && scripts/fuzz.sh $(ARGS)

licences: ## Write docs/LICENCES.md: what it is made of and tested with, and whether the licences go together
	@scripts/setup.sh test && scripts/build.sh debug && scripts/licences.py

clean: ## Remove everything that was built (not the installed packages)
	rm -rf .build .build-fuzz .venv .venv-bridges .venv-peers web/dist bench/results bench/msgbench/msgbench acceptance/out
