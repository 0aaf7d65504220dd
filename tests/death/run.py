#!/usr/bin/env python3
"""Runs the misuse program and checks every report: exact lines, values, signal.

usage: run.py --program FILE --build release|debug --faults faults.def [--write] TEST
"""
import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import cases
import golden
import guards
import report
import syscalls
from outcome import SKIPPED, TIMEOUT_SECONDS, Failure, Outcome, clean_environment

# Per variant. In "others" every trial starts a thread.
RACING_TRIALS = {"local": 10000, "others": 1000, "realloc": 4000, "large": 2000}


class Suite(guards.Guards, syscalls.Syscalls, golden.Golden):
    def __init__(self, arguments):
        self.program = arguments.program
        self.debug = arguments.build == "debug"
        self.sentences = report.fault_texts(arguments.faults)
        self.checked = 0
        self.syscalls_program = arguments.syscalls_program
        self.security = arguments.security
        self.write = arguments.write

    def run(self, *words, pass_fds=(), **options):
        # Every block where the table of cases expects it, unless a test asks for guard slots.
        options.setdefault("guard_sample", 0)
        env = {f"HAKMEM_{name.upper()}": str(value) for name, value in options.items()}
        command = [self.program, *words]
        run = subprocess.run(command, env={**clean_environment(), **env}, capture_output=True,
                             timeout=TIMEOUT_SECONDS, check=False, pass_fds=pass_fds)
        return Outcome(command, env, run)

    def expect_report(self, outcome, fault, text=None, status=-signal.SIGABRT, sampled=False):
        if outcome.status != status:
            outcome.fail(f"should end with status {status} after {fault}")
        try:
            values = report.check(outcome.err if text is None else text, self.sentences, self.debug, sampled)
        except report.Mismatch as mismatch:
            outcome.fail(str(mismatch))
        expected = {"fault": fault, "build": "0.1.0"}
        for key in ("pid", "ptr", "api"):
            if key in outcome.said:
                expected[key] = outcome.said[key]
        for key, value in expected.items():
            if values[key] != value:
                outcome.fail(f"{key} should be {value}, is {values[key]}")
        self.checked += 1
        return values

    def check_case(self, setup, call, fault, profile=None):
        options = {"profile": profile} if profile else {}
        outcome = self.run(setup, call, **options)
        values = self.expect_report(outcome, fault)
        expected = {"profile": "debug" if self.debug else profile or "hardened", "limit": "none"}
        if setup not in cases.NO_BLOCK:
            expected["block"] = outcome.said["block"]
            expected["usable"] = "102400" if setup in cases.LARGE else "111"
        if fault == "size-mismatch":
            expected["requested"] = outcome.said["given"]
        elif self.debug and setup not in cases.NO_BLOCK and fault != "alignment-mismatch":
            expected["requested"] = outcome.said["requested"]
        if fault == "foreign-pointer":
            expected |= {"block": "0x0", "size_class": "-1", "slot": "-1", "owner": "0"}
        for key, value in expected.items():
            if values[key] != value:
                outcome.fail(f"{key} should be {value}, is {values[key]}")
        remote = call in cases.REMOTE
        if (values["thread"] == outcome.said["pid"]) == remote:
            outcome.fail("the report names another thread than the one that called")
        begin, end = (int(address, 16) for address in outcome.said["text"].split("-"))
        if not begin <= int(values["caller"], 16) < end:
            outcome.fail("the caller is not in the program")
        if self.debug and not (values["modules"][0] or "").startswith(f" ({os.path.realpath(self.program)}+"):
            outcome.fail("the first frame does not name the program's file")

    def check_all(self, rows, profile=None):
        jobs = [(setup, call, fault, profile) for setup, fault, calls in rows for call in calls]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda job: self.check_case(*job), jobs))

    def table_test(self, test):
        rows = cases.CASES[test]
        self.check_all(rows)
        if self.debug:
            return
        # The other profiles check the same; `fast` alone leaves out the header behind the block.
        self.check_all([(setup, fault, [call for call in ("realloc", "delete_sized", "remote_free")
                                        if call in calls])
                        for setup, fault, calls in rows if calls != cases.SIZED_AND_ALIGNED
                        and calls != cases.SIZED], "paranoid")
        if test != "overflow":
            self.check_all([(setup, fault, calls[-2:]) for setup, fault, calls in rows], "fast")

    def api_mismatch(self):
        if self.debug:
            self.check_all(cases.FAMILIES)
            return
        self.check_all([(setup, fault, ["free", "delete", "array_sized", "remote_free", "realloc"])
                        for setup, fault, _ in cases.FAMILIES], "paranoid")
        # Hardened and fast keep no records of families; nothing else may break.
        for setup, _, _ in cases.FAMILIES:
            for profile in ("hardened", "fast"):
                self.expect_survival(self.run(setup, "free", profile=profile), -1)

    def expect_survival(self, outcome, live):
        self.checked += 1
        if outcome.status != 0 or outcome.err:
            outcome.fail("should have ended well and silently")
        if outcome.said.get("verify") != "ok" or int(outcome.said["live"]) != live:
            outcome.fail(f"live blocks should change by {live}, verify() be ok")

    def nothing_wrong(self):
        for setup in ("nothing_wrong", "nothing_wrong_large"):
            for call in cases.ALL:
                ends = call not in ("malloc_usable_size", "realloc", "reallocarray", "remote_realloc")
                self.expect_survival(self.run(setup, call), -1 if ends else 0)

    def write_after_free(self):
        for profile in ["hardened"] if self.debug else ["paranoid"]:
            outcome = self.run("write_after_free", profile=profile)
            values = self.expect_report(outcome, "write-after-free")
            if values["block"] != outcome.said["block"] or values["api"] not in ("malloc", "free"):
                outcome.fail("wrong block or call")
        if not self.debug:
            outcome = self.run("write_after_free")
            if outcome.status != 0 or outcome.err:
                outcome.fail("hardened does not look for writes; nothing else may break")

    def racing_free(self):
        profiles = ["hardened"] if self.debug else ["hardened", "fast", "paranoid"]
        for profile in profiles:
            for variant in RACING_TRIALS:
                self.race(variant, profile)

    def race(self, variant, profile):
        trials = RACING_TRIALS[variant]
        if profile != "hardened" or self.debug:
            trials //= 10
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "reports")
            outcome = self.run("racing_free", str(trials), variant, on_fault="continue", report=path,
                               profile=profile)
            text = open(path, encoding="utf-8", errors="replace").read()
        if outcome.status != 0 or f"trials={trials} " not in outcome.out or "verify=ok" not in outcome.out:
            outcome.fail(f"two threads freeing one block ({variant}, {profile})")
        found = set(re.findall(r"SUMMARY: hakmem: ([a-z-]+) in", text))
        allowed = {"double-free", "racing-free", "freed-memory"}
        if not found or not found <= allowed:
            outcome.fail(f"faults are {sorted(found)}")
        print(f"{profile} {variant}: {outcome.out.strip()} {sorted(found)}")
        self.checked += 1

    def foreign_policy(self):
        """HAKMEM_FOREIGN: what other allocators made is reported, ignored or handed to libc."""
        for call in cases.ALL:
            for setup in ("foreign_mapping", "foreign_libc"):
                self.expect_survival(self.run(setup, call, foreign="ignore"), 0)
            self.expect_survival(self.run("foreign_libc", call, foreign="libc"), 0)
            self.expect_report(self.run("foreign_libc", call), "foreign-pointer")
        # What libc made is freed there: a second free is libc's to stop, with its own words.
        outcome = self.run("foreign_libc_freed", "free", foreign="libc")
        if outcome.status != -signal.SIGABRT or "hakmem-report" in outcome.err or not outcome.err:
            outcome.fail("libc should have seen the pointer")
        # Misuse of the heap's own blocks is reported whatever the policy.
        for policy in ("ignore", "libc"):
            for setup, fault in (("double_free", "double-free"), ("interior", "interior-pointer"),
                                 ("never_committed", "never-allocated")):
                self.expect_report(self.run(setup, "free", foreign=policy), fault)

    def on_fault(self):
        for setup, fault, calls in [row for rows in cases.CASES.values() for row in rows]:
            outcome = self.run(setup, calls[0], on_fault="continue")
            self.expect_report(outcome, fault, status=0)
            if outcome.said.get("live") != "0":
                outcome.fail("a refused call must change nothing")
            damaged = fault in ("corrupt-header", "overflow")
            if not damaged and outcome.said.get("verify") != "ok":
                outcome.fail("the heap is damaged behind the report")
            self.expect_report(self.run(setup, calls[0], on_fault="trap"), fault,
                               status=-signal.SIGILL)

    def report_target(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "report")
            for count in (1, 2):
                outcome = self.run("double_free", "free", report=path)
                if outcome.err:
                    outcome.fail("the report should go to the file alone")
                text = open(path, encoding="utf-8").read()
                parts = [part for part in re.split(r"(?m)^(?===\d+==ERROR)", text) if part]
                if len(parts) != count:
                    outcome.fail(f"{len(parts)} reports in the file, not {count}: it is appended to")
                self.expect_report(outcome, "double-free", parts[-1])
            if os.stat(path).st_mode & 0o777 != 0o600:
                raise Failure("a report may hold addresses: its file must be private")
            # Where no file can be made the report still comes out.
            for bad in (folder, os.path.join(folder, "none", "x")):
                self.expect_report(self.run("double_free", "free", report=bad), "double-free")
        read_end, write_end = os.pipe()
        outcome = self.run("double_free", "free", report=f"fd:{write_end}", pass_fds=(write_end,))
        os.close(write_end)
        with os.fdopen(read_end) as pipe:
            text = pipe.read()
        if outcome.err:
            outcome.fail("the report should go to the descriptor alone")
        self.expect_report(outcome, "double-free", text)
        # A descriptor that is closed loses the text, not the abort.
        outcome = self.run("double_free", "free", report="fd:987")
        if outcome.status != -signal.SIGABRT or outcome.err:
            outcome.fail("should abort in silence")

    def seed(self):
        runs = [self.run("sequence", "400", seed=12345) for _ in range(3)]
        for run in runs:
            values = self.expect_report(run, "double-free")
            if values["seed"] != "0x3039":
                run.fail("the report does not name the seed")
            if run.out != runs[0].out:
                run.fail("the same seed must give the same addresses")
        if self.run("sequence", "400", seed=12346).out == runs[0].out:
            raise Failure("another seed must give other addresses")
        free_run = self.run("sequence", "400")
        again = self.run("sequence", "400", seed=self.expect_report(free_run, "double-free")["seed"])
        if again.out != free_run.out:
            again.fail("the seed of a report must reproduce its run")
        if self.run("sequence", "400").out == free_run.out:
            raise Failure("without a seed every run must differ")

    def sandbox(self):
        word = "--sandbox-with-files" if self.debug else "--sandbox"
        for fault, rows in cases.SAMPLED.items():
            for what, _ in rows:
                if "thread" not in what:
                    outcome = self.run(word, "sampled", what, guard_sample=1)
                    if outcome.status == SKIPPED:
                        return SKIPPED
                    self.expect_report(outcome, fault.replace("_", "-"), sampled=True)
        for setup, fault, calls in [row for rows in cases.CASES.values() for row in rows]:
            for call in [call for call in calls if call not in cases.REMOTE][:3]:
                outcome = self.run(word, setup, call)
                if outcome.status == SKIPPED:
                    print(outcome.err)
                    return SKIPPED
                self.expect_report(outcome, fault)
                if not self.debug and call == calls[0]:
                    self.expect_report(self.run(word, setup, call, profile="paranoid"), fault)
        return 0

    def table(self):
        """Every fault of the table is the subject of the test that the table names for it."""
        for fault, (_, test) in self.sentences.items():
            name = test.removeprefix("death.")
            rows = cases.CASES.get(name, [])
            if name in ("racing_free", "write_after_free", "api_mismatch", *cases.SAMPLED):
                self.checked += 1
            elif not rows or any(row[1] != fault for row in rows):
                raise Failure(f"{fault}: {test} does not test it")
            else:
                self.checked += 1
        if set(cases.CASES) - {test.removeprefix("death.") for _, test in self.sentences.values()}:
            raise Failure("a test that the table of faults does not name")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--build", required=True, choices=("release", "debug"))
    parser.add_argument("--faults", required=True)
    parser.add_argument("--syscalls-program")
    parser.add_argument("--security")
    parser.add_argument("--write", action="store_true", help="with the test `golden`: renews the texts")
    parser.add_argument("test")
    arguments = parser.parse_args()
    for path in (arguments.program, arguments.faults):
        if not os.path.exists(path):
            sys.exit(f"run.py: {path}: no such file")
    suite = Suite(arguments)
    test = getattr(suite, arguments.test, None)
    if arguments.test not in cases.CASES and not callable(test):
        sys.exit(f"run.py: no test {arguments.test}")
    try:
        status = suite.table_test(arguments.test) if arguments.test in cases.CASES else test()
    except (Failure, subprocess.TimeoutExpired) as failure:
        print(f"FAILED: {failure}")
        return 1
    if status == SKIPPED:
        return SKIPPED
    print(f"{suite.checked} outcomes checked")
    return 0 if suite.checked else 1


if __name__ == "__main__":
    sys.exit(main())
