#!/usr/bin/env python3
"""A fuzzing campaign over all targets and engines, one line to type: fuzz/run.py --minutes 3.

Each target gets the minutes from libFuzzer (a plain and an ASan process on one corpus) and then from
AFL++ (main with the comparison log, secondary with ASan). Ends with a summary; findings become text
scripts or minimised inputs, and make the status 1.
"""

import argparse
import hashlib
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import engines
from engines import ROOT, Run

TICK_SECONDS = 30


def words(allowed):
    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        for word in chosen:
            if word not in allowed:
                raise argparse.ArgumentTypeError(f"'{word}' is none of {', '.join(allowed)}")
        return chosen
    return parse


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=3, help="for each target and engine (3)")
    parser.add_argument("--targets", type=words(engines.TARGETS), default=list(engines.TARGETS))
    parser.add_argument("--engines", type=words(engines.ENGINES), default=list(engines.ENGINES))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "build/campaign", help="build/campaign")
    parser.add_argument("--no-build", action="store_true", help="the binaries are there")
    chosen = parser.parse_args()
    if chosen.minutes <= 0:
        parser.error("--minutes must be positive")
    return chosen


def build(chosen: argparse.Namespace) -> None:
    targets = [f"fuzz_{target}" for target in chosen.targets]
    for preset in dict.fromkeys(preset for engine in chosen.engines for preset in engines.PRESETS[engine]):
        print(f"building {preset}", flush=True)
        extra = ["fuzz_mutator", "fuzz-minimise"] if preset == "fuzz" else []
        done = subprocess.run([ROOT / "tools/build", preset, *targets, *extra], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            sys.exit(f"run.py: {preset} does not build:\n{done.stdout[-3000:]}")


def empty_directory(out: Path) -> Path:
    """Replaces an earlier campaign, and nothing else."""
    mark = out / "campaign"
    if out.exists() and not mark.exists():
        sys.exit(f"run.py: {out} exists and is no campaign's")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    mark.write_text(" ".join(sys.argv) + "\n", encoding="utf-8")
    return out


def seed_corpus(out: Path, target: str) -> None:
    corpus = out / target / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for path in (ROOT / "fuzz/corpora" / target).iterdir():
        shutil.copy(path, corpus / path.name)


def watch(runs: list[Run]) -> None:
    begin = time.monotonic()
    said = begin
    while any([run.poll() for run in runs]):
        time.sleep(0.5)
        if time.monotonic() - said < TICK_SECONDS:
            continue
        said = time.monotonic()
        for run in runs:
            engines.read_statistics(run)
        state = "; ".join(f"{run.name} {run.numbers['executions']} executions, {run.numbers['coverage']} edges, "
                          f"{len(engines.findings(run))} findings" for run in runs)
        print(f"  {runs[0].target} {said - begin:4.0f} s: {state}", flush=True)


def keep_queue(out: Path, target: str) -> None:
    """What AFL++ found joins the corpus, for libFuzzer's next turn and for corpus.py."""
    for path in (out / target / "afl").glob("*/queue/id:*"):
        content = path.read_bytes()
        (out / target / "corpus" / hashlib.sha1(content).hexdigest()).write_bytes(content)


def reproduces(target: str, path: Path) -> str | None:
    """The first line of what the plain or the ASan build says of the input; None if nothing."""
    for preset in ("fuzz", "fuzz-asan"):
        program = engines.binary(preset, target)
        if not program.exists():
            continue
        done = subprocess.run([program, f"-timeout={engines.TIMEOUT_SECONDS}", path], text=True,
                              errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            lines = [line for line in done.stdout.splitlines()
                     if line and not line.startswith(("INFO:", "Running:", "/", program.name))]
            return lines[0] if lines else f"status {done.returncode}"
    return None


def minimise(target: str, path: Path, out: Path) -> str:
    """A text script where the input is one, else a smaller input. Returns its name."""
    if target in engines.SCRIPT_TARGETS:
        kept = out.with_suffix(".script")
        kept.unlink(missing_ok=True)
        done = subprocess.run([ROOT / "build/fuzz/fuzz/fuzz-minimise", target, path, kept],
                              capture_output=True, check=False)
        if done.returncode == 0:
            return str(kept)
    shutil.copy(path, out)
    subprocess.run([engines.binary("fuzz", target), "-minimize_crash=1", "-runs=20000", "-max_total_time=60",
                    f"-exact_artifact_path={out}.small", path], capture_output=True, check=False)
    small = Path(f"{out}.small")
    return str(small if small.exists() else out)


def collect(runs: list[Run], out: Path) -> list[str]:
    """Each distinct finding once, minimised."""
    seen: dict[tuple[str, str], str] = {}
    lost = 0
    (out / "findings").mkdir(exist_ok=True)
    for run in runs:
        for path in engines.findings(run):
            first = reproduces(run.target, path)
            if first is None:
                lost += 1
            elif (run.target, first) not in seen:
                name = f"{run.target}-{hashlib.sha1(path.read_bytes()).hexdigest()[:12]}"
                kept = minimise(run.target, path, out / "findings" / name)
                seen[run.target, first] = f"{run.target}: {first}\n    {kept}"
        if run.status != 0 and not engines.findings(run):
            seen[run.target, run.name] = f"{run.target}: {run.name} ended with {run.status}, see {run.log}"
    if lost:
        print(f"{lost} reported inputs do not fail when run again (timeouts of a busy machine, mostly)")
    return list(seen.values())


def summary(runs: list[Run], operations: dict[str, Path], found: list[str]) -> None:
    print(f"\n{'target':<14}{'process':<12}{'executions':>12}{'CPU s':>8}{'per CPU s':>11}"
          f"{'edges':>8}{'stability':>11}")
    executions, seconds = 0, 0.0
    for run in runs:
        engines.read_statistics(run)
        count = int(run.numbers["executions"])
        executions += count
        seconds += run.cpu_seconds
        print(f"{run.target:<14}{run.name:<12}{count:>12}{run.cpu_seconds:>8.0f}"
              f"{count / max(run.cpu_seconds, 0.01):>11.0f}{run.numbers['coverage']:>8}"
              f"{run.numbers['stability']:>11}")
    checked = 0
    for target, path in operations.items():
        count = struct.unpack("<Q", path.read_bytes()[:8])[0]
        checked += count
        print(f"{target:<14}{count} operations checked")
    print(f"in all: {executions} executions, {checked} operations checked, {seconds / 60:.1f} CPU minutes, "
          f"{len(found)} findings")
    for line in found:
        print(f"FINDING {line}")


def main() -> int:
    chosen = arguments()
    out = empty_directory(chosen.out.resolve())
    if not chosen.no_build:
        build(chosen)
    runs: list[Run] = []
    operations: dict[str, Path] = {}
    for target in chosen.targets:
        seed_corpus(out, target)
        operations[target] = out / target / "operations"
        operations[target].write_bytes(bytes(8))
        for engine in chosen.engines:
            start = engines.libfuzzer_runs if engine == "libfuzzer" else engines.afl_runs
            pair = start(target, int(chosen.minutes * 60), chosen.seed, out, operations[target])
            print(f"{target}: {engine} for {chosen.minutes:g} minutes", flush=True)
            for run in pair:
                run.start()
            watch(pair)
            runs += pair
        keep_queue(out, target)
    found = collect(runs, out)
    summary(runs, operations, found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
