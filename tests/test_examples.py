"""Every example runs by itself, shows something, and would tell if it failed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from command import surroundings

EXAMPLES = Path(__file__).parent.parent / "examples"
PATIENCE = 60.0  # seconds; a machine may be slow, a test must not hang

#: What each example says when all went well.
SHOWN = {
    "chat_service.py": [
        "fcm fcm_notification: sent",
        "bob is back and reads: alice: are you there?",
        "the call was answered",
    ],
    "first_push.py": ["the phone shows ['Hello']", "the old phone shows []"],
    "notebook.py": ["bob fcm fcm_notification sent", "alice - hello"],
}

#: What makes a simulated vendor refuse every push, put before an example.
SABOTAGE = """
import runpy, sys
from zpns.simulators import AnswerStatus, FaultPlan, SimulatorServer

start = SimulatorServer.start

async def start_broken(server):
    await start(server)
    server.misbehave(FaultPlan([AnswerStatus(status=400, path="/v1/")]))

SimulatorServer.start = start_broken
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def run(*args: str) -> subprocess.CompletedProcess[str]:
    """Run Python with *args*; a warning is an error there too."""
    return subprocess.run(
        [sys.executable, "-W", "error", *args],
        capture_output=True,
        text=True,
        env=surroundings(),
        timeout=PATIENCE,
        check=False,
    )


def test_every_example_is_known() -> None:
    """Whoever adds an example says what it shows."""
    assert set(SHOWN) == {path.name for path in EXAMPLES.glob("*.py")}


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in SHOWN])
def test_the_example_works(name: str) -> None:
    """It ends well, shows what it is about, and repeats no token."""
    done = run(str(EXAMPLES / name))

    assert (0, "") == (done.returncode, done.stderr)
    assert [] == [text for text in SHOWN[name] if text not in done.stdout]
    assert "APA91b" not in done.stdout


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in SHOWN])
def test_the_example_tells_when_it_fails(name: str) -> None:
    """With a vendor that refuses every push it does not end well."""
    done = run("-c", SABOTAGE, str(EXAMPLES / name))

    assert 0 != done.returncode
    assert "refused" in done.stdout
