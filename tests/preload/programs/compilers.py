"""Compilers, and what they compile, run under the library."""

import re
import shutil

from programs.registry import program
from session import WORKLOADS, Session


def compile_and_run(session: Session, compiler: str, flags: list[str]) -> None:
    object_file = session.dir / "heavy.o"
    executable = session.dir / "heavy"
    session.run([compiler, "-std=c++17", *flags, "-DHEAVY_SIZE=3", "-c", WORKLOADS / "heavy.cpp",
                 "-o", object_file], "compile")
    session.observe_digest("object file", object_file)
    session.run([compiler, object_file, "-o", executable, "-pthread"], "link")
    session.observe_digest("executable", executable)
    session.run([executable, 60], "run")


@program("g++", loads=["x86_64-linux-gnu-g++-12", "cc1plus", "x86_64-linux-gnu-as",
                       "x86_64-linux-gnu-ld.bfd", "heavy"], needs=["/usr/bin/g++-12"])
def gxx(session: Session) -> None:
    """Compiles a heavy file to the same object and executable, and runs it."""
    compile_and_run(session, "g++-12", ["-O1", "-g1"])


@program("clang++", loads=["clang", "x86_64-linux-gnu-ld.bfd", "heavy"],
         needs=["/usr/bin/clang++-14"])
def clangxx(session: Session) -> None:
    """Compiles a heavy file to the same object and executable, and runs it."""
    compile_and_run(session, "clang++-14", ["-O1"])


@program("threads", loads=["threads"], needs=["/usr/bin/g++"])
def threads(session: Session) -> None:
    """Thousands of short threads with exceptions, late destructors, remote frees and forks."""
    tool = session.build("threads.cpp", ["-std=c++20", "-O2", "-pthread"])
    session.run([tool, 60], "threads")


def without_times(text: bytes) -> bytes:
    return re.sub(rb"\d+\.\d+ sec", b"N sec", text)


@program("cmake", loads=["cmake", "make", "ctest", "cc1plus", "main"], needs=["/usr/bin/cmake"])
def cmake(session: Session) -> None:
    """Configures, builds and tests a small project; the generated files must be the same."""
    source = session.dir / "source"
    build = session.dir / "build"
    shutil.copytree(WORKLOADS / "cmake_project", source)
    session.run(["cmake", "-S", source, "-B", build, "-G", "Unix Makefiles",
                 "-DCMAKE_MAKE_PROGRAM=/usr/bin/make", "-DCMAKE_CXX_COMPILER=g++"], "configure")
    for name in ("CMakeCache.txt", "Makefile", "CMakeFiles/Makefile2", "compile_commands.json",
                 "config.h", "CTestTestfile.cmake"):
        session.observe(name, build / name)
    session.run(["cmake", "--build", build], "build")
    session.run([build / "main"], "run")
    session.run(["ctest", "--test-dir", build], "ctest", normalise=without_times)
