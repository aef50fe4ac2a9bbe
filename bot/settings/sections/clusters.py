"""The entries of `clusters` in the config file, and the checks of their keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from bot.model.config_types import addresses, names, texts
from bot.model.config_types.markers import Example, Length, OneOrMore, OrText, match_pattern
from bot.model.errors import ConfigProblem
from bot.settings.entries import Entry, Problems
from bot.settings.paths import ConfigPath

MAX_CLUSTERS = 100
"""The maximum number of clusters. They are read at the same time, and larger fleets can use several configs."""
MAX_NAMESPACES = 1000
"""The maximum number of `namespaces`. Each of them takes at least three requests."""

_CLUSTER = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_NAMESPACE = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names"""

ClusterName = Annotated[
    str, match_pattern(_CLUSTER, "name", "must be 1 to 63 letters, digits and `._-`, and begin with a letter or digit")
]
Namespace = Annotated[
    str, match_pattern(_NAMESPACE, "namespace", "is not a namespace; hint: use lower-case letters, digits and `-`")
]
_SERVER = "A cluster without a kubeconfig."


class ClusterAuth(StrEnum):
    """How basebump logs in to a cluster."""

    KUBECONFIG = "kubeconfig"
    """The credential in a kubeconfig: a token, or a client certificate."""
    IN_CLUSTER = "in-cluster"
    """The service account of the pod in which basebump runs."""
    AZURE = "azure"
    """Microsoft Entra, for Azure Kubernetes Service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterEntry:
    """The config entry for a Kubernetes cluster, in which basebump lists the images that run."""

    name: Annotated[ClusterName, Example("prod"), Example("staging", _SERVER)]
    """The name of the cluster in reports."""
    auth: ClusterAuth = ClusterAuth.KUBECONFIG
    """How basebump logs in: with the token or client certificate of a kubeconfig (`kubeconfig`), with the service
    account of its own pod (`in-cluster`), or with Microsoft Entra (`azure`) for Azure Kubernetes Service.
    """
    kubeconfig: Annotated[ConfigPath | None, Example("clusters/prod.yaml")] = None
    """The path of a kubeconfig, relative to this config file.

    Programs that it names (`exec`) are never started. Default: the files that the variable `KUBECONFIG` lists, or
    `~/.kube/config`.
    """
    context: Annotated[texts.Text | None, Example("prod")] = None
    """A context of the kubeconfig. Default: its current context."""
    credential_files: Annotated[tuple[ConfigPath, ...], OrText(), Example(["secrets/prod-token"])] = ()
    """The paths of token and certificate files in other folders than the kubeconfig, relative to this config file. A
    kubeconfig may name only these, and files in its own folder. Default: none.
    """
    server: Annotated[addresses.ServiceUrl | None, Example("https://staging.example.com:6443", _SERVER)] = None
    """The URL of the API server, instead of a kubeconfig. Requires `token_env` or `auth: azure`."""
    ca: Annotated[ConfigPath | None, Example("certificates/staging.pem", _SERVER)] = None
    """A file with CA certificates to trust for `server`. The path is relative to this config file."""
    token_env: Annotated[names.VariableName | None, Example("STAGING_TOKEN", _SERVER)] = None
    """The name of the environment variable that holds a token for `server`, such as the token of a service account."""
    namespaces: Annotated[
        tuple[Namespace, ...], Length(1, MAX_NAMESPACES), OrText(), Example(["payments", "shop"])
    ] = ()
    """The namespaces to read, each of which needs only a Role. Default: all namespaces, which needs a ClusterRole."""
    exclude_namespaces: Annotated[OneOrMore[texts.Glob], Example(["kube-*"])] = ()
    """Globs for namespaces whose pods are ignored, such as `kube-*`. Default: none."""


def check_clusters(entries: Iterable[Entry[ClusterEntry]]) -> Problems:
    """Yield the problems of clusters with the same name, and of keys that exclude or need each other."""
    names: set[str] = set()
    for entry in entries:
        if entry.value is not None:
            name = entry.value.name
            if name in names:
                yield ConfigProblem(f"{entry.where}.name", f"`{name}` is already the name of an earlier entry")
            names.add(name)
            yield from _check_login(entry.where, entry.value)


def _check_login(where: str, cluster: ClusterEntry) -> Problems:
    is_in_cluster = cluster.auth is ClusterAuth.IN_CLUSTER
    for key, value in {"kubeconfig": cluster.kubeconfig, "context": cluster.context}.items():
        if value is not None and cluster.server is not None:
            yield ConfigProblem(f"{where}.{key}", "cannot be combined with `server`; hint: remove one of the keys")
        elif value is not None and is_in_cluster:
            yield ConfigProblem(f"{where}.{key}", "cannot be combined with `auth: in-cluster`; hint: remove the key")
    for key, value in {"ca": cluster.ca, "token_env": cluster.token_env}.items():
        if value is not None and cluster.server is None:
            yield ConfigProblem(f"{where}.{key}", "needs `server`; hint: a kubeconfig has this setting itself")
    if cluster.server is None:
        return
    if is_in_cluster:
        yield ConfigProblem(f"{where}.server", "cannot be combined with `auth: in-cluster`; hint: remove the key")
    elif cluster.auth is ClusterAuth.AZURE and cluster.token_env is not None:
        yield ConfigProblem(f"{where}.token_env", "cannot be combined with `auth: azure`; hint: remove one of the keys")
    elif cluster.auth is ClusterAuth.KUBECONFIG and cluster.token_env is None:
        yield ConfigProblem(f"{where}.server", "needs a login; hint: add `token_env` or `auth: azure`")
