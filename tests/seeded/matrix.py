#!/usr/bin/env python3
"""Runs drivers on seeded faults: does anybody notice?

  matrix.py                     every fault, drivers until two have found it
  matrix.py --all               every fault on every driver
  matrix.py --fast              every fault on the drivers that the table names for it, until one has
  matrix.py --fault ID --driver NAME ...     only these

Exit status: 0 if every fault was found and the allocator without a fault passed every driver that ran;
1 if not; 2 if the call was wrong.
"""

import argparse
import json
import os
import re
import resource
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import drivers

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "src/base/seeded.def"
ENTRY = re.compile(r'HAK_SEEDED_FAULT\((k\w+), "([^"]+)",\s*"([^"]+)", "([^"]*)"\)')
KILLS_ENOUGH = 2
# What the project promises of the matrix.
SECONDS_MAX = 120
TWO_DRIVERS_MIN = 0.90
MEDIAN_SECONDS_MAX = 5


def fail(message: str):
    print(f"matrix.py: {message}", file=sys.stderr)
    sys.exit(2)


def read_table() -> dict[str, tuple[str, list[str]]]:
    """Fault id -> sentence and expected drivers."""
    table = {found[2]: (found[3], found[4].split()) for found in ENTRY.finditer(TABLE.read_text())}
    if len(table) < 40:
        fail(f"only {len(table)} faults in {TABLE}: the pattern for an entry is stale")
    for fault, (_, names) in table.items():
        for name in names:
            if name not in drivers.BY_NAME:
                fail(f"{fault} expects a driver `{name}`, which there is not")
    return table


def command_of(driver: drivers.Driver, builds: Path) -> list[str]:
    words = driver.command.format(build=builds / driver.tree, source=ROOT).split()
    if words[-1].endswith("/"):
        words[-1:] = sorted(str(path) for path in Path(words[-1]).glob("*.script"))
    return words


def run(driver: drivers.Driver, fault: str, builds: Path) -> dict:
    """One cell: whether the driver noticed, after how much time, and what it said."""
    words = command_of(driver, builds)
    environment = {**os.environ, "HAKMEM_SEEDED_FAULT": fault,
                   **{name: value.format(source=ROOT) for name, value in drivers.ENVIRONMENT.items()}}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    process = subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, text=True, errors="replace",
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        said, _ = process.communicate(timeout=min(driver.seconds, SECONDS_MAX))
        status = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        status = "timeout"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    lines = [line for line in said.splitlines() if re.search(r"FAIL|fail|wrong|WRONG|ERROR|Falsif|invariant", line)]
    return {"killed": status != 0, "status": status, "seconds": round(time.monotonic() - start, 2),
            "cpu_seconds": round(cpu, 2), "said": (lines or said.splitlines()[-1:] or [""])[0][:160]}


def missing_programs(chosen: list[drivers.Driver], builds: Path) -> list[str]:
    return [driver.name for driver in chosen for word in command_of(driver, builds)
            if word.startswith(str(builds)) and not Path(word).exists()]


class Matrix:
    """The cells, kept in a file after each, so that an interrupted run goes on where it was."""

    def __init__(self, path: Path | None):
        self.path = path
        self.cells: dict[str, dict[str, dict]] = {}
        if path and path.exists():
            self.cells = json.loads(path.read_text())["cells"]

    def cell(self, fault: str, driver: drivers.Driver, builds: Path) -> dict:
        row = self.cells.setdefault(fault, {})
        if driver.name not in row:
            row[driver.name] = run(driver, fault, builds)
            self.save()
        return row[driver.name]

    def kills(self, fault: str) -> dict[str, float]:
        return {name: cell["seconds"] for name, cell in self.cells.get(fault, {}).items() if cell["killed"]}

    def save(self):
        if self.path:
            part = self.path.with_suffix(".part")
            part.write_text(json.dumps({"cells": self.cells}, indent=1) + "\n")
            part.replace(self.path)


def order_for(expected: list[str], chosen: list[drivers.Driver], fast: bool) -> list[drivers.Driver]:
    first = [driver for name in expected for driver in chosen if driver.name == name]
    return first if fast else first + [driver for driver in chosen if driver not in first]


def fill(matrix: Matrix, table: dict, faults: list[str], chosen: list, arguments) -> None:
    enough = len(chosen) if arguments.all else 1 if arguments.fast else KILLS_ENOUGH
    for number, fault in enumerate(faults, 1):
        for driver in order_for(table[fault][1], chosen, arguments.fast):
            if len(matrix.kills(fault)) >= enough:
                break
            matrix.cell(fault, driver, arguments.builds)
        kills = matrix.kills(fault)
        found = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in kills.items()) or "SURVIVED"
        print(f"[{number}/{len(faults)}] {fault}: {found}", flush=True)


