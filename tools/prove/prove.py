#!/usr/bin/env python3
"""Runs every obligation and its negative twin, and writes evidence/record.json.

  prove.py                  all of them; writes the record if every one holds and every twin failed
  prove.py --deep           the long forms; writes evidence/deep.json
  prove.py --only ID ...    some of them; writes nothing
  prove.py --check          whether the committed record holds for this tree; runs nothing
  prove.py --list           the table of obligations

Refuses a tree with uncommitted changes: a record is about sources that can be had again.
"""

import argparse
import concurrent.futures
import datetime
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
from record import FORMAT, ProveError, load_obligations, methods, problems, seal, sha256, subject

ROOT = Path(os.environ.get("HAKMEM_PROVE_ROOT", Path(__file__).resolve().parents[2]))
BUILD = {"plain": ROOT / "build/prove", "seeded": ROOT / "build/prove-seeded"}
PRESET = {"plain": "release", "seeded": "seeded"}
# Tool, the Debian package that has it, how it says its version.
TOOLS = {
    "git": ("git", "--version"), "cmake": ("cmake", "--version"), "ninja": ("ninja-build", "--version"),
    "g++": ("g++", "--version"), "z3": ("z3", "--version"), "spin": ("spin", "-V"),
    "strace": ("strace", "--version"), "gcc": ("gcc", "--version"),
}
ALWAYS = ("git", "cmake", "ninja", "g++")
# A twin that could not be run has not failed.
NO_VERDICT = (2, 126, 127)
JOBS = max(1, int(os.environ.get("JOBS", os.cpu_count() or 2)))


class Run:
    """One command of a check, or its twin: what it printed and how long it took."""

    def __init__(self, command, environment, seconds_max):
        self.command, self.environment = command, environment
        self.seconds_max = seconds_max
        self.status, self.text, self.seconds = None, "", 0.0

    def execute(self):
        begin = time.monotonic()
        with_environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C",
                            "HOME": os.environ.get("HOME", "/"), **self.environment}
        work = ROOT / "build/prove-work" / sha256(repr((self.command, self.environment)))[:16]
        work.mkdir(parents=True, exist_ok=True)
        try:
            done = subprocess.run(self.command, env=with_environment, cwd=work, capture_output=True,
                                  text=True, errors="replace", timeout=self.seconds_max, check=False)
            # Where the tree lies is nobody's business, and would make every log another one.
            self.status, self.text = done.returncode, (done.stdout + done.stderr).replace(str(ROOT), ".")
        except subprocess.TimeoutExpired:
            self.status, self.text = -1, f"no end after {self.seconds_max} s\n"
        except OSError as error:
            self.status, self.text = 127, f"{error}\n"
        self.seconds = time.monotonic() - begin
        return self


class Prover:
    def __init__(self, table, deep, jobs):
        self.table, self.deep = table, deep
        self.pool = concurrent.futures.ThreadPoolExecutor(jobs)
        self.runs = {}

    def start(self, check_name, fault=None, arguments=(), more_environment=None):
        """The run of a check, with a seeded fault or other arguments if it is a twin; each once."""
        check = self.table["checks"][check_name]
        build = "seeded" if fault else "plain"
        command = check["command"]
        if self.deep and not fault and "deep" in check:
            command = check["deep"]
        places = {"bin": str(BUILD[build]), "plain": str(BUILD["plain"]), "root": str(ROOT)}
        command = [word.format(**places) for word in [*command, *arguments]]
        if command[0].endswith(".py"):
            command[:0] = [sys.executable, "-B"]
        environment = dict(check.get("environment", {}))
        if self.deep and not fault:
            environment.update(check.get("deep_environment", {}))
        environment.update(more_environment or {})
        if fault:
            environment["HAKMEM_SEEDED_FAULT"] = fault
        key = (tuple(command), tuple(sorted(environment.items())))
        if key not in self.runs:
            run = Run(command, environment, 7200 if self.deep else 1800)
            self.runs[key] = self.pool.submit(run.execute)
        return self.runs[key]

    def twin_of(self, entry):
        twin = entry["twin"]
        return self.start(twin.get("check", entry["check"]), twin.get("fault"), twin.get("arguments", ()),
                          twin.get("environment"))


