"""Numbered changes of the tables, run by Alembic inside the caller's transaction."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

__all__ = ["FOLDER", "config", "upgrade"]

FOLDER: Final = Path(__file__).parent


def config(connection: Connection) -> Config:
    """Return the tool's configuration for *connection*."""
    made = Config()
    # A percent sign would begin an interpolation.
    made.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def upgrade(connection: Connection, version: str = "head") -> None:
    """Bring the tables behind *connection* up to *version*."""
    command.upgrade(config(connection), version)
