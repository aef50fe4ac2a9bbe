"""Tests of the supported public keys, and of the hash algorithms of their signatures."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from support.signing.attached import made_by, trusted

from bot.core.evidence.public_keys import PublicKey
from bot.model.trust import TrustedKey

RSA = rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()),
        (ec.generate_private_key(ec.SECP384R1()), hashes.SHA256()),
        (ec.generate_private_key(ec.SECP384R1()), hashes.SHA384()),
        (ec.generate_private_key(ec.SECP521R1()), hashes.SHA512()),
        (RSA, hashes.SHA256()),
        (ed25519.Ed25519PrivateKey.generate(), None),
    ],
    ids=["p256", "p384-sha256", "p384-sha384", "p521", "rsa", "ed25519"],
)
def test_public_key_verifies_only_signatures_by_matching_private_key(key, algorithm):
    public = PublicKey.load(trusted(key))
    signature = made_by(key, b"a payload", algorithm)
    assert public.has_signed(signature, b"a payload")
    assert not public.has_signed(signature, b"another payload")
    assert not public.has_signed(signature[:-1], b"a payload")
    assert not public.has_signed(b"", b"a payload")


def test_public_key_rejects_signature_with_unsuitable_hash_algorithm():
    key = ec.generate_private_key(ec.SECP256R1())
    assert not PublicKey.load(trusted(key)).has_signed(made_by(key, b"a payload", hashes.SHA1()), b"a payload")


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (TrustedKey("a.pub", b"no PEM"), "PEM"),
        (TrustedKey("a.pub", b""), "PEM"),
        (trusted(x25519.X25519PrivateKey.generate()), "cannot sign images"),
        (trusted(ec.generate_private_key(ec.SECP256K1())), "unsupported curve"),
        (trusted(rsa.generate_private_key(65537, 1024)), "fewer than 2048 bits"),
    ],
    ids=["words", "nothing", "x25519", "secp256k1", "rsa-1024"],
)
def test_unusable_public_key_is_rejected_with_reason(key, why):
    with pytest.raises(ValueError, match=why):
        PublicKey.load(key)
