"""One run of a workload, plain or under the library, and everything it was seen to do.

A program of the suite is a function that takes a Session. It is called twice, first plain, then
preloaded, in the same directory with the same environment, and must leave the same observations.
"""

import hashlib
import os
import re
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import processes

HERE = Path(__file__).resolve().parent
WORKLOADS = HERE / "workloads"
PATH = "/usr/bin:/bin:/usr/sbin:/sbin"  # the distribution's programs, whatever else is installed
REPORT_LINE = re.compile(rb"^(hakmem|==\d+==ERROR: hakmem|SUMMARY: hakmem).*$", re.MULTILINE)

Normalise = Callable[[bytes], bytes]


class Failure(Exception):
    """The program does not behave as it should."""


@dataclass
class Shared:
    """What both runs use: the place they run in, and helpers built without the library."""

    root: Path
    deadline: float
    tools: dict[str, Path] = field(default_factory=dict)

    @property
    def run_dir(self) -> Path:
        return self.root / "run"


class Session:
    def __init__(self, shared: Shared, witness: Path, library: Path | None):
        self.shared = shared
        self.library = library
        self.dir = shared.run_dir
        self.logs = shared.root / "logs"
        self.witness_log = shared.root / "witness.log"
        self.report_file = shared.root / "reports.log"
        self.observations: dict[str, bytes] = {}
        self.commands: list[str] = []
        for directory in (self.dir, self.logs):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
        self.witness_log.unlink(missing_ok=True)
        self.report_file.unlink(missing_ok=True)
        (self.dir / "tmp").mkdir()
        preload = [str(witness)] if library is None else [str(witness), str(library)]
        self.env = {
            "PATH": PATH,
            "HOME": str(self.dir),
            "TMPDIR": str(self.dir / "tmp"),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "LD_PRELOAD": ":".join(preload),
            "PRELOAD_WITNESS_LOG": str(self.witness_log),
        }
        if library is not None:
            # Reports of processes whose stderr the program keeps to itself must not get lost.
            self.env["HAKMEM_REPORT"] = str(self.report_file)
            passed_on = ("HAKMEM_", "BROKEN_")
            self.env |= {k: v for k, v in os.environ.items() if k.startswith(passed_on)}

    def observe(self, label: str, data: bytes | str | int | Path) -> None:
        """Notes something that must be the same in both runs. A Path stands for its contents."""
        if label in self.observations:
            raise ValueError(f"'{label}' was observed before")
        if isinstance(data, Path):
            data = data.read_bytes()
        if not isinstance(data, bytes):
            data = str(data).encode()
        self.observations[label] = data

    def observe_digest(self, label: str, path: Path) -> None:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.observe(label, f"{path.stat().st_size} bytes, sha256 {digest}\n")

    def run(self, argv: list, label: str | None = None, *, expect: int = 0,
            env: dict[str, str] | None = None, stdin: bytes | Path | None = None,
            stdout: Path | None = None, cwd: Path | None = None,
            normalise: Normalise | None = None, compare: bool = True) -> bytes:
        """Runs a command to its end, checks its status, observes its output, returns its stdout.

        `stdout` sends the output to a file, which the caller observes if it matters.
        """
        argv = [str(word) for word in argv]
        label = label or f"{len(self.commands) + 1:02d} {Path(argv[0]).name}"
        self.commands.append(shlex.join(argv))
        out, err, status = self._capture(argv, env or {}, stdin, stdout, cwd or self.dir)
        if status != expect:
            tail = (err or out)[-2000:].decode(errors="replace").rstrip()
            wanted = "" if expect == 0 else f" instead of {expect}"
            raise Failure(f"{label}: {processes.describe_status(status)}{wanted}\n"
                          f"  command: {shlex.join(argv)[:2000]}\n  said: {tail}")
        self.check_reports(label, out + b"\n" + err)
        if compare:
            change = normalise or (lambda text: text)
            self.observe(f"{label}: stdout", change(out))
            self.observe(f"{label}: stderr", change(err))
        return out

    def _capture(self, argv: list[str], env: dict[str, str], stdin: bytes | Path | None,
                 stdout: Path | None, cwd: Path) -> tuple[bytes, bytes, int]:
        source = open(stdin, "rb") if isinstance(stdin, Path) else None
        target = open(stdout, "wb") if stdout else None
        given = stdin if isinstance(stdin, bytes) else None
        try:
            child = processes.start(
                argv, env=self.env | env, cwd=cwd,
                stdin=source or (subprocess.PIPE if given is not None else subprocess.DEVNULL),
                stdout=target or subprocess.PIPE, stderr=subprocess.PIPE)
            out, err = child.communicate(given, timeout=self.time_left())
        except subprocess.TimeoutExpired:
            raise Failure(f"out of time in: {shlex.join(argv)[:2000]}") from None
        except FileNotFoundError:
            raise Failure(f"no program '{argv[0]}': install what packages.txt lists") from None
        finally:
            for file in (source, target):
                if file:
                    file.close()
        return out or b"", err, child.returncode

    def time_left(self) -> float:
        return max(0.1, self.shared.deadline - time.monotonic())

    def start_server(self, argv: list, ready: Callable[[], bool]) -> subprocess.Popen:
        """Starts a server in the foreground and waits until `ready`; logs go to self.logs."""
        argv = [str(word) for word in argv]
        self.commands.append(shlex.join(argv))
        log = self.logs / f"{len(self.commands):02d}-{Path(argv[0]).name}.log"
        with log.open("wb") as file:
            server = processes.start(argv, env=self.env, cwd=self.dir, stdin=subprocess.DEVNULL,
                                     stdout=file, stderr=subprocess.STDOUT)
        while not ready():
            if server.poll() is not None or self.time_left() <= 0.1:
                said = log.read_text(errors="replace")[-2000:]
                raise Failure(f"server did not start: {shlex.join(argv)}\n  said: {said}")
            time.sleep(0.05)
        return server

    def stop_server(self, server: subprocess.Popen, sig: int, label: str, expect: int = 0) -> None:
        """Ends a server by `sig` and checks that it ended as it should, not by a fault."""
        if server.poll() is None:
            server.send_signal(sig)
        try:
            status = server.wait(timeout=self.time_left())
        except subprocess.TimeoutExpired:
            raise Failure(f"{label}: did not end on signal {sig}") from None
        if status != expect:
            raise Failure(f"{label}: {processes.describe_status(status)}\n  command: {server.args}")

    def check_reports(self, label: str, text: bytes) -> None:
        found = REPORT_LINE.search(text)
        if found and self.library is not None:
            lines = text[found.start():][:4000].decode(errors="replace")
            raise Failure(f"{label}: the library reported a fault\n{lines}")

    def finish(self, loads: list[str]) -> None:
        """Looks at what no single command shows: logs, reports, and who used the library."""
        for log in sorted(self.logs.iterdir()):
            self.check_reports(log.name, log.read_bytes())
        if self.report_file.exists() and self.report_file.stat().st_size > 0:
            self.check_reports("report file", self.report_file.read_bytes())
        self._check_witness(loads)

    def _check_witness(self, loads: list[str]) -> None:
        lines = self.witness_log.read_text().splitlines() if self.witness_log.exists() else []
        seen = set()
        for line in lines:
            executable, *owners = line.split("\t")
            seen.add(Path(executable).name)
            foreign = [o for o in owners if (o == str(self.library)) != (self.library is not None)]
            if foreign:
                raise Failure(f"{executable}: malloc, calloc, realloc, free come from {owners}, "
                              f"expected {self.library or 'anything but the library'}")
        missing = [name for name in loads if name not in seen]
        if missing:
            raise Failure(f"never seen with the library in it: {', '.join(missing)} "
                          f"(seen: {', '.join(sorted(seen)) or 'nothing'})")

    def build(self, source: str, flags: list[str]) -> Path:
        """Compiles a workload once, without the library, for both runs to execute."""
        if source not in self.shared.tools:
            target = self.shared.root / Path(source).stem
            compile_plain(["g++", *flags, str(WORKLOADS / source), "-o", str(target)])
            self.shared.tools[source] = target
        return self.shared.tools[source]


def compile_plain(argv: list[str]) -> None:
    done = subprocess.run(argv, env={"PATH": PATH}, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"cannot build: {shlex.join(argv)}\n{done.stderr}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(address: tuple[str, int] | str) -> bool:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex(address) == 0
