"""One run of a program: how it ended and what it said."""
import os

TIMEOUT_SECONDS = 60
SKIPPED = 77


class Failure(Exception):
    """A test has failed; the message says how."""


class Outcome:
    def __init__(self, command, env, run):
        self.command = " ".join([f"{k}={v}" for k, v in env.items()] + command)
        self.status = run.returncode
        self.err = run.stderr.decode()
        self.out = run.stdout.decode()
        self.said = dict(line.split("=", 1) for line in self.out.splitlines() if "=" in line)

    def fail(self, why):
        raise Failure(f"{self.command}\n{why}\nstatus {self.status}\n{self.out}{self.err}")


def clean_environment():
    return {key: value for key, value in os.environ.items()
            if not key.startswith("HAKMEM_") or key == "HAKMEM_SEEDED_FAULT"}
