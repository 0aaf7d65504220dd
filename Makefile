# The habitual commands. Each is a short sequence of cmake, ninja and ctest that can be typed as well.
.DEFAULT_GOAL := release
.PHONY: $(shell sed -n 's/^\([a-z0-9 -]*\):.*\#\#.*/\1/p' $(firstword $(MAKEFILE_LIST)))
export JOBS ?= 2
MINUTES ?= 3
# What tests/seeded/drivers.py runs.
SEEDED_DRIVERS := hakmem-scripts hakmem-replay hakmem-replay-abi heap_properties hakmem_unit \
  hakmem_unit_abi hakmem_stress hakmem_stress_double_free hakmem_schedules lifecycle_forks lifecycle_signals \
  exhaustive_validator exhaustive_entry exhaustive_sequences

release:  ## the Release library, build/release/libhakmem.so and libhakmem.a
	tools/build release
debug:    ## the Debug library, build/debug/libhakmem.so
	tools/build debug
tools:    ## the command, build/release/bin/hakmem, and the libraries it starts programs on
	tools/setup tools/cli/packages.txt
	tools/build release tools
packages: tools ## four Debian packages, in build/release/packages
	tools/setup tests/package/packages.txt
	cd build/release && cpack -G DEB
report:   ## the status page, build/report.html, from what the other commands left
	tools/report/report.py
browser:  ## the status page read and photographed in headless Chromium
	tools/setup tools/report/browser.txt
	tests/tools/status.py --browser build/browser
setup:    ## install the missing packages of every packages.txt (Debian)
	tools/setup */packages.txt */*/packages.txt
run:      ## real programs on hakmem beside glibc, and one attack stopped
	tools/setup tools/packages.txt
	tools/build release
	tools/demo.py
test:     ## everything: Release, Debug and the stress tests under ThreadSanitizer
	tools/test all
asan ubsan msan tsan:  ## the tests that make sense under one sanitizer
	tools/test $@
memcheck: ## the suite under Valgrind, every program of it
	tools/test $@
aarch64:  ## the library for another architecture, and its programs under qemu
	tools/test $@
soak:     ## a hundred thousand threads and ten thousand forks, in Debug too
	tools/test $@
fuzz:     ## a campaign over all targets and engines, MINUTES (3) for each
	fuzz/run.py --minutes $(MINUTES)
ossfuzz:  ## the OSS-Fuzz build script, run as the infrastructure would
	fuzz/oss-fuzz/check.py
counts:   ## instructions and branches per operation, beside glibc
	tools/build release hakmem-count-driver
	mkdir -p build/bench
	bench/counts/counts.py --json build/bench/counts.json --lib glibc --lib hakmem=build/release/libhakmem.so
bench:    ## times and memory against every allocator that is installed
	tools/build release all
	bench/run.py --quick
seeded:   ## every seeded fault on drivers until two have found it; minutes
	tools/build seeded $(SEEDED_DRIVERS)
	tools/build seeded-tsan hakmem_stress
	tests/seeded/matrix.py --json build/seeded/matrix.json --markdown build/seeded/matrix.md
mutants:  ## 240 blind one-token mutants through a ladder of drivers; resumes
	tools/build seeded hakmem-scripts hakmem_unit exhaustive_sequences exhaustive_validator
	tests/mutants/mutate.py
coverage: ## lines and branches that replay reaches, and what the whole suite does
	tools/coverage --suite
prove:    ## every obligation and its negative twin; writes evidence/record.json
	tools/prove/prove.py
prove-deep:  ## the long forms, into evidence/deep.json
	tools/prove/prove.py --deep
ab:       ## policies A to E alone, one after the other and all, beside libc; into build/ab
	tools/build release hakmem-bench
	bench/ab.py
clean:    ## remove build/
	rm -rf build
schedules:  ## every schedule of three threads, the model and its traces: the long tier
	tools/build release hakmem_schedules hakmem_litmus
	tests/schedules/deep build/release
help:     ## this list
	@sed -n 's/^\([a-z0-9 -]*\):.*## /\1\t/p' Makefile | expand -t 16
