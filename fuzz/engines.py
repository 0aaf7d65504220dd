"""How each engine is started on a target, and what it says about itself."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/preload"))
import processes  # noqa: E402
TARGETS = ("heap", "differential", "options", "script", "abi")
SCRIPT_TARGETS = ("heap", "differential")
ENGINES = ("libfuzzer", "afl")
PRESETS = {"libfuzzer": ("fuzz", "fuzz-asan"), "afl": ("fuzz", "afl", "afl-cmplog", "afl-asan")}
MAX_BYTES = 645  # 128 operations behind their header
TIMEOUT_SECONDS = 25

# afl-fuzz asks for things of the machine that a campaign can do without.
AFL_ENVIRONMENT = {
    "AFL_SKIP_CPUFREQ": "1", "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES": "1", "AFL_NO_UI": "1",
    "AFL_NO_AFFINITY": "1", "AFL_FORKSRV_INIT_TMOUT": "60000", "AFL_IGNORE_SEED_PROBLEMS": "1",
    "AFL_TESTCACHE_SIZE": "20",
}


def binary(preset: str, target: str) -> Path:
    return ROOT / "build" / preset / "fuzz" / f"fuzz_{target}"


def dictionary(target: str) -> Path | None:
    path = ROOT / "fuzz" / f"{target}.dict"
    return path if path.exists() else None


def tree_seconds(root: int) -> dict[int, float]:
    """CPU seconds of a process and of each of its descendants, by process number."""
    seconds = {}
    for pid in {root} | processes.descendants(root):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        seconds[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


@dataclass
class Run:
    """One process of an engine."""
    target: str
    name: str
    command: list[str]
    log: Path
    environment: dict[str, str]
    state: Path                      # where findings and statistics appear
    process: subprocess.Popen | None = None
    cpu_seconds: float = 0.0
    seen: dict[int, float] = field(default_factory=dict)
    status: int | None = None
    numbers: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=self.log.open("wb"),
            stderr=subprocess.STDOUT, env=self.environment, cwd=self.log.parent)

    def poll(self) -> bool:
        """True while it runs. AFL++ kills its targets and waits for none, so that their time is looked up meanwhile."""
        if self.status is None:
            self.seen.update(tree_seconds(self.process.pid))
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                self.process.returncode = self.status
                self.cpu_seconds = max(usage.ru_utime + usage.ru_stime, sum(self.seen.values()))
        return self.status is None


def libfuzzer_runs(target: str, seconds: int, seed: int, out: Path, operations: Path) -> list[Run]:
    """The plain build and one with AddressSanitizer, on one corpus."""
    runs = []
    for preset, options in (("fuzz", []), ("fuzz-asan", ["-reload=1"])):
        state = out / target / preset
        state.mkdir(parents=True, exist_ok=True)
        command = [str(binary(preset, target)), f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}",
                   "-len_control=0", f"-timeout={TIMEOUT_SECONDS}", "-rss_limit_mb=2560",
                   f"-seed={seed}", "-print_final_stats=1", f"-artifact_prefix={state}/", *options]
        if dictionary(target):
            command.append(f"-dict={dictionary(target)}")
        command.append(str(out / target / "corpus"))
        environment = dict(os.environ, HAKMEM_FUZZ_OPERATIONS=str(operations))
        runs.append(Run(target, preset, command, state / "log", environment, state))
    return runs


def afl_runs(target: str, seconds: int, seed: int, out: Path, operations: Path) -> list[Run]:
    """The main instance with the comparison log, a secondary one with AddressSanitizer."""
    state = out / target / "afl"
    state.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ, HAKMEM_FUZZ_OPERATIONS=str(operations), **AFL_ENVIRONMENT)
    mutator = ROOT / "build/fuzz/fuzz/libfuzz_mutator.so"
    if target in SCRIPT_TARGETS:
        environment["AFL_CUSTOM_MUTATOR_LIBRARY"] = str(mutator)
    common = ["afl-fuzz", "-i", str(out / target / "corpus"), "-o", str(state), "-V", str(seconds),
              "-t", str(TIMEOUT_SECONDS * 1000), "-G", str(MAX_BYTES), "-s", str(seed), "-m", "none"]
    if dictionary(target):
        common += ["-x", str(dictionary(target))]
    main = [*common, "-M", "main", "-c", str(binary("afl-cmplog", target)), "--",
            str(binary("afl", target))]
    second = [*common, "-S", "asan", "--", str(binary("afl-asan", target))]
    return [Run(target, "afl-" + name, command, state.parent / f"afl-{name}.log", environment, state / name)
            for name, command in (("main", main), ("asan", second))]


def read_statistics(run: Run) -> None:
    """Fills run.numbers: executions, coverage, stability, as far as the engine has said."""
    if run.name.startswith("afl"):
        path = run.state / "fuzzer_stats"
        stats = dict(re.findall(r"^(\w+)\s*: (.*)$", path.read_text(), re.MULTILINE)) if path.exists() else {}
        run.numbers = {"executions": stats.get("execs_done", "0"), "stability": stats.get("stability", "-"),
                       "coverage": stats.get("edges_found", "-"), "corpus": stats.get("corpus_count", "-")}
        return
    text = run.log.read_text(encoding="utf-8", errors="replace") if run.log.exists() else ""
    lines = re.findall(r"^#(\d+)\t.*?cov: (\d+) ft: \d+ corp: (\d+)", text, re.MULTILINE)
    done = re.search(r"number_of_executed_units: (\d+)", text)
    last = lines[-1] if lines else ("0", "-", "-")
    run.numbers = {"executions": done.group(1) if done else last[0], "stability": "-",
                   "coverage": last[1], "corpus": last[2]}


def findings(run: Run) -> list[Path]:
    if run.name.startswith("afl"):
        return [path for kind in ("crashes", "hangs") for path in sorted(run.state.glob(f"{kind}/id:*"))]
    return [path for kind in ("crash", "timeout", "oom", "leak") for path in sorted(run.state.glob(f"{kind}-*"))]
