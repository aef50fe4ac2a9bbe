"""Reads the connection to a cluster from kubeconfig files.

https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/

A kubeconfig can name programs that print a credential (`exec`). basebump never starts them: they would inherit all
secrets in basebump's environment, and a kubeconfig that someone else can change would run their code.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kubernetes.client import Configuration
from kubernetes.config.config_exception import ConfigException
from kubernetes.config.kube_config import KubeConfigLoader

from bot.clusters.cluster_errors import ClusterError
from bot.model.workload import ClusterProblem
from bot.net import HttpError, UnsendableSecretError, Url, clean_secret

MAX_FILE_SIZE = 4 * 1024 * 1024
"""The largest kubeconfig, in bytes. An entry for a cluster has about 5,000 bytes, so that hundreds of entries fit."""
MAX_FILES = 100
"""The maximum number of files in the variable KUBECONFIG."""
_LISTS = ("clusters", "contexts", "users")
_THIS_MACHINE = ("127.0.0.1", "[::1]", "localhost")
_FILE_KEYS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
MAX_CREDENTIAL_BYTES = 1024 * 1024
"""The largest file that a kubeconfig names, in bytes. A file with the CA certificates of all public authorities has 200
KB."""
_PROGRAM_HINT = (
    "basebump starts no programs for a login; hint: use `auth: azure` for Azure Kubernetes Service, `auth: in-cluster` "
    "in a pod of the cluster, or a kubeconfig with the token of a service account (`kubectl create token`)"
)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A cluster, context or user of a kubeconfig."""

    value: dict[str, Any]
    folder: Path
    """The folder of the kubeconfig that contains the entry."""


def load_kubeconfig(
    path: Path | None,
    context: str | None,
    environment: Mapping[str, str],
    credential_files: Collection[Path] = (),
    *,
    has_own_login: bool,
) -> Configuration:
    """Return the settings to connect with a kubeconfig's context, including the proxy if the kubeconfig names one.

    Args:
        path: The file; None for the files in the variable KUBECONFIG, or `~/.kube/config`.
        context: The name of the context; None for the current context.
        environment: The environment variables.
        credential_files: The files that a kubeconfig may name although they are in other folders.
        has_own_login: True if only the URL and the certificates of the server are used, and no credential.

    Raises:
        ClusterError: If the kubeconfig does not state how to connect, or if it uses an unsupported setting.
    """
    paths = [path] if path is not None else list(_list_default_paths(environment))
    document = _merge_files(paths)
    name = context or document.get("current-context")
    if not isinstance(name, str) or not name:
        raise _make_error(paths, "has no current context; hint: set `context` in the config")
    selected = _find_entry(document["contexts"], name, "context", paths).value
    cluster = _resolve_files(
        _find_entry(document["clusters"], str(selected.get("cluster")), "cluster", paths), credential_files, paths
    )
    user: dict[str, Any] = {}
    if not has_own_login:
        user_name = selected.get("user")
        if isinstance(user_name, str) and user_name:
            user = _resolve_files(_find_entry(document["users"], user_name, "user", paths), credential_files, paths)
        _check_user(user, paths)
    _check_server(cluster, paths)
    return _build_configuration(name, cluster, user, paths)


