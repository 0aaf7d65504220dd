"""Real programs as workloads: each runs under the peer from its first instruction."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from hakbench import inputs
from hakbench.cases import BASE_ENVIRONMENT, TIMEOUT_SECONDS, CaseFailed
from hakbench.errors import BenchError

PACKAGES = {"python3": "python3", "g++": "g++", "sqlite3": "sqlite3", "redis-server":
            "redis-server", "redis-benchmark": "redis-tools", "git": "git", "perl": "perl",
            "node": "nodejs", "true": "coreutils"}
REDIS_READY_SECONDS = 10


class ProgramCase:
    """A command over prepared inputs, started `count` times in a run.

    Its cost is processor time, as the machine may serve others too; wall time is kept beside it.
    """

    family = "programs"
    count = 1

    def __init__(self, label, about, needs, command, prepare, settings=()):
        self.label = label
        self.about = about
        self.needs = needs
        self.command = command
        self.prepare = prepare
        self.settings = dict(settings)
        self.launcher = None
        self.folder = None
        self.unit = "cpu s"

    def environment(self, peer):
        return {**BASE_ENVIRONMENT, **self.settings, **peer.environment()}

    def run(self, peer):
        standard_input = os.path.join(self.folder, "stdin")
        source = standard_input if os.path.exists(standard_input) else os.devnull
        report = os.path.join(self.folder, "report.json")
        added = [f"{name}={value}" for name, value in self.environment(peer).items()]
        with open(source, "rb") as stdin, tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                [self.launcher, str(self.count), report, *added, "--", *self.command()],
                cwd=self.folder, stdin=stdin, env=BASE_ENVIRONMENT, stdout=subprocess.DEVNULL,
                stderr=errors, start_new_session=True)
            try:
                status = process.wait(TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise CaseFailed(f"longer than {TIMEOUT_SECONDS} s") from None
            errors.seek(0)
            text = errors.read(2000).decode(errors="replace").strip()
        if status != 0 or "cannot be preloaded" in text:
            raise CaseFailed(f"exit status {status}: {text.splitlines()[0] if text else ''}"[:160])
        with open(report, encoding="ascii") as file:
            row = json.load(file)
        seconds = row["user_seconds"] + row["system_seconds"]
        return {**row, "cost": seconds * (1000 if self.unit == "cpu ms" else 1)}


class StartCase(ProgramCase):
    """Starting `true`: what an allocator adds to every process there is."""

    count = 200

    def __init__(self):
        super().__init__("true", "start-up of the smallest program", ["true"],
                         lambda: ["true"], lambda folder: None)
        self.unit = "cpu ms"


class RedisCase(ProgramCase):
    """A redis server under the peer, driven by redis-benchmark, which is not."""

    def __init__(self, label, about, needs, requests):
        super().__init__(label, about, needs, None, lambda folder: None)
        self.requests = requests

    def environment(self, peer):
        # Debian's redis is linked with jemalloc: for glibc, libc itself must come first.
        result = super().environment(peer)
        result.setdefault("LD_PRELOAD", libc_path())
        return result

    def run(self, peer):
        with tempfile.TemporaryDirectory(prefix="hakmem-redis-") as folder:
            socket = os.path.join(folder, "socket")
            server = subprocess.Popen(
                ["redis-server", "--port", "0", "--unixsocket", socket, "--save", "",
                 "--appendonly", "no", "--daemonize", "no", "--dir", folder],
                env=self.environment(peer), stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, start_new_session=True)
            try:
                self.await_socket(server, socket)
                wall_seconds = self.drive(socket)
                peak = peak_kib(server.pid)
            finally:
                server.send_signal(signal.SIGTERM)
                usage = end_of(server)
            if server.returncode != 0:
                raise CaseFailed(f"redis-server ended with status {server.returncode}")
            return {"cost": usage.ru_utime + usage.ru_stime, "rss_peak_kib": peak,
                    "wall_seconds": wall_seconds, "system_seconds": usage.ru_stime,
                    "minor_faults": usage.ru_minflt}

    @staticmethod
    def await_socket(server, socket):
        end = time.monotonic() + REDIS_READY_SECONDS
        while not os.path.exists(socket):
            if time.monotonic() > end:
                raise CaseFailed("redis-server did not start")
            time.sleep(0.01)

    def drive(self, socket):
        begun = time.monotonic()
        run = subprocess.run(
            ["redis-benchmark", "-s", socket, "-t", "set,get,lpush,hset,zadd,lrange_100", "-n",
             str(self.requests), "-r", "100000", "-d", "200", "-P", "16", "-q"],
            env=BASE_ENVIRONMENT, capture_output=True, text=True, timeout=TIMEOUT_SECONDS,
            check=False)
        if run.returncode != 0:
            raise CaseFailed(f"redis-benchmark: exit status {run.returncode}")
        return time.monotonic() - begun


def end_of(process):
    """Waits for an ending process, with a limit, and returns what it used."""
    end = time.monotonic() + REDIS_READY_SECONDS
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage
        if time.monotonic() > end:
            process.kill()
        time.sleep(0.01)


def peak_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def libc_path():
    with open("/proc/self/maps", encoding="utf-8") as file:
        for line in file:
            path = line.split()[-1]
            if os.path.basename(path).startswith("libc.so.6"):
                return path
    raise BenchError("this Python does not use libc.so.6: cannot run redis under glibc")


def cc1plus():
    run = subprocess.run(["g++", "-print-prog-name=cc1plus"], capture_output=True, text=True,
                         check=True)
    return run.stdout.strip()


QUICK = ("true", "python3", "sqlite3", "perl")


def pick_cases(quick):
    """Every program, or the short ones with smaller inputs."""
    return [case for case in all_cases(quick) if not quick or case.label in QUICK]


def all_cases(quick):
    """Every program with its inputs still to be made."""
    scale = 1 if quick else 8
    return [
        StartCase(),
        ProgramCase("python3", "PYTHONMALLOC=malloc: dictionaries, strings, JSON", ["python3"],
                    lambda: ["/usr/bin/python3", "-I", "work.py", str(scale)], inputs.python,
                    {"PYTHONMALLOC": "malloc"}),
        ProgramCase("cc1plus", "g++'s compiler over templates", ["g++"],
                    lambda: [cc1plus(), "-std=c++20", "-fpreprocessed", "-quiet", "-O1",
                             "heavy.ii", "-o", "/dev/null"],
                    lambda folder: inputs.preprocessed(folder, quick)),
        ProgramCase("sqlite3", "tables, indexes and joins in memory", ["sqlite3"],
                    lambda: ["sqlite3", ":memory:"], lambda folder: inputs.sql(folder, scale)),
        RedisCase("redis", "redis-benchmark: set, get, lpush, hset, zadd, lrange",
                  ["redis-server", "redis-benchmark"], 20000 * scale),
        ProgramCase("git", "git log -p over a made history", ["git"],
                    lambda: ["git", "--no-pager", "log", "-p", "--stat", "-M"],
                    lambda folder: inputs.git_history(folder, 40 * scale)),
        ProgramCase("perl", "hashes, strings, sorting", ["perl"],
                    lambda: ["perl", "work.pl", str(scale)], inputs.perl),
        ProgramCase("node", "buffers, maps and JSON in V8", ["node"],
                    lambda: ["node", "work.js", str(scale)], inputs.node),
    ]


def prepare(cases, folder, launcher):
    """Checks that every program is there and makes the inputs, each case in its own folder."""
    if not os.path.isfile(launcher):
        raise BenchError(f"no launcher at '{launcher}': build the target hakmem-launch")
    missing = sorted({PACKAGES[need] for case in cases for need in case.needs
                      if not shutil.which(need)})
    if missing:
        raise BenchError(f"programs are not installed: apt-get install {' '.join(missing)}")
    for case in cases:
        case.launcher = os.path.realpath(launcher)
        case.folder = os.path.join(folder, case.label)
        os.makedirs(case.folder)
        case.prepare(case.folder)
