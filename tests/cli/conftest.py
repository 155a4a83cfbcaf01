"""A simulated vendor beside the tests of the commands."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from command import Vendor, started


@pytest.fixture(scope="session")
def vendor() -> Iterator[Vendor]:
    """FCM, as ``zpns simulate`` serves it to whoever asks."""
    with started("simulate", "fcm", "--json") as process:
        yield Vendor(json.loads(process.stdout.readline())["fcm"])
