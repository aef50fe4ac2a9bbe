"""Create the readers of clusters from the settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, assert_never

from bot.pipeline.run_context import ClusterServices
from bot.ports import ClusterReader

if TYPE_CHECKING:
    from bot.clusters.client import ClusterClient
    from bot.settings import Settings
    from bot.settings.sections.clusters import ClusterEntry

ENTRA_SCOPE = "6dae42f8-4368-4678-94ff-3960e28e3630/.default"
"""The scope of tokens for the server application of Azure Kubernetes Service:
https://azure.github.io/kubelogin/concepts/aks.html#azure-kubernetes-service-aad-server"""


def build_cluster_services(settings: Settings) -> ClusterServices:
    """Return the readers of the clusters of the config. If the config lists none, nothing is imported."""
    readers = tuple(list_cluster_readers(settings)) if settings.clusters else ()
    return ClusterServices(readers, find_origin=build_origin_finder(settings) if readers else str)


def list_cluster_readers(settings: Settings) -> Iterator[ClusterReader]:
    """Yield a reader for each cluster of the config."""
    from bot.clusters.reader import KubernetesCluster

    find_origin = build_origin_finder(settings)
    for cluster in settings.clusters:
        yield KubernetesCluster(
            cluster.name,
            partial(_connect, cluster, _build_token_source(settings, cluster)),
            find_origin,
            cluster.namespaces,
            cluster.exclude_namespaces,
        )


def build_origin_finder(settings: Settings) -> Callable[[str], str]:
    """Return the function that replaces the name of a cache or mirror in `registries` by that of its upstream.

    Nothing is imported if there are none.
    """
    caches = [(each.server, each.path, each.upstream) for each in settings.registries if each.upstream]
    for each in settings.registries:
        if each.mirror:
            host, _, path = each.mirror.partition("/")
            caches.append((host, path, each.server))
    if not caches:
        return str
    from bot.registries.endpoints import PullThroughCache, find_origin

    return partial(find_origin, caches=[PullThroughCache(*each) for each in caches])


def _build_token_source(settings: Settings, cluster: ClusterEntry) -> Callable[[], str] | None:
    """Return the function that returns the token for a cluster; None if the connection brings its own credential."""
    from bot.settings.sections.clusters import ClusterAuth
    from bot.wiring.forges import EntraLogin

    variable = cluster.token_env
    if variable is not None:
        return lambda: settings.get_token(variable, os.environ)
    match cluster.auth:
        case ClusterAuth.AZURE:
            return EntraLogin(os.environ, ENTRA_SCOPE).get_token
        case ClusterAuth.KUBECONFIG | ClusterAuth.IN_CLUSTER:
            return None
    assert_never(cluster.auth)


def _connect(cluster: ClusterEntry, get_token: Callable[[], str] | None) -> ClusterClient:
    """Open a connection to a cluster. Raises BasebumpError."""
    from bot.clusters.cluster_errors import ClusterError
    from bot.model.workload import ClusterProblem
    from bot.settings.sections.clusters import ClusterAuth

    try:
        from bot.clusters.connect import connect_in_cluster, connect_with_kubeconfig, connect_with_token
    except ImportError:
        raise ClusterError(
            ClusterProblem.LOGIN_FAILED,
            "the official client of Kubernetes is missing; hint: install basebump with the extra `kubernetes`",
        ) from None
    if cluster.auth is ClusterAuth.IN_CLUSTER:
        return connect_in_cluster(os.environ)
    if cluster.server is not None and get_token is not None:
        return connect_with_token(cluster.server, cluster.ca, get_token, os.environ)
    return connect_with_kubeconfig(cluster.kubeconfig, cluster.context, os.environ, get_token, cluster.credential_files)