def _list_default_paths(environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield the files that kubectl reads: the existing files in KUBECONFIG, or the file in the home folder."""
    listed = [Path(each) for each in environment.get("KUBECONFIG", "").split(os.pathsep)[:MAX_FILES] if each]
    existing = [each for each in listed if each.exists()]
    yield from existing or listed[:1] or [Path(environment.get("HOME") or Path.home(), ".kube", "config")]


def _merge_files(paths: list[Path]) -> dict[str, Any]:
    """Return the entries of all files. As in kubectl, the first file that has an entry is used."""
    merged: dict[str, Any] = {key: {} for key in _LISTS}
    for path in paths:
        document = _read_file(path)
        merged.setdefault("current-context", document.get("current-context") or None)
        if merged["current-context"] is None:
            del merged["current-context"]
        for key in _LISTS:
            entries = document.get(key)
            for entry in entries if isinstance(entries, list) else ():
                name, value = _parse_entry(entry, key.removesuffix("s"))
                if name is not None:
                    merged[key].setdefault(name, _Entry(value, path.absolute().parent))
    return merged


def _read_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_SIZE + 1)
    except OSError as error:
        hint = "set `kubeconfig` in the config, or the variable KUBECONFIG"
        raise _make_error([path], f"could not be read: {error.strerror}; hint: {hint}") from None
    if len(content) > MAX_FILE_SIZE:
        raise _make_error([path], f"has more than {MAX_FILE_SIZE} bytes")
    try:
        document = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError):  # the message could quote a secret
        raise _make_error([path], "is not valid YAML") from None
    if not isinstance(document, dict):
        raise _make_error([path], "is not a kubeconfig")
    return document


def _parse_entry(entry: object, key: str) -> tuple[str | None, dict[str, Any]]:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        return None, {}
    value = entry.get(key)
    return entry["name"], value if isinstance(value, dict) else {}


def _resolve_files(entry: _Entry, credential_files: Collection[Path], paths: list[Path]) -> dict[str, Any]:
    """Return an entry's value with absolute paths of certificates, and with the content of the token file.

    Whoever can change a kubeconfig also chooses the server to which a token is sent. Therefore a kubeconfig can name
    only files in its own folder, and the files in `credential_files`. Raises ClusterError if it names another file, or
    if a file cannot be read.
    """
    value = dict(entry.value)
    for key in _FILE_KEYS:
        if not isinstance(value.get(key), str) or not value[key]:
            continue
        file = Path(os.path.normpath(entry.folder / value[key]))
        if not _is_allowed(file, entry.folder, credential_files):
            hint = "list it in `credential_files` of the cluster, if this is intended"
            raise _make_error(paths, f"names a `{key}` outside of its folder, which is not read; hint: {hint}")
        content = _read_credential_file(file, key, paths)
        if key == "tokenFile":
            del value[key]
            value.setdefault("token", _parse_token_file(content, paths))
        else:
            value[key] = str(file)
    return value


def _parse_token_file(content: bytes, paths: list[Path]) -> str:
    try:
        return clean_secret(content.decode("utf-8-sig", errors="replace"))
    except UnsendableSecretError as error:
        raise _make_error(paths, f"names a `tokenFile` whose token cannot be sent: {error}") from None


def _is_allowed(file: Path, folder: Path, credential_files: Collection[Path]) -> bool:
    """Return True if a kubeconfig may name a file: it is in the kubeconfig's folder, or in `credential_files`.

    The target of a link must also be in the folder or below it, because Kubernetes mounts a secret as links to files in
    a subfolder.
    """
    is_beside = file.parent == folder and file.resolve().is_relative_to(folder.resolve())
    return is_beside or any(file == Path(os.path.normpath(each.absolute())) for each in credential_files)


def _read_credential_file(file: Path, key: str, paths: list[Path]) -> bytes:
    """Return the content of a regular file. Raises ClusterError if it cannot be read or is too large."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)  # a named pipe must not wait for a writer
        with os.fdopen(descriptor, "rb") as opened:
            content = opened.read(MAX_CREDENTIAL_BYTES + 1) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    except (OSError, ValueError):
        raise _make_error(paths, f"names a `{key}` that does not exist or cannot be read") from None
    if content is None or len(content) > MAX_CREDENTIAL_BYTES:
        raise _make_error(paths, f"names a `{key}` that is not a regular file of at most {MAX_CREDENTIAL_BYTES} bytes")
    return content


def _find_entry(entries: dict[str, _Entry], name: str, kind: str, paths: list[Path]) -> _Entry:
    if name not in entries:
        raise _make_error(paths, f"has no {kind} with the name `{name}`")
    return entries[name]


def _check_user(user: dict[str, Any], paths: list[Path]) -> None:
    """Raise ClusterError if the login of a user needs a program."""
    for key in ("exec", "auth-provider"):
        if user.get(key):
            raise _make_error(paths, f"gets the credential from `{key}`, but {_PROGRAM_HINT}")


def _check_server(cluster: dict[str, Any], paths: list[Path]) -> None:
    """Raise ClusterError if basebump cannot verify the server, or if its proxy is not an HTTP proxy."""
    server, proxy = cluster.get("server"), cluster.get("proxy-url")
    try:
        url = Url.parse(server) if isinstance(server, str) else None
    except HttpError as error:
        raise _make_error(paths, f"has no valid `server`: {error}") from None
    if url is None or (url.scheme != "https" and url.host not in _THIS_MACHINE):
        raise _make_error(paths, "has no `server` that begins with https://, because a credential is sent to it")
    if cluster.get("insecure-skip-tls-verify"):
        raise _make_error(paths, "turns off the verification of the server; hint: set `certificate-authority` instead")
    if proxy is not None and not (isinstance(proxy, str) and proxy.startswith(("http://", "https://"))):
        raise _make_error(paths, "has a `proxy-url` that is not the URL of an HTTP proxy")


def _build_configuration(name: str, cluster: dict[str, Any], user: dict[str, Any], paths: list[Path]) -> Configuration:
    document = {
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
    }
    configuration = Configuration()
    try:
        KubeConfigLoader(document, active_context=name, config_base_path="").load_and_set(configuration)
    except ConfigException:  # the message could quote a secret
        raise _make_error(paths, "names a file that does not exist, or is not complete") from None
    except (OSError, ValueError, TypeError) as error:
        raise _make_error(paths, f"cannot be used ({type(error).__name__})") from None
    configuration.proxy = cluster.get("proxy-url")  # the official client does not read this key
    return configuration


def _make_error(paths: list[Path], message: str) -> ClusterError:
    return ClusterError(ClusterProblem.LOGIN_FAILED, f"the kubeconfig {', '.join(map(str, paths))} {message}")
