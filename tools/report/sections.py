"""What the status page shows: each section from one file that another tool left, or the command that
makes it.

A reader takes the path of its file and returns a Section; every figure in it has a name, so that a test
can read it back from the page. No figure stands without the command that made it and the date.
"""

import datetime
import json
import math
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Section:
    name: str
    title: str
    command: str
    source: str
    date: str = ""
    missing: str = ""                               # why there is nothing to show
    figures: dict = field(default_factory=dict)     # name: (label, value)
    headers: list = field(default_factory=list)
    rows: list = field(default_factory=list)        # of (text, state), state one of "", "good", "bad"
    plots: list = field(default_factory=list)       # (title, unit, {row: {series: value}})
    note: str = ""


class Unusable(Exception):
    """The file is there and is not what it should be."""


def day_of(path: Path) -> str:
    return datetime.datetime.fromtimestamp(path.stat().st_mtime).isoformat(sep=" ", timespec="minutes")


def load(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Unusable(f"{path.name} is not JSON: {error}") from error


def build_state(root: Path, path: Path, section: Section):
    done = subprocess.run([str(path), "info", "--json"], capture_output=True, text=True, env={})
    if done.returncode != 0:
        raise Unusable(done.stderr.strip() or "the command fails")
    info = json.loads(done.stdout)
    section.date = day_of(Path(info["library"]))
    section.figures = {"build": ("build", info["build_info"]), "options": ("options", len(info["options"]))}
    section.headers = ["policy", "compiled"]
    section.rows = [[(name, ""), (value, "")] for name, value in sorted(info.get("compiled", {}).items())]


def evidence(root: Path, path: Path, section: Section):
    record = load(path)
    section.date = record["made"]
    gate = subprocess.run(["cmake", f"-DSOURCE_DIR={root}", "-P", str(root / "cmake/evidence_gate.cmake")],
                          capture_output=True, text=True)
    verdict = (gate.stdout + gate.stderr).strip().splitlines()
    section.note = verdict[-1].lstrip("- ") if verdict and gate.returncode == 0 else ""
    obligations = record["obligations"]
    held = sum(1 for entry in obligations if entry["count"] >= entry["minimum"] and entry["twin_failed"])
    section.figures = {"obligations": ("obligations", len(obligations)), "obligations_held": ("hold, twin failed", held),
                       "cases": ("cases", sum(entry["count"] for entry in obligations)),
                       "revision": ("revision", record.get("revision", "")[:12])}
    section.headers = ["obligation", "says", "policies", "method", "cases", "at least", "twin"]
    for entry in obligations:
        good = entry["count"] >= entry["minimum"]
        section.rows.append([(entry["id"], ""), (entry["statement"], ""), ("".join(entry["policies"]), ""),
                             (entry["method"], ""), (f"{entry['count']:,}", "good" if good else "bad"),
                             (f"{entry['minimum']:,}", ""),
                             ("failed as it must" if entry["twin_failed"] else "did not fail",
                              "good" if entry["twin_failed"] else "bad")])


def seeded(root: Path, path: Path, section: Section):
    cells = load(path)["cells"]
    section.date = day_of(path)
    faults = [fault for fault in cells if fault != "none"]
    drivers = sorted({driver for row in cells.values() for driver in row})
    found = {fault: [name for name, cell in cells[fault].items() if cell["killed"]] for fault in faults}
    twice = sum(1 for names in found.values() if len(names) >= 2)
    alarms = [name for name, cell in cells.get("none", {}).items() if cell["killed"]]
    section.figures = {"seeded_faults": ("seeded faults", len(faults)),
                       "seeded_found": ("found", sum(1 for names in found.values() if names)),
                       "seeded_twice": ("by two drivers or more", twice),
                       "seeded_alarms": ("alarms without a fault", len(alarms))}
    section.headers = ["fault", *drivers]
    for fault in faults:
        row = [(fault, "" if found[fault] else "bad")]
        for name in drivers:
            cell = cells[fault].get(name)
            row.append(("", "") if cell is None else
                       (f"{cell['seconds']:.1f} s", "good") if cell["killed"] else ("no", "bad"))
        section.rows.append(row)
    section.note = "A cell is the time after which the driver noticed; an empty one was not run."


def mutants(root: Path, path: Path, section: Section):
    results = load(path)
    section.date = day_of(path)
    outcomes = [result["outcome"] for result in results.values()]
    killed, survived = outcomes.count("killed"), outcomes.count("survived")
    by = {}
    for result in results.values():
        if result["outcome"] == "killed":
            by[result["by"]] = by.get(result["by"], 0) + 1
    section.figures = {"mutants": ("mutants that compile", killed + survived), "mutants_killed": ("killed", killed),
                       "mutants_rate": ("rate", f"{killed / max(1, killed + survived):.1%}")}
    section.headers = ["driver", "killed"]
    section.rows = [[(name, ""), (str(count), "")] for name, count in sorted(by.items(), key=lambda e: -e[1])]


def coverage(root: Path, path: Path, section: Section):
    """Reached and in all: lines, then sides of branches."""
    document = load(path)
    section.date = day_of(path)

    def share(reached, total):
        return f"{100 * reached / total:.1f} %" if total else ""
    lines, all_lines, sides, all_sides = document["total"]
    section.figures = {"coverage_lines": ("lines", share(lines, all_lines)),
                       "coverage_branches": ("branches", share(sides, all_sides)),
                       "coverage_left": ("lines left", all_lines - lines)}
    section.headers = ["file", "lines", "branches"]
    section.rows = [[(name, ""), (share(*part[:2]), ""), (share(*part[2:]), "")]
                    for name, part in sorted(document["files"].items())]


FAULT = re.compile(r'HAK_FAULT\((\w+), "([^"]+)",\s*((?:"[^"]*"\s*)+),\s*"([^"]+)",\s*"([^"]+)"\)')


def outcomes_of(log: str) -> dict[str, str]:
    """Test and outcome, from ctest's log."""
    outcomes, name = {}, None
    for line in log.splitlines():
        if found := re.match(r"\d+/\d+ Testing: (\S+)", line):
            name = found.group(1)
        elif name and (found := re.match(r"Test (Passed|Failed|time)", line)) and found.group(1) != "time":
            outcomes[name] = found.group(1).lower()
    return outcomes


def contract(root: Path, path: Path, section: Section):
    """Every fault, and what the last run of the tests said of it."""
    faults = FAULT.findall((root / "src/base/faults.def").read_text(encoding="utf-8"))
    if len(faults) < 10:
        raise Unusable("the pattern for src/base/faults.def is stale")
    log = path.read_text(encoding="utf-8", errors="replace")
    outcomes = outcomes_of(log)
    section.date = (re.search(r"^Start testing: (.+)$", log, re.MULTILINE) or ["", day_of(path)])[1]
    failed = sorted(name for name, outcome in outcomes.items() if outcome == "failed")
    section.figures = {"tests": ("tests run", len(outcomes)), "tests_failed": ("failed", len(failed)),
                       "faults": ("faults in the contract", len(faults))}
    section.headers = ["misuse", "report", "says", "test", "last run"]
    for _, fault, text, test, row in faults:
        said = "".join(re.findall(r'"([^"]*)"', text))
        outcome = next((outcome for name, outcome in outcomes.items() if name.startswith(test.split(".")[0] + ".")
                        and (name == test or name.endswith(test.split(".")[1]))), "not run")
        section.rows.append([(row, ""), (fault, ""), (said, ""), (test, ""),
                             (outcome, {"passed": "good", "failed": "bad"}.get(outcome, ""))])
    if failed:
        section.note = "failed: " + ", ".join(failed)


def comparison(root: Path, path: Path, section: Section):
    """Sets of policies by workload, and what each policy was found to be worth: bench/ab.py."""
    document = load(path)
    section.date, section.command = document["date"], with_target(root, document["command"])
    counts, times = document["counts"], document["figures"]
    workloads = list(counts)
    section.figures = {"ab_machine": ("processor", document["machine"])}
    for policy, verdict in document["verdicts"].items():
        alone = verdict["alone"]
        section.figures[f"ab_{policy}"] = (f"{policy} saves, instructions / branches; {verdict['verdict']}",
                                           f"{alone[0]:.1f} / {alone[1]:.1f}")
    section.headers = ["policies"] + [f"{workload}: {what}" for workload in workloads
                                      for what in (["instructions / branches"] + ["ns"] * bool(times))]
    for name in dict.fromkeys(name for cells in counts.values() for name in cells):
        row = [(name, "")]
        for workload in workloads:
            instructions, branches = counts[workload][name][:2]
            row.append((f"{instructions:.1f} / {branches:.1f}", ""))
            if times:
                row.append((f"{times[workload][name]['ns']:.1f}", ""))
        section.rows.append(row)


def bench(root: Path, path: Path, section: Section):
    document = load(path)
    meta = document["meta"]
    section.date, section.command = meta["date"], meta["command"]
    families = {}
    for case in document["cases"]:
        for peer, cell in case["peers"].items():
            if cell.get("times_as_fast"):
                families.setdefault(case["family"], {}).setdefault(peer, []).append(cell["times_as_fast"])
    means = {family: {peer: math.exp(sum(map(math.log, values)) / len(values)) for peer, values in peers.items()}
             for family, peers in families.items()}
    section.plots = [(f"{family}: times as fast as glibc, geometric mean", "x", {peer: {"": value} for peer, value
                      in sorted(peers.items(), key=lambda entry: -entry[1])}) for family, peers in means.items()]
    section.figures = {"bench_cases": ("cases", len(document["cases"])), "bench_processor": ("processor", meta["processor"])}
    for family, peers in means.items():
        if "hakmem" in peers:
            section.figures[f"bench_{family}"] = (f"hakmem, {family}", f"{peers['hakmem']:.2f}")
    peers = sorted({peer for case in document["cases"] for peer in case["peers"]})
    section.headers = ["case", "unit", *peers]
    for case in document["cases"]:
        section.rows.append([(case["case"], ""), (case["unit"], "")] + [
            (number((case["peers"].get(peer) or {}).get("cost")), "") for peer in peers])


def counts(root: Path, path: Path, section: Section):
    document = load(path)
    section.date = document["date"]
    libraries = document["counts"]
    paths = list(dict.fromkeys(path for rows in libraries.values() for path in rows))
    section.headers = ["path", "unit", *libraries]
    for name in paths:
        unit = next((rows[name]["unit"] for rows in libraries.values() if name in rows), "")
        section.rows.append([(name, ""), (unit, "")] + [
            (number(rows.get(name, {}).get("instructions")), "") for rows in libraries.values()])
    section.plots = [("instructions", "", {name: {library: rows[name]["instructions"] for library, rows in
                      libraries.items() if name in rows} for name in paths[:12]})]
    for library, rows in libraries.items():
        if "pair" in rows:
            section.figures[f"instructions_{library}"] = (f"{library}, pair", number(rows["pair"]["instructions"]))
    section.figures["valgrind"] = ("measured with", document["valgrind"])


def number(value) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return "" if value is None else str(value)


# name, title, file, command that makes it, reader
TABLE = (
    ("build", "Build", "build/release/bin/hakmem", "make tools", build_state),
    ("evidence", "Evidence", "evidence/record.json", "make prove", evidence),
    ("seeded", "Seeded faults", "build/seeded/matrix.json", "make seeded", seeded),
    ("mutants", "Blind mutants", "build/mutants/results.json", "make mutants", mutants),
    ("coverage", "Coverage", "build/coverage/summary.json", "make coverage", coverage),
    ("contract", "Contract", "build/release/Testing/Temporary/LastTest.log", "ctest --preset release", contract),
    ("ab", "Policies, A against B", "build/ab/ab.json", "make ab", comparison),
    ("bench", "Benchmarks", "build/bench/results.json", "make bench", bench),
    ("counts", "Instructions per path", "build/bench/counts.json", "make counts", counts),
)


def with_target(root: Path, command: str) -> str:
    """Says so where the Makefile of this tree has no such target."""
    makefile = root / "Makefile"
    targets = re.findall(r"^([a-z ]+):", makefile.read_text(encoding="utf-8"), re.MULTILINE) if makefile.is_file() else []
    known = command.split()[1] in " ".join(targets).split()
    return command if known or not command.startswith("make ") else f"{command} (not in this tree)"


def collect(root: Path) -> list[Section]:
    sections = []
    for name, title, file, command, reader in TABLE:
        command = with_target(root, command)
        section = Section(name, title, command, file)
        path = root / file
        if not path.is_file():
            section.missing = f"{file} is not there"
        else:
            try:
                reader(root, path, section)
            except Unusable as error:
                section = Section(name, title, command, file, missing=str(error))
            except (KeyError, TypeError, IndexError, AttributeError, OSError) as error:
                section = Section(name, title, command, file,
                                  missing=f"{file} is not of the form that is read here ({error!r})")
        sections.append(section)
    return sections
