"""Runs one attack program, says what happened, and compares that with what was expected."""

from __future__ import annotations

import dataclasses
import math
import mmap
import os
import pathlib
import re
import signal
import struct
import subprocess

import corpus

TIMEOUT_SECONDS = 60
FALSE_ALARM_RATE = 1e-6  # of each cell that is judged by chance
SETUP, MISUSE, EXPLOIT, FREE = range(4)


@dataclasses.dataclass
class Outcome:
    kind: str  # succeeds survives clean stopped abort broken hang
    faults: tuple[str, ...] = ()
    when: str = ""
    operations: int = 0
    detail: str = ""
    seed: str = ""

    def describe(self) -> str:
        if self.kind == "stopped":
            text = f"{'+'.join(self.faults)}@{self.when}"
            return f"{text} ({self.operations} ops)" if self.when == "later" else text
        if self.kind in ("abort", "broken", "hang"):
            return f"{self.kind} \"{self.detail}\""
        return self.kind


@dataclasses.dataclass
class Target:
    name: str  # glibc or a profile
    library: pathlib.Path | None
    profile_variable: str | None
    seed: str | None = None


def environment(target: Target, trace: int) -> dict[str, str]:
    variables = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "ATTACK_TARGET": "glibc" if target.library is None else "hakmem",
        "ATTACK_TRACE_FD": str(trace),
        "LC_ALL": "C",
    }
    if target.library is not None:
        variables["LD_PRELOAD"] = str(target.library)
        if target.profile_variable:
            variables["HAKMEM_PROFILE"] = target.profile_variable
        # Chance must not decide a cell: no block lies in a guard slot, or every refill's does.
        variables["HAKMEM_GUARD_SAMPLE"] = "1" if target.name == corpus.SAMPLED else "0"
        if target.seed:
            variables["HAKMEM_SEED"] = target.seed
    return variables


