"""The built-in workloads as cases, and running one of them under one allocator."""

import dataclasses
import json
import os
import re
import signal
import subprocess
import tempfile

from hakbench.errors import BenchError
from hakbench.peers import NOT_COMPETING

TIMEOUT_SECONDS = 180
BASE_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/"}


class CaseFailed(Exception):
    """One run did not end well; the text says why."""


def pin_to_last_cpu():
    """Keeps a single-threaded run on one processor, away from interrupts on the first."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def run_command(command, peer, pin=False, timeout=TIMEOUT_SECONDS, **arguments):
    """Runs a command under a peer; whatever goes wrong becomes a CaseFailed with its reason."""
    process = subprocess.Popen(
        command, env={**BASE_ENVIRONMENT, **peer.environment()}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
        preexec_fn=pin_to_last_cpu if pin else None, **arguments)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise CaseFailed(f"longer than {timeout} s") from None
    if process.returncode != 0:
        lines = err.strip().splitlines()
        how = f"signal {-process.returncode}" if process.returncode < 0 \
            else f"exit status {process.returncode}"
        raise CaseFailed(f"{how}: {lines[0][:120]}" if lines else how)
    if "cannot be preloaded" in err:
        raise CaseFailed("the loader could not preload it")
    return out


@dataclasses.dataclass(frozen=True)
class WorkloadCase:
    """One workload of hakmem-bench with its numbers."""

    runner: str
    workload: str
    family: str
    threads: int
    ops: int
    live: int
    about: str
    label: str
    unit: str = "ns/op"

    def command(self, peer):
        # libdislocator keeps a mapping of every object it ever made: more is not to be had.
        ops = min(self.ops, 10000) if peer.name in NOT_COMPETING else self.ops
        command = [self.runner, self.workload, "--threads", str(self.threads), "--ops", str(ops)]
        return command + (["--live", str(self.live)] if self.live else [])

    def run(self, peer):
        """One run: a dictionary of measurements, with the cost per operation as `cost`."""
        out = run_command(self.command(peer), peer, pin=self.threads == 1)
        try:
            row = json.loads(out)
        except json.JSONDecodeError:
            raise CaseFailed("the runner printed no JSON") from None
        check_allocator(row["allocator"], peer)
        row["cost"] = row["ns_per_op"]
        return row

    def count_system_calls(self, peer):
        """System calls of the whole process, start-up included, by strace."""
        with tempfile.NamedTemporaryFile("r", prefix="hakmem-strace-") as file:
            # strace itself must not run under the peer.
            preset = [item for name, value in peer.environment().items()
                      for item in ("-E", f"{name}={value}")]
            command = ["strace", "-f", "-c", "-o", file.name, *preset, *self.command(peer)]
            run = subprocess.run(command, env=BASE_ENVIRONMENT, capture_output=True, text=True,
                                 timeout=10 * TIMEOUT_SECONDS, check=False)
            if run.returncode != 0:
                raise CaseFailed(f"strace: exit status {run.returncode}")
            return parse_strace(file.read())


def parse_strace(text):
    """The number of calls in strace -c's last line."""
    match = re.search(r"^\s*100\.00\s+\S+\s+(?:\S+\s+)?(\d+)\s+(?:\d+\s+)?total\s*$", text, re.M)
    if not match:
        raise CaseFailed("strace printed no total")
    return int(match.group(1))


def check_allocator(found, peer):
    """A preload that silently failed must not pass for a measurement."""
    if peer.path and os.path.realpath(found) != peer.path:
        raise CaseFailed(f"malloc came from {found}, not from {peer.path}")
    if not peer.path and "libc.so" not in os.path.basename(found):
        raise CaseFailed(f"malloc came from {found}, not from libc")


def list_workloads(runner):
    """What the runner says it can do: name -> description."""
    if not os.path.isfile(runner):
        raise BenchError(f"no runner at '{runner}': build the target hakmem-bench, "
                         "or name it with --runner")
    run = subprocess.run([runner, "--list"], capture_output=True, text=True, check=True)
    return {row["name"]: row for row in map(json.loads, run.stdout.splitlines())}


def make_case(runner, row, divide, family="workloads", threads=None, live=None, label=None):
    """A case of a listed workload; `divide` shortens it."""
    threads = threads or row["threads"]
    # Threads that end within a few milliseconds may never have run at the same time.
    ops = max(row["ops"] // (max(divide // 5, 1) if threads > 1 else divide), 100)
    return WorkloadCase(runner, row["name"], family, threads, ops, live or row["live"],
                        row["about"], label or row["name"])


def pick(known, names):
    """The named rows in the order asked for, or all of them."""
    for name in names:
        if name not in known:
            raise BenchError(f"unknown workload '{name}' (known: {', '.join(known)})")
    return [known[name] for name in names] if names else list(known.values())


def thread_cases(runner, known, divide):
    """How three workloads do with 1 to 8 threads, the work of each thread staying the same."""
    cases = []
    for name in ("mixed", "larson", "producer-consumer"):
        for threads in (1, 2, 4, 8):
            if name == "producer-consumer" and threads == 1:
                continue
            cases.append(make_case(runner, known[name], 2 * divide, f"threads: {name}", threads,
                                   label=f"{name}, {threads} threads"))
    return cases


def live_cases(runner, known, divide, largest):
    """From a heap that fits the first-level cache to one that fits nothing."""
    cases = []
    for name, limit in (("replace-small", 10 ** 7), ("replace", 10 ** 6)):
        count = 1000
        while count <= min(limit, largest):
            cases.append(make_case(runner, known[name], divide, f"live: {name}", live=count,
                                   label=f"{name}, {count} live"))
            count *= 10
    return cases


def heap_cases(runner, known, divide):
    """From 64 MiB to 16 GiB of address space, little of it resident."""
    return [make_case(runner, known["address-space"], divide, "heap: address-space", live=mib,
                      label=f"address-space, {mib} MiB")
            for mib in (64, 1024, 16384)]
