"""The programs of the suite, by name. Each module adds its own with @program."""

from programs import compilers, data, interpreters, media, servers, shell, tools  # noqa: F401
from programs.registry import PROGRAMS, Program  # noqa: F401
