"""Modules with static TLS load as they do without the library.

usage: modules.py LOADER MODULE LIBRARY
"""
import os
import subprocess
import sys

COUNT = 200


def loaded(loader: str, module: str, library: str | None, tunables: str) -> int:
    environment = {**os.environ, "GLIBC_TUNABLES": tunables}
    environment.pop("LD_PRELOAD", None)
    if library:
        environment["LD_PRELOAD"] = library
    run = subprocess.run([loader, "modules", module, str(COUNT)], env=environment, timeout=100,
                         capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"FAILED: loader ended with {run.returncode}: {run.stderr.strip()}")
    return int(run.stdout)


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit("usage: modules.py LOADER MODULE LIBRARY")
    loader, module, library = sys.argv[1:]
    # The loader's own surplus is for about 50 such modules, with any allocator.
    plain = loaded(loader, module, None, "")
    ours = loaded(loader, module, library, "")
    print(f"{plain} modules without the library, {ours} with it")
    if not 0 < plain <= ours + 1:
        sys.exit("FAILED: the library uses static TLS that modules need")
    # 200 modules of 32 bytes, and what the loader itself takes.
    all_of_them = loaded(loader, module, library, "glibc.rtld.optional_static_tls=16384")
    print(f"{all_of_them} modules with a larger surplus")
    if all_of_them != COUNT:
        sys.exit(f"FAILED: only {all_of_them} of {COUNT} modules load")


main()
