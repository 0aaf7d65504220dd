"""Tools of the trade: git, gdb."""

import re

from programs.registry import program
from session import WORKLOADS, Session

GIT_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (
        ("NAME", "Somebody"), ("EMAIL", "somebody@example.org"),
        ("DATE", "2024-01-02T03:04:05Z"))},
}


def history(commits: int) -> bytes:
    """A repository for git fast-import: files that grow, change and move, on two branches."""
    out = []
    for number in range(1, commits + 1):
        branch = "side" if number % 5 == 0 else "main"
        message = f"change {number}\n"
        out.append(f"commit refs/heads/{branch}\nmark :{number}\n"
                   f"committer Somebody <somebody@example.org> {1700000000 + number * 60} +0000\n"
                   f"data {len(message)}\n{message}")
        if number == 5:  # where the side branch starts
            out.append("from :4\n")
        for file in range(number % 7 + 3):
            name = f"dir{(number * 13 + file) % 40}/file{(number * 7 + file * 3) % 90}.txt"
            text = "".join(f"line {i} of {name} in change {number if i % 11 == file else 0}\n"
                           for i in range(60 + (number + file) % 150))
            out.append(f"M 100644 inline {name}\ndata {len(text)}\n{text}\n")
    return "".join(out).encode()


@program("git", loads=["git"], needs=["/usr/bin/git"])
def git(session: Session) -> None:
    """Imports 600 commits, clones, merges, rebases, repacks, collects and checks them."""
    origin = session.dir / "origin"
    clone = session.dir / "clone"

    def run(label: str, *words: str, where=clone, stdin: bytes | None = None) -> None:
        session.run(["git", "-C", where, *words], label, env=GIT_ENVIRONMENT, stdin=stdin)

    origin.mkdir()
    run("init", "init", "--quiet", "--initial-branch=main", where=origin)
    run("import", "fast-import", "--quiet", where=origin, stdin=history(600))
    run("checkout", "reset", "--quiet", "--hard", "main", where=origin)
    session.run(["git", "clone", "--quiet", f"file://{origin}", clone], "clone",
                env=GIT_ENVIRONMENT)
    run("merge", "merge", "--quiet", "-X", "ours", "-m", "merge", "origin/side")
    run("branch", "checkout", "--quiet", "-b", "topic", "main~40")
    (clone / "topic.txt").write_text("topic\n" * 1000)
    run("add", "add", "-A")
    run("commit", "commit", "--quiet", "-m", "topic")
    run("rebase", "rebase", "--quiet", "main")
    run("gc", "gc", "--quiet", "--aggressive", "--prune=now")
    run("fsck", "fsck", "--full", "--strict", "--no-progress")
    run("objects", "cat-file", "--batch-all-objects",
        "--batch-check=%(objectname) %(objecttype) %(objectsize)")
    run("log", "log", "-p", "--stat", "-M", "-150", "--all")
    run("blame", "blame", "-C", "topic.txt")
    run("grep", "grep", "-n", "change [0-9]*7$", "HEAD~10")
    run("archive", "archive", "--format=tar", "HEAD")
    run("count", "rev-list", "--objects", "--all", "--count")
    run("push", "push", "--quiet", "origin", "topic")
    run("fsck origin", "fsck", "--full", "--no-progress", where=origin)
    run("refs", "show-ref", where=origin)


def without_processes(text: bytes) -> bytes:
    text = re.sub(rb"(Thread 0x|LWP |process )[0-9a-f]+", rb"\1N", text)
    return b"".join(line for line in text.splitlines(keepends=True) if b"libthread_db" not in line)


@program("gdb", loads=["gdb", "debuggee"], needs=["/usr/bin/gdb"])
def gdb(session: Session) -> None:
    """Breakpoints, watchpoints, backtraces, pretty printers and Python on a small program."""
    debuggee = session.build("debuggee.cpp", ["-std=c++17", "-g", "-O0", "-pthread"])
    session.run(["gdb", "-nx", "-batch", "-x", WORKLOADS / "debuggee.gdb", debuggee], "session",
                normalise=without_processes)
