#!/usr/bin/env python3
"""Instructions, branches, memory accesses and atomic operations per operation, by callgrind slopes.

Each path runs at two lengths; the difference divided by the operations between them is free of
start-up and warm-up. The harness is measured by the same runs with stand-in functions and taken
off. Counts are the same on a loaded machine; they are not times.
"""

import argparse
import concurrent.futures
import datetime
import json
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import callgrind  # noqa: E402
import golden  # noqa: E402
from hakbench import peers  # noqa: E402
from hakbench.errors import BenchError, run_main  # noqa: E402

DEFAULT_LENGTHS = (20000, 100000)
# Multiples of the pattern's own period, or short where one operation is long.
LENGTHS = {"realloc-grow": (12000, 60000), "pair-100000": (1000, 2000), "cold-thread": (100, 200)}
UNITS = {"realloc-in-place": "realloc", "realloc-grow": "realloc", "cold-thread": "thread",
         "fresh-64": "malloc"}
# Here the harness itself varies (locks) or the allocator works outside the calls (thread exit).
NO_CROSS_CHECK = {"remote-64", "cold-thread"}
CROSS_CHECK_TOLERANCE = 0.02
WIDE = ("instructions", "branches", "indirect", "reads", "writes")


def subtract(first, second):
    return {name: first[name] - second[name] for name in first}


def scale(cost, ops):
    return {name: value / ops for name, value in cost.items()}


class Slope:
    """What one operation costs: in all, inside the calls, and by function."""

    def __init__(self, small, big, ops):
        self.total = scale(subtract(big.total, small.total), ops)
        self.called = {name: scale(subtract(big.called[name], small.called[name]), ops)
                       for name in callgrind.OPERATIONS}
        self.calls = {name: (big.calls[name] - small.calls[name]) / ops
                      for name in callgrind.OPERATIONS}
        nothing = dict.fromkeys(callgrind.METRICS, 0)
        self.functions = {
            name: scale(subtract(cost, small.self_cost.get(name, nothing)), ops)["instructions"]
            for name, cost in big.self_cost.items()}

    def all_called(self):
        return {metric: sum(cost[metric] for cost in self.called.values())
                for metric in callgrind.METRICS}


