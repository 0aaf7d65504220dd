#!/usr/bin/env python3
"""Policies A-E of the design note, measured: each alone, one after the other, and all; beside libc.

One library per set of policies, without run-time switches, so that every arm pays for its own policies
and nothing else. Instructions and branches are callgrind slopes of hakmem-bench (two lengths, the difference
over the operations between them) and repeat exactly; times are interleaved rounds. Writes Markdown and
JSON into build/ab. Needs build/release/bench/hakmem-bench and valgrind; builds the libraries itself.
"""

import argparse
import datetime
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

from hakbench import cases, session  # noqa: E402
from hakbench.errors import BenchError, run_main  # noqa: E402
from hakbench.peers import Peer  # noqa: E402

BUILD = ROOT / "build/ab"
# name: direct, env_ctx, stats (2 every operation, 1 sampled), trusted, route_map
SETS = {
    "baseline": (0, 0, 2, 0, 0),
    "A": (1, 0, 2, 0, 0), "B": (0, 1, 2, 0, 0), "C": (0, 0, 1, 0, 0), "D": (0, 0, 2, 1, 0), "E": (0, 0, 2, 0, 1),
    "AB": (1, 1, 2, 0, 0), "ABC": (1, 1, 1, 0, 0), "ABCD": (1, 1, 1, 1, 0), "all": (1, 1, 1, 1, 1),
}
NAMES = ("DIRECT", "ENV_CTX", "STATS", "TRUSTED", "ROUTE_MAP")
CUMULATIVE = {"A": ("baseline", "A"), "B": ("A", "AB"), "C": ("AB", "ABC"), "D": ("ABC", "ABCD"), "E": ("ABCD", "all")}
# The note's estimates: instructions and branches per operation that each policy saves.
NOTE = {"A": (17.5, 6.0), "B": (10.0, 4.0), "C": (5.0, 2.5), "D": (4.0, 1.5), "E": (3.5, 1.5)}
WORKLOADS = ("mixed", "c6", "c7", "larson")
LENGTHS = (200000, 600000)
# Below this share of the baseline's instructions a policy is neither worth its code nor harmful.
NEUTRAL = 0.01


def build_libraries(names):
    """One library per set: build/ab/NAME/libhakmem.so."""
    for name in names:
        folder = BUILD / name
        definitions = [f"-DHAKMEM_POLICY_{policy}={value}" for policy, value in zip(NAMES, SETS[name])]
        for command in (["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                         "-DHAKMEM_TESTS=OFF", "-DHAKMEM_EVIDENCE=OFF", "-DCMAKE_CXX_FLAGS=-DHAKMEM_SWITCHES=0",
                         *definitions],
                        ["cmake", "--build", str(folder), "--target", "hakmem", "--parallel",
                         os.environ.get("JOBS", "2")]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise BenchError(f"the library '{name}' does not build: {(done.stdout + done.stderr)[-400:]}")
        print(f"ab.py: {name} is built", file=sys.stderr, flush=True)


def peer_of(name):
    return Peer(name, "" if name == "libc" else str((BUILD / name / "libhakmem.so").resolve()),
                (("HAKMEM_SEED", "1"),))


def totals(case, peer, ops):
    """Instructions and conditional branches of one run under callgrind."""
    with tempfile.TemporaryDirectory(prefix="hakmem-ab-") as folder:
        out = Path(folder) / "out"
        command = ["valgrind", "--tool=callgrind", "--branch-sim=yes", f"--callgrind-out-file={out}", case.runner,
                   case.workload, "--threads", "1", "--ops", str(ops)]
        run = subprocess.run(command, env={**cases.BASE_ENVIRONMENT, **peer.environment()}, capture_output=True,
                             text=True, check=False)
        if run.returncode != 0 or not out.exists():
            raise BenchError(f"callgrind on {case.workload} under {peer.name}: {run.stderr.strip()[-200:]}")
        text = out.read_text(errors="replace")
    events = re.search(r"^events: (.*)$", text, re.M).group(1).split()
    summary = [int(field) for field in re.search(r"^(?:summary|totals): (.*)$", text, re.M).group(1).split()]
    by_event = dict(zip(events, summary))
    return by_event["Ir"], by_event["Bc"]


def slope(case, peer):
    short, long = (totals(case, peer, ops) for ops in LENGTHS)
    return [(b - a) / (LENGTHS[1] - LENGTHS[0]) for a, b in zip(short, long)]


def count(chosen, peers):
    counts = {}
    for case in chosen:
        counts[case.workload] = {}
        for peer in peers:
            counts[case.workload][peer.name] = slope(case, peer)
        print(f"ab.py: {case.workload} is counted", file=sys.stderr, flush=True)
    return counts


def saved(counts, before, after):
    """Instructions and branches per operation saved, over the workloads."""
    return [statistics.mean(counts[w][before][i] - counts[w][after][i] for w in counts) for i in (0, 1)]


def verdicts(counts):
    """Per policy: what it saves alone and in its place, the verdict, whether the estimate held."""
    rows = {}
    base = statistics.mean(counts[w]["baseline"][0] for w in counts)
    for policy, (before, after) in CUMULATIVE.items():
        alone, placed = saved(counts, "baseline", policy), saved(counts, before, after)
        share = placed[0] / base
        verdict = "NEUTRAL" if abs(share) < NEUTRAL else "GO" if share > 0 else "NO-GO"
        held = ["yes" if abs(got - want) <= 0.2 * want else "no" for got, want in zip(alone, NOTE[policy])]
        rows[policy] = {"alone": alone, "in_place": placed, "note": NOTE[policy], "held": held, "verdict": verdict}
    return rows


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|",
                      *("| " + " | ".join(row) + " |" for row in rows)])


