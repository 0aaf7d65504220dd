"""Databases in files."""

from programs.registry import program
from session import WORKLOADS, Session


@program("sqlite3", loads=["sqlite3"], needs=["/usr/bin/sqlite3"])
def sqlite3(session: Session) -> None:
    """A million rows: indexes, windows, joins, triggers, full-text search, JSON, vacuum."""
    database = session.dir / "items.db"
    session.run(["sqlite3", "-bail", database], "script", stdin=WORKLOADS / "heavy.sql")
    session.run(["sqlite3", "-bail", database, ".sha3sum"], "digest of all tables")
    dump = session.dir / "items.sql"
    session.run(["sqlite3", "-bail", database, ".dump item"], "dump", stdout=dump)
    session.observe_digest("dump of a table", dump)
