"""
Options that several commands have, and what they share.

Every option has an environment variable, which its help shows. Those without one of their
own here are named ``ZPNS_<COMMAND>_<OPTION>``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

if TYPE_CHECKING:
    from zpns.config import Settings

__all__ = ["Config", "Debug", "Json", "Store", "settings_of", "store_of"]

Json: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--json",
        envvar="ZPNS_JSON",
        help="Print JSON for programs; an error is a JSON object on standard error.",
    ),
]
Debug: TypeAlias = Annotated[
    bool,
    typer.Option("--debug", "-v", envvar="ZPNS_DEBUG", help="Log what happens to standard error."),
]
Config: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--config", metavar="FILE", envvar="ZPNS_CONFIG", help="Configuration file, in TOML."
    ),
]
Store: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="ADDRESS",
        envvar="ZPNS_STORE",
        help="Where everything is kept, such as sqlite:///push.db. The variable gives way to "
        "the configuration file.",
    ),
]

_FROM_ENVIRONMENT: Final = "ENVIRONMENT"


def settings_of(config: str | None) -> Settings:
    """Return the settings of ``--config``, which stands for its variable too."""
    from zpns.config import read

    return read(config)


def store_of(context: typer.Context, settings: Settings, store: str | None) -> str | None:
    """
    Return the address of the store by option, file or environment, in this order.

    Args:
        context: Of the command; it knows whether an option or its variable was given.

        settings: The file and the environment.

        store: What ``--store`` says.
    """
    source = context.get_parameter_source("store")
    if source is not None and source.name == _FROM_ENVIRONMENT:
        store = None  # its turn comes after the file's
    found: str | None = settings.client_settings(store=store).get("store")
    return found
