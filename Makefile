# How to run, build and test the exporter. What takes more than a line stands in .ci/.

# swift is taken from PATH, or from where people put it.
export PATH := $(PATH):/opt/swift/usr/bin:/usr/local/swift/usr/bin:$(HOME)/.local/share/swiftly/bin

sources := Package.swift Sources Tests

# Folders of tests in Python that wait more than they compute, the longest first.
waiting := Conditions Worlds Dashboards Prober Incident Diagnose WaitPort Landing Who

# Package.swift says which commit is built, and swift build remembers what it said.
fresh_manifest := --manifest-cache none --disable-build-manifest-caching

.PHONY: help run build demo test docs test-worlds soak mutate test-sanitizers test-faults fuzz deb image kustomize test-deploy dashboards pictures bench bench-quick bench-build format clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile

run: build ## build, then run the exporter in the foreground; ARGS="--web.listen-address=:8080" passes flags
	exec .build/release/timewait_exporter $(ARGS)

build: ## install what is missing, then build for release
	.ci/install-packages
	swift build -c release $(fresh_manifest)

demo: build ## replay the incident of docs/incident.md, in five minutes; ARGS=--keep keeps Prometheus to look at
	.ci/install-packages test
	.ci/run-demo $(ARGS)

test: ## install what is missing, then check the style, build and run every test; ARGS="--filter Name" picks some
	.ci/install-packages test
	swift format lint --strict --recursive $(sources)
	.build/python/bin/ruff check -q Tests
	.build/python/bin/ruff format -q --check Tests
	.ci/check-prose
	swift build --build-tests --explicit-target-dependency-import-check error
	.ci/run-tests $(ARGS)
	$(MEANWHILE)
	[ -n "$(ARGS)" ] || AT_ONCE=3 .ci/run-side-by-side ".ci/run-python-tests Web -m waits" \
		$(foreach folder,$(waiting),".ci/run-python-tests $(folder)")
	[ -n "$(ARGS)" ] || .ci/run-python-tests Web -m "not waits"

docs: ## generate the families of docs/metrics.md from Sources/Catalogue
	.ci/install-packages
	swift run metrics_document docs/metrics.md

test-worlds: ## compare 1,000 random hosts with an oracle; SEED=n repeats those of a seed, WORLDS=n makes as many
	.ci/install-packages test
	swift build --product timewait_exporter
	WORLDS=$${WORLDS:-1000} .ci/run-python-tests Worlds

soak: build ## watch memory, files, threads and exact counters for half an hour of everything at once; SOAK_SECONDS=n
	.ci/install-packages test
	EXPORTER=$(CURDIR)/.build/release/timewait_exporter SOAK_SECONDS=$${SOAK_SECONDS:-1800} .ci/run-python-tests Web test_soak.py -s

mutate: ## break the rules of Tests/Mutations one by one: a test has to notice each; takes an hour; ARGS="parity" picks some
	.ci/install-packages test
	.build/python/bin/python Tests/Mutations/mutate.py $(ARGS)

test-sanitizers: ## run the Swift tests under ThreadSanitizer, AddressSanitizer and UndefinedBehaviorSanitizer; ARGS=--quick leaves out most
	.ci/install-packages test
	.ci/run-sanitizers $(ARGS)

test-faults: ## try faults of the kernel, signals and limits on the packaged program, building it if it is not there
	.ci/install-packages test
	.ci/install-packages package
	[ -e .build/deb/tree/debian/build/timewait_exporter ] || [ -e .build/static/timewait_exporter ] || deploy/build-static
	.ci/run-python-tests Faults

fuzz: ## run each fuzz target of Tests/Fuzz for 20 seconds; SECONDS=300 for so many, TARGETS="route query" picks some
	.ci/install-packages
	FUZZ_SECONDS=$(or $(SECONDS),20) .ci/run-fuzzers $(TARGETS)

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
	.ci/run-side-by-side deploy/build-image "deploy/build-image .build/image-again" ".ci/machine-root bookworm" ".ci/machine-root trixie"
	.ci/run-deploy-tests $(ARGS)

bench: bench-build ## measure what a reading costs, beside other ways to count, and write docs/benchmark
	.ci/run-benchmark $(ARGS)

bench-quick: bench-build ## prove at 100,000 sockets that the benchmark works
	.ci/run-benchmark --quick --output .build/benchmark-quick

# The programs of the Debian package are measured.
bench-build: deb
	.ci/install-packages bench
	swift build -c release $(fresh_manifest)

format: ## put the sources into the project's style
	swift format --in-place --recursive $(sources)
	.build/python/bin/ruff format -q Tests
	jsonnetfmt -i dashboards/mixin/*.libsonnet

clean: ## remove all that was built or fetched
	rm -rf .build .build-*
