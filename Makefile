# All that there is to do here, each as one target. `make help` lists them.

.DEFAULT_GOAL := help
.PHONY: help demo demo-down test lint generate bench

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## run it here: a Kubernetes API, a simulated cloud, the operator, and a machine
	@demo/up

demo-down: ## end what `make demo` has left running
	@demo/down

test: ## run all tests, against a real Kubernetes API and simulated clouds
	@.ci/test

lint: ## check formatting, code, dependencies, scripts and generated files
	@.ci/lint

generate: ## write the generated files: crds/ and the tables in docs/
	@.ci/generate

bench: ## measure: time to rent many machines, and what rest costs
	@bench/run
