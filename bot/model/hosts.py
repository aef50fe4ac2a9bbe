"""Registries that the whole world knows: they are asked without being listed, and what they hold is third-party."""

from __future__ import annotations

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
"""As they stand in canonical references; compared exactly."""

PURGING_HOSTS: frozenset[str] = frozenset({"quay.io", "registry.gitlab.com"})
"""Those that are known to delete, after a while, what no tag points to.

https://docs.projectquay.io/use_quay.html (time machine), https://docs.gitlab.com/administration/packages/container_registry
"""

_ACR = (".azurecr.io", ".azurecr.us", ".azurecr.cn")


def is_acr(host: str) -> bool:
    """Say whether a host is an Azure Container Registry, by its name."""
    return host.endswith(_ACR)
