"""Looking at what is attached to an image, one artifact after the other, until one settles it."""

from __future__ import annotations

from collections.abc import Iterator

from bot.core.signatures import together
from bot.model.artifact import Artifact
from bot.model.errors import RegistryError
from bot.model.reference import Digest
from bot.model.signature import SignatureOutcome, SignatureUnknown, Signed, UnsupportedSignature
from bot.ports import Artifacts

VAGUE_TYPES = frozenset({"", "application/vnd.oci.empty.v1+json", "application/vnd.oci.image.config.v1+json"})
"""What lists of referrers say that were made without looking; the artifact itself then knows."""
MAX_ARTIFACTS = 32
"""Referrers that are fetched for one image: each is two requests, and registries count them as pulls."""


def attached(
    artifacts: Artifacts, repository: str, digest: Digest, types: frozenset[str]
) -> Iterator[Artifact | UnsupportedSignature]:
    """Yield the artifacts about an image that may be of one of `types`, those first of which the list says so.

    The last is an UnsupportedSignature where there are more than are looked at. Raises RegistryError.
    """
    listed = artifacts.referrers(repository, digest)
    likely = [each for each in listed if each.type in types]
    likely += [each for each in listed if each.type in VAGUE_TYPES]
    for referrer in likely[:MAX_ARTIFACTS]:
        yield artifacts.artifact(repository, referrer.digest)
    if len(likely) > MAX_ARTIFACTS:
        yield UnsupportedSignature(f"more than {MAX_ARTIFACTS} artifacts are attached to it")


def concluded(outcomes: Iterator[SignatureOutcome]) -> SignatureOutcome:
    """Return the one outcome of all signatures; the first that is verified ends the search.

    A RegistryError of the iterator is an outcome, too.
    """
    found: list[SignatureOutcome] = []
    try:
        for outcome in outcomes:
            found.append(outcome)
            if isinstance(outcome, Signed):
                break
    except RegistryError as error:
        found.append(SignatureUnknown(error.reason, str(error), error.is_failure))
    return together(found)
