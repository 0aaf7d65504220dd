#!/usr/bin/env python3
"""Makes the committed corpus of a target from directories of inputs: corpus.py BINARY TARGET DIR...

libFuzzer's merge takes the smallest inputs first and keeps thousands of files. This runs the same merge
with the largest first, over edges without hit counts: half the files for the same edges.
Replaces fuzz/corpora/TARGET.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CORPORA = Path(__file__).resolve().parent / "corpora"


def inputs_that_add(binary: Path, inputs: list[Path]) -> list[Path]:
    """The inputs that reach an edge no input before them did, by the control file of an inner merge."""
    with tempfile.TemporaryDirectory() as scratch:
        control = Path(scratch) / "control"
        control.write_text("\n".join([str(len(inputs)), "0", *map(str, inputs)]) + "\n", encoding="utf-8")
        done = subprocess.run(
            [binary, "-merge_inner=1", "-use_counters=0", "-timeout=10", f"-merge_control_file={control}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            sys.exit(f"corpus.py: the merge failed:\n{done.stderr[-2000:]}")
        found = [line.split() for line in control.read_text(encoding="utf-8").splitlines()]
    return [inputs[int(words[1])] for words in found if words[0] == "FT" and len(words) > 2]


def main() -> int:
    if len(sys.argv) < 4 or not all(Path(path).is_dir() for path in sys.argv[3:]):
        print("usage: corpus.py BINARY TARGET DIR...", file=sys.stderr)
        return 2
    binary, target = Path(sys.argv[1]), sys.argv[2]
    inputs = [path for directory in sys.argv[3:] for path in Path(directory).iterdir()]
    if not inputs:
        print("corpus.py: no inputs", file=sys.stderr)
        return 1
    inputs.sort(key=lambda path: (-path.stat().st_size, path.name))
    chosen = [path.read_bytes() for path in inputs_that_add(binary, inputs)]
    shutil.rmtree(CORPORA / target, ignore_errors=True)
    (CORPORA / target).mkdir(parents=True)
    for content in chosen:
        (CORPORA / target / hashlib.sha1(content).hexdigest()[:16]).write_bytes(content)
    print(f"{target}: {len(chosen)} of {len(inputs)} inputs, {sum(map(len, chosen))} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
