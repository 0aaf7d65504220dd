"""A debugger and Valgrind on a program with the library preloaded into it.

usage: tools.py gdb|memcheck|callgrind PROGRAM LIBRARY
"""
import os
import shutil
import subprocess
import sys
import tempfile


def run(command: list[str], preload: str | None, directory: str) -> subprocess.CompletedProcess:
    environment = dict(os.environ)
    environment.pop("LD_PRELOAD", None)
    environment.pop("DEBUGINFOD_URLS", None)
    if preload:
        environment["LD_PRELOAD"] = preload
    return subprocess.run(command, env=environment, timeout=170, capture_output=True, text=True,
                          cwd=directory, check=False)


def fail(what: str, result: subprocess.CompletedProcess) -> None:
    sys.exit(f"FAILED: {what} (status {result.returncode})\n--- stdout\n{result.stdout}"
             f"--- stderr\n{result.stderr}")


def check_gdb(program: str, library: str, expected: str, directory: str) -> None:
    commands = ["set confirm off", "set startup-with-shell off",
                f"set environment LD_PRELOAD {library}", "break stop_here", "run", "backtrace",
                "info sharedlibrary", "print (int)stop_here(block)", "break malloc", "continue",
                "backtrace", "delete", "continue"]
    arguments = [part for command in commands for part in ("-ex", command)]
    result = run(["gdb", "-nx", "-batch", *arguments, program], None, directory)
    # The program allocates once more, for its output, after the first stop.
    for wanted in ("Breakpoint 1, ", "in main", os.path.basename(library), "exited normally",
                   expected):
        if wanted not in result.stdout:
            fail(f"gdb did not show '{wanted}'", result)
    if result.returncode != 0:
        fail("gdb", result)


def check_valgrind(tool: str, program: str, library: str, expected: str, directory: str) -> None:
    # Without the synonym memcheck puts a malloc of its own in place of the library's. An option that
    # does not parse makes the library say so: once in Valgrind's launcher, which loads it too, and
    # once more in the program if it is in use there.
    os.environ.update(HAKMEM_ARENA_GIB="16", HAKMEM_GUARDS="perhaps")
    result = run(["valgrind", f"--tool={tool}", "--soname-synonyms=somalloc=nouserintercepts", "-q",
                  "--trace-children=yes", "/usr/bin/env", f"LD_PRELOAD={library}", program], None,
                 directory)
    complaint = [line for line in result.stderr.splitlines() if "HAKMEM_GUARDS" in line]
    if len(complaint) < 2:
        fail(f"valgrind --tool={tool} runs on another malloc", result)
    result.stderr = result.stderr.replace(complaint[0], "")
    if result.returncode != 0 or result.stdout != expected:
        fail(f"valgrind --tool={tool}", result)
    if "hakmem" in result.stderr or "Invalid" in result.stderr:
        fail(f"valgrind --tool={tool} complains", result)


def main() -> None:
    if len(sys.argv) != 4 or sys.argv[1] not in ("gdb", "memcheck", "callgrind"):
        sys.exit("usage: tools.py gdb|memcheck|callgrind PROGRAM LIBRARY")
    tool, program, library = sys.argv[1:]
    binary = "gdb" if tool == "gdb" else "valgrind"
    if not shutil.which(binary):
        print(f"skipped: {binary} is not installed")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as directory:
        plain = run([program], None, directory)
        if plain.returncode != 0 or not plain.stdout:
            fail("the program itself", plain)
        if tool == "gdb":
            check_gdb(program, library, plain.stdout.strip(), directory)
        else:
            check_valgrind(tool, program, library, plain.stdout, directory)


main()
