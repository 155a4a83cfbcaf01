"""
The project's chores: ``nox`` runs the default ones, ``nox -l`` lists them all.

What is tested is the built wheel. With a flat layout the working folder would otherwise
be imported by accident, and what the wheel lacks would not be missed.

Whatever stands after ``--`` is passed on: ``nox -s tests-3.11 -- -k token``.
"""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Final

import nox

# From this release on an interpreter that is on the path but does not start is skipped
# like one that is missing.
nox.needs_version = ">=2026.8.10"
nox.options.default_venv_backend = "virtualenv"
nox.options.download_python = "never"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "typing", "tests", "docs", "package"]

ROOT: Final = Path(__file__).parent
DIST: Final = ROOT / ".nox" / "dist"
PYPROJECT: Final = nox.project.load_toml(ROOT / "pyproject.toml")
VERSION: Final = PYPROJECT["project"]["version"]
SUPPORTED: Final = nox.project.python_versions(PYPROJECT)
RUNNING: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
#: A Python newer than the classifiers is tried all the same: a default run tests something.
PYTHONS: Final = sorted({*SUPPORTED, RUNNING}, key=lambda version: int(version.partition(".")[2]))
#: Keeps Python from importing the working folder in place of the wheel.
SAFE_PATH: Final = {"PYTHONSAFEPATH": "1"}

IMPORT_ALL: Final = """
import importlib, pkgutil, sys, zpns
# Migrations run inside the migration tool alone.
optional = ("zpns.cli", "zpns.simulators.", "zpns.testing.", "zpns.store.migrations.")
for module in pkgutil.walk_packages(zpns.__path__, "zpns."):
    if not module.name.startswith(optional):
        importlib.import_module(module.name)
for name in zpns.__all__:
    getattr(zpns, name)
extras = sorted({"h2", "pytest", "rich", "typer", "uvloop"} & set(sys.modules))
sys.exit(f"imported without being a dependency: {extras}" if extras else 0)
"""

_built: list[Path] = []


@nox.session
def lint(session: nox.Session) -> None:
    """Check format, style, spelling and who imports whom."""
    session.install(*group("lint"))
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("codespell")
    session.run("python", "tests/test_architecture.py")


@nox.session
def typing(session: nox.Session) -> None:
    """Check types; what users call is read by a second checker."""
    install(session, "typing")
    contract = [str(path) for path in sorted((ROOT / "tests" / "typing").glob("*.py"))]
    session.run("mypy", "zpns", "noxfile.py", *contract, *session.posargs)
    if contract:
        session.run("pyrefly", "check", *contract)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests; on the Python that runs nox, note what they cover."""
    install(session, "tests")
    measured = session.python == RUNNING
    runner = ("coverage", "run", "-m", "pytest") if measured else ("pytest",)
    session.run(*runner, *session.posargs, env=SAFE_PATH)


@nox.session(python=SUPPORTED[0])
def tests_min(session: nox.Session) -> None:
    """Run the tests with the oldest dependencies that are allowed."""
    lowest = Path(session.create_tmp(), "lowest.txt")
    lowest.write_text("".join(f"{name}=={version}\n" for name, version in lower_bounds()))
    install(session, "tests", constraints=lowest)
    session.run("pytest", *session.posargs, env=SAFE_PATH)


@nox.session
def tests_external(session: nox.Session) -> None:
    """Run the tests that need a server beyond Python."""
    run_marked(session, "external_service")


@nox.session
def coverage(session: nox.Session) -> None:
    """Report what the last tests covered, and hold the limit."""
    session.install(*(need for need in group("tests") if need.startswith("coverage")))
    if not any(ROOT.glob(".coverage*")):
        session.error("nothing was measured yet: run `nox -s tests` before")
    session.run("coverage", "combine", success_codes=[0, 1])  # 1: there is but one file
    session.run("coverage", "report", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the docs, run what they show, and check what was generated from code."""
    install(session, "docs")
    session.run("python", "docs/_ext/generate.py", "--check", env=SAFE_PATH)
    session.run(
        "sphinx-build", "-n", "-W", "--keep-going", "-q", "docs", "docs/_build/html", env=SAFE_PATH
    )
    session.run(
        *("pytest", "-p", "run_examples", "README.md", "docs", "zpns", *session.posargs),
        env={**SAFE_PATH, "PYTHONPATH": str(ROOT / "docs" / "_ext")},
    )


@nox.session
def generate(session: nox.Session) -> None:
    """Write the parts of the docs that come from code."""
    install(session)
    session.run("python", "docs/_ext/generate.py", env=SAFE_PATH)


