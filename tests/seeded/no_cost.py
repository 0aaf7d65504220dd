#!/usr/bin/env python3
"""Shows that the hooks of seeded faults cost nothing: no_cost.py BUILD

Compiles every source that a hook can reach a second time, from a copy in which each HAK_SEEDED(...)
is the word `false`, and compares the machine code with that of the build tree, instruction by
instruction. front/table.cc is left out: it instantiates what abi/c_abi.cc also does, 96 times.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOOK = re.compile(r"HAK_SEEDED\(k\w+\)")
LEFT_OUT = {"src/front/table.cc"}


def fail(message: str):
    print(f"no_cost.py: {message}", file=sys.stderr)
    sys.exit(2)


def output_of(entry):
    """The object a compile command writes. CMake before 3.27 does not say it in a field of its own."""
    return re.search(r" -o (\S+)", entry["command"]).group(1)


def without_hooks(copy: Path) -> int:
    shutil.copytree(ROOT / "src", copy / "src")
    hooks = 0
    for path in sorted((copy / "src").rglob("*")):
        if path.suffix in (".cc", ".h") and path.name != "seeded.h":
            text, count = HOOK.subn("false", path.read_text())
            path.write_text(text)
            hooks += count
    return hooks


def machine_code(obj: Path) -> list[str]:
    run = subprocess.run(["objdump", "-dr", "--no-show-raw-insn", obj], capture_output=True, text=True, check=True)
    return run.stdout.splitlines()[2:]


def compile_copy(entry: dict, copy: Path, out: Path):
    words = shlex.split(entry["command"])
    if Path(words[0]).name == "ccache":
        words = words[1:]
    words = [word.replace(str(ROOT / "src"), str(copy / "src")) for word in words]
    words[words.index("-o") + 1] = str(out)
    subprocess.run([*words, f"-fmacro-prefix-map={copy}={ROOT}", "-g0"], cwd=entry["directory"], check=True)


def main() -> int:
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "compile_commands.json").exists():
        fail("usage: no_cost.py BUILD, a configured tree")
    build = Path(sys.argv[1])
    entries = [entry for entry in json.loads((build / "compile_commands.json").read_text())
               if re.search(r"/(hakmem_objects|hakmem)\.dir/", output_of(entry))
               and str(Path(entry["file"]).relative_to(ROOT)) not in LEFT_OUT]
    different = compared = 0
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        hooks = without_hooks(copy)
        for entry in entries:
            built = build / output_of(entry)
            if not built.exists():
                fail(f"{built} is not built")
            compile_copy(entry, copy, copy / "copy.o")
            before, after = machine_code(copy / "copy.o"), machine_code(built)
            compared += len(after)
            if before != after:
                different += 1
                print(f"{entry['file']}: the machine code differs with and without hooks")
    print(f"{len(entries)} objects, {hooks} hooks, {compared} lines of machine code: {different} objects differ")
    return 1 if different or not hooks or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
