"""
Who imports whom: downward only, and never a neighbour on the same shelf.

Imports inside functions and under ``TYPE_CHECKING`` count too: what a room needs to know
it needs to know, whenever it looks. Run as a program, this file prints the offences.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

#: The picture, from the top down. Rooms on one shelf do not import each other.
SHELVES: Final = (
    ("cli",),
    ("testing",),
    ("zpns",),  # the front door, which may import anything
    ("client", "zim"),
    ("config",),
    ("hub",),
    ("delivery",),
    ("sender",),
    ("store", "transports", "simulators"),
    ("http", "wire"),
    ("exchange", "models"),
    ("errors",),
)
HEIGHTS: Final = {room: height for height, shelf in enumerate(reversed(SHELVES)) for room in shelf}

#: Imports that go upward all the same, each with its reason.
EXCEPTIONS: Final = {
    # A carrier's error carries the request. Only type checkers look: at run time the
    # leaf stays a leaf.
    ("errors", "exchange"),
    # `Client.login` gives the user's view; the view knows the hub alone.
    ("client", "zim"),
}

PACKAGE: Final = Path(__file__).parent.parent / "zpns"


def offences(package: Path = PACKAGE) -> list[str]:
    """Return each import that goes upward or sideways, as ``file:line: what``."""
    return [
        f"{path.relative_to(package.parent)}:{line}: {complaint}"
        for path in sorted(package.rglob("*.py"))
        for line, complaint in _complaints(path, package)
    ]


def _complaints(path: Path, package: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of what is wrong in one file."""
    module = ("zpns", *path.relative_to(package).with_suffix("").parts)
    room = _room(module, package)
    if room == "zpns":
        return
    if room not in HEIGHTS:
        yield 1, f"{room} has no place in the picture: put it on a shelf"
        return
    for line, target in _imports(ast.parse(path.read_text("utf-8")), module):
        other = _room(target, package)
        if other in (room, "") or (room, other) in EXCEPTIONS:
            continue
        if other not in HEIGHTS:
            yield line, f"{room} imports {other}, which has no place in the picture"
        elif HEIGHTS[other] > HEIGHTS[room]:
            yield line, f"{room} imports {other}, which stands above it"
        elif HEIGHTS[other] == HEIGHTS[room]:
            yield line, f"{room} imports {other}, which stands beside it"


def _room(module: tuple[str, ...], package: Path) -> str:
    """Return the room *module* is in; empty if it is not ours."""
    if module[0] != "zpns":
        return ""
    if len(module) == 1 or module[1] == "__init__":
        return "zpns"
    name = module[1]
    # `from zpns import Notification` goes through the front door.
    is_room = name in HEIGHTS or (package / name).is_dir() or (package / f"{name}.py").exists()
    return name if is_room else "zpns"


def _imports(tree: ast.Module, module: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the line and the dotted path of everything *module* imports, wherever it does."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield node.lineno, tuple(alias.name.split("."))
            case ast.ImportFrom(module=base, names=names, level=level):
                start = module[: len(module) - level] if level else ()
                path = (*start, *(base.split(".") if base else ()))
                for alias in names:
                    yield node.lineno, (*path, alias.name)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, tuple(name.split("."))


def test_imports_go_downward() -> None:
    """No room imports one above or beside it."""
    assert [] == offences()


def test_the_picture_has_every_room() -> None:
    """Whatever lies in the package has its place on a shelf, and the package was found."""
    rooms = {
        path.stem
        for path in PACKAGE.iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem != "__init__"
    }

    assert {"errors", "models", "transports"} <= rooms
    assert set() == rooms - set(HEIGHTS)


def test_every_exception_is_needed() -> None:
    """An exception nobody makes use of is taken out of the list."""
    used = {
        (room, _room(target, PACKAGE))
        for room in HEIGHTS
        for path in (PACKAGE / f"{room}.py", *(PACKAGE / room).rglob("*.py"))
        if path.exists()
        for _, target in _imports(
            ast.parse(path.read_text("utf-8")),
            ("zpns", *path.relative_to(PACKAGE).with_suffix("").parts),
        )
    }

    assert set() == EXCEPTIONS - used


def test_offences_are_found(tmp_path: Path) -> None:
    """Every way to import upward or sideways is seen, and what is allowed is not."""
    files = {
        "__init__.py": "from zpns.client import Client",
        "errors.py": "import zpns.exchange\nimport zpns.models",
        "exchange.py": "from zpns import errors\nfrom zpns import models",
        "models/__init__.py": "def late():\n    from zpns.wire import converter",
        "wire.py": "import ssl\nfrom .http import AiohttpCarrier",
        "http/__init__.py": "from . import aiohttp\nfrom .. import wire",
        "http/aiohttp.py": "import aiohttp\nfrom zpns.http import deeper\nfrom ..sender import x",
        "transports/fcm.py": "if TYPE_CHECKING:\n    from zpns.sender import Sender",
        "simulators/fcm.py": "from zpns.transports.fcm import VERDICTS",
        "store/base.py": "import_module('zpns.hub')\nimportlib.import_module('zpns.errors')",
        "sender/lane.py": "from zpns import Client, __version__",
        "garage.py": "",
        "hub/__init__.py": "import zpns.garage",
        "cli/__init__.py": "import zpns\nfrom zpns.testing import Bench\nfrom zpns import Client",
    }
    for name, text in files.items():
        path = tmp_path / "zpns" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    assert [
        "zpns/errors.py:2: errors imports models, which stands above it",
        "zpns/exchange.py:2: exchange imports models, which stands beside it",
        "zpns/garage.py:1: garage has no place in the picture: put it on a shelf",
        "zpns/http/__init__.py:2: http imports wire, which stands beside it",
        "zpns/http/aiohttp.py:3: http imports sender, which stands above it",
        "zpns/hub/__init__.py:1: hub imports garage, which has no place in the picture",
        "zpns/models/__init__.py:2: models imports wire, which stands above it",
        "zpns/sender/lane.py:1: sender imports zpns, which stands above it",
        "zpns/sender/lane.py:1: sender imports zpns, which stands above it",
        "zpns/simulators/fcm.py:1: simulators imports transports, which stands beside it",
        "zpns/store/base.py:1: store imports hub, which stands above it",
        "zpns/transports/fcm.py:2: transports imports sender, which stands above it",
        "zpns/wire.py:2: wire imports http, which stands beside it",
    ] == offences(tmp_path / "zpns")


if __name__ == "__main__":
    sys.exit("\n".join(offences()) or 0)
