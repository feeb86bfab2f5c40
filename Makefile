# All that there is to do here, each as one target. `make help` lists them.

.DEFAULT_GOAL := help
IMAGE ?= gpu-instance-operator:0.1.0
.PHONY: help demo demo-down test e2e simulate mutants lint generate docs bench chart image image-files reproducible \
	prepare audit release-check release-notes release-image release-publish

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## run it here: a Kubernetes API, simulated clouds, the operator, a machine at each cloud or at CLOUD=
	@demo/up

demo-down: ## end what `make demo` has left running
	@demo/down

prepare: ## install what the checks need besides Rust and Go (as root on Debian)
	@.ci/prepare

test: ## run all tests, against a real Kubernetes API and simulated clouds
	@.ci/test

e2e: ## install, rent, upgrade, roll back and remove on a whole cluster that is started here (as root)
	@.ci/e2e

simulate: ## live random lives in virtual time: SEEDS=1000000 for a night, FIRST_SEED=n to begin elsewhere
	@.ci/simulate

mutants: ## put ten known bugs back, one at a time, and show which test catches each (ONLY=03)
	@tests/mutants/run $(ONLY)

lint: ## check formatting, code, dependencies, scripts and generated files
	@.ci/lint

generate: ## write the generated files: the CRDs, deploy/ and the tables in docs/
	@.ci/generate

docs: ## build the documents as a site into target/book, and follow every link in it
	@.ci/docs

bench: ## measure: time to rent many machines, and what rest costs (CLOUD=, N=, REST=)
	@bench/run

chart: ## check the chart and pack it into target/chart
	@.ci/chart

reproducible: ## build the image's program twice, in two folders, and compare
	@.ci/reproducible

audit: ## ask the advisory database about every dependency (needs GitHub)
	@.ci/audit

image: ## build the image, called $(IMAGE), with docker, podman or buildah
	@.ci/image $(IMAGE)

image-files: ## build what the image holds into target/image, without an engine
	@.ci/image-files target/image

release-check: ## whether all that names the version names VERSION=
	@.ci/release/check

release-notes: ## print what CHANGELOG.md says of VERSION=
	@.ci/release/notes

release-image: ## build and push the image of ARCH= to REGISTRY= as VERSION=: for the release workflow
	@.ci/release/image $(ARCH)

release-publish: ## join, sign and publish all that makes a release: for the release workflow
	@.ci/release/publish