def markdown(document):
    counts, figures, rows = document["counts"], document["figures"], document["verdicts"]
    names = ["libc", *SETS]
    workloads = list(counts)
    parts = [f"{document['date']}, `{document['command']}`, {document['machine']}.\n",
             "Instructions / conditional branches per operation (a malloc or a free, the workload's own instructions "
             "included, the same in every row):\n",
             table(["policies", *workloads],
                   [[name, *(f"{counts[w][name][0]:.1f} / {counts[w][name][1]:.1f}" for w in workloads)]
                    for name in names])]
    if figures:
        parts += ["\nNanoseconds per operation, median of interleaved rounds and spread (interquartile range over "
                  "median); peak resident memory, MiB:\n",
                  table(["policies", *workloads],
                        [[name, *(f"{figures[w][name]['ns']:.1f} ±{figures[w][name]['spread']:.0%}, "
                                  f"{figures[w][name]['rss_mib']:.1f}" for w in workloads)] for name in names])]
    parts += ["\nWhat each policy saves per operation, mean of the workloads, beside the note's estimate; held: "
              "the policy alone is within 20 % of it:\n",
              table(["policy", "alone", "in its place A to E", "note", "held (instructions, branches)", "verdict"],
                    [[policy, *(f"{row[key][0]:.1f} / {row[key][1]:.1f}" for key in ("alone", "in_place", "note")),
                      ", ".join(row["held"]), row["verdict"]] for policy, row in rows.items()])]
    return "\n".join(parts) + "\n"


def measure_times(chosen, peers, rounds):
    results = session.run_rounds(chosen, peers, rounds, lambda text: print(f"ab.py: {text}", file=sys.stderr))
    figures = {}
    for case in chosen:
        figures[case.workload] = {}
        for peer in peers:
            series = results[case.label][peer.name]
            if series.failure:
                raise BenchError(f"{case.label} under {peer.name}: {series.failure}")
            cost = series.figure("cost", 1.0)
            figures[case.workload][peer.name] = {
                "ns": cost.median, "spread": cost.spread,
                "rss_mib": statistics.median(series.values["rss_peak_kib"]) / 1024}
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds of times; 0 counts only (default 7)")
    parser.add_argument("--divide", type=int, default=8, help="shorten the single-threaded workloads of the times (default 8)")
    parser.add_argument("--runner", default=str(ROOT / "build/release/bench/hakmem-bench"))
    parser.add_argument("--no-build", action="store_true", help="the libraries in build/ab are current")
    options = parser.parse_args()
    if options.rounds < 0 or options.divide < 1:
        raise BenchError("--rounds must not be negative, --divide at least 1")
    if not shutil.which("valgrind"):
        raise BenchError("no valgrind; install the Debian package valgrind")
    known = cases.list_workloads(options.runner)
    # Several threads take a while until they all run: those workloads keep their length.
    chosen = [cases.make_case(options.runner, row, options.divide if row["threads"] == 1 else 1)
              for row in cases.pick(known, WORKLOADS)]
    if not options.no_build:
        build_libraries(SETS)
    peers = [peer_of(name) for name in ("libc", *SETS)]
    counts = count(chosen, peers)
    figures = measure_times(chosen, peers, options.rounds) if options.rounds else {}
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        machine = re.search(r"model name\s*: (.*)", file.read())
    document = {"date": datetime.date.today().isoformat(), "command": "make ab",
                "machine": machine.group(1) if machine else "unknown processor", "sets": SETS, "counts": counts,
                "figures": figures, "verdicts": verdicts(counts)}
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "ab.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    text = markdown(document)
    (BUILD / "ab.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    run_main("ab.py", main)
