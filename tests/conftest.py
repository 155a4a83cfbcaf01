"""What holds for every test."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# A shared machine may be slow at any moment, so examples have no deadline of their own,
# and a run finds what the run before found: a failure must not depend on luck.
settings.register_profile("zpns", deadline=None, derandomize=True)
settings.load_profile("zpns")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the ``ZPNS_*`` variables of whoever runs it."""
    for name in os.environ:
        if name.startswith("ZPNS_"):
            monkeypatch.delenv(name)
