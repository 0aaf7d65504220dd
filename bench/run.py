#!/usr/bin/env python3
"""Compares allocators over the workloads and real programs; writes JSON and a report with plots."""

import argparse
import datetime
import json
import os
import platform
import shlex
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from hakbench import cases, peers, programs, session  # noqa: E402
from hakbench.errors import BenchError, run_main  # noqa: E402
from hakbench.report import BASELINE, Report  # noqa: E402
from hakbench.stats import DEFAULT_SPREAD_LIMIT, MINIMUM_ROUNDS  # noqa: E402

SUITES = ("workloads", "programs", "threads", "live", "heap")
QUICK_DIVIDE = 15
DEFAULT_LIBRARY = "build/release/libhakmem.so"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lib", metavar="PATH[,VAR=VALUE...]|none", default=None,
                        help=f"the library under test (default: {DEFAULT_LIBRARY})")
    parser.add_argument("--peers", metavar="NAME,...", help="which known peers (default: all)")
    parser.add_argument("--peer", action="append", default=[],
                        metavar="NAME=PATH[,VAR=VALUE...]", help="one more allocator or setting")
    parser.add_argument("--suite", action="append", choices=SUITES, default=[],
                        help="may be repeated (default: all; --quick: workloads and programs)")
    parser.add_argument("--workloads", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--rounds", type=int, help="default 9, with --quick 5")
    parser.add_argument("--quick", action="store_true", help="shorter runs, under three minutes")
    parser.add_argument("--divide", type=int, default=None, help="divide every number of ops")
    parser.add_argument("--largest-live", type=int, default=10 ** 7)
    parser.add_argument("--spread-limit", type=float, default=DEFAULT_SPREAD_LIMIT,
                        help="refuse a figure with a wider interquartile range over median")
    parser.add_argument("--syscalls", action="store_true", help="count system calls by strace")
    parser.add_argument("--build", default="build/release/bench", help="where the programs are")
    parser.add_argument("--out", default="build/bench", help="where the report goes")
    options = parser.parse_args()
    options.rounds = options.rounds if options.rounds is not None else 5 if options.quick else 9
    if options.divide is None:
        options.divide = QUICK_DIVIDE if options.quick else 1
    if options.rounds < 1 or options.divide < 1:
        raise BenchError("--rounds and --divide must be at least 1")
    if not 0 < options.spread_limit < 10:
        raise BenchError("--spread-limit must be between 0 and 10")
    if options.workloads and not options.suite:
        options.suite = ["workloads"]
    options.suite = options.suite or list(SUITES[:2] if options.quick else SUITES)
    return options


def pick_peers(options):
    """The library under test first, then the peers; the baseline is always among them."""
    names = options.peers.split(",") if options.peers else \
        peers.default_names(with_dislocator=not options.quick)
    if BASELINE not in names:
        names.insert(0, BASELINE)
    chosen = list(names) + options.peer
    if options.lib != "none":
        path = options.lib or DEFAULT_LIBRARY
        if not options.lib and not os.path.isfile(path):
            raise BenchError(f"no library at '{path}': build it, or give --lib PATH or --lib none")
        chosen.insert(0, f"hakmem={path}")
    return peers.resolve(chosen)


def pick_cases(options, folder):
    runner = os.path.join(options.build, "hakmem-bench")
    known = cases.list_workloads(runner)
    chosen = []
    if "workloads" in options.suite:
        chosen += [cases.make_case(runner, row, options.divide)
                   for row in cases.pick(known, options.workloads)]
    if "programs" in options.suite:
        real = programs.pick_cases(options.quick)
        programs.prepare(real, folder, os.path.join(options.build, "hakmem-launch"))
        chosen += real
    if "threads" in options.suite:
        chosen += cases.thread_cases(runner, known, options.divide)
    if "live" in options.suite:
        chosen += cases.live_cases(runner, known, options.divide, options.largest_live)
    if "heap" in options.suite:
        chosen += cases.heap_cases(runner, known, options.divide)
    return chosen


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith(("model name", "CPU part")):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def describe(options):
    return {"date": datetime.date.today().isoformat(), "processor": processor(),
            "processors": os.cpu_count(), "kernel": platform.release(),
            "load at the start": f"{os.getloadavg()[0]:.2f}", "rounds": options.rounds,
            "command": "bench/run.py " + shlex.join(sys.argv[1:])}


def print_summary(report, subject, out):
    """One line per allocator and family, and the pairs that were refused."""
    for family, family_cases in report.families().items():
        means = []
        for name in report.names:
            mean, count = report.mean_ratio(family_cases, name)
            if mean:
                means.append(f"{name} {mean:.2f} ({count})")
        print(f"{family}: times as fast as {BASELINE}: {', '.join(means) or 'nothing'}", file=out)
    refused, failed = report.refused(), report.failures()
    if refused:
        print(f"{len(refused)} figures refused for their spread or rounds, for example "
              f"{refused[0][0]} under {refused[0][1]}: {refused[0][2]}", file=out)
    for label, name, reason in failed:
        print(f"failed: {label} under {name}: {reason}", file=out)
    return any(name == subject for _, name, _ in failed)


def main():
    options = parse_arguments()
    chosen_peers = pick_peers(options)
    subject = "hakmem" if options.lib != "none" else None
    meta = describe(options)
    os.makedirs(options.out, exist_ok=True)
    if options.rounds < MINIMUM_ROUNDS:
        session.progress(f"fewer than {MINIMUM_ROUNDS} rounds: no figure will be published")
    with tempfile.TemporaryDirectory(prefix="hakmem-bench-") as folder:
        chosen_cases = pick_cases(options, folder)
        results = session.run_rounds(chosen_cases, chosen_peers, options.rounds,
                                     session.progress)
        if options.syscalls:
            session.count_system_calls(chosen_cases, chosen_peers, results, session.progress)
    report = Report(chosen_cases, chosen_peers, results, options.spread_limit, meta)
    with open(os.path.join(options.out, "results.json"), "w", encoding="utf-8") as file:
        json.dump(report.as_json(), file, indent=1, allow_nan=False)
        file.write("\n")
    report.document(subject).write(options.out)
    failed = print_summary(report, subject, sys.stdout)
    print(f"report: {os.path.join(options.out, 'report.html')}, results.json beside it")
    return 1 if failed else 0


if __name__ == "__main__":
    run_main("run.py", main)
