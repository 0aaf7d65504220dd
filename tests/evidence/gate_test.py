#!/usr/bin/env python3
"""The gate and the record, with the real runner, in a scratch copy of the tree: gate_test.py CASE

  tampering    a record that was edited, or does not fit the sources, is refused, each way by name
  switch       with evidence A and D are on; after an edit of a source off, with one line; renewed: on
  library LIB  the built library's note, its own words and its options agree
  refusals     the runner refuses a dirty tree, a count below its minimum and a twin that passes

The copy proves three obligations about types, which need a compiler alone. Everything else is the tree's.
"""

import ctypes
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEPT = ("token.not_converted", "token.given_up", "token.control")
LEFT_OUT = shutil.ignore_patterns(".git", "build", "__pycache__", "corpus", "record.json", "deep.json")
COPIED = ("src", "cmake", "tools", "tests/nocompile", "tests/evidence")
RECORD = "evidence/record.json"


class Failure(Exception):
    pass


def demand(condition, message):
    if not condition:
        raise Failure(message)


class Copy:
    def __init__(self, folder):
        self.root = Path(folder) / "hakmem"
        for name in COPIED:
            shutil.copytree(ROOT / name, self.root / name, ignore=LEFT_OUT)
        # In a worktree .git is a file: a copy of it would commit into the tree that is tested.
        for path in ROOT.iterdir():
            if path.is_file() and path.name != ".git":
                shutil.copy(path, self.root)
        (self.root / ".gitignore").write_text("build/\n")
        table = json.loads((ROOT / "tools/prove/obligations.json").read_text())
        table["obligations"] = [entry for entry in table["obligations"] if entry["id"] in KEPT]
        demand(len(table["obligations"]) == len(KEPT), "the obligations that this test keeps are gone")
        self.write_table(table)
        self.git("init", "-q")
        self.commit()

    def write_table(self, table):
        (self.root / "tools/prove/obligations.json").write_text(json.dumps(table, indent=1))

    def table(self):
        return json.loads((self.root / "tools/prove/obligations.json").read_text())

    def git(self, *arguments):
        subprocess.run(["git", "-C", str(self.root), "-c", "user.name=test", "-c", "user.email=test@localhost",
                        *arguments], check=True, capture_output=True)

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "state")

    def prove(self, *arguments):
        done = subprocess.run([sys.executable, "-B", str(self.root / "tools/prove/prove.py"), *arguments],
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def proved(self):
        status, out = self.prove()
        demand(status == 0, f"the runner does not prove the copy:\n{out}")
        return (self.root / RECORD).read_text()

    def gate(self, mode="AUTO"):
        """Status, the lines it prints, what the header says."""
        header = self.root / "build/verdict.h"
        done = subprocess.run(["cmake", f"-DSOURCE_DIR={self.root}", f"-DHEADER={header}", f"-DMODE={mode}", "-P",
                               str(self.root / "cmake/evidence_gate.cmake")], capture_output=True, text=True)
        holds = re.search(r"HAKMEM_EVIDENCE_HOLDS (\d)", header.read_text()).group(1)
        return done.returncode, (done.stdout + done.stderr).splitlines(), holds == "1"


def resealed(record):
    """As somebody would who recomputes the seal after an edit: the content must still be judged."""
    sys.path.insert(0, str(ROOT / "tools/prove"))
    from record import seal
    record.pop("seal")
    return seal(record)


def tampering(folder):
    copy = Copy(folder)
    good = copy.proved()
    path = copy.root / RECORD
    demand(copy.gate()[2] and copy.gate()[1] == [], "a good record is not taken")
    demand(copy.prove("--check")[0] == 0, f"the check refuses a good record: {copy.prove('--check')[1]}")

    def refused(what, text, expected):
        path.write_text(text)
        status, lines, holds = copy.gate()
        demand(not holds, f"{what}: the gate takes it")
        demand(status == 0 and len(lines) == 1 and re.search(expected, lines[0]), f"{what}: said {lines}")
        demand(copy.gate("REQUIRE")[0] != 0, f"{what}: REQUIRE goes on")
        status, out = copy.prove("--check")
        demand(status == 1 and re.search(expected, out.replace("\n", " ")), f"{what}: the check says {status} {out}")
        path.write_text(good)

    count = re.search(r'"count": (\d+)', good).group(1)
    refused("a count changed by hand", good.replace(f'"count": {count}', f'"count": {count}0', 1), "edited by hand")
    refused("another seal", good.replace('"seal": "', '"seal": "0'), "edited by hand")
    refused("a line behind the seal", good + "\n", "edited by hand")
    refused("no JSON", "{", "edited by hand")

    def changed(edit):
        record = json.loads(good)
        edit(record)
        return resealed(record)

    refused("another digest", changed(lambda r: r["subject"].update(digest="0" * 64)), "changed since the evidence")
    refused("an obligation dropped", changed(lambda r: r["obligations"].pop()), "2 of 3 obligations")
    refused("a twin missing", changed(lambda r: r["obligations"][1].pop("twin_failed")), "twin of 'token.")
    refused("a twin that passed", changed(lambda r: r["obligations"][1].update(twin_failed=False)), "twin of 'token.")
    refused("a count below the minimum", changed(lambda r: r["obligations"][0].update(count=1)), "is not shown")
    refused("another obligation in its place", changed(lambda r: r["obligations"][0].update(id="x")), "'token.* not shown")

    source = copy.root / "src/core/validate.h"
    text = source.read_text()
    source.write_text(text.replace("// The one decision", "// The only decision", 1))
    refused("a comment edited in a source", good, r"changed since the evidence: src/core/validate\.h; renew with 'make prove'")
    source.write_text(text)
    (copy.root / "src/core/more.h").write_text("#pragma once\n")
    refused("a new source", good, r"src/core/more\.h \(new\)")
    (copy.root / "src/core/more.h").unlink()
    flags = copy.root / "cmake/flags.cmake"
    flags.write_text(flags.read_text() + "\n# other flags\n")
    refused("build logic edited", good, r"cmake/flags\.cmake")
    flags.write_text((ROOT / "cmake/flags.cmake").read_text())
    path.unlink()
    status, lines, holds = copy.gate()
    demand(not holds and len(lines) == 1 and "is missing" in lines[0], f"no record: {lines}")
    path.write_text(good)
    checks = copy.root / "tests/nocompile/cases.cc"
    checks.write_text(checks.read_text() + "// weaker\n")
    status, out = copy.prove("--check")
    demand(status == 1 and "tests/nocompile/cases.cc" in out, f"an edited check: {out}")
    demand(copy.gate()[2], "a check is no part of what a build looks at")


def refusals(folder):
    copy = Copy(folder)
    (copy.root / "new.txt").write_text("uncommitted")
    status, out = copy.prove()
    demand(status == 1 and "not clean" in out and "new.txt" in out, f"a dirty tree: {out}")
    (copy.root / "new.txt").unlink()
    for what, edit, expected in (
            ("a count below the minimum", lambda entry: entry.update(minimum=1000), r"only \d of 1000"),
            ("a twin that passes", lambda entry: entry["twin"].update(arguments=[]), "its twin did not fail"),
            ("a twin that fails for another reason", lambda entry: entry["twin"].update(arguments=["--nonsense"]),
             "its twin did not fail")):
        table = copy.table()
        edit(table["obligations"][1])
        before = copy.table()
        copy.write_table(table)
        copy.commit()
        status, out = copy.prove()
        demand(status == 1 and re.search(expected, out), f"{what}: {out}")
        demand(not (copy.root / RECORD).exists(), f"{what}: a record was written")
        copy.write_table(before)
        copy.commit()
    table = copy.table()
    table["checks"]["types_what_is_allowed_compiles"]["tools"] = ["strace"]
    copy.write_table(table)
    copy.commit()
    tools = Path(folder) / "bin"
    tools.mkdir()
    for tool in ("git", "cmake", "ninja", "g++", "python3"):
        (tools / tool).symlink_to(shutil.which(tool))
    done = subprocess.run([sys.executable, "-B", str(copy.root / "tools/prove/prove.py")], capture_output=True,
                          text=True, env={"PATH": str(tools)})
    demand(done.returncode == 1 and "install the Debian package strace" in done.stderr, f"no strace: {done.stderr}")


def switch(folder):
    """One object of the library, by the tree's own build: the one that says what was compiled in. That the
    whole library follows the same header is the case `library`."""
    copy = Copy(folder)
    copy.proved()
    copy.commit()
    build = Path(folder) / "build"
    subprocess.run(["cmake", "-S", str(copy.root), "-B", str(build), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                    "-DHAKMEM_TESTS=OFF"], check=True, capture_output=True)
    built_object = "src/CMakeFiles/hakmem.dir/abi/build_info.cc.o"

    def built():
        done = subprocess.run(["ninja", "-C", str(build), built_object], capture_output=True, text=True)
        out = done.stdout + done.stderr
        demand(done.returncode == 0, out)
        note = subprocess.run(["readelf", "-p", ".hakmem", str(build / built_object)], capture_output=True,
                              text=True, check=True).stdout
        return note, [line for line in out.splitlines() if line.startswith("hakmem:")], "Building CXX" in out

    note, lines, _ = built()
    demand("direct=1" in note and "trusted=1" in note and "obligations=3" in note and not lines,
           f"with evidence: {note} {lines}")
    digest = re.search(r"evidence=([0-9a-f]{12}) ", note).group(1)
    demand(not built()[2], "a build without a change compiles something")
    source = copy.root / "src/front/cold.cc"
    source.write_text(source.read_text() + "// edited\n")
    note, lines, compiled = built()
    demand("direct=0" in note and "trusted=0" in note and "evidence=stale" in note, f"after an edit: {note}")
    demand(compiled and len(lines) == 1 and "src/front/cold.cc" in lines[0] and "make prove" in lines[0],
           f"the line: {lines}")
    source.write_text(source.read_text() + "// and again\n")
    demand(not built()[2], "the verdict is the same and something is compiled")
    subprocess.run(["cmake", "-DHAKMEM_EVIDENCE=REQUIRE", str(build)], check=True, capture_output=True)
    done = subprocess.run(["ninja", "-C", str(build), built_object], capture_output=True, text=True)
    demand(done.returncode != 0 and "make prove" in done.stdout + done.stderr, "REQUIRE goes on without evidence")
    copy.commit()
    copy.proved()
    note, lines, _ = built()
    demand("direct=1" in note and "trusted=1" in note and not lines, f"renewed: {note} {lines}")
    demand(re.search(r"evidence=([0-9a-f]{12}) ", note).group(1) != digest, "other sources, the same digest")
    subprocess.run(["cmake", "-DHAKMEM_EVIDENCE=OFF", str(build)], check=True, capture_output=True)
    note, lines, _ = built()
    demand("direct=0" in note and "evidence=off" in note and not lines, f"OFF: {note} {lines}")


def library(path):
    """The built library: its note, what it says when asked, and what its options start with are the same."""
    hakmem = ctypes.CDLL(path)
    hakmem.hakmem_build_info.restype = ctypes.c_char_p
    said = hakmem.hakmem_build_info().decode()
    note = subprocess.run(["readelf", "-p", ".hakmem", path], capture_output=True, text=True, check=True).stdout
    demand(said in note, f"it says '{said}', its note is {note}")
    compiled = dict(re.findall(r"(\w+)=(\S+)", said))
    buffer = ctypes.create_string_buffer(64)
    for word, option in (("direct", "DIRECT"), ("trusted", "TRUSTED_HEADER"), ("env_ctx", "FASTLANE_ENV_CTX"),
                         ("route_map", "ROUTE_MAP")):
        demand(hakmem.hakmem_option_get(f"HAKMEM_{option}".encode(), buffer, 64) == 0, option)
        demand(buffer.value.decode() == compiled[word], f"{option} starts as {buffer.value}, compiled: {said}")
    held = re.fullmatch(r"[0-9a-f]{12}", compiled["evidence"]) is not None
    demand(held == (int(compiled["obligations"]) >= 40), f"evidence and obligations: {said}")
    print(said)


def main():
    cases = {case.__name__: case for case in (tampering, refusals, switch)}
    try:
        if len(sys.argv) == 3 and sys.argv[1] == "library":
            library(sys.argv[2])
        elif len(sys.argv) == 2 and sys.argv[1] in cases:
            with tempfile.TemporaryDirectory(prefix="hakmem-evidence-") as folder:
                cases[sys.argv[1]](folder)
        else:
            print(f"gate_test.py: usage: gate_test.py {'|'.join(cases)}|library LIB", file=sys.stderr)
            return 2
    except Failure as failure:
        print(failure)
        return 1
    print(f"{sys.argv[1]}: as it must be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
