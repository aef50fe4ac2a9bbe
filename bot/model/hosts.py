"""Properties of registries that can be determined from their host names."""

from __future__ import annotations

import re

PUBLIC_HOSTS: frozenset[str] = frozenset(
    {
        "codeberg.org",
        "cgr.dev",
        "dhi.io",
        "docker.elastic.co",
        "docker.io",
        "ghcr.io",
        "lscr.io",
        "mcr.microsoft.com",
        "nvcr.io",
        "public.ecr.aws",
        "quay.io",
        "registry.access.redhat.com",
        "registry.gitlab.com",
        "registry.k8s.io",
        "registry.opensuse.org",
        "registry.redhat.io",
        "registry.suse.com",
        # Google's registries; retired hosts are included, because files still name them and they answer with redirects
        "asia.gcr.io",
        "eu.gcr.io",
        "gcr.io",
        "k8s.gcr.io",
        "mirror.gcr.io",
        "us.gcr.io",
    }
)
"""Well-known hosts, which are queried even if the config does not list them. Their images are third-party images.

The names are those of canonical references, and are compared exactly.
"""

PURGING_HOSTS: frozenset[str] = frozenset({"quay.io", "registry.gitlab.com"})
"""Hosts that are known to delete untagged digests after some time.

https://docs.projectquay.io/use_quay.html (time machine),
https://docs.gitlab.com/administration/packages/container_registry
"""

LIFECYCLE_HOST = "mcr.microsoft.com"
"""The registry in which Microsoft publishes end-of-life dates of its images."""

_ACR_DOMAIN = r"\.azurecr\.(?:io|us|cn)"
_ACR = re.compile(
    r"[a-z0-9]{5,50}(?:-[a-z0-9]+)?"  # registry name, and a hash that prevents another customer from taking the name
    r"(?:\.[a-z0-9]+\.geo)?"  # one region of the registry
    rf"{_ACR_DOMAIN}"
)
ACR_NAME_RULE = "5 to 50 letters and digits, with `-` only before the hash that Azure adds"
"""The rule for the first part of an Azure Container Registry's host, in words."""


def is_acr(host: str) -> bool:
    """Return True if `host` has the form of an Azure Container Registry name, in any Azure cloud.

    The name alone is no reason to trust the registry, because anyone can register such a name.
    """
    return _ACR.fullmatch(host) is not None


def is_in_acr_domain(host: str) -> bool:
    """Return True if Azure owns the domain of `host`, even if no registry of Azure can have this name."""
    return re.search(rf"{_ACR_DOMAIN}\Z", host) is not None


def has_lifecycle_data(host: str) -> bool:
    """Return True if publishers can attach end-of-life dates to images on `host`, as Microsoft does on MCR."""
    return host == LIFECYCLE_HOST or is_acr(host)