@nox.session
def package(session: nox.Session) -> None:
    """Build, look into the packages, and install into an empty environment."""
    work = Path(session.create_tmp()).resolve()
    dist = work / "dist"
    for old in dist.glob("*"):
        old.unlink()
    session.install("build")
    # The wheel is built from the sdist, so that the sdist is known to be enough.
    session.run("python", "-m", "build", "--outdir", str(dist), silent=True)
    (wheel,) = dist.glob("*.whl")
    (sdist,) = dist.glob("*.tar.gz")
    check_contents(session, wheel, sdist)

    empty = work / "empty"
    session.run("python", "-m", "venv", "--clear", str(empty))
    scripts = empty / ("Scripts" if sys.platform == "win32" else "bin")
    python = str(scripts / "python")
    pip = (python, "-m", "pip", "install", "--quiet")
    session.run(*pip, str(wheel), external=True)
    session.run(python, "-P", "-c", IMPORT_ALL, external=True)
    session.run(*pip, f"zpns[cli] @ {wheel.as_uri()}", external=True)
    told = session.run(str(scripts / "zpns"), "--version", external=True, silent=True)
    if VERSION not in str(told).split():
        session.error(f"zpns --version: expected {VERSION}, got {told!r}")


@nox.session
def examples(session: nox.Session) -> None:
    """Run every example against the simulators."""
    programs = sorted((ROOT / "examples").glob("*.py"))
    if not programs:
        session.error("there are no examples yet")
    install(session)
    for program in programs:
        session.run("python", str(program), *session.posargs, env=SAFE_PATH)


@nox.session
def peers(session: nox.Session) -> None:
    """Speak HTTP/2 with other people's servers."""
    run_marked(session, "peers")


@nox.session
def faults(session: nox.Session) -> None:
    """Run the full fault table."""
    run_marked(session, "faults")


@nox.session
def kill(session: nox.Session) -> None:
    """Kill processes at random moments and count what is lost."""
    run_marked(session, "kill")


@nox.session
def soak(session: nox.Session) -> None:
    """Work for hours."""
    run_marked(session, "soak")


@nox.session
def browser(session: nox.Session) -> None:
    """Receive a web push in a real browser."""
    run_marked(session, "browser")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure; never passes or fails by what it finds."""
    install(session, "tests", extras="cli,testing,speed")
    session.run(
        *("python", "-m", "benchmarks", *session.posargs),
        env={**SAFE_PATH, "PYTHONPATH": str(ROOT / "tests")},
    )


def group(name: str) -> list[str]:
    """Return the requirements of a dependency group."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


def install(
    session: nox.Session,
    *groups: str,
    extras: str = "cli,testing",
    constraints: Path | None = None,
) -> None:
    """Install the wheel of this run with *extras*, and what *groups* need."""
    if not _built:
        for old in DIST.glob("*.whl"):
            old.unlink()
        session.run_install(
            *("pip", "wheel", "--quiet", "--no-deps", f"--wheel-dir={DIST}", str(ROOT))
        )
        _built.extend(DIST.glob("*.whl"))
    (wheel,) = _built
    limits = () if constraints is None else ("-c", str(constraints))
    needs = [need for name in groups for need in group(name)]
    session.install(*limits, f"zpns[{extras}] @ {wheel.as_uri()}", *needs)
    # pip keeps what is installed already if the version is the same, as it mostly is.
    session.install("--force-reinstall", "--no-deps", str(wheel))


def run_marked(session: nox.Session, marker: str) -> None:
    """Run the tests with *marker*, which a default run leaves out."""
    sources = (path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py"))
    if not any(f"pytest.mark.{marker}" in source for source in sources):
        session.error(f"there are no {marker} tests yet")
    install(session, "tests")
    session.run("pytest", "-m", marker, *session.posargs, env=SAFE_PATH)


def lower_bounds() -> list[tuple[str, str]]:
    """Return the lowest version that is allowed, for each dependency that names one."""
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    # What our own tests ask for comes last: it may be newer than what users need.
    needs = [*project["dependencies"], *extras["cli"], *extras["testing"], *group("tests")]
    found = {}
    for need in needs:
        if match := re.match(r"([\w.-]+)(?:\[[\w,]+\])?>=([\w.]+)", need):
            found[match[1]] = match[2]
    return sorted(found.items())


def check_contents(session: nox.Session, wheel: Path, sdist: Path) -> None:
    """Fail if a package lacks something or holds what is none of its business."""
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    about = f"zpns-{VERSION}.dist-info"
    wanted = {"zpns/py.typed", f"{about}/entry_points.txt", f"{about}/licenses/LICENSE"}
    wanted |= {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "zpns").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    strange = {name for name in inside if not name.startswith(("zpns/", f"{about}/"))}
    with tarfile.open(sdist) as tar:
        packed = {name.partition("/")[2] for name in tar.getnames()}
    needed = {"LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "noxfile.py"}
    needed |= {"pyproject.toml", "tests/test_packaging.py", "docs/conf.py", "zpns/py.typed"}
    for problem, names in (
        ("the wheel lacks", wanted - inside),
        ("the wheel holds", strange),
        ("the sdist lacks", needed - packed),
    ):
        if names:
            session.error(f"{problem} {', '.join(sorted(names))}")
