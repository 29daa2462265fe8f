# `make help` lists what there is.
.PHONY: help test quick bench dev generate lint loop parts

help: ## List the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

test: ## Run every test, on a real API server, Gitea, Argo CD and External Secrets (built when missing: about 20 minutes once)
	tests/check-tools
	tests/with-parts cargo test --features real-parts

quick: ## Run the tests that need no real parts, in seconds
	cargo test

bench: ## Measure kept against git and a bare API client, soak it, and let all around it fail (two hours; nothing else should run)
	go -C tests/parts run . build
	cargo bench --features real-parts --bench orchestrator --bench apply --bench push --bench operator --bench failover --bench scale --bench soak --bench chaos

dev: ## Run an API server and a Gitea to play with, until Ctrl-C
	go -C tests/parts run . up --env $(CURDIR)/target/dev.env

loop: ## Watch the life of a virtual cluster from a user's commit to its end, through a real Argo CD
	go -C tests/parts run . build
	cargo test --features real-parts --test loop -- --nocapture a_vcluster_comes_lives_and_goes

parts: ## Build the real parts into their cache
	go -C tests/parts run . build

generate: ## Write the generated files: crds/, the chart's copies and schema, golden outputs, deploy/argocd/argocd-cm.yaml
	cargo run -q -- crd --out crds
	KEPT_BLESS=1 cargo test -q --test promises --test chart_files --test argocd

lint: ## Formatting, lints, docs, licences, workflows, shell scripts and the Dockerfile
	cargo fmt --check
	cargo clippy --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --quiet
	cargo deny check bans licenses sources
	test -z "$$(gofmt -l tests/parts)"
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 .github/workflows/*.yml examples/ci/workflow.yaml
	shellcheck deploy/kind/kind.sh tests/check-tools tests/with-parts .ci/run
	npx --yes --loglevel=error dockerfile-utils@0.16.3 lint Dockerfile
