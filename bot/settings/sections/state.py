"""The key `state` of the config file: the database that runs share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from bot.model.config_types.markers import describe_pattern
from bot.settings.paths import InFolder

SQLITE = "sqlite"
POSTGRESQL = frozenset({"postgresql", "postgresql+psycopg"})
SECRETS = frozenset({"password", "sslpassword"})
"""https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS"""
_STATE = r"sqlite:///.+|postgresql(\+psycopg)?://([^:@/]*@)?[^@/]*/.+"


@dataclass(frozen=True, slots=True)
class StateFile:
    """An SQLite file, in which basebump keeps its state between runs."""

    path: Path


@dataclass(frozen=True, slots=True)
class StateServer:
    """A PostgreSQL database, in which basebump keeps its state between runs."""

    url: str
    """The URL without a password. libpq takes the password from the environment or from a password file."""


def _parse_state_url(folder: Path, value: str) -> StateFile | StateServer:
    """Parse the URL of a database. Raises ValueError if it is unusable or contains a password.

    A password must not be in the config file, because people share the file.
    """
    scheme, separator, rest = value.partition("://")
    if separator and scheme == SQLITE:
        if not rest.strip("/"):
            raise ValueError(
                "must name a file; hint: write `sqlite:///state.db`, or `sqlite:////var/lib/basebump/state.db`"
            )
        if not rest.startswith("/"):
            raise ValueError(
                "must have three slashes after `sqlite:`; hint: write `sqlite:///PATH`, with a fourth slash if the "
                "path is absolute"
            )
        return StateFile(folder / rest[1:])
    if not separator or scheme not in POSTGRESQL:
        raise ValueError("must be `sqlite:///PATH` or `postgresql+psycopg://USER@HOST/DATABASE`")
    try:
        parts = urlsplit(value)
        has_password = parts.password is not None or any(key in SECRETS for key, _ in parse_qsl(parts.query))
        _ = parts.port
    except ValueError:
        raise ValueError("must be a valid URL") from None
    if has_password:
        raise ValueError(
            "must not contain a password; hint: remove it, and set the environment variable PGPASSWORD, or PGPASSFILE "
            "to a file of passwords"
        )
    if not parts.path.strip("/"):
        raise ValueError("must name a database; hint: write `postgresql+psycopg://USER@HOST/DATABASE`")
    return StateServer(value)


AnyState = StateFile | StateServer
StateUrl = Annotated[AnyState, InFolder(_parse_state_url, describe_pattern("URL", _STATE))]
