#!/usr/bin/env python3
"""Runs one program of tests/compat under libc's malloc and under the library: it must not tell the difference.

usage: run.py --lib FILE [--profiles fast,hardened,paranoid] PROGRAM [ARGUMENT...]

The run under libc says what is right. Under the library the same must be printed, in every profile and
with every refill sampled, with the same status, nothing on stderr and no report.
"""
import argparse
import os
import subprocess
import sys
import tempfile

TIMEOUT_SECONDS = 120


def run(command, environment):
    clean = {key: value for key, value in os.environ.items()
             if not key.startswith("HAKMEM_") or key == "HAKMEM_SEEDED_FAULT"}
    done = subprocess.run(command, env={**clean, **environment}, capture_output=True, timeout=TIMEOUT_SECONDS,
                          check=False, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def problem_of(command, environment, expected):
    """What is wrong with a run under the library, or None."""
    with tempfile.TemporaryDirectory() as folder:
        reports = os.path.join(folder, "reports")
        try:
            status, out, err = run(command, {**environment, "HAKMEM_REPORT": reports, "COMPAT_HAKMEM": "1"})
        except subprocess.TimeoutExpired:
            return f"did not end within {TIMEOUT_SECONDS} s"
        text = open(reports, encoding="utf-8").read() if os.path.exists(reports) else ""
    if text:
        return f"a false report:\n{text}"
    if (status, out, err) != (0, expected, ""):
        return f"status {status}, printed\n{out}{err}instead of\n{expected}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lib", required=True)
    parser.add_argument("--profiles", default="fast,hardened,paranoid")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if not os.path.exists(arguments.lib) or not arguments.command:
        sys.exit("run.py: a library that exists and a program are needed")
    status, expected, err = run(arguments.command, {})
    if status != 0 or err or "checks hold\n" not in expected:
        print(f"under libc: status {status}, printed\n{expected}{err}")
        return 2
    print(expected, end="")
    failed = 0
    for profile in arguments.profiles.split(","):
        for sample in ("512", "1"):
            environment = {"LD_PRELOAD": os.path.abspath(arguments.lib), "HAKMEM_PROFILE": profile,
                           "HAKMEM_GUARD_SAMPLE": sample}
            problem = problem_of(arguments.command, environment, expected)
            print(f"{profile}, one refill in {sample} sampled: {problem or 'the same'}")
            failed += problem is not None
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
