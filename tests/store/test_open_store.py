"""Addresses of stores."""

from __future__ import annotations

import pytest

from zpns.errors import ConfigError
from zpns.store import open_store
from zpns.store.sqlite import SQLiteStore


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param(None, "SQLiteStore()", id="nothing"),
        pytest.param("sqlite://", "SQLiteStore()", id="memory"),
        pytest.param("sqlite:///:memory:", "SQLiteStore()", id="memory-by-name"),
        pytest.param("sqlite:///push.db", "SQLiteStore('push.db')", id="relative"),
        pytest.param("sqlite:////srv/push.db", "SQLiteStore('/srv/push.db')", id="absolute"),
    ],
)
def test_an_address_gives_a_store(address: str | None, expected: str) -> None:
    """Three slashes and a relative path, four and an absolute one."""
    assert expected == repr(open_store(address))


def test_a_store_is_its_own_address() -> None:
    """Whoever has a store hands it in as it is."""
    store = SQLiteStore()
    assert store is open_store(store)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("push.db", id="a-path"),
        pytest.param("sqlite:///", id="no-file"),
        pytest.param("sqlite:push.db", id="no-slashes"),
        pytest.param("postgresql://user:hush@host/db", id="another-kind"),
        pytest.param("", id="empty"),
    ],
)
def test_other_addresses_are_refused(address: str) -> None:
    """The error says what is expected, and repeats no password."""
    with pytest.raises(ConfigError, match="sqlite:///FILE") as caught:
        open_store(address)
    assert "hush" not in str(caught.value)
