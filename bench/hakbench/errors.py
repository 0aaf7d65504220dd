"""One error type, so that every tool ends bad input with one clear line."""

import sys


class BenchError(Exception):
    """What the user asked for cannot be done; the text is the whole message."""


def run_main(tool, main):
    """Runs `main`, turning a BenchError into one line on stderr and exit status 2."""
    try:
        sys.exit(main())
    except BenchError as error:
        print(f"{tool}: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"{tool}: {error.filename or 'system'}: {error.strerror}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"{tool}: interrupted", file=sys.stderr)
        sys.exit(130)
