#!/usr/bin/env python3
"""Shows hakmem at work: real programs with its time and memory beside glibc's, then one attack.

Everything shown is measured now. Programs that are not installed are left out. Usage: demo.py [LIB]
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORKLOADS = ROOT / "tests/preload/workloads"
ATTACK = ROOT / "tests/attacks/double_free/key_wiped.cc"
PATH = "/usr/bin:/bin"
ROUNDS = 3


class DemoError(Exception):
    pass


def programs(scratch: Path) -> list[tuple[str, list[str], Path | None]]:
    """(what it is, command, stdin)"""
    found = [
        ("python3: JSON, SQL, XML, threads", ["python3", str(WORKLOADS / "workload.py")], None),
        ("g++: one heavy C++ file", ["g++", "-std=c++17", "-O0", "-DHEAVY_SIZE=1", "-c",
                                     str(WORKLOADS / "heavy.cpp"), "-o", str(scratch / "heavy.o")],
         None),
        ("sqlite3: a million rows", ["sqlite3", ":memory:"], WORKLOADS / "heavy.sql"),
        ("perl: hashes, strings, threads", ["perl", str(WORKLOADS / "heavy.pl")], None),
    ]
    return [entry for entry in found if shutil.which(entry[1][0], path=PATH)]


def compile_program(scratch: Path, name: str, sources: list[Path]) -> Path:
    target = scratch / name
    command = ["g++", "-std=c++20", "-O1", "-fno-builtin", "-I", str(ROOT / "tests/attacks"),
               *map(str, sources), "-o", str(target), "-pthread"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise DemoError(f"cannot build {name}:\n{done.stderr}")
    return target


def measure(launch: Path, command: list[str], stdin: Path | None, library: Path | None) -> dict:
    """One run, as the kernel accounts for it. The launcher is small, so that its own memory does
    not hide the program's."""
    with tempfile.NamedTemporaryFile() as result, open(stdin or os.devnull, "rb") as source:
        # Without pymalloc, Python's own layer, every object comes from malloc.
        settings = ["PYTHONMALLOC=malloc"]
        settings += [f"LD_PRELOAD={library}"] if library else []
        done = subprocess.run(
            [str(launch), "1", result.name, *settings, "--", *command], stdin=source,
            capture_output=True, text=True, cwd=launch.parent, timeout=100,
            env={"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": str(launch.parent)})
        if done.returncode != 0:
            raise DemoError(f"{' '.join(command)}: status {done.returncode}\n{done.stderr[-2000:]}")
        usage = json.loads(Path(result.name).read_text())
    return {"seconds": usage["user_seconds"] + usage["system_seconds"],
            "peak_mib": usage["rss_peak_kib"] / 1024, "output": done.stdout}


def show_programs(scratch: Path, library: Path) -> None:
    launch = compile_program(scratch, "launch", [ROOT / "bench/workloads/launch.cc"])
    print(f"\nReal programs, median of {ROUNDS} runs by turns: processor seconds and peak memory\n")
    print(f"{'':34}{'glibc':>9}{'hakmem':>9}{'glibc':>12}{'hakmem':>12}   output")
    for name, command, stdin in programs(scratch):
        runs = {False: [], True: []}
        for _ in range(ROUNDS):
            for on_hakmem in runs:
                runs[on_hakmem].append(
                    measure(launch, command, stdin, library if on_hakmem else None))

        def median(key: str, on_hakmem: bool) -> float:
            return statistics.median(run[key] for run in runs[on_hakmem])

        outputs = {run["output"] for both in runs.values() for run in both}
        print(f"{name:34}{median('seconds', False):7.2f} s{median('seconds', True):7.2f} s"
              f"{median('peak_mib', False):8.1f} MiB{median('peak_mib', True):8.1f} MiB   "
              f"{'same' if len(outputs) == 1 else 'DIFFERENT'}", flush=True)
        if len(outputs) != 1:
            raise DemoError(f"{name}: the output depends on the allocator")


def show_attack(scratch: Path, library: Path) -> None:
    attack = compile_program(scratch, "attack", [ATTACK, ROOT / "tests/attacks/attack.cc"])
    print(f"\nA double free that glibc lets pass ({ATTACK.relative_to(ROOT)})\n")
    plain = subprocess.run([str(attack), "200"], capture_output=True, text=True, env={})
    print(f"on glibc, status {plain.returncode}:\n{plain.stdout}{plain.stderr}")
    guarded = subprocess.run([str(attack), "200"], capture_output=True, text=True,
                             env={"LD_PRELOAD": str(library)})
    print(f"on hakmem, status {guarded.returncode} (SIGABRT is -6):"
          f"\n{guarded.stdout}{guarded.stderr}", end="", flush=True)
    if guarded.returncode != -6 or "hakmem: double-free" not in guarded.stderr:
        raise DemoError("hakmem did not stop the double free")


def main() -> int:
    if len(sys.argv) > 2:
        print("demo.py: usage: demo.py [LIB]", file=sys.stderr)
        return 2
    library = Path(sys.argv[1] if len(sys.argv) == 2 else ROOT / "build/release/libhakmem.so")
    try:
        if not library.is_file():
            raise DemoError(f"no library '{library}': run make first")
        with tempfile.TemporaryDirectory(prefix="hakmem-demo-") as scratch:
            show_programs(Path(scratch), library.resolve())
            show_attack(Path(scratch), library.resolve())
    except (DemoError, OSError, subprocess.TimeoutExpired) as error:
        print(f"demo.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
