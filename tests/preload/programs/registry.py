"""The table that @program fills."""

from collections.abc import Callable
from dataclasses import dataclass

from session import Session


@dataclass(frozen=True)
class Program:
    run: Callable[[Session], None]
    about: str
    loads: list[str]  # executables that must be seen with the library in them
    needs: list[str]  # paths that must exist


PROGRAMS: dict[str, Program] = {}


def program(name: str, *, loads: list[str], needs: list[str]):
    """Registers a workload; the first line of its docstring says what it does."""
    def add(run: Callable[[Session], None]) -> Callable[[Session], None]:
        PROGRAMS[name] = Program(run, run.__doc__.splitlines()[0], loads, needs)
        return run
    return add
