#!/usr/bin/env python3
"""What the switches of policies cost where they are not used: switches.py BUILD

Compiles the C ABI, which has the fast paths of the compiled policies inline, a second time without
switches (HAKMEM_SWITCHES=0), and compares the machine code of every function a program calls. They must be
equal, instruction for instruction. The slow exits may differ by the one look at the options' generation.
"""

import json
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

PUBLIC = ("malloc", "free", "calloc", "realloc", "_Znwm", "_ZdlPv", "_ZdlPvm", "malloc_usable_size", "aligned_alloc",
          "free_sized")
SOURCES = ("abi/c_abi.cc", "abi/cxx_abi.cc", "abi/cxx_delete.cc")


def output_of(entry):
    """The object a compile command writes. CMake before 3.27 does not say it in a field of its own."""
    return re.search(r" -o (\S+)", entry["command"]).group(1)


def functions(obj):
    """Symbol -> its instructions, without addresses."""
    run = subprocess.run(["objdump", "-dr", "--no-show-raw-insn", str(obj)], capture_output=True, text=True, check=True)
    found, name = {}, None
    for line in run.stdout.splitlines():
        head = re.match(r"[0-9a-f]+ <(.+)>:$", line)
        if head:
            name = head.group(1)
            found[name] = []
        elif name and "\t" in line:
            text = line.split("\t", 1)[1].strip()
            # Targets inside the function stay as distances; those outside are named by relocations.
            found[name].append(re.sub(r"\b[0-9a-f]+ (<[^>]*>)", r"\1", text))
    return found


def compile_without(entry, out):
    words = shlex.split(entry["command"])
    words[words.index("-o") + 1] = str(out)
    subprocess.run([*words, "-DHAKMEM_SWITCHES=0"], cwd=entry["directory"], check=True)


def main():
    database = Path(sys.argv[1]) / "compile_commands.json" if len(sys.argv) == 2 else None
    if not database or not database.exists():
        print("switches.py: usage: switches.py BUILD, a configured tree", file=sys.stderr)
        return 2
    compared = lines = 0
    wrong = []
    with tempfile.TemporaryDirectory(prefix="hakmem-switches-") as folder:
        for entry in json.loads(database.read_text()):
            if not any(output_of(entry).endswith(f"hakmem.dir/{source}.o") for source in SOURCES):
                continue
            copy = Path(folder) / "copy.o"
            compile_without(entry, copy)
            with_switches, without = functions(Path(sys.argv[1]) / output_of(entry)), functions(copy)
            for name in PUBLIC:
                if name in with_switches:
                    compared += 1
                    lines += len(with_switches[name])
                    if with_switches[name] != without.get(name):
                        wrong.append(name)
            slow = [sum(map(len, (f[name] for name in f if name not in PUBLIC))) for f in (with_switches, without)]
            print(f"{Path(entry['file']).name}: {slow[0]} lines in all other functions, {slow[1]} without switches")
    print(f"{compared} functions, {lines} lines of machine code, {len(wrong)} differ {' '.join(wrong)}")
    return 1 if wrong or compared < 8 else 0


if __name__ == "__main__":
    sys.exit(main())
