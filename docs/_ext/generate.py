"""
Write the parts of the reference that come from the code.

``python docs/_ext/generate.py`` writes them; with ``--check`` it only says which are not
as the code has them, and fails if any is.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Final

import attrs

import zpns
from zpns import errors, models
from zpns.transports import TRANSPORTS

REFERENCE: Final = Path(__file__).parent.parent / "reference"
GENERATED: Final = REFERENCE / "_generated"
NOTE: Final = (
    "<!-- Written by docs/_ext/generate.py from the code; change the code instead. -->\n\n"
)


def error_tree() -> str:
    """Draw every public error under its base, with the first sentence of its docstring."""
    lines = list(_branch(errors.ZPNsError, "", ""))
    width = max(len(head) for head, _ in lines) + 2
    drawn = "\n".join(f"{head:<{width}}{text}".rstrip() for head, text in lines)
    return f"```text\n{drawn}\n```\n"


def _branch(cls: type[BaseException], lead: str, below: str) -> Iterator[tuple[str, str]]:
    """Yield the lines of *cls* and whatever inherits from it: what it is, what it means."""
    foreign = [base.__name__ for base in cls.__bases__ if not base.__module__.startswith("zpns")]
    known = f" ({', '.join(foreign)})" if foreign and cls is not errors.ZPNsError else ""
    yield f"{lead}{cls.__name__}{known}", _first_sentence(cls)
    children = [child for child in cls.__subclasses__() if child.__name__ in errors.__all__]
    for child in children:
        last = child is children[-1]
        yield from _branch(
            child,
            f"{below}{'└── ' if last else '├── '}",
            f"{below}{'    ' if last else '│   '}",
        )


def transports() -> str:
    """List each vendor's limits, which stand in its module's docstring."""
    parts = [
        "| Channel | Class | Carried over |\n| --- | --- | --- |\n",
        *(
            f"| `{channel}` | {{py:class}}`~zpns.transports.{cls.__name__}` "
            f"| HTTP/{'2' if cls.http2 else '1.1'} |\n"
            for channel, cls in TRANSPORTS.items()
        ),
    ]
    for channel, cls in TRANSPORTS.items():
        text = inspect.cleandoc(importlib.import_module(cls.__module__).__doc__ or "")
        rows = _simple_table(text)
        if not rows:
            sys.exit(f"{cls.__module__}: the docstring has no table of the vendor's limits")
        parts.append(f"\n## {cls.__name__}: limits of `{channel}`\n\n{text.splitlines()[0]}\n\n")
        parts.append("| Limit | Value |\n| --- | --- |\n")
        parts.extend(f"| {_inline(name)} | {_inline(value)} |\n" for name, value in rows)
        parts.append(
            f"\n```{{eval-rst}}\n.. autoclass:: zpns.transports.{cls.__name__}\n   :members:\n```\n"
        )
    return "".join(parts)


def _simple_table(text: str) -> list[tuple[str, str]]:
    """Return the rows of the first two-column table between lines of ``=``."""
    rows: list[tuple[str, str]] = []
    column = 0
    for line in text.splitlines():
        if re.fullmatch(r"=+ +=+", line.strip()):
            if rows:
                return rows
            column = len(re.match(r"=+ +", line.strip())[0])  # type: ignore[index]
        elif column and line[:column].strip():
            rows.append((line[:column].strip(), line[column:].strip()))
        elif column and rows:  # a cell that goes on
            rows[-1] = (rows[-1][0], f"{rows[-1][1]} {line.strip()}")
    return rows


def settings() -> str:
    """List what a client and each transport are built from."""
    parts = ["## Client\n\n", _arguments(zpns.Client)]
    for channel, cls in TRANSPORTS.items():
        parts += [f"\n## {cls.__name__}, channel `{channel}`\n\n", _arguments(cls)]
    return "".join(parts)


def _arguments(cls: type[Any]) -> str:
    """Return a table of a constructor's arguments with their defaults and meanings."""
    meanings = _sections(cls, "Args") | _sections(cls, "Attributes")
    rows = []
    for name, parameter in inspect.signature(cls).parameters.items():
        if name not in meanings:
            sys.exit(f"{cls.__name__}: the docstring does not tell of the argument {name!r}")
        rows.append(f"| `{name}` | {_default(cls, parameter)} | {_inline(meanings[name])} |\n")
    return "| Argument | Default | Meaning |\n| --- | --- | --- |\n" + "".join(rows)


