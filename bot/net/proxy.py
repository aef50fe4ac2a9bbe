"""The operator's proxy settings.

basebump itself reads these settings from the environment, because the HTTP library does not read the environment here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.net.url import Url, split_authority


@dataclass(frozen=True, slots=True)
class HttpsProxy:
    """The operator's proxy for https requests. Requests over plain http never use the proxy.

    https://everything.curl.dev/usingcurl/proxies/env.html
    """

    url: str | None = field(default=None, repr=False)
    """None if no proxy is set. The URL is not in `repr`, because it may contain a password."""
    no_proxy: tuple[str, ...] = ()
    """The exceptions from the proxy: hosts, domains (with or without a leading dot) or `*`, each with an optional
    port."""

    @classmethod
    def read_environment(cls, environment: Mapping[str, str]) -> HttpsProxy:
        """Read `https_proxy` and `no_proxy` from the environment. As in curl, the lower-case name takes precedence."""

        def read_variable(variable: str) -> str:
            return environment.get(variable) or environment.get(variable.upper()) or ""

        exceptions = (entry.strip().lower() for entry in read_variable("no_proxy").split(","))
        return cls(read_variable("https_proxy") or None, tuple(filter(None, exceptions)))

    def is_used_for(self, url: Url) -> bool:
        """Return True if requests to `url` are sent through the proxy."""
        if self.url is None or url.scheme != "https":
            return False
        return not any(_is_exception_for(entry, url) for entry in self.no_proxy)


def _is_exception_for(entry: str, url: Url) -> bool:
    """Return True if `entry`, an element of NO_PROXY, matches the host of `url`. An invalid entry matches nothing."""
    if entry == "*":
        return True
    try:
        host, port = split_authority(entry.lstrip("*").lstrip("."))
    except ValueError:
        return False
    is_host_match = url.host == host or url.host.endswith(f".{host}")
    return is_host_match and port in {None, url.port}
