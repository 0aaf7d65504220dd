"""bash, the text tools and the compressors."""

import shlex
from pathlib import Path

from programs.registry import program
from session import WORKLOADS, Session


def made_input(session: Session, name: str, lines: int) -> Path:
    """A file of pseudo-random lines with many repetitions, made once for both runs."""
    path = session.shared.root / name
    if not path.exists():
        state = 1
        with path.open("w") as file:
            for number in range(lines):
                state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
                file.write(f"{state >> 45} word{(state >> 30) % 5003} {'x' * (number % 23)}\n")
    return path


@program("bash", loads=["bash", "sort", "cksum", "cat"], needs=["/usr/bin/bash"])
def bash(session: Session) -> None:
    """A script with large arrays, deep recursion and a thousand subshells."""
    session.run(["bash", WORKLOADS / "heavy.sh"])


SMALL_TOOLS = (
    "wc", "md5sum", "sha512sum", "b2sum", "cksum", "base64", "basenc --base32hex", "od -A d -t x1z",
    "tac", "rev", "nl -b a", "fold -s -w 20", "fmt -w 50", "pr -3 -t", "expand -t 3", "ptx -w 60",
    "cut -c 3-9", "tr a-z A-Z", "paste - - -", "head -c 500", "tail -n 7", "uniq -D -w 2",
    "grep -E -n '(ab|[0-9]{3})+x?'", "sed -E 's/([a-z]+) (.*)/\\2 \\1/;5,9d'",
    "awk '{ n[$2 % 7] += length($3); s = s substr($0, 2, 3) } END { for (i = 0; i < 7; ++i) "
    "print i, n[i]; print length(s), toupper(substr(s, 1, 40)) }'",
)


@program("small-tools", loads=[tool.split()[0] for tool in SMALL_TOOLS if tool[:3] != "awk"],
         needs=["/usr/bin/rev"])
def small_tools(session: Session) -> None:
    """Two dozen short-lived text tools: what matters is how they start and end."""
    text = "".join(f"{chr(97 + i % 26)}{'ab' * (i % 4)} {i * 37 % 1009} {'x' * (i % 30)}\n"
                   for i in range(600)).encode()
    for tool in SMALL_TOOLS:
        session.run(shlex.split(tool), tool.split()[0], stdin=text)


@program("sort", loads=["sort", "uniq", "bash"], needs=["/usr/bin/sort"])
def sort(session: Session) -> None:
    """coreutils: sorts 1.5 million lines in several ways on two threads, and counts them."""
    lines = made_input(session, "lines.txt", 1_500_000)
    for label, options in (("in memory", ["-S", "1G"]), ("in pieces", ["-S", "20M"]),
                           ("by number", ["-k1,1n", "-k2,2", "-S", "300M"]),
                           ("once each", ["-u", "-k2,2", "-S", "300M"])):
        target = session.dir / "sorted.txt"
        session.run(["sort", "--parallel=2", *options, lines], label, stdout=target)
        session.observe_digest(f"{label}: lines", target)
    session.run(["bash", "-o", "pipefail", "-c",
                 'cut -d" " -f2 "$1" | sort | uniq -c | sort -rn | sed -n 1,200p | tac | nl '
                 '&& shuf -n 1000 --random-source="$1" "$1" | cut -d" " -f1,2 | tsort | cksum '
                 '&& split -n l/7 --filter="wc -l" "$1" && factor {10000..12000}',
                 "pipeline", lines], "pipeline")


@program("compressors", loads=["xz", "gzip", "pigz"], needs=["/usr/bin/pigz", "/usr/bin/xz"])
def compressors(session: Session) -> None:
    """xz, gzip and pigz, with threads where they have them, there and back."""
    original = made_input(session, "text.txt", 500_000)
    session.observe_digest("original", original)
    for label, pack, unpack in (("xz", ["xz", "-1", "-T2", "--block-size=2MiB"],
                                 ["xz", "-d", "-T2"]),
                                ("xz -e", ["xz", "-3e", "-T2", "-M", "1GiB", "--block-size=9MiB"],
                                 ["xz", "-d"]),
                                ("gzip", ["gzip", "-n", "-6"], ["gzip", "-d"]),
                                ("pigz", ["pigz", "-n", "-p4", "-b", "64"], ["pigz", "-d"])):
        packed = session.dir / f"{label}.packed"
        back = session.dir / f"{label}.back"
        session.run([*pack, "-c", original], f"{label} packs", stdout=packed)
        session.observe_digest(f"{label} packed", packed)
        session.run([*unpack, "-c"], f"{label} unpacks", stdin=packed, stdout=back)
        session.run(["cmp", original, back], f"{label} comes back")


@program("tar", loads=["tar", "gzip"], needs=["/usr/bin/tar"])
def tar(session: Session) -> None:
    """Archives 3000 files with long names, links and holes; lists, compares, extracts."""
    tree = session.dir / "tree"
    for number in range(3000):
        directory = tree / f"d{number % 37}" / ("long" * (number % 40) or "short")
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / f"file-{number}-{'n' * (number % 90)}"
        file.write_bytes(bytes([number % 256]) * (number * 17 % 5000))
        if number % 50 == 0:
            (directory / f"link-{number}").symlink_to(file.name)
            (directory / f"hard-{number}").hardlink_to(file)
    with (tree / "sparse").open("wb") as sparse:
        sparse.truncate(30 << 20)
        sparse.seek(20 << 20)
        sparse.write(b"island")
    archive = session.dir / "tree.tar.gz"
    session.run(["tar", "--create", "--gzip", "--sparse", "--sort=name", "--mtime=@0", "--owner=0",
                 "--group=0", "--numeric-owner", "--mode=a=rX", "--format=gnu", "-f", archive,
                 "-C", session.dir, "tree"], "create")
    session.observe_digest("archive", archive)
    session.run(["tar", "-tvzf", archive], "list")
    session.run(["tar", "-xzf", archive, "--one-top-level=back", "--no-same-owner"], "extract")
    session.run(["diff", "-r", tree, session.dir / "back" / "tree"], "compare")
    session.run(["tar", "-xOzf", archive, "--wildcards", "*/file-29*"], "to stdout")
