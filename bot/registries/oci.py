"""The client of the OCI distribution API, which looks up tags and fetches manifests and configs.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from http import HTTPStatus
from urllib.parse import quote

from bot.core.choice.platforms import choose_image, find_platform_image
from bot.model.contents import ImageConfig, ImageContents
from bot.model.image import ImageFacts, Manifest, ManifestKind, PullAddress, RegistryRecord, TagDescriptor
from bot.model.image_name import Digest, ImageName, TagRef, parse_sha256
from bot.net import HttpClient, Response
from bot.net.guard import ResolveHost, resolve_host
from bot.registries import facts
from bot.registries.acr_facts import AcrFacts
from bot.registries.artifacts import OciArtifacts
from bot.registries.auth import RegistryAuthenticator
from bot.registries.documents import ManifestDocuments
from bot.registries.endpoints import EndpointDirectory, RegistryEndpoint, RegistryEntry
from bot.registries.entra import EntraLogins
from bot.registries.image_builds import OciBuilds
from bot.registries.keychain import Keychain
from bot.registries.manifest import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    NotARegistryError,
    parse_media_type,
)
from bot.registries.quay_tags import QuayTags
from bot.registries.registry_examination import LoginExamination
from bot.registries.repository_endpoint import find_repository_endpoint
from bot.registries.response_errors import METADATA_READ
from bot.registries.sboms import SbomFinder
from bot.registries.tag_list import MAX_TAGS, parse_next_page, parse_tags
from bot.registry_ports import ArtifactStore, BuildReader, RegistryFacts


@dataclass(frozen=True, slots=True)
class HostFacts:
    """Reads push times, end-of-life dates and tag histories. Implements `bot.registry_ports.RegistryFacts`."""

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
    """Return a reader of registry facts that uses these tokens and this HTTP client."""
    return HostFacts(AcrFacts(endpoints, authenticator), QuayTags(endpoints, http))


PAGE_SIZE = 1000
"""The number of tags per page. Amazon's registries reject larger values."""
MAX_PAGES = 1000
"""The largest number of pages of one tag list. Quay returns a hundred tags per page, regardless of `n`."""
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{1,256}"')
"""Matches ETags that can be sent back unchanged (RFC 9110, 8.8.3). Registries derive ETags from the digest."""


