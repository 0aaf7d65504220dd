#!/usr/bin/env python3
"""Runs the model of remote frees: `run.py model`, `run.py twins`, `run.py ltl` or `run.py traces PROGRAM`.

`model` searches every configuration exhaustively; `twins` shows that each mistake is found; `ltl` shows
the safety property as a never claim; `traces` takes traces of the code from hakmem_schedules and shows that
each is a path of the model, and that traces of code with a seeded fault are not. The last line is for
machines. Status 1 if anything is not as it must be."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BUDGETS = ("FREES", "TWICE", "ALLOCS", "COLLECTS", "EXITS", "ADOPTS", "SWEEPS", "RETIRES")

# What the three threads may do, and the least number of states that a search has.
CONFIGURATIONS = {
    "racing": ((3, 2, 1, 1, 0, 0, 0, 0), 200_000),
    "exit": ((2, 0, 0, 1, 1, 1, 0, 0), 200_000),
    "retire": ((3, 1, 0, 1, 0, 0, 0, 1), 200_000),
}
DEEP = {
    "racing_exit": ((3, 1, 1, 1, 1, 0, 0, 0), 1_000_000),
    "exit_sweep": ((2, 0, 0, 1, 1, 1, 1, 0), 900_000),
    "exit_retire": ((2, 0, 0, 1, 1, 1, 0, 1), 1_000_000),
}
TWINS = {
    "BIT_FIRST": "racing", "LOOK_EARLY": "racing", "COLLECT_BLIND": "racing", "CLEAR_LATE": "racing",
    "QUEUE_LOST": "racing", "DISOWN_UNLOCKED": "exit", "EXIT_QUEUED": "exit", "ADOPT_BLIND": "exit",
    "RETIRE_QUEUED": "retire", "DESTROY_BLIND": "retire",
}
# Seeded faults of the code whose traces are no paths of the model.
SEEDED = ("bit-before-state", "queue-look-early", "disown-unlocked", "collect-unchecked",
          "remote-bit-lost", "remote-not-queued", "exit-leaves-queued", "destroy-blind")


def fail(text: str):
    print(f"run.py: {text}", file=sys.stderr)
    sys.exit(2)


def build(directory: str, defines: list[str], flags: list[str], claim: bool = False) -> pathlib.Path:
    """The verifier of the model with these definitions, in the directory."""
    for name in ("remote.pml", "transitions.h"):
        shutil.copy(HERE / name, directory)
    commands = [["spin", "-a", *defines, "remote.pml"],
                ["gcc", "-w", "-O2", *flags, "-DCOLLAPSE", "-DMEMLIM=4000",
                 *([] if claim else ["-DSAFETY"]), "-o", "pan", "pan.c"]]
    for command in commands:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
        if done.returncode != 0 or "Error" in done.stdout:
            fail(f"{command[0]} failed: {(done.stdout + done.stderr).strip()}")
    return pathlib.Path(directory) / "pan"


def search(defines: list[str], flags: list[str] = (), options: list[str] = (), claim: bool = False,
           extra: dict[str, str] | None = None) -> tuple[int, int, str]:
    """Errors, states stored and the whole output of an exhaustive search."""
    with tempfile.TemporaryDirectory() as directory:
        for name, text in (extra or {}).items():
            (pathlib.Path(directory) / name).write_text(text)
        pan = build(directory, list(defines), list(flags), claim)
        done = subprocess.run([pan, "-m200000", *options], cwd=directory, capture_output=True, text=True)
    errors = re.search(r"errors: (\d+)", done.stdout)
    states = re.search(r"(\d+) states, stored", done.stdout)
    if not errors or not states or "max search depth" in done.stdout or "out of memory" in done.stdout:
        fail("the search did not end: " + done.stdout[-300:] + done.stderr[-300:])
    return int(errors[1]), int(states[1]), done.stdout


def budget_defines(budgets: tuple) -> list[str]:
    return [f"-D{name}={value}" for name, value in zip(BUDGETS, budgets)]


def run_model(configurations: dict) -> int:
    total = errors = below = 0
    for name, (budgets, least) in configurations.items():
        found, states, _ = search(budget_defines(budgets))
        print(f"spin: configuration={name} states={states} least={least} errors={found}", flush=True)
        total, errors, below = total + states, errors + found, below + (states < least)
    print(f"spin: configurations={len(configurations)} states={total} below={below} errors={errors}")
    return errors + below


def run_twins() -> int:
    found = 0
    for twin, name in TWINS.items():
        errors, states, output = search([f"-DTWIN_{twin}", *budget_defines(CONFIGURATIONS[name][0])])
        reason = re.search(r"pan:1: (.*)", output)
        found += errors > 0
        print(f"twin: {twin} configuration={name} found={int(errors > 0)} states={states} "
              f"{reason[1] if reason else ''}", flush=True)
    print(f"spin: twins={len(TWINS)} found={found} errors={len(TWINS) - found}")
    return len(TWINS) - found


def run_ltl() -> int:
    """The never claim holds for the model and fails for a twin."""
    budgets = budget_defines(CONFIGURATIONS["racing"][0])
    errors, states, _ = search(["-DWITH_LTL", *budgets], ["-DNOREDUCE"], ["-a", "-N", "once"], claim=True)
    twin, _, _ = search(["-DWITH_LTL", "-DNO_ASSERTIONS", "-DTWIN_COLLECT_BLIND", *budgets], ["-DNOREDUCE"],
                        ["-a", "-N", "once"], claim=True)
    print(f"spin: claim=once states={states} twin_found={int(twin > 0)} errors={errors + (twin == 0)}")
    return errors + (twin == 0)


def accepted(program: str, most: int, fault: str | None = None) -> tuple[int, int]:
    """How many traces there are, and how many of them are paths of the model."""
    environment = dict(os.environ)
    environment.pop("HAKMEM_SEEDED_FAULT", None)
    if fault:
        environment["HAKMEM_SEEDED_FAULT"] = fault
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "traces.h"
        done = subprocess.run([program, "--traces", path, "--max", str(most)], env=environment,
                              capture_output=True, text=True)
        if done.returncode != 0:
            fail(f"no traces: {(done.stdout + done.stderr).strip()[-300:]}")
        text = path.read_text()
    traces = int(re.search(r"#define TRACES (\d+)", text)[1])
    _, _, output = search(["-DTRACE", "-DSLOTS=8", f"-DTRACES={traces}"], ["-DNOREDUCE"], ["-E"],
                          extra={"traces.h": text})
    counts = re.findall(r"^accepted (\d+)", output, re.M)
    return traces, int(counts[-1]) if counts else 0


def run_traces(program: str, most: int, faults: tuple) -> int:
    traces, paths = accepted(program, most)
    wrong = traces - paths
    print(f"spin: traces={traces} accepted={paths}", flush=True)
    for fault in faults:
        of, those = accepted(program, min(most, 300), fault)
        print(f"twin: fault={fault} traces={of} accepted={those} found={int(those < of)}", flush=True)
        wrong += those == of
    print(f"spin: traces={traces} accepted={paths} twins={len(faults)} faults={wrong}")
    return wrong + (traces == 0)


def main() -> int:
    for tool in ("spin", "gcc"):
        if not shutil.which(tool):
            fail(f"no {tool}; tests/spin/packages.txt names the package")
    match sys.argv[1:]:
        case ["model"]:
            return run_model(CONFIGURATIONS) > 0
        case ["deep"]:
            return run_model(CONFIGURATIONS | DEEP) > 0
        case ["twins"]:
            return run_twins() > 0
        case ["ltl"]:
            return run_ltl() > 0
        case ["traces", program]:
            return run_traces(program, 200, SEEDED[:3]) > 0
        case ["traces", program, "deep"]:
            return run_traces(program, 20_000, SEEDED) > 0
    fail("usage: run.py model|deep|twins|ltl|traces PROGRAM [deep]")


if __name__ == "__main__":
    sys.exit(main())
