"""The migrations: they make what the tables say, and take old databases along."""

from __future__ import annotations

import ast
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.pool import StaticPool

import zpns
from zpns.errors import StoreError
from zpns.store import _schema, migrations
from zpns.store.sqlite import SQLiteStore
from zpns.store.tables import metadata

from .makers import Do, put_user, rows

NEXT = '''"""Give users a birthday."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("users", sa.Column("born", sa.Text()))
    op.execute("UPDATE users SET born = 'long ago'")
    op.create_table("gifts", sa.Column("gift", sa.Text(), primary_key=True))
'''


@pytest.fixture
def database() -> Iterator[Callable[[], Connection]]:
    """Make empty databases, in which statements of every kind belong to a transaction."""
    engines: list[Engine] = []

    def make() -> Connection:
        engine = create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"isolation_level": None}
        )
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        engines.append(engine)
        return engine.connect()

    yield make
    for engine in engines:
        engine.dispose()


def upgraded(connection: Connection) -> Connection:
    """Bring an empty database up to date by migrations alone."""
    with connection.begin():
        migrations.upgrade(connection)
    return connection


def prepared(connection: Connection) -> Connection:
    """Make the tables of an empty database as a store does."""
    _schema.prepare(connection, "store")
    return connection


def written(connection: Connection) -> dict[str, str]:
    """Return the SQL of every table and index by name, with blanks made alike."""
    with connection.begin():
        found = rows(connection, "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {
        name: " ".join(sql.replace("(", "( ").replace(")", " )").split()) for name, sql in found
    }


# The same tables.


def test_migrations_make_the_same_sql_as_the_tables(database: Callable[[], Connection]) -> None:
    """Down to partial indexes, WITHOUT ROWID and AUTOINCREMENT."""
    by_migrations, by_tables = written(upgraded(database())), written(prepared(database()))
    assert by_tables == by_migrations
    everything = " ".join(by_migrations.values())
    without_rowid = [
        t for t in metadata.tables.values() if t.kwargs.get("sqlite_with_rowid") is False
    ]
    assert len(without_rowid) == everything.count("WITHOUT ROWID") > 0
    assert 1 == everything.count("AUTOINCREMENT")
    assert 4 == everything.count("IS NOT NULL")
    assert 2 == everything.count("state = 0")


@pytest.mark.parametrize("make", [upgraded, prepared])
def test_alembic_finds_no_difference(
    database: Callable[[], Connection], make: Callable[[Connection], Connection]
) -> None:
    """Neither in what migrations made nor in what the tables made."""
    connection = make(database())
    with connection.begin():
        context = MigrationContext.configure(
            connection, opts={"version_table": _schema.VERSION_TABLE, "compare_type": True}
        )
        assert [] == compare_metadata(context, metadata)


def test_alembic_would_find_a_difference(database: Callable[[], Connection]) -> None:
    """The comparison above looks at tables, columns and indexes."""
    connection = upgraded(database())
    with connection.begin():
        connection.exec_driver_sql("ALTER TABLE users DROP COLUMN user_name")
        connection.exec_driver_sql("DROP INDEX ix_jobs_ref")
        connection.exec_driver_sql("DROP TABLE attempts")
        context = MigrationContext.configure(
            connection, opts={"version_table": _schema.VERSION_TABLE}
        )
        kinds = {str(difference[0]) for difference in compare_metadata(context, metadata)}
    assert {"add_table", "add_index", "add_column"} <= kinds


def test_the_versions_are_those_of_the_migrations() -> None:
    """In one line without branches, each in a file that begins with it."""
    scripts = ScriptDirectory(str(migrations.FOLDER))
    found = list(scripts.walk_revisions())[::-1]
    assert list(_schema.VERSIONS) == [script.revision for script in found]
    assert [None, *_schema.VERSIONS[:-1]] == [script.down_revision for script in found]
    for script in found:
        assert Path(script.path).name.startswith(f"{script.revision}_")
        assert script.doc