def check_nothing(matrix: Matrix, chosen: list, builds: Path) -> list[str]:
    """The allocator without a fault must pass whatever has been run; returns who complained."""
    used = {name for row in matrix.cells.values() for name in row} | set(matrix.cells.get("none", {}))
    for driver in chosen:
        if driver.name in used:
            matrix.cell("none", driver, builds)
    return [f"{name}: {cell['said']}" for name, cell in matrix.cells.get("none", {}).items() if cell["killed"]]


def markdown(matrix: Matrix, table: dict, faults: list[str], chosen: list) -> str:
    names = [driver.name for driver in chosen]
    lines = ["| fault | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for fault in ["none", *faults]:
        cells = [matrix.cells.get(fault, {}).get(name) for name in names]
        texts = ["" if cell is None else f"{cell['seconds']:.1f}" if cell["killed"] else "–" for cell in cells]
        lines.append(f"| `{fault}` | " + " | ".join(texts) + " |")
    notes = [f"- `{driver.name}`: {driver.finds}" for driver in chosen]
    return "\n".join(["Seconds until the driver found the fault; – it did not; empty: not run.", "", *lines, "",
                      *notes, ""])


def summary(matrix: Matrix, faults: list[str], complaints: list[str], fast: bool) -> bool:
    kills = {fault: matrix.kills(fault) for fault in faults}
    survivors = [fault for fault in faults if not kills[fault]]
    times = [min(found.values()) for found in kills.values() if found]
    twice = sum(len(found) >= 2 for found in kills.values()) / len(faults)
    median = statistics.median(times) if times else 0.0
    print(f"{len(faults)} faults, {len(faults) - len(survivors)} found; median {median:.2f} s, "
          f"slowest {max(times, default=0.0):.1f} s")
    if not fast:
        print(f"{twice:.0%} found by two drivers or more")
    for fault in survivors:
        print(f"SURVIVED {fault}")
    for complaint in complaints:
        print(f"FAILED WITHOUT A FAULT {complaint}")
    ok = not survivors and not complaints and median <= MEDIAN_SECONDS_MAX
    return ok and (fast or twice >= TWO_DRIVERS_MIN)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--builds", type=Path, default=ROOT / "build", help="directory of the build trees")
    parser.add_argument("--all", action="store_true", help="every cell")
    parser.add_argument("--fast", action="store_true", help="one kill per fault, by a driver of the table")
    parser.add_argument("--fault", action="append", default=[], help="only this fault")
    parser.add_argument("--driver", action="append", default=[], help="only this driver")
    parser.add_argument("--json", type=Path, help="cells are kept here, and not run again")
    parser.add_argument("--markdown", type=Path, help="write the table here")
    parser.add_argument("--list", action="store_true", help="print the faults and the drivers")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    table = read_table()
    if arguments.list:
        for fault, (text, expected) in table.items():
            print(f"{fault:26} {text} [{' '.join(expected)}]")
        for driver in drivers.DRIVERS:
            print(f"{driver.name:26} {driver.finds}")
        return 0
    for fault in arguments.fault:
        if fault not in table and fault != "none":
            fail(f"no seeded fault is named `{fault}` (--list)")
    for name in arguments.driver:
        if name not in drivers.BY_NAME:
            fail(f"no driver is named `{name}` (--list)")
    faults = [fault for fault in table if not arguments.fault or fault in arguments.fault]
    names = arguments.driver or [driver.name for driver in drivers.DRIVERS]
    if arguments.fast:
        # Few programs of one tree; what only others find is left to the full matrix.
        names = [name for name in names if drivers.BY_NAME[name].fast]
        left_out = [fault for fault in faults if not set(table[fault][1]) & set(names)]
        print(f"not in the fast tier: {', '.join(left_out) or 'none'}")
        faults = [fault for fault in faults if fault not in left_out]
        names = [name for name in names if any(name in table[fault][1] for fault in faults)]
    chosen = [drivers.BY_NAME[name] for name in names]
    if missing := missing_programs(chosen, arguments.builds):
        fail(f"not built: {', '.join(missing)} (`make seeded` builds them)")
    matrix = Matrix(arguments.json)
    if faults:
        fill(matrix, table, faults, chosen, arguments)
    if "none" in arguments.fault:
        for driver in chosen:
            matrix.cell("none", driver, arguments.builds)
    complaints = check_nothing(matrix, chosen, arguments.builds)
    if arguments.markdown:
        arguments.markdown.write_text(markdown(matrix, table, faults, chosen))
    if not faults:
        return 1 if complaints else 0
    return 0 if summary(matrix, faults, complaints, arguments.fast) else 1


if __name__ == "__main__":
    sys.exit(main())
