"""Download the lists of blocked images that a config names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.core.choice.blocklist import merge_blocklists
from bot.model.blocklist import Blocklist
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem
from bot.model.errors import BasebumpError, ConfigError, RegistryError
from bot.model.image_name import ImageName
from bot.settings import Settings, parse_blocklist
from bot.settings.sections.blocked import PublishedBlocklist, list_published_blocklists

if TYPE_CHECKING:
    from bot.registry_ports import ArtifactStore

READ_ACTION = "read the list"
MAX_LIST_SIZE = 256 * 1024
"""Limit for a downloaded list, in bytes. It is the limit for every file of the config."""


class UnreadableListError(BasebumpError):
    """A list of blocked images could not be read. The message names its source and the reason."""


@dataclass(frozen=True, slots=True)
class BlocklistExamination:
    """Checks that a list of blocked images can be read; implements `bot.ports.Diagnosable`."""

    blocklist: PublishedBlocklist
    settings: Settings

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - the same at every level
        """Download the list, and report how many entries it has."""
        source = self.blocklist.url or self.blocklist.artifact or self.blocklist.key
        try:
            found = read_published_blocklist(self.blocklist, self.settings)
        except UnreadableListError as error:
            yield report_problem(source, READ_ACTION, f"{error}; until it can be read, nothing is proposed")
            return
        count = sum(map(len, found.by_digest.values())) + len(found.builds)
        yield report_ok(source, READ_ACTION, f"it has {count} {'entry' if count == 1 else 'entries'}")


def add_published_blocklists(settings: Settings) -> Settings:
    """Return the settings with the entries of all lists that must be downloaded.

    A list that cannot be read does not stop the run. It is recorded in the result, so that the run proposes nothing
    that the list may block.
    """
    published = list_published_blocklists(settings.blocked)
    blocklists = [settings.policy_config.blocklist, *(_read_or_record(each, settings) for each in published)]
    return replace(settings, policy_config=replace(settings.policy_config, blocklist=merge_blocklists(blocklists)))


def _read_or_record(blocklist: PublishedBlocklist, settings: Settings) -> Blocklist:
    try:
        return read_published_blocklist(blocklist, settings)
    except UnreadableListError as error:
        return Blocklist(unread=((blocklist.key, str(error)),))


def read_published_blocklist(blocklist: PublishedBlocklist, settings: Settings) -> Blocklist:
    """Download a list, and return its entries. Raises UnreadableListError."""
    from bot.advisories.source import DocumentSource, UnreadableSourceError

    source = blocklist.url or blocklist.artifact or ""
    try:
        content = (
            DocumentSource(blocklist.url, os.environ).read_content(MAX_LIST_SIZE)
            if blocklist.url is not None
            else _read_artifact(ImageName.parse(source), settings)
        )
        return parse_blocklist(content, source)
    except (UnreadableSourceError, RegistryError) as error:
        raise UnreadableListError(str(error)) from None
    except ConfigError as error:
        first = error.problems[0]
        raise UnreadableListError(f"{source} is not valid: {first.key}: {first.message}") from None


def _read_artifact(image: ImageName, settings: Settings) -> bytes:
    """Return the bytes of the only layer of an artifact in a registry. Raises RegistryError and UnreadableListError."""
    from bot.core.references.select import is_known_registry
    from bot.wiring.registries import build_registry

    if not is_known_registry(settings.policy_config, image.host):
        raise UnreadableListError(
            f"{image} was not read, because '{image.host}' is neither a well-known registry nor listed under "
            "`registries:`"
        )
    artifacts: ArtifactStore = build_registry(settings).create_artifacts()
    artifact = (
        artifacts.fetch_artifact(image.repository, image.digest)
        if image.digest is not None
        else artifacts.fetch_tagged(image.repository, image.tag or "")
    )
    if artifact is None:
        raise UnreadableListError(f"{image} does not exist")
    if len(artifact.blobs) != 1:
        raise UnreadableListError(f"{image} must have exactly one layer, and has {len(artifact.blobs)}")
    return artifacts.fetch_blob(image.repository, artifact.blobs[0], MAX_LIST_SIZE)