@pytest.mark.parametrize(
    "file", sorted((migrations.FOLDER / "versions").glob("0*.py")), ids=lambda file: file.stem
)
def test_a_migration_is_frozen(file: Path) -> None:
    """It imports nothing of zpns: the tables of later versions are not those it knew."""
    nodes = list(ast.walk(ast.parse(file.read_text("utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "." for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {"alembic", "sqlalchemy"} >= names
    assert names


def test_a_new_migration_can_be_made(
    tmp_path: Path, database: Callable[[], Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compared with the tables, from the template, and after the last one."""
    monkeypatch.setattr(migrations, "FOLDER", copied(tmp_path))
    connection = upgraded(database())
    with connection.begin():
        connection.exec_driver_sql("DROP INDEX ix_jobs_ref")
        command.revision(migrations.config(connection), "add it", autogenerate=True, rev_id="9999")
    (made,) = (migrations.FOLDER / "versions").glob("9999*.py")
    source = made.read_text("utf-8")
    compile(source, made.name, "exec")
    assert "ix_jobs_ref" in source
    assert f"down_revision = {_schema.HEAD!r}" in source


# Opening.

OPEN = """
import asyncio, sys
from zpns.store import open_store

async def main():
    for _ in range(2):
        store = open_store(sys.argv[1])
        await store.start()
        await store.aclose()

asyncio.run(main())
print(sorted(name for name in sys.modules if name.partition(".")[0] in ("alembic", "mako")))
"""


def test_opening_loads_no_migration_tool(path: Path) -> None:
    """Neither a new database nor one that is up to date needs it."""
    env = {**os.environ, "PYTHONPATH": str(Path(zpns.__file__).parent.parent)}
    for address in (f"sqlite:///{path}", "sqlite://"):
        done = subprocess.run(
            [sys.executable, "-c", OPEN, address],
            check=False,
            env=env,
            capture_output=True,
            text=True,
        )
        assert ("[]\n", "") == (done.stdout, done.stderr)


def copied(tmp_path: Path) -> Path:
    """Return a copy of the folder of migrations, to which a test can add."""
    ignored = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(migrations.FOLDER, tmp_path / "100% mine", ignore=ignored))


@pytest.fixture
def add_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give a function that makes this zpns one of the future, with one more migration."""

    def add(source: str) -> None:
        folder = copied(tmp_path)
        (folder / "versions" / "0002_next.py").write_text(source, "utf-8")
        monkeypatch.setattr(migrations, "FOLDER", folder)
        monkeypatch.setattr(_schema, "VERSIONS", ("0001", "0002"))
        monkeypatch.setattr(_schema, "HEAD", "0002")

    return add


@pytest.fixture
async def old(path: Path) -> Path:
    """Give a file that this version made, with a row in it."""
    store = SQLiteStore(path)
    await store.start()
    await store.write(put_user, "a")
    await store.aclose()
    return path


def contents(path: Path) -> list[str]:
    """Return everything a file holds, as SQL."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


async def test_an_old_database_is_brought_up_to_date(
    old: Path, add_version: Callable[[str], None], commits: list[None]
) -> None:
    """In one transaction, with its rows; the next start finds nothing to do."""
    add_version(NEXT)
    store = SQLiteStore(old)
    before = len(commits)
    await store.start()
    assert 1 == len(commits) - before
    do = Do(store)
    assert [("a", "long ago")] == await do.rows("SELECT user_id, born FROM users")
    assert [] == await do.rows("SELECT gift FROM gifts")
    assert "0002" == await do.value("SELECT version_num FROM zpns_version")
    await store.aclose()
    after = contents(old)
    await store.start()
    await store.aclose()
    assert after == contents(old)


async def test_old_databases_are_brought_up_to_date_once(
    old: Path, add_version: Callable[[str], None]
) -> None:
    """Whoever comes second while somebody migrates finds it done."""
    add_version(NEXT)
    stores = [SQLiteStore(old) for _ in range(3)]
    for store in stores:
        await store.start()
    for store in stores:
        assert "0002" == await Do(store).value("SELECT version_num FROM zpns_version")
        await store.aclose()


@pytest.mark.parametrize(
    ("last", "said"),
    [
        pytest.param("raise LookupError('no cake')", "LookupError: no cake", id="raises"),
        pytest.param(
            "op.execute('DROP TABLE nowhere')",
            "as it was .OperationalError: no such table",
            id="bad-sql",
        ),
        pytest.param("import zpns.never", "No module named 'zpns.never'", id="import"),
    ],
)
async def test_a_migration_that_fails_changes_nothing(
    old: Path,
    add_version: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    last: str,
    said: str,
) -> None:
    """The file is as it was, the error says so, and the zpns that wrote it goes on."""
    before = contents(old)
    add_version(f"{NEXT}    {last}\n")
    store = SQLiteStore(old)
    with pytest.raises(StoreError, match=said) as caught:
        await store.start()
    assert str(old) in str(caught.value)
    assert caught.value.__cause__ is not None
    assert before == contents(old)
    monkeypatch.undo()
    await store.start()
    assert 2 == await store.write(put_user, "b")
    await store.aclose()


BUSY = """
    import sqlite3
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    raise error
"""


async def test_a_migration_that_another_process_is_in_the_way_of(
    old: Path, add_version: Callable[[str], None]
) -> None:
    """That is no fault of the migration, and the error says what it is."""
    before = contents(old)
    add_version(f"{NEXT}{BUSY}")
    with pytest.raises(StoreError, match="another process holds the file"):
        await SQLiteStore(old, busy_timeout=0).start()
    assert before == contents(old)


async def test_a_migration_that_cannot_be_read_changes_nothing(
    old: Path, add_version: Callable[[str], None]
) -> None:
    """A file with an error is no different."""
    before = contents(old)
    add_version("this is no Python")
    with pytest.raises(StoreError, match=r"is as it was .SyntaxError"):
        await SQLiteStore(old).start()
    assert before == contents(old)


async def test_migrations_that_do_not_reach_the_version_are_refused(
    old: Path, add_version: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that lacks a migration does not open a database it would not understand."""
    before = contents(old)
    add_version(NEXT)
    monkeypatch.setattr(_schema, "VERSIONS", ("0001", "0002", "0003"))
    monkeypatch.setattr(_schema, "HEAD", "0003")
    with pytest.raises(StoreError, match="the migrations end at '0002'"):
        await SQLiteStore(old).start()
    assert before == contents(old)


def test_a_database_without_a_version_is_something_else(
    database: Callable[[], Connection],
) -> None:
    """A table for the version that is empty does not make it ours."""
    connection = database()
    with connection.begin():
        connection.exec_driver_sql("CREATE TABLE zpns_version (version_num TEXT)")
    with pytest.raises(StoreError, match="something else"):
        _schema.prepare(connection, "store")
    with connection.begin():
        assert ["zpns_version"] == inspect(connection).get_table_names()
