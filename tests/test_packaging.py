"""What whoever installs zpns gets, and what they do not have to pay for."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, version
from pathlib import Path

import orjson
import pytest

import zpns

ROOT = Path(__file__).parent.parent
PACKAGE = Path(zpns.__file__).parent
OPTIONAL = {"h2": "testing", "rich": "cli", "typer": "cli"}
MAY_BE_OPTIONAL = ("cli", "simulators", "testing")


def test_types_are_shipped() -> None:
    """Type checkers read our annotations only if the marker is in the package."""
    assert (PACKAGE / "py.typed").is_file()


def test_version_is_that_of_the_project() -> None:
    """pyproject.toml, the installed metadata and the package agree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert project["version"] == version("zpns")
    assert project["version"] == zpns.__version__


def test_what_is_installed_is_what_is_tested() -> None:
    """The tests do not import this folder by accident when a wheel is installed."""
    installed = distribution("zpns")
    origin = orjson.loads(installed.read_text("direct_url.json") or b"{}")
    editable = origin.get("dir_info", {}).get("editable", False)
    expected = ROOT / "zpns" if editable else Path(str(installed.locate_file("zpns")))

    assert expected.resolve() == PACKAGE.resolve()


def test_every_entry_point_leads_somewhere() -> None:
    """The command, and whatever other packages find us by, can be loaded."""
    loaded = {point.name: point.load() for point in distribution("zpns").entry_points}

    assert callable(loaded["zpns"])


def test_extras_are_imported_where_they_belong() -> None:
    """Outside the rooms of an extra nobody imports what the extra brings."""
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}: {name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] not in MAY_BE_OPTIONAL
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in _imported(node)
        if name in OPTIONAL
    ]

    assert [] == found


def _imported(node: ast.AST) -> list[str]:
    """Return the top packages one statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [(node.module or "").partition(".")[0]]
    return []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("import h2.events, ssl", ["h2", "ssl"], id="import"),
        pytest.param("from rich.table import Table", ["rich"], id="from"),
        pytest.param("from . import h2", [], id="our-own"),
    ],
)
def test_imports_are_recognised(source: str, expected: list[str]) -> None:
    """The test above sees each form of an import."""
    assert expected == _imported(ast.parse(source).body[0])


HEAVY = {"aiohttp", "sqlalchemy", "alembic", "cryptography", "h2", "jwt", "typer", "rich"}


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("import zpns", id="package"),
        pytest.param(
            "from zpns import DeviceToken, ZIMCallInviteConfig, ZIMConversationType,"
            " ZIMMessagePriority, ZIMMessageSendConfig, ZIMPushConfig, ZIMTextMessage",
            id="models",
        ),
        pytest.param("from zpns.transports import FCM", id="transports"),
        pytest.param("import zpns.simulators", id="simulators"),
    ],
)
def test_imports_are_light(statement: str) -> None:
    """What costs time to import is loaded when it is first needed."""
    program = f"{statement}\nimport sys\nprint(*({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert "" == done.stdout.strip()
