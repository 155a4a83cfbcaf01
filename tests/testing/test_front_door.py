"""What `zpns.testing` shows."""

from __future__ import annotations

import subprocess
import sys

import pytest

from zpns import testing


@pytest.mark.parametrize("name", testing.__all__)
def test_every_name_is_there(name: str) -> None:
    """What is listed can be had, and is what it is called."""
    assert name == getattr(testing, name).__name__


def test_the_list_is_sorted_and_shown() -> None:
    """`__all__` is in order and `dir` shows it."""
    assert sorted(testing.__all__) == list(testing.__all__)
    assert set(testing.__all__) <= set(dir(testing))


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="NoSuchThing"):
        testing.NoSuchThing  # noqa: B018


def test_nothing_is_loaded_before_it_is_used() -> None:
    """Importing the package loads none of its parts."""
    code = (
        "import sys, zpns.testing; "
        "print(sorted(n for n in sys.modules if n.startswith('zpns.testing.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()
