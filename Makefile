# How to run, build and test the exporter. What takes more than a line stands in .ci/.

# swift is taken from PATH, or from where people put it.
export PATH := $(PATH):/opt/swift/usr/bin:/usr/local/swift/usr/bin:$(HOME)/.local/share/swiftly/bin

sources := Package.swift Sources Tests

# Package.swift says which commit is built, and swift build remembers what it said.
fresh_manifest := --manifest-cache none --disable-build-manifest-caching

.PHONY: help run build test docs test-worlds test-sanitizers deb image kustomize test-deploy dashboards pictures bench bench-quick bench-build format clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile

run: build ## build, then run the exporter in the foreground; ARGS="--web.listen-address=:8080" passes flags
	exec .build/release/timewait_exporter $(ARGS)

build: ## install what is missing, then build for release
	.ci/install-packages
	swift build -c release $(fresh_manifest)

test: ## install what is missing, then check the style, build and run every test; ARGS="--filter Name" picks some
	.ci/install-packages test
	swift format lint --strict --recursive $(sources)
	.build/python/bin/ruff check -q Tests
	.build/python/bin/ruff format -q --check Tests
	.ci/check-prose
	swift build --build-tests --explicit-target-dependency-import-check error
	.ci/run-tests $(ARGS)
	[ -n "$(ARGS)" ] || .ci/run-python-tests Conditions
	[ -n "$(ARGS)" ] || .ci/run-python-tests Worlds
	[ -n "$(ARGS)" ] || .ci/run-python-tests Diagnose
	[ -n "$(ARGS)" ] || .ci/run-python-tests Web
	[ -n "$(ARGS)" ] || .ci/run-python-tests Landing
	[ -n "$(ARGS)" ] || .ci/run-python-tests Dashboards

docs: ## generate the families of docs/metrics.md from Sources/Catalogue
	.ci/install-packages
	swift run metrics_document docs/metrics.md

test-worlds: ## compare 1,000 random hosts with an oracle; SEED=n repeats those of a seed, WORLDS=n makes as many
	.ci/install-packages test
	swift build --product timewait_exporter
	WORLDS=$${WORLDS:-1000} .ci/run-python-tests Worlds

test-sanitizers: ## run the endpoint's tests under ThreadSanitizer, AddressSanitizer and UndefinedBehaviorSanitizer
	.ci/install-packages test
	.ci/run-sanitizers

dashboards: ## generate the dashboards, rules and alerts from dashboards/mixin
	.ci/install-packages test
	.ci/generate-dashboards

pictures: ## draw the dashboards from the recorded half hour, for docs/pictures
	.ci/install-packages test
	.ci/draw-pictures docs/pictures

deb: ## build the Debian package into .build/deb
	.ci/install-packages package
	deploy/build-deb

image: deb ## build the container image into .build/image
	deploy/build-image

kustomize: ## render deploy/kustomize from the Helm chart
	.ci/install-packages deploy
	.build/python-deploy/bin/python deploy/kustomize/render

test-deploy: ## build what deploy/ is for, and test it in a booted machine and in containers; ARGS="-k name" picks some
	.ci/install-packages deploy
	.build/python-deploy/bin/ruff check -q Tests/Deploy
	.build/python-deploy/bin/ruff format -q --check Tests/Deploy
	deploy/build-deb
	deploy/build-image
	deploy/build-image .build/image-again
	.ci/run-deploy-tests $(ARGS)

bench: bench-build ## measure what a reading costs, beside other ways to count, and write docs/benchmark
	.ci/run-benchmark $(ARGS)

bench-quick: bench-build ## prove in two minutes that the benchmark works
	.ci/run-benchmark --quick --output .build/benchmark-quick

bench-build:
	.ci/install-packages bench
	swift build -c release $(fresh_manifest)

format: ## put the sources into the project's style
	swift format --in-place --recursive $(sources)
	.build/python/bin/ruff format -q Tests
	jsonnetfmt -i dashboards/mixin/*.libsonnet

clean: ## remove all that was built or fetched
	rm -rf .build .build-*
