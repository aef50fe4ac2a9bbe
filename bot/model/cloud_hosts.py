"""Recognise registries of Amazon and Google by their host names. The whole name must match, and not only a part."""

from __future__ import annotations

import re

PUBLIC_ECR = "public.ecr.aws"

# https://github.com/awslabs/amazon-ecr-credential-helper accepts the same domains.
_ECR = re.compile(
    r"[0-9]{12}\.dkr[.-]ecr(-fips)?\.([a-z0-9-]+)\."
    r"(?:amazonaws\.(?:com|com\.cn|eu)|on\.(?:aws|amazonwebservices\.com\.cn))",
    re.ASCII,
)
_GAR = re.compile(r"[a-z0-9-]+-docker\.pkg\.dev|(?:(?:us|eu|asia)\.)?gcr\.io", re.ASCII)


def is_ecr(host: str) -> bool:
    """Return True if `host` is a private registry of Amazon ECR or the public ECR registry."""
    return host == PUBLIC_ECR or _ECR.fullmatch(host) is not None


def parse_ecr_region(host: str) -> tuple[str, bool]:
    """Return the region of a private ECR registry, and whether its endpoint is FIPS-compliant.

    Raises:
        ValueError: If `host` is not a private ECR registry.
    """
    match = _ECR.fullmatch(host)
    if match is None:
        raise ValueError(f"{host!r} is not a private ECR registry")
    return match[2], match[1] is not None


def is_gar(host: str) -> bool:
    """Return True if `host` is a registry of Google: Artifact Registry, or one of the older gcr.io hosts."""
    return _GAR.fullmatch(host) is not None
