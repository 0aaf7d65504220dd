#!/usr/bin/env python3
"""Blind mutants: changes one token of src/core, src/front or src/backing at a time and asks the tests.

  mutate.py                   the sample (240 mutants), each through a ladder of drivers until one notices
  mutate.py --deep            the survivors of the last run once more, with drivers ten times as long
  mutate.py --list            the sample, without running anything
  mutate.py --only N ...      only these mutants of the sample, printed with what each driver said

The file that changed, or for a header the allocator as one file, is compiled and linked with few
policies (table.cc) in front of drivers from build/seeded, which know nothing of the mutant. Results are
kept in build/mutants and not run again; --fresh forgets them; --shard 0/2 and --shard 1/2 share the
sample between two processes. A header that nothing has noticed is tried once more with the unit tests
compiled anew, which call inline functions of it that the allocator does not. equivalent.txt names the
mutants that no test can tell from the original, each with its reason. Exit status: 0 if at least 85 %
of the others were noticed.
"""

import argparse
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sites

ROOT = Path(__file__).resolve().parents[2]
DRIVERS = ROOT / "build/seeded"
RESULTS = ROOT / "build/mutants"
LAYERS = ("backing", "core", "front")
SAMPLE = 240
SEED = 1
KILLED_MIN = 0.85
HOOK = re.compile(r"HAK_SEEDED\(k\w+\)")
FLAGS = "-std=c++20 -fPIC -fno-exceptions -fno-rtti -fno-builtin-malloc -fno-omit-frame-pointer -O1 -w".split()
# Neither changed nor compiled: table.cc beside this file stands for it.
LEFT_OUT = {"front/table.cc"}

# Without those that compare all instantiations, of which there are few here.
UNIT = "--gtest_fail_fast --gtest_brief=1 --gtest_filter=-PoliciesAgree.*"
SCRIPTS = "hakmem-scripts --as-found --keep /dev/null"
# Program, arguments, arguments of --deep. A driver that takes ten times as long as without a mutant
# has noticed.
LADDER = (
    ("scripts", f"{SCRIPTS} --count 200 --seed 1 --policy 27", f"{SCRIPTS} --count 8000 --seed 2 --policy 27"),
    ("trusted", f"{SCRIPTS} --count 200 --seed 3 --policy 31", f"{SCRIPTS} --count 8000 --seed 4 --policy 31"),
    ("tracked", f"{SCRIPTS} --count 150 --seed 5 --tracked", f"{SCRIPTS} --count 5000 --seed 6 --tracked"),
    ("lane", f"{SCRIPTS} --count 40 --seed 7 --policy 34 --audit", f"{SCRIPTS} --count 800 --seed 8 --policy 34 --audit"),
    ("large", f"{SCRIPTS} --count 100 --seed 9 --large", f"{SCRIPTS} --count 3000 --seed 10 --large"),
    ("sequences", "exhaustive_sequences 3 31", "exhaustive_sequences 5 31"),
    ("unit", f"hakmem_unit {UNIT}", f"hakmem_unit {UNIT}"),
    ("validator", "exhaustive_validator 3", "exhaustive_validator 30"),
)


def fail(message: str):
    print(f"mutate.py: {message}", file=sys.stderr)
    sys.exit(2)


def sources() -> dict[str, str]:
    paths = [path for layer in LAYERS for path in sorted((ROOT / "src" / layer).iterdir())
             if path.suffix in (".cc", ".h")]
    return {str(path.relative_to(ROOT / "src")): path.read_text() for path in paths}


def places(texts: dict[str, str]) -> dict[str, sites.Site]:
    found = {key_of(site, text): site
             for name, text in texts.items() if name not in LEFT_OUT for site in sites.sites(name, text)}
    if len(found) < 1000:
        fail(f"only {len(found)} places can be changed: the patterns are stale")
    return found


def sample(found: dict[str, sites.Site]) -> list[sites.Site]:
    # By a hash of the change itself: an edit elsewhere leaves the sample as it is.
    ranked = sorted(found, key=lambda key: hashlib.sha256(f"{SEED} {key}".encode()).hexdigest())
    return [found[key] for key in ranked[:SAMPLE]]


