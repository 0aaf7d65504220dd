# The habitual commands. Each is a short sequence of cmake, ninja and ctest that can be typed as well.
.DEFAULT_GOAL := release
.PHONY: release debug setup run test counts bench asan ubsan tsan clean help

export JOBS ?= 2

release:  ## the Release library, build/release/libhakmem.so and libhakmem.a
	tools/build release
debug:    ## the Debug library, build/debug/libhakmem.so
	tools/build debug
setup:    ## install the missing packages of every packages.txt (Debian)
	tools/setup */packages.txt */*/packages.txt
run:      ## real programs on hakmem beside glibc, and one attack stopped
	tools/setup tools/packages.txt
	tools/build release
	tools/demo.py
test:     ## everything: Release, Debug and the stress tests under ThreadSanitizer
	tools/test all
asan ubsan tsan:  ## the tests that make sense under one sanitizer
	tools/test $@
counts:   ## instructions and branches per operation, beside glibc
	tools/build release hakmem-count-driver
	bench/counts/counts.py --lib glibc --lib hakmem=build/release/libhakmem.so
bench:    ## times and memory against every allocator that is installed
	tools/build release all
	bench/run.py --quick
clean:    ## remove build/
	rm -rf build
help:     ## this list
	@sed -n 's/^\([a-z ]*\):.*## /\1\t/p' Makefile | expand -t 16
