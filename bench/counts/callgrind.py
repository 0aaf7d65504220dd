"""Runs the count driver under callgrind and reads what it wrote."""

import os
import re
import subprocess
import tempfile

from hakbench.errors import BenchError

# Fixed caches: the host's would make D1 misses differ between machines.
CACHES = ["--I1=32768,8,64", "--D1=32768,8,64", "--LL=8388608,16,64"]

METRICS = {
    "instructions": ("Ir",),
    "branches": ("Bc",),
    "indirect": ("Bi",),
    "atomics": ("Ge",),
    "reads": ("Dr",),
    "writes": ("Dw",),
    "d1_misses": ("D1mr", "D1mw"),
}

OPERATIONS = ("op_malloc", "op_free", "op_calloc", "op_realloc", "op_aligned", "op_new",
              "op_delete")


class Unsupported(BenchError):
    """The library does not run under callgrind."""


class Profile:
    """Totals, the inclusive cost of what each op_* called, and self cost by function."""

    def __init__(self, events):
        self.events = events
        self.total = dict.fromkeys(METRICS, 0)
        self.called = {name: dict.fromkeys(METRICS, 0) for name in OPERATIONS}
        self.calls = dict.fromkeys(OPERATIONS, 0)
        self.self_cost = {}

    def metrics(self, numbers):
        """Sums a cost line's columns into our metrics; callgrind drops trailing zeros."""
        padded = numbers + [0] * (len(self.events) - len(numbers))
        by_event = dict(zip(self.events, padded))
        return {name: sum(by_event.get(event, 0) for event in events)
                for name, events in METRICS.items()}


def add(into, cost):
    for name, value in cost.items():
        into[name] += value


def parse(text):
    """Reads a callgrind profile written without name or position compression."""
    events = re.search(r"^events: (.*)$", text, re.M)
    if not events:
        raise BenchError("callgrind wrote no 'events:' line")
    profile = Profile(events.group(1).split())
    function, inclusive_calls = "", None
    for line in text.splitlines():
        if line.startswith("fn="):
            function = line[3:]
        elif line.startswith("calls="):
            inclusive_calls = int(line[6:].split()[0])
        elif line[:1].isdigit() or line[:1] in "+-*":
            cost = profile.metrics([int(field) for field in line.split()[1:]])
            if inclusive_calls is None:
                add(profile.self_cost.setdefault(function, dict.fromkeys(METRICS, 0)), cost)
                add(profile.total, cost)
            elif function in profile.called:
                profile.calls[function] += inclusive_calls
                add(profile.called[function], cost)
            inclusive_calls = None
    return profile


def clean_environment(extra):
    """A fixed environment: its size moves the stack, and options in it change paths."""
    # The seed gives hakmem the same heap layout in every run, so that two lengths share their
    # beginning.
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "LD_BIND_NOW": "1", "HAKMEM_SEED": "1",
            **extra}


def profile_run(driver, path, ops, environment, stand_in=False):
    """One run of the driver under callgrind."""
    with tempfile.TemporaryDirectory(prefix="hakmem-counts-") as folder:
        out = os.path.join(folder, "out")
        command = ["valgrind", "--tool=callgrind", "--branch-sim=yes", "--cache-sim=yes",
                   "--collect-bus=yes", *CACHES,
                   "--compress-strings=no", "--compress-pos=no", f"--callgrind-out-file={out}",
                   driver, path, str(ops)]
        if stand_in:
            command.append("stand-in")
        run = subprocess.run(command, env=clean_environment(environment), capture_output=True,
                             text=True, errors="replace", check=False)
        if run.returncode != 0 or not os.path.exists(out):
            raise Unsupported(explain(run))
        if "cannot be preloaded" in run.stderr:
            raise Unsupported("the loader could not preload it")
        with open(out, encoding="utf-8", errors="replace") as file:
            return parse(file.read())


def explain(run):
    """The most telling line of a failed run."""
    lines = [line for line in run.stderr.splitlines()
             if line.strip() and not line.startswith(("==", "--"))]
    return lines[0][:160] if lines else f"exit status {run.returncode}"