def count_in(text, pattern):
    """Sum of the pattern's numbers; how often it is there if it has none."""
    found = re.findall(pattern, text, re.MULTILINE)
    if re.compile(pattern).groups == 0:
        return len(found)
    return sum(int(number.replace(",", "")) for number in found)


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:160] if lines else ""


def said_of(text, pattern):
    for line in text.splitlines():
        if re.search(pattern, line):
            return line.strip()[:200]
    return ""


def judge(entry, run, twin, log):
    """The entry of the record, and what is wrong with it or None."""
    count = count_in(run.text, entry["count"])
    said = said_of(twin.text, entry["twin"]["says"])
    # A harness runs mistakes itself and passes only if each was found.
    as_it_must = twin.status == 0 if entry["twin"].get("harness") else twin.status not in (0, *NO_VERDICT)
    failed = as_it_must and bool(said)
    text = "".join(f"$ {' '.join(r.command)}\n{r.text}[status {r.status}]\n" for r in (run, twin))
    log.write_text(text, encoding="utf-8")
    result = {
        "id": entry["id"], "statement": entry["statement"], "policies": entry["policies"],
        "method": entry["method"], "count": count, "minimum": entry["minimum"],
        "seconds": round(run.seconds, 3), "seed": run.environment.get("RC_PARAMS", entry.get("seed", "")),
        "twin_failed": failed,
        "twin": {"what": entry["twin"].get("fault") or entry["twin"]["what"], "status": twin.status,
                 "said": said, "seconds": round(twin.seconds, 3)},
        "log_sha256": sha256(text),
    }
    wrong = None
    if run.status != 0:
        wrong = f"does not hold (status {run.status}): {last_line(run.text)}"
    elif count < entry["minimum"]:
        wrong = f"only {count} of {entry['minimum']} cases"
    elif not failed:
        wrong = f"its twin did not fail (status {twin.status}): {last_line(twin.text)}"
    return result, wrong


def need_tools(table, entries):
    needed = {*ALWAYS, *(tool for entry in entries for tool in table["checks"][entry["check"]].get("tools", []))}
    for tool in sorted(needed):
        if not shutil.which(tool):
            raise ProveError(f"no {tool}; install the Debian package {TOOLS[tool][0]}")
    versions = {}
    for tool in sorted(needed):
        done = subprocess.run([tool, TOOLS[tool][1]], capture_output=True, text=True, check=False)
        versions[tool] = (done.stdout + done.stderr).strip().splitlines()[0]
    return {**versions, "python": platform.python_version(), "kernel": platform.release(),
            "machine": platform.machine()}


def need_clean_tree():
    done = subprocess.run(["git", "-C", str(ROOT), "status", "--porcelain"], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise ProveError(f"{ROOT} is no git tree: evidence is about sources that can be had again")
    dirty = [line[3:] for line in done.stdout.splitlines() if not line[3:].startswith("evidence/")]
    if dirty:
        raise ProveError(f"the tree is not clean, commit first: {', '.join(dirty[:4])}"
                         + (f" and {len(dirty) - 4} more" if len(dirty) > 4 else ""))
    done = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True,
                          check=False)
    return done.stdout.strip()


def build(table, entries):
    """Builds what the checks run, and with seeded faults what the twins run."""
    targets = {"plain": set(), "seeded": set()}
    for entry in entries:
        targets["plain"].update(table["checks"][entry["check"]].get("targets", []))
        twin = entry["twin"]
        into = "seeded" if "fault" in twin else "plain"
        targets[into].update(table["checks"][twin.get("check", entry["check"])].get("targets", []))
    for kind, names in targets.items():
        if not names:
            continue
        print(f"prove: building {len(names)} programs in {BUILD[kind].relative_to(ROOT)}", flush=True)
        for command in (["cmake", "--preset", PRESET[kind], "-B", str(BUILD[kind]), "-DHAKMEM_TESTS=ON",
                         "-DHAKMEM_EVIDENCE=OFF"],
                        ["cmake", "--build", str(BUILD[kind]), "--parallel", str(JOBS), "--target",
                         *sorted(names)]):
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise ProveError(f"the build failed:\n{(done.stdout + done.stderr)[-3000:]}")


