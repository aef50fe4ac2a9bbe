"""Client of the OCI distribution API: looks up tags, fetches manifests and configs.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import quote

from bot.core.choice.platforms import find_platform_image
from bot.model.contents import ImageConfig, ImageContents
from bot.model.image import ChildManifest, ImageFacts, Manifest, ManifestKind, PullAddress, TagDescriptor
from bot.model.reference import Digest, ImageReference, TagRef, parse_sha256
from bot.net import HttpClient, Response
from bot.net.guard import Resolve, resolve
from bot.ports import ArtifactStore, RegistryFacts
from bot.registries import facts
from bot.registries.access import Access, Endpoint, RegistryEntry
from bot.registries.acr import AcrFacts
from bot.registries.answers import METADATA_READ
from bot.registries.artifacts import OciArtifacts
from bot.registries.attachments import Attachments
from bot.registries.auth import Authenticator, Question
from bot.registries.entra import EntraLogins
from bot.registries.examination import LoginExamination
from bot.registries.keychain import Keychain
from bot.registries.manifest import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    Document,
    NotAnImageError,
    NotARegistryError,
    media_type,
    parse_document,
)
from bot.registries.place import Place, place_of, proved
from bot.registries.taglist import next_page, parse_tags

PAGE = 1000
"""Tags per page; Amazon's registries reject larger values."""
MAX_PAGES = 1000
"""Limit of the pages of one tag list; Quay returns a hundred tags per page, whatever `n` says."""
MAX_TAGS = 200_000
"""Limit of the tags of one repository; the largest known repositories have about 60,000."""
MAX_DOCUMENTS = 512
"""Parsed manifests that are cached, so that describing an image does not fetch a manifest again."""
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{1,256}"')
"""ETags that can be sent back unchanged (RFC 9110, 8.8.3); registries derive them from the digest."""
PREFERRED_PLATFORM = "linux/amd64"
"""Platform whose image describes an index; nearly every index has it."""


