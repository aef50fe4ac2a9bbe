"""The frozen settings of a Kubernetes cluster."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class ClusterAuth(StrEnum):
    """How basebump logs in to a cluster."""

    KUBECONFIG = "kubeconfig"
    """The credential in a kubeconfig: a token, or a client certificate."""
    IN_CLUSTER = "in-cluster"
    """The service account of the pod in which basebump runs."""
    AZURE = "azure"
    """Microsoft Entra, for Azure Kubernetes Service."""


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """The settings of one cluster, from an entry of `clusters` in the config."""

    name: str
    auth: ClusterAuth = ClusterAuth.KUBECONFIG
    kubeconfig: Path | None = None
    """None for the files that KUBECONFIG lists, or `~/.kube/config`."""
    context: str | None = None
    """A context of the kubeconfig; None for its current context."""
    server: str | None = None
    """The URL of the API server, if it does not come from a kubeconfig. `token_env` is then set, or `auth` is AZURE."""
    ca: Path | None = None
    """The CA certificates to trust for `server`; None for those of the system."""
    token_env: str | None = None
    """The environment variable with a token for `server`."""
    namespaces: tuple[str, ...] = ()
    """The namespaces to read; empty for all namespaces."""
    exclude_namespaces: tuple[str, ...] = ()
    """Globs for the namespaces to leave out."""
