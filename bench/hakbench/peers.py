"""The allocators compared, and the Debian package each comes from."""

import dataclasses
import glob
import os

from hakbench.errors import BenchError

KNOWN = {
    # name: (patterns, package)
    "glibc": ((), "libc6"),
    "mimalloc": (("/usr/lib/*-linux-gnu/libmimalloc.so.2*",), "libmimalloc2.0"),
    "jemalloc": (("/usr/lib/*-linux-gnu/libjemalloc.so.2",), "libjemalloc2"),
    "tcmalloc": (("/usr/lib/*-linux-gnu/libtcmalloc_minimal.so.4",), "libtcmalloc-minimal4"),
    "tbbmalloc": (("/usr/lib/*-linux-gnu/libtbbmalloc_proxy.so.2",), "libtbbmalloc2"),
    "scudo": (
        ("/usr/lib/llvm-14/lib/clang/14*/lib/linux/libclang_rt.scudo_standalone-x86_64.so",
         "/usr/lib/llvm-14/lib/clang/14*/lib/linux/libclang_rt.scudo_standalone-aarch64.so"),
        "libclang-rt-14-dev"),
    "libdislocator": (("/usr/lib/afl/libdislocator.so",), "afl++"),
}

# libdislocator maps pages for every object: it is there as the price of a debugging allocator,
# and neither "the best peer" nor a fair partner in a geometric mean.
NOT_COMPETING = {"libdislocator"}


class MissingPackage(BenchError):
    """A known peer whose Debian package is not installed."""

    def __init__(self, package):
        super().__init__(f"not installed: apt-get install {package}")
        self.package = package


@dataclasses.dataclass(frozen=True)
class Peer:
    """One allocator: an empty path is the C library's own."""

    name: str
    path: str
    settings: tuple = ()  # (NAME, VALUE) pairs put into the environment

    def environment(self):
        """What the environment must hold beside a fixed base."""
        result = dict(self.settings)
        if self.path:
            result["LD_PRELOAD"] = self.path
        return result


def parse_named_path(text):
    """Reads NAME=PATH[,VARIABLE=VALUE...] as given to --lib and --peer."""
    name, separator, rest = text.partition("=")
    path, *settings = rest.split(",")
    if not separator or not name:
        raise BenchError(f"'{text}' is not NAME=PATH")
    if path and not os.path.isfile(path):
        raise BenchError(f"no library at '{path}' (given for {name})")
    if not path and name != "glibc":
        raise BenchError(f"{name} needs a path: {name}=PATH")
    for setting in settings:
        if not setting.partition("=")[1]:
            raise BenchError(f"'{setting}' in '{text}' is not VARIABLE=VALUE")
    return Peer(name, os.path.realpath(path) if path else "",
                tuple(tuple(setting.split("=", 1)) for setting in settings))


def find_peer(name):
    """Finds a known peer on this machine, or names the package that holds it."""
    if name not in KNOWN:
        raise BenchError(f"unknown peer '{name}' (known: {', '.join(KNOWN)}; others: NAME=PATH)")
    patterns, package = KNOWN[name]
    if not patterns:
        return Peer(name, "")
    for pattern in patterns:
        found = sorted(glob.glob(pattern))
        if found:
            return Peer(name, os.path.realpath(found[0]))
    raise MissingPackage(package)


def resolve(texts):
    """Turns a list of NAME or NAME=PATH into peers; every missing package in one message."""
    peers, missing = [], []
    for text in texts:
        try:
            peers.append(parse_named_path(text) if "=" in text else find_peer(text))
        except MissingPackage as error:
            missing.append(error.package)
    if missing:
        raise BenchError(f"peers are not installed: apt-get install {' '.join(missing)}")
    names = [peer.name for peer in peers]
    for name in names:
        if names.count(name) > 1:
            raise BenchError(f"'{name}' is given twice")
    return peers


def default_names(with_dislocator=False):
    """The peers compared when none is named."""
    return [name for name in KNOWN if with_dislocator or name not in NOT_COMPETING]
