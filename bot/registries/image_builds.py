"""Reads how images were built: their build time, labels, provenance and layers."""

from __future__ import annotations

from collections.abc import Iterator

from bot.core.choice.platforms import choose_image
from bot.core.evidence.provenance import PREDICATE_TYPES, BuildProvenance, parse_provenance
from bot.model.artifact import Artifact
from bot.model.errors import InvalidReferenceError, RegistryError
from bot.model.image import BaseImage
from bot.model.image_name import Digest, ImageName, TagRef, parse_sha256
from bot.model.own_build import BaseEvidence, BuiltOn, OwnBuild
from bot.registries import facts
from bot.registries.documents import ManifestDocuments
from bot.registries.endpoints import EndpointDirectory
from bot.registries.manifest import ManifestDocument
from bot.registries.repository_endpoint import find_repository_endpoint
from bot.registry_ports import ArtifactStore

MAX_ATTESTATIONS = 4
"""The largest number of artifacts with provenance that are read for one image. A builder attaches one artifact; some
builders attach a second one, which is signed."""
MAX_STATEMENTS = 4
"""The largest number of statements that are read from one artifact."""
IN_TOTO = "application/vnd.in-toto+json"
"""The media type of BuildKit's statements."""
STATEMENT_TYPES = (IN_TOTO, "application/vnd.dsse.envelope.v1+json", "application/vnd.dev.sigstore.bundle.v0.3+json")
"""The media types of documents that can contain a provenance statement."""
PREDICATE_ANNOTATIONS = ("in-toto.io/predicate-type", "dev.sigstore.bundle.predicateType", "predicateType")


class OciBuilds:
    """Reads how images were built. Implements `bot.registry_ports.BuildReader`. Thread-safe."""

    def __init__(self, endpoints: EndpointDirectory, documents: ManifestDocuments, artifacts: ArtifactStore) -> None:
        self._endpoints, self._documents, self._artifacts = endpoints, documents, artifacts

    def read_build(self, repository: str, digest: Digest) -> OwnBuild:
        """Return the facts that an image states about its build, and the image's layers.

        This sends two requests for a single image, three for an index, and two more for the provenance in an index. If
        the index has no provenance, one more request lists the artifacts that are attached to the image. Raises
        RegistryError.
        """
        endpoint = find_repository_endpoint(self._endpoints, TagRef(repository, ""))
        document = self._documents.get(endpoint, digest)
        children = document.manifest.children
        sources: list[facts.Annotations] = [dict(document.manifest.annotations)]
        child = choose_image(children)
        image = self._documents.get(endpoint, child.digest) if child is not None else document
        if child is not None:
            sources += [dict(child.annotations), dict(image.manifest.annotations)]
        config = self._documents.fetch_config(endpoint, image.config_digest)
        texts = [*sources, config.labels] if config is not None else sources
        subjects = {digest, *(each.digest for each in children)}
        provenance = self._read_provenance(repository, document, image.manifest.digest, subjects)
        stated = _parse_base(facts.get_base_image(texts))
        has_source = provenance is not None and provenance.source is not None
        return OwnBuild(
            repository,
            digest,
            facts.get_build_time(sources, config),
            source=provenance.source if provenance and has_source else facts.get_first_value("source", texts),
            revision=provenance.revision if provenance and has_source else facts.get_first_value("revision", texts),
            dockerfile=provenance.dockerfile if provenance else None,
            branch=provenance.branch if provenance else None,
            is_attested=has_source,
            bases=(*(provenance.bases if provenance else ()), *stated),
            children=frozenset(each.digest for each in children),
            layers=config.layers if config is not None else (),
            platform=child.platform if child is not None else config.platform if config is not None else None,
        )

    def read_layers(self, repository: str, digest: Digest) -> tuple[Digest, ...]:
        """Return the digests of an image's uncompressed layers, lowest first; empty if the image's config lists none.

        `digest` must not be the digest of an index. Raises RegistryError if a request fails.
        """
        endpoint = find_repository_endpoint(self._endpoints, TagRef(repository, ""))
        config = self._documents.fetch_config(endpoint, self._documents.get(endpoint, digest).config_digest)
        return config.layers if config is not None else ()

    def _read_provenance(
        self, repository: str, document: ManifestDocument, image: Digest, subjects: set[Digest]
    ) -> BuildProvenance | None:
        """Return the provenance from the index or from the artifacts attached to the image; None if neither has any.

        The index is read first. If the registry does not have the content, or cannot list artifacts, the provenance
        counts as missing. Raises RegistryError for other errors, so that a later run reads the build again.
        """
        try:
            in_index = [each.digest for each in document.attestations if each.subject in {image, ""}]
            for digest in (in_index or self._list_attached(repository, document.manifest.digest))[:MAX_ATTESTATIONS]:
                artifact = self._artifacts.fetch_artifact(repository, digest)
                for content in self._read_statements(repository, artifact):
                    provenance = parse_provenance(content, subjects)
                    if provenance is not None:
                        return provenance
        except RegistryError as error:
            if error.is_failure:
                raise
        return None

    def _list_attached(self, repository: str, digest: Digest) -> list[Digest]:
        referrers = self._artifacts.list_referrers(repository, digest)
        return [
            each.digest for each in referrers if each.type in STATEMENT_TYPES and _may_be_provenance(each.annotations)
        ]

    def _read_statements(self, repository: str, artifact: Artifact) -> Iterator[bytes]:
        blobs = (each for each in artifact.blobs if each.media_type in STATEMENT_TYPES)
        usable = [each for each in blobs if _may_be_provenance(each.annotations)]
        for blob in usable[:MAX_STATEMENTS]:
            yield self._artifacts.fetch_blob(repository, blob)


def _may_be_provenance(annotations: facts.Annotations) -> bool:
    """Return False if annotations state another type of statement, such as an SBOM."""
    stated = [annotations[key] for key in PREDICATE_ANNOTATIONS if key in annotations]
    return not stated or any(each in PREDICATE_TYPES for each in stated)


def _parse_base(base: BaseImage | None) -> tuple[BuiltOn, ...]:
    """Return the base image in a label or annotation; an empty tuple if the digest of the base image is not stated."""
    digest = parse_sha256(base.digest) if base is not None and base.digest is not None else None
    if base is None or digest is None:
        return ()
    try:
        repository = ImageName.parse(base.name).repository if base.name is not None else None
    except InvalidReferenceError:
        repository = None
    return (BuiltOn(repository, digest, BaseEvidence.LABEL),)
