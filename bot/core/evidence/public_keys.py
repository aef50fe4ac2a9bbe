"""Public keys in PEM format that verify signatures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import assert_never

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from bot.model.signature import SignatureScheme, Signer
from bot.model.trust import TrustedKey

SHOWN_FINGERPRINT_DIGITS = 16
"""Number of hexadecimal digits of a key's fingerprint that are shown to users."""
MIN_RSA_BITS = 2048
"""The minimum size of an RSA key in bits. Shorter keys can be broken."""
_CURVE_HASHES: dict[str, tuple[hashes.HashAlgorithm, ...]] = {
    "secp256r1": (hashes.SHA256(),),
    "secp384r1": (hashes.SHA256(), hashes.SHA384()),
    "secp521r1": (hashes.SHA256(), hashes.SHA512()),
}
"""Hash algorithms by elliptic curve. Before version 3, cosign used SHA-256 for all keys. Since then, the algorithm
depends on the curve."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that verifies signatures, and the signer to whom the key belongs."""

    signer: Signer
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

    @classmethod
    def load(cls, trusted_key: TrustedKey) -> PublicKey:
        """Load a trusted key. Raises ValueError if it is not a public key that can sign images.

        The error message has no subject, as in "contains an RSA key of fewer than 2048 bits". The caller has to put the
        name of the key before it.
        """
        try:
            key = serialization.load_pem_public_key(trusted_key.pem)
        except Exception as error:  # the library raises many exception types, some its own
            raise ValueError("does not contain a public key in PEM format") from error
        if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey):
            raise ValueError("contains a key of a type that cannot sign images; hint: use ECDSA, RSA or Ed25519")  # noqa: TRY004
        if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name not in _CURVE_HASHES:
            raise ValueError("contains a key on an unsupported curve; hint: use P-256, P-384 or P-521")
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < MIN_RSA_BITS:
            raise ValueError(f"contains an RSA key of fewer than {MIN_RSA_BITS} bits")
        der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        fingerprint = hashlib.sha256(der).hexdigest()[:SHOWN_FINGERPRINT_DIGITS]
        return cls(Signer(SignatureScheme.COSIGN_KEY, f"{trusted_key.name} (sha256 {fingerprint})"), key)

    def has_signed(self, signature: bytes, message: bytes) -> bool:
        """Return True if `signature` is a valid signature of `message` by this key."""
        return any(self._is_valid(signature, message, algorithm) for algorithm in self._hash_algorithms)

    @property
    def _hash_algorithms(self) -> tuple[hashes.HashAlgorithm, ...]:
        return (
            _CURVE_HASHES[self.key.curve.name]
            if isinstance(self.key, ec.EllipticCurvePublicKey)
            else (hashes.SHA256(),)
        )

    def _is_valid(self, signature: bytes, message: bytes, algorithm: hashes.HashAlgorithm) -> bool:
        try:
            match self.key:
                case ec.EllipticCurvePublicKey() as key:
                    key.verify(signature, message, ec.ECDSA(algorithm))
                case rsa.RSAPublicKey() as key:
                    key.verify(signature, message, padding.PKCS1v15(), algorithm)
                case ed25519.Ed25519PublicKey() as key:
                    key.verify(signature, message)
                case _:
                    assert_never(self.key)
        except InvalidSignature:
            return False
        return True
