"""Opens connections to clusters: with a kubeconfig, with the service account of a pod, with a token, or with Entra."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from kubernetes.client import Configuration
from kubernetes.config.config_exception import ConfigException
from kubernetes.config.incluster_config import SERVICE_CERT_FILENAME, SERVICE_TOKEN_FILENAME, InClusterConfigLoader
from urllib3.exceptions import HTTPError

from bot.clusters.client import MAX_DURATION, ClusterClient
from bot.clusters.cluster_errors import ClusterError
from bot.clusters.kubeconfig import load_kubeconfig
from bot.model.workload import ClusterProblem
from bot.net import HttpError, HttpsProxy, Url

_BEARER = "authorization"
"""The name under which the official client keeps the `Authorization` header."""


def connect_in_cluster(environment: Mapping[str, str], account: Path | None = None) -> ClusterClient:
    """Open a connection with the service account of the pod in which basebump runs.

    `account` is the folder with the account's token and CA certificate; None for the folder that Kubernetes mounts.
    Raises ClusterError if this process has no service account.
    """
    token, ca = (
        (SERVICE_TOKEN_FILENAME, SERVICE_CERT_FILENAME)
        if account is None
        else (str(account / "token"), str(account / "ca.crt"))
    )
    configuration = Configuration()
    try:
        InClusterConfigLoader(token, ca, environ=environment).load_and_set(configuration)
    except (ConfigException, OSError, ValueError):  # a message could quote the token
        raise ClusterError(
            ClusterProblem.LOGIN_FAILED,
            "this process has no token of a service account; hint: `auth: in-cluster` works only in a pod of the "
            "cluster with `automountServiceAccountToken: true`",
        ) from None
    return _open(configuration, None)


def connect_with_kubeconfig(
    path: Path | None,
    context: str | None,
    environment: Mapping[str, str],
    get_token: Callable[[], str] | None = None,
    credential_files: Collection[Path] = (),
) -> ClusterClient:
    """Open a connection to the server that a kubeconfig names.

    The kubeconfig may name files in its own folder, and the files in `credential_files`. If `get_token` is not None,
    its token is sent instead of the credential in the kubeconfig. Raises ClusterError if the kubeconfig cannot be used,
    and the errors of `get_token`.
    """
    configuration = load_kubeconfig(path, context, environment, credential_files, has_own_login=get_token is not None)
    if get_token is not None:
        _set_token(configuration, get_token)
    return _open(configuration, configuration.proxy or _find_proxy(configuration, environment))


def connect_with_token(
    server: str,
    ca: Path | None,
    get_token: Callable[[], str],
    environment: Mapping[str, str],
    max_duration: float = MAX_DURATION,
) -> ClusterClient:
    """Open a connection to the API server at the URL `server`.

    Raises ClusterError if `server` or `ca` cannot be used, and the errors of `get_token`.
    """
    configuration = Configuration()
    configuration.host = server
    if ca is not None:
        if not ca.is_file():
            raise ClusterError(ClusterProblem.LOGIN_FAILED, f"the file of CA certificates {ca} does not exist")
        configuration.ssl_ca_cert = str(ca)
    _set_token(configuration, get_token)
    return _open(configuration, _find_proxy(configuration, environment), max_duration)


def _set_token(configuration: Configuration, get_token: Callable[[], str]) -> None:
    """Send the token that `get_token` returns. It is called again before each request, because tokens expire."""

    def refresh(each: Configuration) -> None:
        each.api_key[_BEARER] = f"Bearer {get_token()}"

    refresh(configuration)
    configuration.refresh_api_key_hook = refresh


def _find_proxy(configuration: Configuration, environment: Mapping[str, str]) -> str | None:
    """Return the proxy of the environment for the server; None if requests to the server use no proxy.

    Raises ClusterError if the URL of the server is not valid. The official client also reads these variables, but with
    other rules.
    """
    proxy = HttpsProxy.read_environment(environment)
    try:
        return proxy.url if proxy.is_used_for(Url.parse(configuration.host)) else None
    except HttpError as error:
        raise ClusterError(ClusterProblem.LOGIN_FAILED, f"the URL of the server is not valid: {error}") from None


def _open(configuration: Configuration, proxy: str | None, max_duration: float = MAX_DURATION) -> ClusterClient:
    configuration.proxy, configuration.no_proxy = proxy, ""
    try:
        return ClusterClient(configuration, max_duration=max_duration)
    except (HTTPError, ValueError, OSError) as error:  # the message could quote the password of the proxy
        detail = f"the connection cannot be set up: {type(error).__name__}"
        raise ClusterError(ClusterProblem.LOGIN_FAILED, detail) from None
