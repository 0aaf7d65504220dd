#!/usr/bin/env python3
"""Fuzzes other people's libraries on hakmem: campaign.py --debug LIB [--release LIB] [--speed] [--afl].

Targets on libexpat and libyaml with planted heap bugs, under the C library's malloc, ASan, AFL++'s
libdislocator and hakmem. Says which allocator lets libFuzzer find which bug and after how many
executions, and with --speed what an execution costs. Status 1 if hakmem Debug misses what libdislocator
finds, or if a run is not repeatable.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIBRARIES = {"expat": "-lexpat", "yaml": "-lyaml"}
BUGS = {1: "overflow", 2: "use after free", 3: "double free"}
DISLOCATOR = Path("/usr/lib/afl/libdislocator.so")
RUNS_MAX = 250000
SECONDS_MAX = 60
SPEED_RUNS, SPEED_ROUNDS = 8000, 3
DISLOCATOR_RUNS = 400  # it gives no address space back: a longer run ends with the mappings
SPEED_MIN = {"hardened": 0.80, "debug": 0.50}


def die(line: str) -> None:
    print(f"campaign.py: {line}", file=sys.stderr)
    sys.exit(2)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--debug", type=Path, required=True, help="libhakmem.so of a Debug build")
    parser.add_argument("--release", type=Path, help="libhakmem.so of a Release build")
    parser.add_argument("--speed", action="store_true", help="measure executions per CPU second too")
    parser.add_argument("--afl", action="store_true", help="show a run of afl-fuzz too")
    chosen = parser.parse_args()
    for library in (chosen.debug, chosen.release):
        if library and not library.is_file():
            die(f"no library {library}")
    if not DISLOCATOR.is_file():
        die(f"no {DISLOCATOR} (Debian: afl++)")
    return chosen


def compile_target(out: Path, library: str, planted: int, kind: str) -> Path:
    program = out / f"{library}-{planted}-{kind}"
    compiler = "afl-clang-fast" if kind == "afl" else "clang"
    command = [compiler, "-O1", "-g", "-fsanitize=fuzzer", *(["-fsanitize=address"] if kind == "asan" else []),
               f"-DPLANTED={planted}", HERE / f"{library}.c", "-o", program, LIBRARIES[library]]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=dict(os.environ, AFL_QUIET="1"), check=False)
    if done.returncode:
        die(f"{library} does not compile:\n{done.stdout[-2000:]}")
    return program


def allocators(chosen: argparse.Namespace) -> dict[str, dict[str, str]]:
    """What is set for each allocator. The seed makes hakmem's addresses and orders repeat."""
    found = {"libc": {}, "asan": {"ASAN_OPTIONS": "detect_leaks=0"}, "libdislocator": {"LD_PRELOAD": str(DISLOCATOR)}}
    if chosen.release:
        found["hardened"] = {"LD_PRELOAD": str(chosen.release.resolve()), "HAKMEM_SEED": "1"}
    found["debug"] = {"LD_PRELOAD": str(chosen.debug.resolve()), "HAKMEM_SEED": "1"}
    return found


def hunt(program: Path, library: str, extra: dict[str, str], scratch: Path) -> tuple[int | None, str]:
    """Executions until libFuzzer's first crash, or None; and the line that tells findings apart."""
    with tempfile.TemporaryDirectory(dir=scratch) as corpus:
        done = subprocess.run(
            [program, "-seed=1", f"-runs={RUNS_MAX}", f"-max_total_time={SECONDS_MAX}", "-max_len=200",
             "-len_control=0", "-detect_leaks=0", "-print_final_stats=1", f"-artifact_prefix={corpus}/",
             corpus, HERE / "seeds" / library],
            text=True, errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=dict(os.environ, **extra), check=False)
    if done.returncode == 0:
        return None, ""
    count = re.search(r"number_of_executed_units: (\d+)", done.stdout)
    summary = re.search(r"^SUMMARY: (.*)$", done.stdout, re.MULTILINE)
    return int(count.group(1)) if count else 0, summary.group(1) if summary else f"status {done.returncode}"


