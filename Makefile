# All that there is to do here, each as one target. `make help` lists them.

.DEFAULT_GOAL := help
IMAGE ?= gpu-instance-operator:0.1.0
.PHONY: help demo demo-down test simulate mutants lint generate bench image image-files

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## run it here: a Kubernetes API, simulated clouds, the operator, a machine at each cloud or at CLOUD=
	@demo/up

demo-down: ## end what `make demo` has left running
	@demo/down

test: ## run all tests, against a real Kubernetes API and simulated clouds
	@.ci/test

simulate: ## live random lives in virtual time: SEEDS=1000000 for a night, FIRST_SEED=n to begin elsewhere
	@.ci/simulate

mutants: ## put ten known bugs back, one at a time, and show which test catches each (ONLY=03)
	@tests/mutants/run $(ONLY)

lint: ## check formatting, code, dependencies, scripts and generated files
	@.ci/lint

generate: ## write the generated files: the CRDs, deploy/ and the tables in docs/
	@.ci/generate

bench: ## measure: time to rent many machines, and what rest costs (CLOUD=, N=, REST=)
	@bench/run

image: ## build the image, called $(IMAGE), with docker, podman or buildah
	@.ci/image $(IMAGE)

image-files: ## build what the image holds into target/image, without an engine
	@.ci/image-files target/image