class OciRegistry:
    """The client for every registry with the distribution API.

    Implements `bot.registry_ports.Registry`. Thread-safe.
    """

    def __init__(
        self,
        entries: Iterable[RegistryEntry] = (),
        *,
        environment: Mapping[str, str] = os.environ,
        sleep: Callable[[float], None] = time.sleep,
        resolve: ResolveHost = resolve_host,
    ) -> None:
        """Create a client for public registries and those in `entries`.

        The client reads the proxy settings, the CA file and the locations of Docker's login files from `environment`.
        """
        self._endpoints = EndpointDirectory(entries)
        http = HttpClient(self._endpoints.list_trusted_hosts(), environment=environment, sleep=sleep, resolve=resolve)
        self._keychain = Keychain(self._endpoints, environment, EntraLogins(http, environment))
        self._http = http
        self._authenticator = RegistryAuthenticator(http, self._keychain)
        self._documents = ManifestDocuments(self._authenticator)

    def fetch_descriptor(self, tag_ref: TagRef, known_descriptor: TagDescriptor | None = None) -> TagDescriptor:
        """Return the digest and media type that a tag points to, with the ETag of the response.

        This sends one HEAD request, which Docker Hub does not count as a pull. If the response has no usable digest,
        the manifest is fetched and hashed. If the repository is in a pull-through cache, the request is sent to the
        upstream registry.

        `known_descriptor` is the result of an earlier call. Its ETag is sent, and if the registry responds that the tag
        has not changed since, `known_descriptor` is returned.

        Raises RegistryError if a request fails.
        """
        repository_endpoint = find_repository_endpoint(self._endpoints, self.get_origin(tag_ref))
        etag = known_descriptor.matching_etag if known_descriptor else None
        request = replace(
            repository_endpoint.make_manifest_request(quote(tag_ref.tag, safe=""), method="HEAD"), etag=etag
        )
        response = self._authenticator.send_request(repository_endpoint.endpoint, request)
        if response.status == HTTPStatus.NOT_MODIFIED and known_descriptor and etag:
            return known_descriptor
        if response.status == HTTPStatus.OK:
            digest = parse_sha256(response.headers.get("docker-content-digest", ""))
            media_type = parse_media_type(response.headers.get("content-type", ""))
            if digest is not None and media_type in {*INDEX_TYPES, *MANIFEST_TYPES}:
                return TagDescriptor(digest, media_type, _parse_etag(response))
        elif response.status not in {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}:
            raise repository_endpoint.make_refusal_error(response, request)
        manifest = self._documents.fetch(repository_endpoint, tag_ref.tag, None).manifest
        return TagDescriptor(manifest.digest, manifest.media_type)

    def fetch_tag(self, tag_ref: TagRef, known_digest: Digest | None = None) -> Manifest | None:
        """Fetch and hash the manifest that a tag points to. Return None if the tag still points to `known_digest`.

        Registries use the digest of a manifest as its ETag. Therefore `known_digest` is sent as an ETag, and the
        registry sends the manifest only if its digest is another one.

        Raises RegistryError if a request fails.
        """
        repository_endpoint = find_repository_endpoint(self._endpoints, tag_ref)
        request = replace(
            repository_endpoint.make_manifest_request(quote(tag_ref.tag, safe="")),
            etag=f'"{known_digest}"' if known_digest else None,
        )
        response = self._authenticator.send_request(repository_endpoint.endpoint, request)
        if response.status == HTTPStatus.NOT_MODIFIED and known_digest:
            return None
        manifest = self._documents.read_response(repository_endpoint, request, response, None).manifest
        return None if manifest.digest == known_digest else manifest

    def list_tags(self, repository: str) -> tuple[str, ...]:
        """Return all tags of a canonical repository. Invalid tags are left out.

        If the repository is in a pull-through cache, the tags are listed upstream.

        Raises RegistryError if a request fails, if a page links back to an earlier page, or if there are too many pages
        or tags.

        https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags
        """
        repository_endpoint = find_repository_endpoint(self._endpoints, self.get_origin(TagRef(repository, "")))
        actions = (
            METADATA_READ if self._endpoints.is_azure_registry(repository_endpoint.endpoint.credential_host) else "pull"
        )
        tags: dict[str, None] = {}
        requested_queries: set[str] = set()
        query: str | None = f"n={PAGE_SIZE}"
        while query is not None:
            if query in requested_queries:
                raise repository_endpoint.make_tag_list_error(
                    "a page of the tag list links back to an earlier page", is_failure=False
                )
            if len(requested_queries) >= MAX_PAGES or len(tags) >= MAX_TAGS:
                raise repository_endpoint.make_tag_list_error("the tag list is too long", is_failure=False)
            requested_queries.add(query)
            request = repository_endpoint.make_tag_list_request(query, actions)
            response = self._authenticator.send_request(repository_endpoint.endpoint, request)
            if response.status in {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}:
                raise repository_endpoint.make_tag_list_error(
                    "the registry does not let clients list tags", is_failure=False
                )
            if response.status != HTTPStatus.OK:
                raise repository_endpoint.make_refusal_error(response, request)
            try:
                tags |= dict.fromkeys(parse_tags(response.body))
                query = parse_next_page(response.headers.get("link", ""))
            except NotARegistryError as error:
                raise repository_endpoint.make_tag_list_error(str(error), is_failure=True) from error
        return tuple(tags)

    def get_origin(self, tag_ref: TagRef) -> TagRef:
        """Return the tag to look up: the upstream tag for a pull-through cache, and `tag_ref` for all others."""
        return replace(tag_ref, repository=self._endpoints.find_origin(tag_ref.repository))

    def fetch_manifest(self, tag_ref: TagRef, digest: Digest) -> Manifest:
        """Fetch a manifest by digest, and verify the digest.

        The manifest is fetched from the repository of `tag_ref` itself, even if that is a pull-through cache.

        Raises RegistryError if a request fails.
        """
        return self._documents.fetch(find_repository_endpoint(self._endpoints, tag_ref), digest, digest).manifest

    def describe_image(self, tag_ref: TagRef, manifest: Manifest) -> ImageFacts:
        """Return the metadata of an image, such as its platforms, build time, source and base image.

        If `manifest` is an index, the metadata of one image in the index is added: the image for linux/amd64, or the
        first image if the index has none for linux/amd64. If the index itself states all metadata, no image is fetched.

        Raises RegistryError if a request fails.
        """
        repository_endpoint = find_repository_endpoint(self._endpoints, tag_ref)
        document = self._documents.get(repository_endpoint, manifest.digest)
        sources: list[facts.Annotations] = [dict(document.manifest.annotations)]
        image = document if manifest.kind is ManifestKind.MANIFEST else None
        if child := choose_image(manifest.children):
            sources.append(dict(child.annotations))
            if not _has_all_metadata(sources):
                image = self._documents.get(repository_endpoint, child.digest)
                sources.append(dict(image.manifest.annotations))
        config = (
            self._documents.fetch_config(repository_endpoint, image.config_digest)
            if image and image.config_digest
            else None
        )
        all_sources = [*sources, config.labels] if config else sources
        own_platform = (
            (config.platform,) if config and config.platform and manifest.kind is ManifestKind.MANIFEST else ()
        )
        return ImageFacts(
            digest=manifest.digest,
            kind=manifest.kind,
            platforms=manifest.platforms or own_platform,
            created=facts.get_build_time(sources, config),
            source=facts.get_first_value("source", all_sources),
            version=facts.get_first_value("version", all_sources),
            revision=facts.get_first_value("revision", all_sources),
            base=facts.get_base_image(all_sources),
        )

    def fetch_contents(self, tag_ref: TagRef, digest: Digest, platform: str) -> ImageContents | None:
        """Return the config, size and metadata of the image for `platform`; None if the index has no such image.

        `digest` is the digest of an index or of a single image's manifest. If the index and the image's manifest have
        the same annotation, the annotation of the index is used.

        Raises RegistryError if a request fails.
        """
        repository_endpoint = find_repository_endpoint(self._endpoints, tag_ref)
        document = self._documents.get(repository_endpoint, digest)
        index, sources = document.manifest, []
        if index.kind is ManifestKind.INDEX:
            child = find_platform_image(index, platform)
            if child is None:
                return None
            sources.append(dict(child.annotations))
            document = self._documents.get(repository_endpoint, child.digest)
        sources.append(dict(document.manifest.annotations))
        config = (
            self._documents.fetch_config(repository_endpoint, document.config_digest)
            if document.config_digest
            else None
        )
        all_sources = [*sources, config.labels] if config else sources
        return ImageContents(
            digest=document.manifest.digest,
            config=config.runtime_config if config else ImageConfig(),
            size=document.layers_size,
            created=facts.get_build_time(sources, config),
            source=facts.get_first_value("source", all_sources),
            revision=facts.get_first_value("revision", all_sources),
            version=facts.get_first_value("version", all_sources),
            platforms=index.platforms,
        )

    def get_pull_address(self, tag_ref: TagRef, digest: Digest) -> PullAddress:
        """Return the image reference and credential with which another program, such as a scanner, can pull an image.

        The image reference contains the mirror, if one is configured. For Docker Hub it contains `docker.io`, which
        every tool supports. An identity token is returned only for Azure's registries, which accept it as a password.

        Raises RegistryError if a request fails.
        """
        repository_endpoint = find_repository_endpoint(self._endpoints, tag_ref)
        return self._build_address(repository_endpoint.endpoint, repository_endpoint.path, f"@{digest}")

    def list_digests(self, tag_ref: TagRef, digest: Digest, platform: str) -> frozenset[Digest]:
        """Return every digest by which tools may identify an image: the digests of its index, manifest and config.

        If `digest` is the digest of an index, the image is the one for `platform` in the index. If the index has no
        such image, only `digest` is returned.

        Raises RegistryError if a request fails.
        """
        repository_endpoint = find_repository_endpoint(self._endpoints, tag_ref)
        document = self._documents.get(repository_endpoint, digest)
        if document.manifest.kind is ManifestKind.INDEX:
            child = find_platform_image(document.manifest, platform)
            if child is None:
                return frozenset({digest})
            document = self._documents.get(repository_endpoint, child.digest)
        config_digests = {document.config_digest} if document.config_digest else set()
        return frozenset({digest, document.manifest.digest, *config_digests})

    def find_platform_digest(self, tag_ref: TagRef, digest: Digest, platform: str) -> Digest | None:
        """Return the digest of the manifest for `platform` in the index `digest`; None if it has none.

        If `digest` is the digest of a single image's manifest, return `digest`.

        Raises RegistryError if a request fails.
        """
        manifest = self._documents.get(find_repository_endpoint(self._endpoints, tag_ref), digest).manifest
        if manifest.kind is ManifestKind.MANIFEST:
            return digest
        child = find_platform_image(manifest, platform)
        return child.digest if child else None

    def get_named_address(self, image: ImageName) -> PullAddress:
        """Return the reference and credential with which other programs can pull an image that the operator named.

        An example of such an image is a scanner's database. basebump may contact the host even if `registries:` has no
        entry for it.

        Raises RegistryError if a request fails.
        """
        endpoint = self._endpoints.get_named_endpoint(image.host)
        path = endpoint.prefix + image.repository.partition("/")[2]
        return self._build_address(endpoint, path, f":{image.tag}" if image.tag else "")

    def create_sbom_finder(self) -> SbomFinder:
        """Return an object that finds the SBOMs attached to images, and that uses the tokens of this client."""
        return SbomFinder(self._endpoints, self._authenticator, self.create_artifacts())

    def create_login_examination(self, host: str) -> LoginExamination:
        """Return the test of the login to the registry `host` that `doctor` runs."""
        endpoint = self._endpoints.get_named_endpoint(host)
        entry = self._endpoints.get_entry(endpoint.credential_host)
        uses_entra = entry is not None and entry.uses_entra
        return LoginExamination(endpoint, self._authenticator, self._keychain, uses_entra=uses_entra)

    def create_facts(self) -> RegistryFacts:
        """Return a client for push times, end-of-life dates and tag histories, which uses the tokens of this client."""
        return create_host_facts(self._endpoints, self._authenticator, self._http)

    def create_builds(self) -> BuildReader:
        """Return a client for the builds of own images, which uses the tokens and manifests of this client."""
        return OciBuilds(self._endpoints, self._documents, self.create_artifacts())

    def create_artifacts(self) -> ArtifactStore:
        """Return a client for signatures and other artifacts, which uses the tokens of this client."""
        return OciArtifacts(self._endpoints, self._authenticator)

    def _build_address(self, endpoint: RegistryEndpoint, path: str, version: str) -> PullAddress:
        login = self._keychain.get_login(endpoint.credential_host, path)
        username, password = (login.username, login.password) if login else (None, None)
        return PullAddress(
            f"{endpoint.credential_host}/{path}{version}", endpoint.is_insecure, username, password, endpoint.ca
        )


def _parse_etag(response: Response) -> str | None:
    match = _ETAG.fullmatch(response.headers.get("etag", ""))
    return match[0] if match else None


def _has_all_metadata(sources: list[facts.Annotations]) -> bool:
    """Return True if `sources` contain all metadata, so that the image's own manifest need not be fetched."""
    keys = ("source", "version", "revision", "base.name")
    return facts.get_build_time(sources, None) is not None and all(
        facts.get_first_value(word, sources) for word in keys
    )
