"""Types for network addresses: registries, forges, APIs, downloads and databases."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from bot.model.config_types.markers import Check, ParseText
from bot.model.config_types.texts import require_text
from bot.model.errors import InvalidReferenceError
from bot.model.image_name import DOCKER_HUB, ImageName

NO_SERVICE = "none"
"""The value that users write in place of a service's URL if no service is to be used."""
LOCAL_NAME = "localhost"
AZURE_HOST = "dev.azure.com"

_HUB_SERVERS = frozenset({"registry-1.docker.io", "registry.hub.docker.com", "hub.docker.com"})
"""Network addresses of Docker Hub that users write instead of `docker.io`."""
_PATH_SEGMENT = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_ISSUER = r"https://[!-~]{1,200}"


def is_loopback(host: str) -> bool:
    """Return True if only this machine can reach a host, which is given without a port."""
    try:
        return host.lower() == LOCAL_NAME or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _normalise_host(value: str) -> str:
    """Return `host[:port]` as in canonical image references: in lower case, and `docker.io` for Docker Hub."""
    lowered = value.strip().lower()
    if lowered.startswith("http://"):
        raise ValueError("must be a host without a scheme; hint: set `insecure: true` for plain http")
    lowered = lowered.removeprefix("https://").rstrip("/")
    if lowered in _HUB_SERVERS:
        return DOCKER_HUB
    try:
        image = ImageName.parse(f"{lowered}/any/any")
    except InvalidReferenceError:
        image = None
    if image is None or "/" in lowered or image.repository != f"{image.host}/any/any":
        raise ValueError(
            "must be the host of a registry; hint: write a host such as `registry.example.com` or `localhost:5000`"
        )
    return image.host


def _normalise_address(value: str) -> str:
    """Return the address of a registry, `host[:port][/prefix]`, with its host normalised by `_normalise_host`.

    For example, `https://Registry.example.com/proxy/` becomes `registry.example.com/proxy`.
    """
    scheme, separator, rest = value.strip().rpartition("://")
    host, _, prefix = rest.strip("/").partition("/")
    normalised = _normalise_host(scheme + separator + host)
    if prefix and not all(re.fullmatch(_PATH_SEGMENT, segment) for segment in prefix.split("/")):
        raise ValueError(
            "must have a path of lower-case words after the host; hint: write it as in `host/proxy/dockerhub`"
        )
    return f"{normalised}/{prefix}" if prefix else normalised


def _parse_web_address(value: str, reason: str = "because a token is sent to it") -> tuple[str, str]:
    """Return the URL without its trailing slash, and the host of the URL.

    Raises ValueError if the URL has a user, a query or a fragment, or does not begin with `https://`. A URL with
    `http://` is accepted only for a loopback address.

    Args:
        value: The URL as written in the config file.
        reason: Why https is required, as the end of the error message: `must begin with https://, {reason}`.
    """
    try:
        parts = urlsplit(require_text(value))
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        raise ValueError("must be a valid URL") from None
    if any(each.isspace() or not each.isprintable() for each in value):  # `urlsplit` ignores line breaks
        raise ValueError("must be a valid URL, without white space")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host or "")):
        raise ValueError(f"must begin with https://, {reason}")
    if not host or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be a plain URL, with no user, no query and no fragment")
    return value.rstrip("/"), host


def _normalise_api_url(value: str) -> str:
    """Return the URL of a GitHub API without its trailing slash. Raises ValueError if it is unusable."""
    url, host = _parse_web_address(value)
    if host in {"github.com", "www.github.com"}:
        raise ValueError("must be the URL of the API, not of the web interface; hint: write https://api.github.com")
    return url


def _normalise_site_url(value: str) -> str:
    """Return the URL of a server's web interface without its trailing slash. Raises ValueError if it is unusable."""
    url, _ = _parse_web_address(value)
    if "/api/" in f"{url}/":
        raise ValueError(
            "must be the URL of the web interface, not of the API; hint: write only the part before `/api/`"
        )
    return url


def _normalise_azure_url(value: str) -> str:
    """Return the URL of an organization or collection of Azure DevOps without its trailing slash.

    Raises ValueError if it is unusable.
    """
    url, host = _parse_web_address(value)
    path = urlsplit(url).path.strip("/")
    if host.endswith(".visualstudio.com"):
        raise ValueError(f"must be the new URL; hint: write https://{AZURE_HOST}/{host.partition('.')[0]}")
    if not path or (host == AZURE_HOST and "/" in path) or path.startswith("_") or "/_" in path:
        raise ValueError(
            f"must be the URL of an organization, as in https://{AZURE_HOST}/ORGANIZATION, or of a collection of "
            "an Azure DevOps Server, as in https://HOST/COLLECTION"
        )
    return url


def normalise_download_url(value: str) -> str:
    """Return the https URL of a file to download, without its trailing slash. Raises ValueError if it is unusable."""
    return _parse_web_address(value, "so that the download cannot be changed in transit")[0]


def _normalise_service_url(value: str) -> str:
    """Return the URL of an OSV API without its trailing slash.

    basebump sends the packages of images to this API. Raises ValueError if the URL is not https or ends in `/v1`.
    """
    url, _ = _parse_web_address(value, "so that requests can neither be read nor changed in transit")
    if url.endswith("/v1"):
        raise ValueError("must not end in `/v1`; hint: write only the part before `/v1`")
    return url


def _parse_optional_service(value: str) -> str | None:
    return None if value == NO_SERVICE else _normalise_service_url(value)


def _normalise_trivy_server(value: str) -> str:
    """Return the URL of a Trivy server without its trailing slash.

    Both https and plain http are accepted, because a Trivy server itself only speaks http. Using https needs a proxy in
    front of the server.
    """
    try:
        parts = urlsplit(require_text(value))
        is_web_address = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        raise ValueError("must be a valid URL") from None
    if not is_web_address or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be a plain URL with http:// or https://, with no user, no query and no fragment")
    return value.rstrip("/")


def _validate_issuer(value: str) -> str:
    if not re.fullmatch(_ISSUER, value):
        raise ValueError("must be the URL of an OIDC issuer, such as `https://token.actions.githubusercontent.com`")
    return value


Host = Annotated[str, Check(_normalise_host)]
"""A registry: `host[:port]`."""
RegistryAddress = Annotated[str, Check(_normalise_address)]
"""A registry, or a path on a registry: `host[:port][/prefix]`."""
AzureUrl = Annotated[str, Check(_normalise_azure_url)]
ApiUrl = Annotated[str, Check(_normalise_api_url)]
SiteUrl = Annotated[str, Check(_normalise_site_url)]
ServiceUrl = Annotated[str, Check(_normalise_service_url)]
OptionalServiceUrl = Annotated[str | None, ParseText(_parse_optional_service)]
"""The URL of a service; None if the file says that no service is used."""
TrivyServerUrl = Annotated[str, Check(_normalise_trivy_server)]
DownloadUrl = Annotated[str, Check(normalise_download_url)]
IssuerUrl = Annotated[str, Check(_validate_issuer)]