def run(binary: pathlib.Path, case: str, target: Target) -> Outcome:
    trace = os.memfd_create("attack-trace")
    try:
        os.ftruncate(trace, mmap.PAGESIZE)
        command = [str(binary)] + ([] if case == "-" else [case])
        try:
            done = subprocess.run(command, env=environment(target, trace), pass_fds=[trace],
                                  stdin=subprocess.DEVNULL, capture_output=True, check=False,
                                  timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            return Outcome("hang", detail=f"no end after {TIMEOUT_SECONDS} s")
        except OSError as error:
            return Outcome("broken", detail=f"{binary}: {error.strerror}")
        stage, operations, pointer = struct.unpack("=QQQ", os.pread(trace, 24, 0))
    finally:
        os.close(trace)
    return classify(done.returncode, done.stdout.decode("utf-8", "replace"),
                    done.stderr.decode("utf-8", "replace"), stage, operations, pointer,
                    target.name == corpus.SAMPLED)


def classify(status: int, stdout: str, stderr: str, stage: int, operations: int,
             pointer: int, sampled: bool = False) -> Outcome:
    if "cannot be preloaded" in stderr:
        return Outcome("broken", detail="the library was not preloaded")
    reports = [dict(re.findall(r"(\S+?)=(\S*)", line))
               for line in stderr.splitlines() if line.startswith("hakmem-report:")]
    seed = reports[0].get("seed", "") if reports else ""
    when = {MISUSE: "at-call", FREE: "at-free"}.get(stage, "later")
    first_line = (stdout.splitlines() or [""])[0]
    if status == 0 and not reports and first_line.startswith("ATTACK-SUCCEEDED"):
        return Outcome("succeeds")
    if status == 0 and not reports and first_line.startswith("CONTROL-CLEAN"):
        return Outcome("clean")
    if status == 3 and not reports and first_line.startswith("ATTACK-FAILED"):
        return Outcome("survives")
    if status == 2 and first_line.startswith("ATTACK-BROKEN"):
        return Outcome("broken", detail=first_line)
    message = (stderr.strip().splitlines() or [""])[-1][:160]
    if stage == SETUP and sampled and reports and reports[0].get("api") == "access":
        return Outcome("stopped", (reports[0]["fault"],), "at-call", 0, seed=seed)
    if stage == SETUP:
        return Outcome("broken", detail=f"ended with {status} before the misuse: {message}")
    if reports:
        complaint = report_defect(status, stderr, reports, when, pointer)
        if complaint:
            return Outcome("broken", detail=complaint, seed=seed)
        faults = tuple(sorted({report["fault"] for report in reports}))
        return Outcome("stopped", faults, when, operations, seed=seed)
    if status in (-signal.SIGSEGV, -signal.SIGBUS):
        return Outcome("stopped", ("segv",), when, operations)
    if status == -signal.SIGABRT:
        return Outcome("abort", detail=message, when=when, operations=operations)
    return Outcome("broken", detail=f"ended with {status}: {message or first_line}")


def report_defect(status: int, stderr: str, reports: list[dict[str, str]], when: str,
                  pointer: int) -> str:
    """What is wrong with a report itself: its parts must agree, and name the pointer misused."""
    if status != -signal.SIGABRT:
        return f"a report, then status {status} instead of SIGABRT"
    for report in reports:
        fault = report.get("fault", "")
        if not fault or "api" not in report or "ptr" not in report:
            return "a report line without fault, api or ptr"
        if not re.search(rf"^==\d+==ERROR: hakmem: {re.escape(fault)}\b", stderr, re.M):
            return f"no ERROR line names {fault}"
        if not re.search(rf"^SUMMARY: hakmem: {re.escape(fault)}\b", stderr, re.M):
            return f"no SUMMARY line names {fault}"
        if report["api"] == "access":
            continue  # what was touched, not the pointer that it was reached by
        if when == "at-call" and pointer and int(report["ptr"], 16) != pointer:
            return f"{fault} names {report['ptr']} instead of {pointer:#x}"
    return ""


# ---- comparison ----

def rank(kind: str, when: str) -> int:
    """How good an end is for the program under attack; lower is better."""
    if kind == "stopped":
        return {"at-call": 0, "at-free": 1}.get(when, 2)
    return {"survives": 3, "clean": 3}.get(kind, 4)


def named(verdict: corpus.Verdict) -> set[str]:
    """The faults that fit a verdict. A guard page ends in a report, or in the bare signal where the
    handler is not ours."""
    return set(verdict.faults) | ({"out-of-bounds", "use-after-free"} if "segv" in verdict.faults else set())


def matches(verdict: corpus.Verdict, outcome: Outcome) -> bool:
    if verdict.kind == "abort":
        return outcome.kind == "abort" and verdict.text in outcome.detail
    if verdict.kind != outcome.kind:
        return False
    if verdict.kind != "stopped":
        return True
    same_stage = corpus.STAGES[verdict.when] == rank("stopped", outcome.when)
    return same_stage and set(outcome.faults) <= named(verdict)


def compare(expected: list[corpus.Verdict], outcome: Outcome, target: str) -> str:
    """"as expected", "improves", "worsens" or "differs"; the last two fail."""
    if any(matches(verdict, outcome) for verdict in expected):
        return "as expected"
    # A guard slot may stop a program earlier, in other words, even while it sets its scene up; but
    # never one that misuses nothing.
    control = any(verdict.kind == "clean" for verdict in expected)
    luck = any(verdict.kind == "chance" for verdict in expected)  # one run is no judgement of it
    if target == corpus.SAMPLED and not control and (outcome.kind in ("stopped", "survives") or luck):
        return "as expected"
    if target == "glibc" or outcome.kind in ("broken", "hang", "abort"):
        return "differs"
    ranks = [rank(verdict.kind, verdict.when) for verdict in expected]
    found = rank(outcome.kind, outcome.when)
    if found > max(ranks):
        return "worsens"
    if any(verdict.kind == "clean" for verdict in expected):
        return "differs"  # a report about a program that misuses nothing
    allowed = {fault for verdict in expected for fault in named(verdict)}
    if outcome.kind == "stopped" and ("segv" in outcome.faults or allowed):
        # A crash proves no check; where faults are named, one of them it must be.
        if not set(outcome.faults) <= allowed:
            return "differs"
    return "improves" if found < min(ranks) else "differs"


def upper_bound(trials: int, probability: float, alpha: float = FALSE_ALARM_RATE) -> int:
    """Most successes to accept: more have a chance below alpha if the probability is true."""
    tail = 0.0
    for count in range(trials, -1, -1):
        log_term = (math.lgamma(trials + 1) - math.lgamma(count + 1) -
                    math.lgamma(trials - count + 1) + count * math.log(probability) +
                    (trials - count) * math.log1p(-probability))
        tail += math.exp(log_term)
        if tail >= alpha:
            return min(count, trials)
    return 0


def run_chance(binary: pathlib.Path, case: str, target: Target,
               verdict: corpus.Verdict) -> tuple[str, str]:
    """Result and description of a cell that is judged over many runs."""
    probability = verdict.numerator / verdict.denominator
    limit = upper_bound(verdict.trials, probability)
    if limit >= verdict.trials:
        return "differs", f"{verdict.trials} runs are too few to ever disprove {probability:g}"
    counted = 0
    wrong = {"broken", "hang", "clean"} | ({"abort"} if target.library else set())
    for _ in range(verdict.trials):
        outcome = run(binary, case, target)
        if outcome.kind in wrong:
            return "differs", outcome.describe()
        counted += outcome.kind == verdict.counted
    text = (f"{verdict.counted} {counted} of {verdict.trials} "
            f"(p <= {verdict.numerator}/{verdict.denominator} allows {limit})")
    return ("worsens" if counted > limit else "as expected"), text


def run_cell(binary: pathlib.Path, case: str, target: Target,
             expected: list[corpus.Verdict]) -> tuple[str, str, str]:
    """Result, description and seed of one cell of the table."""
    if expected[0].kind == "chance" and target.name != corpus.SAMPLED:
        return *run_chance(binary, case, target, expected[0]), ""
    outcome = run(binary, case, target)
    return compare(expected, outcome, target.name), outcome.describe(), outcome.seed