def prove(table, entries, deep):
    """Runs all; prints a line per obligation as it is decided. Results in the table's order, failures."""
    logs = ROOT / "build/prove-log"
    logs.mkdir(parents=True, exist_ok=True)
    prover = Prover(table, deep, JOBS)
    # The long ones first, so that the last processor is not left with one of them.
    for entry in sorted(entries, key=lambda e: -table["checks"][e["check"]].get("seconds", 0)):
        prover.start(entry["check"])
        prover.twin_of(entry)
    results, wrong = [], []
    for number, entry in enumerate(entries, 1):
        run, twin = prover.start(entry["check"]).result(), prover.twin_of(entry).result()
        if deep and "deep_minimum" in entry:
            entry = {**entry, "minimum": entry["deep_minimum"]}
        result, problem = judge(entry, run, twin, logs / f"{entry['id']}.log")
        results.append(result)
        print(f"[{number:2}/{len(entries)}] {entry['id']:34} {result['count']:15,} "
              + (f"WRONG: {problem}" if problem else f"of {entry['minimum']:,}, twin failed, {run.seconds:.1f} s"),
              flush=True)
        if problem:
            wrong.append(entry["id"])
    return results, wrong


def print_table(table):
    for entry in table["obligations"]:
        twin = entry["twin"].get("fault") or entry["twin"]["what"]
        print(f"{entry['id']:34} {''.join(entry['policies']):6} {entry['method']:12} >= {entry['minimum']:,}\n"
              f"    {entry['statement']}\n    twin: {twin}")
    print(f"{len(table['obligations'])} obligations")


def write_record(name, revision, tools, results, begin, before):
    after = subject(ROOT)
    if after != before["subject"] or methods(ROOT, load_obligations(ROOT)) != before["methods"]:
        raise ProveError("sources changed while they were proved; nothing is written")
    path = ROOT / "evidence" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(seal({
        "format": FORMAT, "written_by": "tools/prove/prove.py; an edit by hand breaks the seal",
        "made": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "revision": revision, "seconds": round(time.monotonic() - begin, 1), **before, "tools": tools,
        "obligations": results}), encoding="utf-8")
    print(f"prove: {len(results)} obligations hold and all twins failed; evidence/{name} is written, "
          f"subject {after['digest'][:12]}")


def run(options):
    table = load_obligations(ROOT)
    entries = table["obligations"]
    if options.list:
        print_table(table)
        return 0
    if options.check:
        found = problems(ROOT)
        print("\n".join(found) or f"evidence/record.json holds: {len(entries)} obligations")
        return 1 if found else 0
    if options.only:
        unknown = set(options.only) - {entry["id"] for entry in entries}
        if unknown:
            raise ProveError(f"no obligation '{sorted(unknown)[0]}' (--list names them)")
        entries = [entry for entry in entries if entry["id"] in options.only]
    begin = time.monotonic()
    revision = "" if options.only else need_clean_tree()
    tools = need_tools(table, entries)
    before = {"subject": subject(ROOT), "methods": methods(ROOT, table)}
    build(table, entries)
    results, wrong = prove(table, entries, options.deep)
    if wrong:
        print(f"prove: {len(wrong)} of {len(entries)} do not hold, nothing is written: {', '.join(wrong)}\n"
              "prove: what they printed is in build/prove-log", file=sys.stderr)
        return 1
    if options.only:
        print(f"prove: {len(results)} obligations hold; a part is no record, nothing is written")
    else:
        write_record("deep.json" if options.deep else "record.json", revision, tools, results, begin, before)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deep", action="store_true", help="the long forms, into evidence/deep.json")
    parser.add_argument("--only", nargs="+", metavar="ID", help="these obligations alone; writes nothing")
    parser.add_argument("--check", action="store_true", help="does the committed record hold?")
    parser.add_argument("--list", action="store_true", help="print the table of obligations")
    try:
        return run(parser.parse_args())
    except ProveError as error:
        print(f"prove: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
