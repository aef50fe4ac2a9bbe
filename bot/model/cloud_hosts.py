"""Registries of Amazon and Google, by the names that these give them; the whole name counts, never a part of it."""

from __future__ import annotations

import re

PUBLIC_ECR = "public.ecr.aws"

# https://github.com/awslabs/amazon-ecr-credential-helper has the same domains
_ECR = re.compile(
    r"[0-9]{12}\.dkr[.-]ecr(-fips)?\.([a-z0-9-]+)\."
    r"(?:amazonaws\.(?:com|com\.cn|eu)|on\.(?:aws|amazonwebservices\.com\.cn))",
    re.ASCII,
)
_GAR = re.compile(r"[a-z0-9-]+-docker\.pkg\.dev|(?:(?:us|eu|asia)\.)?gcr\.io", re.ASCII)


def is_ecr(host: str) -> bool:
    """Say whether `host` is a registry of Amazon's: ECR's, or the public one."""
    return host == PUBLIC_ECR or _ECR.fullmatch(host) is not None


def ecr_region(host: str) -> tuple[str, bool]:
    """Return the region of a private registry of ECR, and whether it is FIPS's. Raises ValueError when it is none."""
    found = _ECR.fullmatch(host)
    if found is None:
        raise ValueError(f"{host} is no registry of ECR")
    return found[2], found[1] is not None


def is_gar(host: str) -> bool:
    """Say whether `host` is a registry of Google's: Artifact Registry, or what Container Registry has become."""
    return _GAR.fullmatch(host) is not None