class OciRegistry:
    """Implements `bot.ports.Registry` for every registry with the distribution API. Thread-safe."""

    def __init__(
        self,
        entries: Iterable[RegistryEntry] = (),
        *,
        environment: Mapping[str, str] = os.environ,
        sleep: Callable[[float], None] = time.sleep,
        resolve: Resolve = resolve,
    ) -> None:
        """Take the registry entries; read the proxy, the CA file and Docker's login files from `environment`."""
        self._access = Access(entries)
        http = HttpClient(self._access.listed(), environment=environment, sleep=sleep, resolve=resolve)
        self._keychain = Keychain(self._access, environment, EntraLogins(http, environment))
        self._authenticator = Authenticator(http, self._keychain)
        self._lock = threading.Lock()
        self._documents: dict[Digest, Document] = {}

    def fetch_descriptor(self, line: TagRef, known: TagDescriptor | None = None) -> TagDescriptor:
        """Return the registry's descriptor of a tag: one HEAD request, which Docker Hub does not count as a pull.

        For a repository in a pull-through cache, the upstream is asked, because the cache may be outdated. If the
        response has no usable digest, the manifest is fetched and hashed. Raises RegistryError.
        """
        place = place_of(self._access, self.get_origin(line))
        etag = known.etag if known else None
        question = replace(place.manifest(quote(line.tag, safe=""), method="HEAD"), etag=etag)
        response = self._authenticator.ask(place.endpoint, question)
        if response.status == HTTPStatus.NOT_MODIFIED and known and etag:
            return known
        if response.status == HTTPStatus.OK:
            digest = parse_sha256(response.headers.get("docker-content-digest", ""))
            declared = media_type(response.headers.get("content-type", ""))
            if digest is not None and declared in {*INDEX_TYPES, *MANIFEST_TYPES}:
                return TagDescriptor(digest, declared, _etag(response))
        elif response.status not in {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}:
            raise place.refusal(response, question)
        manifest = self._document(place, line.tag, None).manifest
        return TagDescriptor(manifest.digest, manifest.media_type)

    def fetch_tag(self, line: TagRef, unless: Digest | None = None) -> Manifest | None:
        """Fetch the manifest of a tag, and hash it; None if its digest is still `known_digest`. Raises RegistryError.

        Registries derive a manifest's ETag from its digest. If the digest is unchanged, they do not send the manifest.
        """
        place = place_of(self._access, line)
        question = replace(place.manifest(quote(line.tag, safe="")), etag=f'"{unless}"' if unless else None)
        response = self._authenticator.ask(place.endpoint, question)
        if response.status == HTTPStatus.NOT_MODIFIED and unless:
            return None
        manifest = self._read(place, question, response, None).manifest
        return None if manifest.digest == unless else manifest

    def list_tags(self, repository: str) -> tuple[str, ...]:
        """Return every tag of a canonical repository, from all pages, without invalid tags.

        Raises RegistryError, also if the pages are circular or exceed the limits.
        https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags
        """
        place = place_of(self._access, self.get_origin(TagRef(repository, "")))
        actions = METADATA_READ if self._access.is_azure(place.endpoint.account) else "pull"
        found: dict[str, None] = {}
        asked: set[str] = set()
        query: str | None = f"n={PAGE}"
        while query is not None:
            if query in asked or len(asked) >= MAX_PAGES or len(found) >= MAX_TAGS:
                raise place.no_list("it has too many pages, or links back to an earlier page", is_failure=False)
            asked.add(query)
            question = place.tag_list(query, actions)
            response = self._authenticator.ask(place.endpoint, question)
            if response.status in {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}:
                raise place.no_list("the registry does not list tags", is_failure=False)
            if response.status != HTTPStatus.OK:
                raise place.refusal(response, question)
            try:
                found |= dict.fromkeys(parse_tags(response.body))
                query = next_page(response.headers.get("link", ""))
            except NotARegistryError as error:
                raise place.no_list(str(error), is_failure=True) from error
        return tuple(found)

    def get_origin(self, line: TagRef) -> TagRef:
        """Return the tag that `fetch_descriptor` looks up: the upstream's, if the repository is in a cache."""
        return replace(line, repository=self._access.origin(line.repository))

    def fetch_manifest(self, line: TagRef, digest: Digest) -> Manifest:
        """Fetch a manifest by digest from the repository as written in the file, and verify it.

        Raises RegistryError.
        """
        return self._document(place_of(self._access, line), digest, digest).manifest

    def describe_image(self, line: TagRef, manifest: Manifest) -> ImageFacts:
        """Return the metadata of an image; for an index, that of its linux/amd64 image or else of its first.

        The image is fetched only if the index lacks some of the metadata. Raises RegistryError.
        """
        place = place_of(self._access, line)
        document = self._known(place, manifest.digest)
        said: list[facts.Statements] = [dict(document.manifest.annotations)]
        image = document if manifest.kind is ManifestKind.MANIFEST else None
        if child := _speaker(manifest.children):
            said.append(dict(child.annotations))
            if not _is_told(said):
                image = self._known(place, child.digest)
                said.append(dict(image.manifest.annotations))
        config = self._config(place, image.config) if image and image.config else None
        all_said = [*said, config.labels] if config else said
        own_platform = (config.platform,) if config and config.platform and manifest.kind is ManifestKind.MANIFEST else ()
        return ImageFacts(
            digest=manifest.digest,
            kind=manifest.kind,
            platforms=manifest.platforms or own_platform,
            created=facts.created(said, config),
            source=facts.first("source", all_said),
            version=facts.first("version", all_said),
            revision=facts.first("revision", all_said),
            base=facts.base_image(all_said),
        )

    def fetch_contents(self, line: TagRef, digest: Digest, platform: str) -> ImageContents | None:
        """Return the contents of a platform's image behind `digest`, or None if an index has no image for the platform.

        Annotations of the index take precedence over those of its image. Raises RegistryError.
        """
        place = place_of(self._access, line)
        document = self._known(place, digest)
        index, said = document.manifest, []
        if index.kind is ManifestKind.INDEX:
            child = find_platform_image(index, platform)
            if child is None:
                return None
            said.append(dict(child.annotations))
            document = self._known(place, child.digest)
        said.append(dict(document.manifest.annotations))
        config = self._config(place, document.config) if document.config else None
        all_said = [*said, config.labels] if config else said
        return ImageContents(
            digest=document.manifest.digest,
            config=config.start if config else ImageConfig(),
            size=document.size,
            created=facts.created(said, config),
            source=facts.first("source", all_said),
            revision=facts.first("revision", all_said),
            version=facts.first("version", all_said),
            platforms=index.platforms,
        )

    def pull_address(self, line: TagRef, digest: Digest) -> PullAddress:
        """Return the address of an image for other programs: same mirror, same credential. Raises RegistryError.

        Docker Hub keeps its canonical name, which every tool supports. Identity tokens are passed on only for Azure's
        registries, which accept them as passwords.
        """
        place = place_of(self._access, line)
        return self._address(place.endpoint, place.path, f"@{digest}")

    def names(self, line: TagRef, digest: Digest, platform: str) -> frozenset[Digest]:
        """Return every digest that tools use for a platform's image: those of its index, manifest and config.

        `digest` is that of the index or of the manifest. Raises RegistryError.
        """
        place = place_of(self._access, line)
        document = self._known(place, digest)
        if document.manifest.kind is ManifestKind.INDEX:
            child = find_platform_image(document.manifest, platform)
            if child is None:
                return frozenset({digest})
            document = self._known(place, child.digest)
        own = {document.config} if document.config else set()
        return frozenset({digest, document.manifest.digest, *own})

    def image_of(self, line: TagRef, digest: Digest, platform: str) -> Digest | None:
        """Return the digest of a platform's manifest in an index, or None if the index has no image for the platform.

        If `digest` is a manifest and not an index, it is returned itself. Raises RegistryError.
        """
        manifest = self._known(place_of(self._access, line), digest).manifest
        if manifest.kind is ManifestKind.MANIFEST:
            return digest
        child = find_platform_image(manifest, platform)
        return child.digest if child else None

    def named_address(self, reference: ImageReference) -> PullAddress:
        """Return the address of an image that the operator named, such as a scanner's database, for other programs.

        The operator's reference is the permission to contact its host, which may be listed only as a mirror.
        """
        endpoint = self._access.named_endpoint(reference.host)
        path = endpoint.prefix + reference.repository.partition("/")[2]
        return self._address(endpoint, path, f":{reference.tag}" if reference.tag else "")

    def attachments(self) -> Attachments:
        """Return a finder of SBOMs attached to images, which shares this client's tokens."""
        return Attachments(self._access, self._authenticator, self.artifacts())

    def login_examination(self, host: str) -> LoginExamination:
        """Return the login test of a registry, which is listed or public."""
        endpoint = self._access.named_endpoint(host)
        entry = self._access.entry(endpoint.account)
        is_exchanged = entry is not None and entry.entra
        return LoginExamination(endpoint, self._authenticator, self._keychain, is_exchanged=is_exchanged)

    def registry_facts(self) -> RegistryFacts:
        """Return the client for metadata that only registries have, which shares this client's tokens."""
        return AcrFacts(self._access, self._authenticator)

    def artifacts(self) -> ArtifactStore:
        """Return the client for signatures and other artifacts, which shares this client's tokens."""
        return OciArtifacts(self._access, self._authenticator)

    def _address(self, endpoint: Endpoint, path: str, version: str) -> PullAddress:
        login = self._keychain.login(endpoint.account, path)
        username, password = (login.username, login.password) if login else (None, None)
        return PullAddress(f"{endpoint.account}/{path}{version}", endpoint.insecure, username, password, endpoint.ca)

    def _known(self, place: Place, digest: Digest) -> Document:
        with self._lock:
            known = self._documents.get(digest)
        return known or self._document(place, digest, digest)

    def _document(self, place: Place, reference: str, digest: Digest | None) -> Document:
        """Fetch and parse the manifest of a tag or a digest; with `digest`, verify it."""
        question = place.manifest(quote(reference, safe=":"))
        return self._read(place, question, self._authenticator.ask(place.endpoint, question), digest)

    def _read(self, place: Place, question: Question, response: Response, digest: Digest | None) -> Document:
        """Parse a response that should be a manifest; with `digest`, verify it."""
        if response.status != HTTPStatus.OK:
            raise place.refusal(response, question)
        found = proved(place, question, response, digest)
        try:
            document = parse_document(found, response.body, response.headers.get("content-type", ""))
        except NotAnImageError as error:
            raise place.not_an_image(question, error) from error
        with self._lock:
            if len(self._documents) >= MAX_DOCUMENTS:
                self._documents.clear()
            self._documents[found] = document
        return document

    def _config(self, place: Place, digest: Digest) -> facts.Config:
        question = place.blob(digest)
        response = self._authenticator.ask(place.endpoint, question)
        if response.status != HTTPStatus.OK:
            raise place.refusal(response, question)
        proved(place, question, response, digest)
        try:
            return facts.parse_config(response.body)
        except NotAnImageError as error:
            raise place.not_an_image(question, error) from error


def _etag(response: Response) -> str | None:
    found = _ETAG.fullmatch(response.headers.get("etag", ""))
    return found[0] if found else None


def _speaker(children: tuple[ChildManifest, ...]) -> ChildManifest | None:
    preferred = (child for child in children if child.platform == PREFERRED_PLATFORM)
    return next(preferred, None) or next(iter(children), None)


def _is_told(said: list[facts.Statements]) -> bool:
    """Return True if no metadata is missing, so that the image need not be pulled, which would count against limits."""
    words = ("source", "version", "revision", "base.name")
    return facts.created(said, None) is not None and all(facts.first(word, said) for word in words)