def key_of(site: sites.Site, text: str) -> str:
    _, before, after = sites.lines_of(text, site)
    return f"{site.file}\n- {before}\n+ {after}"


def read_equivalent() -> dict[str, str]:
    """Mutant -> reason. Paragraphs of: file, line before, line after, reason."""
    path = Path(__file__).with_name("equivalent.txt")
    found = {}
    for paragraph in path.read_text().split("\n\n") if path.exists() else []:
        lines = [line for line in paragraph.strip().splitlines() if not line.startswith("#")]
        if len(lines) >= 4:
            found["\n".join(lines[:3])] = " ".join(lines[3:]).strip()
    return found


def run(words: list[str], seconds: float, work: Path) -> tuple[object, str, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, errors="replace", start_new_session=True, cwd=work,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1,) * 2))
    try:
        # A hang uses no processor time: what a busy machine may take for so much of it is the bound.
        said, _ = process.communicate(timeout=10 + 2 * seconds)
        status = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        status = "timeout"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return status, said, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


class Bench:
    """The sources with one mutant, compiled, in front of the drivers."""

    def __init__(self, texts: dict[str, str], work: Path):
        self.texts = texts
        self.work = work
        self.src = work / "src"
        self.seconds: dict[str, float] = {}
        for layer in (*LAYERS, "base", "os"):
            (self.src / layer).mkdir(parents=True, exist_ok=True)
        for path in (*(ROOT / "src/base").iterdir(), *(ROOT / "src/os").iterdir(), ROOT / "src/policy.h"):
            self.write(str(path.relative_to(ROOT / "src")), path.read_text())
        for name, text in texts.items():
            self.write(name, HOOK.sub("false", text))
        self.files = [name for name in sorted(texts) if name.endswith(".cc") and name not in LEFT_OUT]
        everything = "".join(f'#include "{name}"\n' for name in self.files)
        table = f'#include "{ROOT}/tests/mutants/table.cc"\n'
        (self.src / "all.cc").write_text(everything + table)
        (self.src / "table.cc").write_text(table)
        base = DRIVERS / "src/CMakeFiles/hakmem_objects.dir"
        objects = [base / f"{name}.o" for name in ("base/fault.cc", "base/options.cc", "base/seeded.cc", "base/text.cc",
                                                   "os/linux.cc", "os/lock.cc")]
        model = [*objects, DRIVERS / "props/libhakmem_model.a"]
        tests = DRIVERS / "tests/unit/CMakeFiles/hakmem_unit.dir"
        self.test_objects = sorted(tests.rglob("*.o"))
        self.parts = {
            "hakmem-scripts": [DRIVERS / "props/CMakeFiles/hakmem-scripts.dir/tools/random_scripts.cc.o", *model],
            "hakmem_unit": [*self.test_objects, *objects, "-lgtest_main", "-lgtest", "-lpthread"],
        }
        for name in ("sequences", "validator"):
            self.parts[f"exhaustive_{name}"] = [
                DRIVERS / f"tests/exhaustive/CMakeFiles/exhaustive_{name}.dir/{name}.cc.o", *model]
        self.keep_drivers()

    def keep_drivers(self):
        """Copies: the tree may be built again while the mutants run."""
        (self.work / "drivers").mkdir(exist_ok=True)
        for program, parts in self.parts.items():
            for number, part in enumerate(parts):
                if not isinstance(part, Path):
                    continue
                if not part.exists():
                    fail(f"not built: {part.relative_to(ROOT)} (`make mutants` builds it)")
                parts[number] = self.work / "drivers" / f"{program}-{part.name}"
                shutil.copyfile(part, parts[number])

    def write(self, name: str, text: str):
        (self.src / name).write_text(text)

    def compile(self, name: str) -> bool:
        self.linked = set()
        out = "original/" + name.replace("/", "_") + ".o" if name != "mutant" else "mutant.o"
        source = self.src / (self.changed if name == "mutant" else name)
        status, _, _ = run(["g++", *FLAGS, "-I", str(self.src), "-c", str(source), "-o", out], 120, self.work)
        return status == 0

    def compile_mutant(self, file: str) -> bool:
        """The file that changed beside the other originals; for a header, all of them as one file."""
        whole = file.endswith(".h")
        self.changed = "all.cc" if whole else file
        self.objects = ["mutant.o"]
        if not whole:
            self.objects += [f"original/{name.replace('/', '_')}.o" for name in (*self.files, "table.cc") if name != file]
        return self.compile("mutant")

    def drive(self, name: str, command: str, slow: float) -> tuple[bool, str]:
        """Whether the driver noticed, and its word for it."""
        program, *arguments = command.split()
        if program not in self.linked:
            parts = self.parts[program]
            if program == "exhaustive_validator" and self.changed == "all.cc":
                # It calls the validator's own header.
                source = ROOT / "tests/exhaustive/validator.cc"
                run(["g++", *FLAGS, "-fexceptions", "-frtti", "-I", str(self.src), "-I", str(ROOT / "props"), "-c",
                     str(source), "-o", "validator.o"], 120, self.work)
                parts = ["validator.o", *parts[1:]]
            status, said, _ = run(["g++", *self.objects, *map(str, parts), "-o", program], 120, self.work)
            if status != 0:
                fail(f"cannot link {program}:\n{said}")
            self.linked.add(program)
        limit = 10 * self.seconds.get(command, slow / 10) + 5
        status, said, seconds = run([f"./{program}", *arguments], limit, self.work)
        self.seconds.setdefault(command, seconds)
        lines = [line for line in said.splitlines() if re.search(r"fail|FAIL|WRONG|wrong|check", line)]
        return status != 0, (lines or said.splitlines()[-1:] or [f"status {status}"])[0][:120]

    def ask_own_tests(self) -> tuple[bool, str]:
        """The unit tests compiled with the header that changed."""
        (self.work / "own").mkdir(exist_ok=True)
        units = ROOT / "tests/unit"
        def compiled(like: Path) -> str | None:
            source = next(units.rglob(like.stem))
            words = ["g++", *FLAGS, "-fexceptions", "-frtti", "-I", str(self.src), "-I", str(units), "-c", str(source),
                     "-o", f"own/{like.name}"]
            return f"own/{like.name}" if run(words, 120, self.work)[0] == 0 else None
        with ThreadPoolExecutor(2) as pool:
            objects = list(pool.map(compiled, self.test_objects))
        if not all(objects):
            return False, "a test does not compile"
        self.parts["own_tests"] = [*objects, *self.parts["hakmem_unit"][len(objects):]]
        self.linked.discard("own_tests")
        self.seconds[f"own_tests {UNIT}"] = self.seconds[f"hakmem_unit {UNIT}"]
        return self.drive("own tests", f"own_tests {UNIT}", 100)

    def baseline(self, deep: bool):
        (self.work / "original").mkdir(exist_ok=True)
        if not all(self.compile(name) for name in (*self.files, "table.cc")) or not self.compile_mutant("unchanged.h"):
            fail("the unchanged sources do not compile")
        for name, quick, long in LADDER:
            if not (command := long if deep else quick):
                continue
            noticed, said = self.drive(name, command, 1000)
            if noticed:
                fail(f"{name} fails without a mutant: {said}")
            print(f"  {name:10} {self.seconds[command]:6.2f} s of CPU without a mutant", flush=True)

    def judge(self, site: sites.Site, deep: bool, verbose: bool, excused: bool) -> dict:
        self.write(site.file, HOOK.sub("false", sites.apply(self.texts[site.file], site)))
        try:
            if not self.compile_mutant(site.file):
                return {"outcome": "does not compile"}
            for name, quick, long in LADDER:
                command = long if deep else quick
                noticed, said = self.drive(name, command, 1000) if command else (False, "")
                if verbose:
                    print(f"  {name:10} {'noticed' if noticed else 'did not notice':14} {said}")
                elif noticed:
                    return {"outcome": "killed", "by": name + (" (deep)" if deep else ""), "said": said}
            if site.file.endswith(".h") and not excused:
                noticed, said = self.ask_own_tests()
                if verbose:
                    print(f"  {'own tests':10} {'noticed' if noticed else 'did not notice':14} {said}")
                elif noticed:
                    return {"outcome": "killed", "by": "own tests", "said": said}
            return {"outcome": "survived", "deep": deep}
        finally:
            self.write(site.file, HOOK.sub("false", self.texts[site.file]))


