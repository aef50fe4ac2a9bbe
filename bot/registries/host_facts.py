"""Additional facts about images, from whichever registries record them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from bot.model.image import RegistryRecord
from bot.model.image_name import Digest, TagRef
from bot.net import HttpClient
from bot.registries.acr_facts import AcrFacts
from bot.registries.auth import RegistryAuthenticator
from bot.registries.endpoints import EndpointDirectory
from bot.registries.quay_tags import QuayTags


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The facts of each registry that has some. Implements `bot.registry_ports.RegistryFacts`."""

    acr_facts: AcrFacts
    quay_tags: QuayTags

    def fetch_record(self, tag_ref: TagRef, digest: Digest) -> RegistryRecord | None:
        return self.acr_facts.fetch_record(tag_ref, digest)

    def list_newest_digests(self, repository: str) -> Sequence[Digest]:
        return self.acr_facts.list_newest_digests(repository)

    def fetch_end_of_life(self, tag_ref: TagRef, digest: Digest) -> date | None:
        return self.acr_facts.fetch_end_of_life(tag_ref, digest)

    def fetch_earlier_records(self, tag_ref: TagRef) -> Mapping[Digest, RegistryRecord]:
        return self.quay_tags.fetch_earlier_records(tag_ref)


def create_host_facts(
    endpoints: EndpointDirectory, authenticator: RegistryAuthenticator, http: HttpClient
) -> HostFacts:
    """Return the facts that are read with these tokens and this HTTP client."""
    return HostFacts(AcrFacts(endpoints, authenticator), QuayTags(endpoints, http))
