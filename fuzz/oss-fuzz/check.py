#!/usr/bin/env python3
"""Does with build.sh what OSS-Fuzz does, without its containers: check.py [libfuzzer|afl|files]...

Builds in a scratch copy of the tree with the variables of the base image, then applies the rules of its
bad-build check and runs what landed in $OUT as its runner does. `files` looks at the files alone.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ENGINES = ("libfuzzer", "afl", "honggfuzz", "centipede")
SANITIZERS = ("address", "undefined", "memory")
OPTIONS = {"max_len", "len_control", "timeout", "dict"}
# The thresholds of the infrastructure's check.
EDGES_MIN, ASAN_CALLS_MIN, MSAN_CALLS_MAX, UBSAN_CALLS_MAX = 100, 1000, 3, 200

problems: list[str] = []


def demand(condition: bool, problem: str, output: str = "") -> None:
    if not condition:
        problems.append(problem)
        print(f"BAD BUILD: {problem}\n{output[-2000:]}", file=sys.stderr)


def run(command: list, **extra) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], text=True, errors="replace",
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False, **extra)


def targets_of_tree() -> list[str]:
    text = (ROOT / "fuzz/CMakeLists.txt").read_text(encoding="utf-8")
    listed = re.search(r"foreach\(name ([a-z ]+)\)\n  hakmem_fuzz_target", text).group(1).split()
    return listed + re.findall(r"^hakmem_fuzz_target\((\w+)", text, re.MULTILINE)


def check_files() -> None:
    script = HERE / "build.sh"
    demand(run(["bash", "-n", script]).returncode == 0, "build.sh is no shell script")
    text = script.read_text(encoding="utf-8")
    listed = re.search(r'^targets="(.*)"$', text, re.MULTILINE).group(1).split()
    demand(sorted(listed) == sorted(targets_of_tree()), f"build.sh builds {listed}, the tree {targets_of_tree()}")
    for variable in ("CC", "CXX", "CFLAGS", "CXXFLAGS", "LIB_FUZZING_ENGINE", "SRC", "OUT", "WORK"):
        demand(f"${variable}" in text, f"build.sh does not use ${variable}")
    demand(not re.search(r"-fsanitize|clang|g\+\+", text), "build.sh chooses a compiler or a sanitizer itself")
    project = (HERE / "project.yaml").read_text(encoding="utf-8")
    for word in (*ENGINES, *SANITIZERS):
        demand(bool(re.search(rf"^  - {word}$", project, re.MULTILINE)), f"project.yaml lacks {word}")
    for dockerfile in (HERE / "Dockerfile", ROOT / ".clusterfuzzlite/Dockerfile"):
        lines = dockerfile.read_text(encoding="utf-8")
        demand(lines.startswith("FROM gcr.io/oss-fuzz-base/base-builder"), f"{dockerfile}: wrong base")
        demand(bool(re.search(r"^COPY (fuzz/oss-fuzz/)?build.sh \$SRC/$", lines, re.MULTILINE)),
               f"{dockerfile}: build.sh is not copied to $SRC")
    for target in listed:
        demand(any((ROOT / "fuzz/corpora" / target).iterdir()), f"no seed corpus for {target}")


def environment(engine: str, scratch: Path) -> dict[str, str]:
    """What compile and compile_ENGINE of the base image export, for the address sanitizer."""
    flags = ("-O1 -fno-omit-frame-pointer -gline-tables-only -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION "
             "-fsanitize=address -fsanitize-address-use-after-scope")
    own = {name: str(scratch / name.lower()) for name in ("SRC", "OUT", "WORK")}
    if engine == "libfuzzer":
        own |= {"CC": "clang", "CXX": "clang++", "LIB_FUZZING_ENGINE": "-fsanitize=fuzzer"}
        flags += " -fsanitize=fuzzer-no-link"
    else:
        own |= {"CC": "afl-clang-fast", "CXX": "afl-clang-fast++", "AFL_QUIET": "1", "CCACHE_DISABLE": "1",
                "LIB_FUZZING_ENGINE": "/usr/lib/afl/libAFLDriver.a",
                "ASAN_OPTIONS": "detect_leaks=0:symbolize=0:detect_odr_violation=0:abort_on_error=1"}
    return dict(os.environ, **own, CFLAGS=flags, CXXFLAGS=flags, FUZZING_ENGINE=engine,
                SANITIZER="address", ARCHITECTURE="x86_64", FUZZING_LANGUAGE="c++")


def build(engine: str, scratch: Path) -> Path:
    for name in ("src", "out", "work"):
        (scratch / name).mkdir()
    shutil.copytree(ROOT, scratch / "src/hakmem", ignore=shutil.ignore_patterns("build", ".git", "__pycache__"))
    shutil.copy(HERE / "build.sh", scratch / "src/build.sh")
    done = run(["bash", "-eu", scratch / "src/build.sh"], env=environment(engine, scratch),
               cwd=scratch / "src/hakmem")
    demand(done.returncode == 0, f"build.sh fails for {engine}", done.stdout)
    return scratch / "out"


def arguments_of(options: Path) -> list[str]:
    """As the runner reads an .options file."""
    found = re.findall(r"^(\w+)\s*=\s*(.*)$", options.read_text(encoding="utf-8"), re.MULTILINE)
    demand({name for name, _ in found} <= OPTIONS, f"{options.name} has unknown options")
    return [f"-{name}={value}" for name, value in found]


def check_instrumentation(program: Path) -> None:
    magic = program.read_bytes()[:20]
    demand(magic[:5] == b"\x7fELF\x02" and magic[18] == 62, f"{program.name} is not for x86-64")
    code = run(["objdump", "-dC", "--no-show-raw-insn", program]).stdout
    calls = {name: len(re.findall(rf"callq?\s+[0-9a-f]+\s+<__{name}", code)) for name in ("asan", "msan", "ubsan")}
    demand(calls["asan"] >= ASAN_CALLS_MIN, f"{program.name}: {calls['asan']} calls of ASan")
    demand(calls["msan"] <= MSAN_CALLS_MAX, f"{program.name}: {calls['msan']} calls of MSan")
    demand(calls["ubsan"] <= UBSAN_CALLS_MAX, f"{program.name}: {calls['ubsan']} calls of UBSan")


def check_libfuzzer(program: Path, seeds: Path, scratch: Path) -> None:
    arguments = arguments_of(program.with_suffix(".options"))
    start = run([program, "-seed=1337", "-runs=4", *arguments], cwd=program.parent)
    demand("Done 4 runs" in start.stdout, f"{program.name} does not start", start.stdout)
    demand("no interesting inputs" not in start.stdout, f"{program.name} is not instrumented", start.stdout)
    edges = re.search(r"INFO: Loaded \d+ modules?.*?\(.*?(?:counters|guards)\):\s+(\d+)|"
                      r"INFO: Loaded \d+ modules?\s+\((\d+) inline", start.stdout)
    count = int(next(filter(None, edges.groups()))) if edges else 0
    demand(count >= EDGES_MIN, f"{program.name} has {count} edges", start.stdout)
    corpus = run([program, "-runs=0", *arguments, seeds], cwd=program.parent)
    demand(corpus.returncode == 0, f"{program.name} fails on its seeds", corpus.stdout)
    merged = scratch / "merged" / program.name
    merged.mkdir(parents=True)
    merge = run([program, "-merge=1", *arguments, merged, seeds], cwd=program.parent)
    kept = len(list(merged.iterdir()))
    demand(merge.returncode == 0 and kept > 0, f"{program.name} does not merge", merge.stdout)
    one = next(merged.iterdir())
    again = run([program, "-runs=100", *arguments, one], cwd=program.parent)
    demand(again.returncode == 0 and "Executed" in again.stdout, f"{program.name} does not reproduce", again.stdout)
    print(f"{program.name}: {count} edges, {len(list(seeds.iterdir()))} seeds, {kept} after the merge")


def check_afl(program: Path, seeds: Path, scratch: Path) -> None:
    settings = {"AFL_NO_UI": "1", "AFL_SKIP_CPUFREQ": "1", "AFL_NO_AFFINITY": "1", "AFL_FORKSRV_INIT_TMOUT": "60000",
                "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES": "1", "AFL_NO_CAL": "1", "AFL_FAST_CAL": "1"}
    out = scratch / "sync" / program.name
    out.parent.mkdir(exist_ok=True)
    done = run(["afl-fuzz", "-i", seeds, "-o", out, "-V", "5", "-m", "none", "-t", "25000+", "--", program],
               env=dict(os.environ, **settings), cwd=program.parent)
    demand("All set and ready to roll" in done.stdout, f"{program.name}: afl-fuzz does not start", done.stdout)
    demand(not re.search(r"target binary (crashed|terminated)", done.stdout), f"{program.name} crashes", done.stdout)
    stats = out / "default/fuzzer_stats"
    found = re.search(r"^execs_done\s*: (\d+)$", stats.read_text(), re.MULTILINE) if stats.exists() else None
    demand(bool(found) and int(found.group(1)) > 0, f"{program.name} executes nothing", done.stdout)
    print(f"{program.name}: {found.group(1) if found else 0} executions of afl-fuzz")


def check_engine(engine: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        out = build(engine, scratch)
        if problems:
            return
        for target in targets_of_tree():
            program = out / f"fuzz_{target}"
            seeds = scratch / "seeds" / target
            with zipfile.ZipFile(out / f"fuzz_{target}_seed_corpus.zip") as archive:
                archive.extractall(seeds)
            check_instrumentation(program)
            (check_libfuzzer if engine == "libfuzzer" else check_afl)(program, seeds, scratch)


def main() -> int:
    chosen = sys.argv[1:] or ["files", "libfuzzer", "afl"]
    if not set(chosen) <= {"files", "libfuzzer", "afl"}:
        print("usage: check.py [files] [libfuzzer] [afl]", file=sys.stderr)
        return 2
    for word in chosen:
        check_files() if word == "files" else check_engine(word)
    print(f"{' '.join(chosen)}: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
