"""Hashes of the config, by which the next run notices that it must read all repositories again."""

from __future__ import annotations

from dataclasses import asdict, replace

from bot import __version__
from bot.core.inventory.value_hashes import hash_values
from bot.settings import Settings


def hash_reader(settings: Settings) -> str:
    """Return a hash of the data that determine how files are read: formats, their globs, and basebump's version."""
    return hash_values((__version__, settings.files))


def hash_rules(settings: Settings) -> str:
    """Return a hash of everything in the config that can affect the proposals to a repository, and basebump's version.

    The lists of repositories are left out, so that a repository can be added without reading the others again. The
    builds of own images and the clusters are left out, because they do not affect which proposals there are.
    """
    forges = [{**asdict(each), "repositories": ()} for each in settings.forges]
    return hash_values(
        (__version__, forges, replace(settings, forges=(), builds=(), clusters=(), state=None, source=""))
    )


def hash_config(settings: Settings) -> str:
    """Return a hash of everything in the config that applying a plan depends on.

    The name of the file is left out, and also the state and the clusters, which only the machine that makes the plan
    uses.
    """
    return hash_values((replace(settings, clusters=(), state=None, source=""),))
