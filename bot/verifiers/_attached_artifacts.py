"""Fetches the artifacts that are attached to an image, one by one, until a valid signature is found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.core.evidence.signatures import combine_signatures
from bot.model.artifact import Artifact, Blob
from bot.model.errors import RegistryError
from bot.model.image_name import Digest
from bot.model.signature import SignatureOutcome, SignatureUnknown, UnsupportedSignature, VerifiedSignature
from bot.registry_ports import ArtifactStore

GENERIC_TYPES = frozenset({"", "application/vnd.oci.empty.v1+json", "application/vnd.oci.image.config.v1+json"})
"""Artifact types in lists of referrers that the artifact's author did not choose. Only the artifact itself then states
its type."""
MAX_FETCHES = 64
"""The largest number of artifacts and blobs that are fetched for one image. Registries count each fetch as a pull."""


class AttachedArtifacts:
    """The artifacts attached to one image.

    Each artifact is fetched when it is needed, and each blob is fetched only once.
    """

    def __init__(self, artifacts: ArtifactStore, repository: str, digest: Digest) -> None:
        self._artifacts, self.repository, self.digest = artifacts, repository, digest
        self._remaining_fetches = MAX_FETCHES
        self._contents: dict[Digest, bytes] = {}

    def fetch_tagged(self, suffix: str) -> Iterator[Artifact]:
        """Yield the artifact at the tag `sha256-<hex><suffix>`. Yield nothing if the tag does not exist.

        `<hex>` is from the image's digest. For example, cosign's older signatures are at tags with the suffix `.sig`.

        Raises RegistryError if a request fails.
        """
        artifact = self._artifacts.fetch_tagged(self.repository, f"{self.digest.replace(':', '-')}{suffix}")
        if artifact is not None:
            yield artifact

    def fetch_referrers(self, types: frozenset[str]) -> Iterator[Artifact | SignatureOutcome]:
        """Yield the artifacts of `types` that are attached to the image.

        The registry's list of referrers states a type for each artifact. First, this method yields the artifacts with
        one of `types` in the list. After them, it yields the artifacts with a generic type in the list, because only
        the manifest states their real type. The caller must check the real type.

        If an artifact cannot be fetched, an outcome with the reason is yielded in its place, and the iteration
        continues. If the limit MAX_FETCHES is reached, an outcome is yielded, and the iteration ends.

        Raises RegistryError if the registry fails, for example if the registry cannot be reached.
        """
        all_referrers = self._artifacts.list_referrers(self.repository, self.digest)
        declared_referrers = [each for each in all_referrers if each.type in types]
        for referrer in (*declared_referrers, *(each for each in all_referrers if each.type in GENERIC_TYPES)):
            if not self._remaining_fetches:
                yield _TOO_MANY_ARTIFACTS
                return
            self._remaining_fetches -= 1
            try:
                yield self._artifacts.fetch_artifact(self.repository, referrer.digest)
            except RegistryError as error:
                yield _make_unknown_outcome(error)

    def fetch_content(self, blob: Blob) -> bytes | SignatureOutcome:
        """Return the bytes of a blob; an outcome with the reason if the blob cannot be fetched.

        Raises RegistryError if the registry fails, for example if the registry cannot be reached.
        """
        if blob.digest not in self._contents:
            if not self._remaining_fetches:
                return _TOO_MANY_ARTIFACTS
            self._remaining_fetches -= 1
            try:
                self._contents[blob.digest] = self._artifacts.fetch_blob(self.repository, blob)
            except RegistryError as error:
                return _make_unknown_outcome(error)
        return self._contents[blob.digest]


_TOO_MANY_ARTIFACTS = UnsupportedSignature(f"more than {MAX_FETCHES} artifacts are attached to it")


def _make_unknown_outcome(error: RegistryError) -> SignatureOutcome:
    """Return the outcome "unknown" for an artifact that cannot be fetched, for example because it does not exist.

    If `error` shows that the registry fails, for example that it cannot be reached, raise `error`, because further
    artifacts could not be fetched either.
    """
    if error.is_failure:
        raise error
    return SignatureUnknown(error.reason, str(error), error.is_failure)


def combine_outcomes(outcomes: Iterable[SignatureOutcome]) -> SignatureOutcome:
    """Combine the outcomes of all signatures of an image into the outcome for the image.

    A single valid signature is enough, so that no further signature is checked. If `outcomes` raises a RegistryError
    before a valid signature is found, the error counts as the outcome "unknown".
    """
    all_outcomes: list[SignatureOutcome] = []
    try:
        for outcome in outcomes:
            all_outcomes.append(outcome)
            if isinstance(outcome, VerifiedSignature):
                break
    except RegistryError as error:
        all_outcomes.append(SignatureUnknown(error.reason, str(error), error.is_failure))
    return combine_signatures(all_outcomes)