def read_shard(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not int(found[1]) < int(found[2]):
        fail(f"--shard takes I/N with I below N, not `{text}`")
    return int(found[1]), int(found[2])


def read_results() -> dict[str, dict]:
    return {key: result for path in sorted(RESULTS.glob("shard-*/results.json"))
            for key, result in json.loads(path.read_text()).items()}


def report(chosen: list[sites.Site], texts: dict, results: dict, equivalent: dict) -> int:
    killed, survivors, excused, stillborn, by = 0, [], 0, 0, {}
    for number, site in enumerate(chosen):
        key = key_of(site, texts[site.file])
        result = results.get(key)
        if result is None:
            continue
        if result["outcome"] == "killed":
            killed += 1
            by[result["by"]] = by.get(result["by"], 0) + 1
        elif result["outcome"] == "survived":
            if key in equivalent:
                excused += 1
            else:
                survivors.append((number, site, key))
        else:
            stillborn += 1
    for number, site, key in survivors:
        line = sites.lines_of(texts[site.file], site)[0]
        before, after = key.splitlines()[1:]
        print(f"survivor {number}: src/{site.file}:{line} ({site.kind})\n    {before}\n    {after}")
    ran = killed + len(survivors) + excused
    rate = killed / (killed + len(survivors)) if ran > excused else 0.0
    print(f"{ran} mutants ran, {stillborn} more did not compile: {killed} killed, {excused} equivalent, "
          f"{len(survivors)} survivors; {rate:.1%} of the others killed")
    print("by driver: " + ", ".join(f"{name} {count}" for name, count in sorted(by.items(), key=lambda e: -e[1])))
    return 0 if ran >= 200 and rate >= KILLED_MIN else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="print the sample")
    parser.add_argument("--deep", action="store_true", help="survivors again, longer")
    parser.add_argument("--shard", default="0/1", metavar="I/N", help="every N-th of the sample, from the I-th")
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    parser.add_argument("--report", action="store_true", help="print the table of what has been run")
    parser.add_argument("--only", type=int, nargs="+", default=[], metavar="N", help="only these, in full")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    texts = sources()
    found = places(texts)
    chosen = sample(found)
    equivalent = read_equivalent()
    if stale := equivalent.keys() - found.keys():
        fail("equivalent.txt explains what cannot be made any more:\n" + "\n".join(sorted(stale)))
    if any(not 0 <= number < SAMPLE for number in arguments.only):
        fail(f"mutants are numbered 0 to {SAMPLE - 1}")
    if arguments.list:
        for number, site in enumerate(chosen):
            print(f"{number}: {key_of(site, texts[site.file])}")
        return 0
    shard, shards = read_shard(arguments.shard)
    work = RESULTS / f"shard-{shard}"
    work.mkdir(parents=True, exist_ok=True)
    store = work / "results.json"
    if arguments.fresh:
        store.unlink(missing_ok=True)
    results = read_results()
    if arguments.report:
        return report(chosen, texts, results, equivalent)
    bench = Bench(texts, work)
    own = json.loads(store.read_text()) if store.exists() else {}
    bench.baseline(arguments.deep)
    start = time.monotonic()
    for number, site in enumerate(chosen):
        key = key_of(site, texts[site.file])
        known = results.get(key)
        wanted = (number in arguments.only if arguments.only
                  else known is None if not arguments.deep
                  else known is not None and known["outcome"] == "survived" and key not in equivalent)
        if not wanted or number % shards != shard:
            continue
        if arguments.only:
            print(f"{number}: {key}")
        own[key] = result = bench.judge(site, arguments.deep, bool(arguments.only), key in equivalent)
        if not arguments.only:
            store.write_text(json.dumps(own, indent=1))
            print(f"[{number + 1}/{SAMPLE} {time.monotonic() - start:5.0f} s] src/{site.file} {site.kind}: "
                  f"{result['outcome']} {result.get('by', '')}", flush=True)
    return 0 if arguments.only else report(chosen, texts, read_results(), equivalent)


if __name__ == "__main__":
    sys.exit(main())
