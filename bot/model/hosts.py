"""What hosts of registries are by their names: known to the whole world, or an Azure Container Registry."""

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
        # Google's, the retired ones too: files still name them, and they answer with redirects
        "asia.gcr.io",
        "eu.gcr.io",
        "gcr.io",
        "k8s.gcr.io",
        "mirror.gcr.io",
        "us.gcr.io",
    }
)
"""Asked without being listed; what they hold is third-party. As in canonical references; compared exactly."""

PURGING_HOSTS: frozenset[str] = frozenset({"quay.io", "registry.gitlab.com"})
"""Those that are known to delete, after a while, what no tag points to.

https://docs.projectquay.io/use_quay.html (time machine), https://docs.gitlab.com/administration/packages/container_registry
"""

LIFECYCLE_HOST = "mcr.microsoft.com"
"""Where Microsoft publishes when support of its images ends."""

_ACR = re.compile(
    r"[a-z0-9]{5,50}(?:-[a-z0-9]+)?"  # the registry, and the hash that keeps its name from being taken over
    r"(?:\.[a-z0-9]+\.geo)?"  # one region of it
    r"\.azurecr\.(?:io|us|cn)"
)


def is_acr(host: str) -> bool:
    """Say whether `host` is named as Azure names its registries, in any of its clouds.

    That alone earns no trust: anybody may have such a name.
    """
    return _ACR.fullmatch(host) is not None


def announces_ends(host: str) -> bool:
    """Say whether publishers of images on `host` say there when their support ends, as Microsoft does."""
    return host == LIFECYCLE_HOST or is_acr(host)
