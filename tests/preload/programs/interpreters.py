"""Language runtimes: python3, perl, node, java."""

from programs.registry import program
from session import WORKLOADS, Session

PYTHON = "/usr/bin/python3"
PYTHON_TESTS = "/usr/lib/python3.11/test/test_dict.py"
# pymalloc, Python's own layer, keeps small objects from malloc: every workload runs without too.
ALLOCATORS = ("pymalloc", "malloc")


def python_tests(session: Session, allocators: tuple[str, ...], modules: list[str]) -> None:
    for allocator in allocators:
        session.run([PYTHON, WORKLOADS / "python_tests.py", *modules], f"tests on {allocator}",
                    env={"PYTHONMALLOC": allocator})


@program("python3-types", loads=["python3.11"], needs=[PYTHON, PYTHON_TESTS])
def python3_types(session: Session) -> None:
    """Python's own tests of lists, dictionaries and JSON, with and without pymalloc."""
    python_tests(session, ALLOCATORS, ["test_list", "test_dict", "test_json"])


@program("python3-threading", loads=["python3.11"], needs=[PYTHON, PYTHON_TESTS])
def python3_threading(session: Session) -> None:
    """Python's own tests of threads, which fork and exit in the midst of them."""
    python_tests(session, ("malloc",), ["test_threading"])


@program("python3-subprocess", loads=["python3.11"], needs=[PYTHON, PYTHON_TESTS])
def python3_subprocess(session: Session) -> None:
    """Python's own tests of child processes: fork, vfork, exec, pipes, closed descriptors."""
    python_tests(session, ("malloc",), ["test_subprocess"])


@program("python3", loads=["python3.11"], needs=[PYTHON])
def python3(session: Session) -> None:
    """JSON, SQL, XML, regexes, graphs, cycles, threads, ctypes, with and without pymalloc."""
    for allocator in ALLOCATORS:
        session.run([PYTHON, WORKLOADS / "workload.py"], f"workload on {allocator}",
                    env={"PYTHONMALLOC": allocator})


@program("perl", loads=["perl"], needs=["/usr/bin/perl"])
def perl(session: Session) -> None:
    """Hashes, strings, closures, weak references and cloned interpreter threads."""
    session.run(["perl", WORKLOADS / "heavy.pl"])


@program("node", loads=["node"], needs=["/usr/bin/node"])
def node(session: Session) -> None:
    """Buffers, zlib, crypto, contexts, files and worker threads."""
    session.run(["node", WORKLOADS / "heavy.js"])


@program("java", loads=["javac", "java"], needs=["/usr/bin/javac"])
def java(session: Session) -> None:
    """Compiles and runs a program with direct buffers, zlib and hundreds of threads."""
    classes = session.dir / "classes"
    session.run(["javac", "-d", classes, WORKLOADS / "Heavy.java"], "javac")
    for file in sorted(classes.iterdir()):
        session.observe(file.name, file)
    session.run(["java", "-cp", classes, "Heavy"], "java")
    session.run(["java", "-XX:+UseParallelGC", "-Xcomp", "-XX:TieredStopAtLevel=1", "-cp", classes,
                 "Heavy"], "java, all compiled")
