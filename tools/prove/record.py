"""The evidence record: its subject, its seal, and whether it holds for a tree.

The subject (sources, obligations, build logic) is decided in one place, cmake/evidence_gate.cmake, which
also judges the record in every build; here it is only asked. What the record says beyond that of the
checks themselves (tests, models, proofs) is compared here: a build does not need it, CI does.
"""

import hashlib
import json
import subprocess
from pathlib import Path

FORMAT = 1


class ProveError(Exception):
    """Something the user must do first; one line."""


def sha256(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()


def load_obligations(root):
    path = root / "tools/prove/obligations.json"
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProveError(f"{path.name}: {error}") from error
    seen = set()
    for entry in table["obligations"]:
        if entry["id"] in seen or entry["check"] not in table["checks"]:
            raise ProveError(f"{path.name}: '{entry['id']}' is there twice, or its check is nowhere")
        if not isinstance(entry["minimum"], int) or entry["minimum"] < 1 or not entry.get("twin"):
            raise ProveError(f"{path.name}: '{entry['id']}' has no minimum or no twin")
        seen.add(entry["id"])
    return table


def gate(root, *definitions):
    return subprocess.run(["cmake", f"-DSOURCE_DIR={root}", *definitions, "-P",
                           str(root / "cmake/evidence_gate.cmake")], capture_output=True, text=True, check=False)


def subject(root):
    """Digest and per-file digests of what the evidence is about."""
    run = gate(root, "-DLIST=ON")
    files = {line[66:]: line[:64] for line in run.stdout.splitlines()}
    if run.returncode != 0 or len(files) < 10:
        raise ProveError(f"the gate does not list the sources: {run.stderr.strip()[:200]}")
    return {"digest": sha256(run.stdout), "files": files}


def methods(root, table):
    """Per-file digests of what checks the obligations."""
    patterns = {"tools/prove/*.py"}
    for check in table["checks"].values():
        patterns.update(check.get("files", []))
    paths = {path for pattern in patterns for path in root.glob(pattern)
             if path.is_file() and "__pycache__" not in path.parts}
    files = {str(path.relative_to(root)): sha256(path.read_bytes()) for path in sorted(paths)}
    return {"digest": sha256("".join(f"{digest}  {name}\n" for name, digest in files.items())), "files": files}


def seal(record):
    """The record as text; the last line is the digest of all before it."""
    body = json.dumps(record, indent=1).removesuffix("\n}") + ","
    return f'{body}\n "seal": "{sha256(body)}"\n}}\n'


def different(old, new):
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def problems(root):
    """Why the committed record does not hold for the tree; empty if it does."""
    run = gate(root, "-DMODE=REQUIRE")
    if run.returncode != 0:
        said = [line for line in run.stderr.splitlines() if line.startswith("hakmem: ")]
        return said or [run.stderr.strip()]
    found = []
    record = json.loads((root / "evidence/record.json").read_text(encoding="utf-8"))
    now = methods(root, load_obligations(root))
    if record.get("format") != FORMAT:
        found.append("evidence/record.json has another format")
    if record["methods"]["digest"] != now["digest"]:
        found.append("checks changed since the evidence: "
                     f"{different(record['methods']['files'], now['files'])}; renew with 'make prove'")
    for entry in record["obligations"]:
        wanted = ("seconds", "log_sha256", "twin")
        if any(not entry.get(field) for field in wanted) or not entry["twin"].get("said"):
            found.append(f"'{entry['id']}' lacks {', '.join(wanted)}, or what its twin said")
    if len(record.get("tools", {})) < 3:
        found.append("the record names no tools")
    return found
