"""cosign's signatures: the older ones behind a tag, and Sigstore's bundles behind the referrers.

Of keys no log of signatures is asked: one that the operator lists is trusted as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

from bot.core.evidence.keys import PublicKey
from bot.model.artifact import Artifact, Blob
from bot.model.errors import UsageError
from bot.model.reference import Digest
from bot.model.signature import BadSignature, Flaw, SignatureOutcome, UnsupportedSignature
from bot.model.trust import Trust, TrustedKey
from bot.ports import Artifacts
from bot.verifiers._attached import Attached, concluded
from bot.verifiers._bundle import BUNDLES, PREDICATE, check_bundle, read_bundle
from bot.verifiers._encoding import BrokenError
from bot.verifiers._simple_signing import CERTIFICATE, PAYLOAD, check_payload
from bot.verifiers._statement import PREDICATES

if TYPE_CHECKING:  # it imports sigstore, which only those wait for who trust identities
    from bot.verifiers.keyless import Keyless

SIGNATURE_ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"
"""What cosign calls the older form where it attaches it as a referrer."""
TYPES = frozenset({*BUNDLES, SIGNATURE_ARTIFACT})


class CosignVerifier:
    """Implements `bot.ports.Verifier`; safe to share by threads."""

    def __init__(self, artifacts: Artifacts, keyless: Keyless | None = None) -> None:
        """Take what verifies certificates; None where no identities are trusted."""
        self._artifacts, self._keyless = artifacts, keyless

    @classmethod
    def for_all(cls, trusts: Iterable[Trust], artifacts: Artifacts) -> CosignVerifier:
        """Return a verifier for all that the operator trusts. Raises UsageError where identities cannot be verified."""
        roots = {trust.root for trust in trusts if trust.identities}
        if not roots:
            return cls(artifacts)
        try:
            from bot.verifiers.keyless import Keyless, UnusableRootError  # noqa: PLC0415 - only those wait for it
        except ImportError:
            how = "`pip install 'basebump[keyless]'`, or leave the key out"
            raise UsageError(f"`keyless` needs a library that is not installed: {how}") from None
        try:
            return cls(artifacts, Keyless(roots))
        except UnusableRootError as error:
            raise UsageError(f"`trusted_root`: {error}") from None

    def verify(self, repository: str, digest: Digest, trust: Trust) -> SignatureOutcome | None:
        """Return who of the listed keys and identities signed `digest`; None where none is listed.

        They must have signed this very digest: of an index, the images in it may be signed as well, and what is
        pinned is the index. Raises ValueError where a listed key is none, which settings do not let through.
        """
        if not trust.keys and not trust.identities:
            return None
        return concluded(_Check(Attached(self._artifacts, repository, digest), self._keyless, trust).outcomes())


class _Check:
    """Looks at all signatures of one image, in turn."""

    def __init__(self, attached: Attached, keyless: Keyless | None, trust: Trust) -> None:
        self._attached, self._keyless, self._trust = attached, keyless, trust
        self._keys = tuple(map(_key, trust.keys))

    def outcomes(self) -> Iterator[SignatureOutcome]:
        """Yield what each signature says, the cheapest to ask for first. Raises RegistryError."""
        for found in chain(self._attached.tagged(".sig"), self._attached.referrers(TYPES)):
            if isinstance(found, Artifact):
                yield from self._in(found)
            else:
                yield found

    def _in(self, artifact: Artifact) -> Iterator[SignatureOutcome]:
        for blob in artifact.blobs:
            try:
                outcome = self._of(blob)
            except BrokenError as error:
                outcome = BadSignature(Flaw.BROKEN, str(error))
            if outcome is not None:
                yield outcome

    def _of(self, blob: Blob) -> SignatureOutcome | None:
        """Return what one piece of an artifact says; None where it is no signature. Raises BrokenError."""
        is_bundle = blob.media_type in BUNDLES and blob.annotations.get(PREDICATE, "") in {"", *PREDICATES}
        if not is_bundle and blob.media_type != PAYLOAD:
            return None
        content = self._attached.content(blob)
        if not isinstance(content, bytes):
            return content
        return self._of_bundle(content) if is_bundle else self._of_payload(blob, content)

    def _of_bundle(self, content: bytes) -> SignatureOutcome | None:
        bundle = read_bundle(content)
        if isinstance(bundle, UnsupportedSignature):
            return bundle
        if bundle.has_certificate and self._keyless is not None and self._trust.identities:
            return self._keyless.check(content, self._attached.digest, self._trust)
        return check_bundle(bundle, self._attached.digest, self._keys)

    def _of_payload(self, blob: Blob, content: bytes) -> SignatureOutcome:
        """Return what an older signature says. Raises BrokenError."""
        outcome = check_payload(blob, content, self._attached.digest, self._keys)
        keyless = self._keyless if CERTIFICATE in blob.annotations and self._trust.identities else None
        if keyless is not None and outcome == BadSignature(Flaw.OTHER_SIGNER):
            return keyless.check_payload(blob, content, self._trust)
        return outcome


@cache
def _key(trusted: TrustedKey) -> PublicKey:
    return PublicKey.of(trusted)