def measure_slope(options, path, library, stand_in):
    start, step = LENGTHS.get(path, DEFAULT_LENGTHS)
    start, step = max(start // options.divide, 1), max(step // options.divide, 1)
    environment = library.environment() if library else {}
    runs = [callgrind.profile_run(options.driver, path, ops, environment, stand_in)
            for ops in (start, start + step)]
    return Slope(*runs, step)


def per_call(slope, names):
    """Cost per call over the named operations, and calls per unit."""
    calls = sum(slope.calls[name] for name in names)
    if not calls:
        return None
    return {metric: round(sum(slope.called[name][metric] for name in names) / calls, 3)
            for metric in callgrind.METRICS}


def combine(path, slope, harness):
    """Takes the harness off and says how well the two ways of measuring agree."""
    own = harness.all_called()
    net = {metric: slope.total[metric] - harness.total[metric] + own[metric]
           for metric in callgrind.METRICS}
    called = slope.all_called()
    result = {metric: round(net[metric], 3) for metric in callgrind.METRICS}
    result["unit"] = UNITS.get(path, "pair")
    result["allocate"] = per_call(slope, ("op_malloc", "op_calloc", "op_aligned", "op_new"))
    result["free"] = per_call(slope, ("op_free", "op_delete"))
    result["realloc"] = per_call(slope, ("op_realloc",))
    result["inside_calls"] = round(called["instructions"], 3)
    if path not in NO_CROSS_CHECK:
        difference = abs(net["instructions"] - called["instructions"])
        if difference > max(1.0, CROSS_CHECK_TOLERANCE * called["instructions"]):
            result["doubt"] = "the total and the call records differ: see inside_calls"
    top = sorted(slope.functions.items(), key=lambda item: -item[1])
    result["functions"] = {name: round(cost, 2) for name, cost in top if cost >= 0.5}
    return result


def driver_paths(driver):
    if not os.path.isfile(driver):
        raise BenchError(f"no driver at '{driver}': build the target hakmem-count-driver, "
                         "or name it with --driver")
    run = subprocess.run([driver, "--list"], capture_output=True, text=True, check=True)
    return run.stdout.split()


def pick_paths(options):
    known = driver_paths(options.driver)
    if not options.paths:
        return known
    for path in options.paths:
        if path not in known:
            raise BenchError(f"unknown path '{path}' (known: {', '.join(known)})")
    return options.paths


def measure(options, libraries, paths):
    """All slopes, a few runs at a time; a library callgrind cannot run is reported, not hidden."""
    results, failures = {library.name: {} for library in libraries}, {}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        harness = {path: pool.submit(measure_slope, options, path, None, True) for path in paths}
        jobs = {(library.name, path): pool.submit(measure_slope, options, path,
                                                  library, False)
                for library in libraries for path in paths}
        for (name, path), job in jobs.items():
            try:
                results[name][path] = combine(path, job.result(), harness[path].result())
            except callgrind.Unsupported as error:
                failures.setdefault(name, f"{path}: {error}")
    return results, failures


def print_table(results, out):
    for name, paths in results.items():
        if not paths:
            continue
        print(f"\n{name}", file=out)
        print(f"  {'path':18} {'unit':8} {'instr':>9} {'branches':>9} {'indirect':>9} {'reads':>9}"
              f" {'writes':>9} {'atomics':>8} {'D1 miss':>8} | {'alloc':>8} {'free':>8}", file=out)
        for path, row in paths.items():
            allocate = row["allocate"] or row["realloc"]
            print(f"  {path:18} {row['unit']:8} "
                  + " ".join(f"{row[metric]:9.1f}" for metric in WIDE)
                  + f" {row['atomics']:8.2f} {row['d1_misses']:8.2f} | "
                  + " ".join(f"{part['instructions']:8.1f}" if part else f"{'':8}"
                             for part in (allocate, row["free"]))
                  + ("  ? " + row["doubt"] if "doubt" in row else ""), file=out)


def print_functions(results, out):
    for name, paths in results.items():
        for path, row in paths.items():
            print(f"\n{name} {path}: instructions by function, per {row['unit']}", file=out)
            for function, cost in row["functions"].items():
                print(f"  {cost:9.2f}  {function[:100]}", file=out)


def describe(options):
    version = subprocess.run(["valgrind", "--version"], capture_output=True, text=True, check=True)
    return {"date": datetime.date.today().isoformat(), "valgrind": version.stdout.strip(),
            "driver": os.path.basename(options.driver), "caches": callgrind.CACHES}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lib", action="append", default=[], metavar="NAME[=PATH[,VAR=VALUE...]]",
                        help="a known peer, or a library of your own; may be repeated")
    parser.add_argument("--paths", nargs="+", default=[], help="which paths (default: all)")
    parser.add_argument("--driver", default="build/release/bench/hakmem-count-driver")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--functions", action="store_true", help="self cost by function")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--divide", type=int, default=1, help="shorter runs, for tests")
    parser.add_argument("--write-golden", metavar="FILE", help="keep the one library's counts")
    parser.add_argument("--check-golden", metavar="FILE", help="compare with a kept table")
    options = parser.parse_args()
    if options.jobs < 1 or options.divide < 1:
        raise BenchError("--jobs and --divide must be at least 1")
    return options


def main():
    options = parse_arguments()
    if not shutil.which("valgrind"):
        raise BenchError("valgrind is not installed: apt-get install valgrind")
    libraries = peers.resolve(options.lib or ["glibc"])
    uses_golden = options.write_golden or options.check_golden
    if uses_golden and len(libraries) != 1:
        raise BenchError("a golden table is about one --lib")
    if options.check_golden:
        table = golden.load(options.check_golden)
        options.paths = options.paths or list(table["paths"])
    elif options.write_golden:
        options.paths = options.paths or list(golden.PATHS)
    results, failures = measure(options, libraries, pick_paths(options))
    print_table(results, sys.stdout)
    if options.functions:
        print_functions(results, sys.stdout)
    for name, reason in failures.items():
        print(f"\n{name}: does not run under callgrind: {reason}")
    document = {**describe(options), "counts": results, "unsupported": failures}
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.write("\n")
    if failures and uses_golden:
        raise BenchError("the library does not run under callgrind: no golden comparison")
    if options.write_golden:
        golden.write(options.write_golden, document)
    if options.check_golden:
        return golden.report(table, results[libraries[0].name], options.check_golden, sys.stdout)
    return 1 if len(failures) == len(libraries) else 0


if __name__ == "__main__":
    run_main("counts.py", main)