def _default(cls: type[Any], parameter: inspect.Parameter) -> str:
    if parameter.default is inspect.Parameter.empty:
        return "required"
    if attrs.has(cls) and isinstance(parameter.default, type(attrs.NOTHING)):
        return "computed"
    shown = repr(parameter.default)
    return "computed" if shown.startswith("<") else f"`{shown}`"


def _sections(cls: type[Any], title: str) -> dict[str, str]:
    """Return name and text of each entry in a Google section of the docstrings of *cls*."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        text = inspect.cleandoc(base.__doc__ or "")
        match = re.search(rf"^{title}:\n((?:\n|    .*\n?)+)", text, re.MULTILINE)
        if match is None:
            continue
        body = inspect.cleandoc(match[1])
        for entry in re.split(r"\n+(?=\w+:)", body):
            name, _, meaning = entry.partition(":")
            found[name.strip()] = " ".join(meaning.split())
    return found


def model_classes() -> str:
    """Have autodoc describe every model, grouped by the module it lives in."""
    homes: dict[str, list[str]] = {}
    for name in models.__all__:
        thing = getattr(models, name)
        home = getattr(thing, "__module__", "")
        # Constants have no module of their own, and type aliases no docstring.
        if isinstance(thing, type) and home.startswith("zpns.models."):
            homes.setdefault(home, []).append(name)
    parts = []
    for home, names in sorted(homes.items()):
        text = inspect.cleandoc(importlib.import_module(home).__doc__ or "")
        title = _inline(text.splitlines()[0].partition(". ")[0].rstrip("."))
        parts.append(f"## {title}\n\n```{{eval-rst}}\n")
        for name in names:
            is_enum = issubclass(getattr(models, name), Enum)
            options = "   :members:\n" + ("   :undoc-members:\n" if is_enum else "")
            parts.append(f".. autoclass:: zpns.{name}\n{options}\n")
        parts.append("```\n\n")
    return "".join(parts)


def command_line() -> str:
    """Print the help of the program and of every command."""
    from zpns.cli._app import help_pages

    return "\n".join(
        f"## {command}\n\n```text\n{text.rstrip()}\n```\n" for command, text in help_pages().items()
    )


def _first_sentence(thing: Any) -> str:
    """Return the first sentence of a docstring, without what marks it up."""
    text = " ".join(inspect.cleandoc(thing.__doc__ or "").split("\n\n")[0].split())
    return re.sub(r"``|[*]", "", text).rstrip(".")


def _inline(text: str) -> str:
    """Turn one paragraph of a docstring into Markdown fit for a table."""
    text = re.sub(r":(\w+):`(~?)([\w.]+)`", r"{py:\1}`\2\3`", " ".join(text.split()))
    return text.replace("``", "`").replace("|", "\\|")


#: Each generated part, and what writes it.
PAGES: Final[dict[str, Callable[[], str]]] = {
    "cli": command_line,
    "errors": error_tree,
    "models": model_classes,
    "settings": settings,
    "transports": transports,
}


def main() -> int:
    """Write, or check, every generated part."""
    check = sys.argv[1:] == ["--check"]
    stale = []
    for name, write in PAGES.items():
        path = GENERATED / f"{name}.md"
        text = NOTE + write()
        if not (REFERENCE / f"{name}.md").exists():
            stale.append(f"docs/reference/{name}.md is missing; include _generated/{name}.md in it")
        if check and (not path.exists() or path.read_text("utf-8") != text):
            stale.append(f"docs/reference/_generated/{name}.md is not as the code has it")
        elif not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
    if stale and check:
        stale.append("run `nox -s generate` and commit what it writes")
    sys.stderr.writelines(f"{line}\n" for line in stale)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