def cpu_seconds_of(program: Path, library: str, extra: dict[str, str], runs: int) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([program, f"-runs={runs}", *sorted((HERE / "seeds" / library).iterdir())],
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   env=dict(os.environ, **extra), check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def reads_its_options(program: Path, library: Path) -> bool:
    """Fuzz targets allocate before libc is initialised; the options must be found all the same."""
    done = subprocess.run([program, "-runs=1"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
                          env=dict(os.environ, LD_PRELOAD=str(library.resolve()), HAKMEM_PROFILE="none such"))
    return "HAKMEM_PROFILE=none such is not valid" in done.stdout


def show_finds(chosen: argparse.Namespace, out: Path) -> list[str]:
    problems = []
    names = allocators(chosen)
    print(f"{'library':<8}{'planted bug':<16}" + "".join(f"{name:>15}" for name in names))
    for library in LIBRARIES:
        for planted, bug in BUGS.items():
            programs = {kind: compile_target(out, library, planted, kind) for kind in ("plain", "asan")}
            found = {name: hunt(programs["asan" if name == "asan" else "plain"], library, extra, out)
                     for name, extra in names.items()}
            print(f"{library:<8}{bug:<16}" + "".join(
                f"{'-' if count is None else count:>15}" for count, _ in found.values()), flush=True)
            print(f"        {found['debug'][1]}")
            if found["debug"][0] is None:
                problems.append(f"hakmem Debug does not find the {bug} in the {library} target")
            elif hunt(programs["plain"], library, names["debug"], out) != found["debug"]:
                problems.append(f"the run that found the {bug} in the {library} target does not repeat")
    if not reads_its_options(compile_target(out, "expat", 0, "plain"), chosen.debug):
        problems.append("hakmem does not see its options in a libFuzzer target")
    print("figures: executions until the first crash, - for none in "
          f"{RUNS_MAX} executions or {SECONDS_MAX} s")
    return problems


def show_speed(chosen: argparse.Namespace, out: Path) -> list[str]:
    problems = []
    names = allocators(chosen)
    print(f"{'library':<8}{'':<16}" + "".join(f"{name:>15}" for name in names))
    for library in LIBRARIES:
        programs = {kind: compile_target(out, library, 0, kind) for kind in ("plain", "asan")}
        best: dict[str, float] = {}
        for _ in range(SPEED_ROUNDS):
            for name, extra in names.items():
                program = programs["asan" if name == "asan" else "plain"]
                runs = DISLOCATOR_RUNS if name == "libdislocator" else SPEED_RUNS
                start = cpu_seconds_of(program, library, extra, 1)
                seconds = (cpu_seconds_of(program, library, extra, runs) - start) / (runs - 1)
                best[name] = min(best.get(name, seconds), seconds)
        seeds = len(list((HERE / "seeds" / library).iterdir()))
        print(f"{library:<8}{'per CPU second':<16}" + "".join(f"{seeds / best[name]:>15.0f}" for name in names))
        share = {name: best["libc"] / best[name] for name in names}
        print(f"{library:<8}{'of libc':<16}" + "".join(f"{share[name]:>15.0%}" for name in names), flush=True)
        problems += [f"{library}: {name} runs at {share[name]:.0%}, must be {least:.0%}"
                     for name, least in SPEED_MIN.items() if name in share and share[name] < least]
    return problems


def show_afl(chosen: argparse.Namespace, out: Path) -> list[str]:
    """A persistent AFL++ target with hakmem preloaded."""
    problems = []
    for library in LIBRARIES:
        program = compile_target(out, library, 3, "afl")
        settings = {"AFL_PRELOAD": str(chosen.debug.resolve()), "HAKMEM_SEED": "1", "AFL_NO_UI": "1",
                    "AFL_SKIP_CPUFREQ": "1", "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES": "1", "AFL_NO_AFFINITY": "1",
                    "AFL_BENCH_UNTIL_CRASH": "1", "AFL_IGNORE_SEED_PROBLEMS": "1"}
        state = out / f"afl-{library}"
        subprocess.run(["afl-fuzz", "-s", "1", "-i", HERE / "seeds" / library, "-o", state, "-t", "5000",
                        "-m", "none", "-V", str(SECONDS_MAX), "--", program], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ, **settings), check=False)
        text = (state / "default/fuzzer_stats").read_text(encoding="utf-8")
        stats = dict(re.findall(r"^(\w+)\s*: (.*)$", text, re.MULTILINE))
        print(f"{library}: afl-fuzz, hakmem Debug preloaded: {stats['saved_crashes']} crash after "
              f"{stats['execs_done']} executions, stability {stats['stability']}")
        if stats["saved_crashes"] == "0":
            problems.append(f"afl-fuzz finds no double free in the {library} target")
    return problems


def main() -> int:
    chosen = arguments()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory)
        problems = show_finds(chosen, out)
        if chosen.afl:
            problems += show_afl(chosen, out)
        if chosen.speed:
            problems += show_speed(chosen, out)
    for problem in problems:
        print(f"MISSED {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
