"""Errors for registry responses: the only mapping from HTTP status codes to `Reason`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus

from bot.model.errors import RegistryError
from bot.model.vocabulary import Reason
from bot.net import HttpError, OversizedError, RateLimitedError, Response, StrayedError, plain
from bot.registries.access import Endpoint

METADATA_READ = "metadata_read"
"""Permission that a token of an Azure registry needs to list tags or read image metadata.

https://aka.ms/acr/repo-permissions
"""
MAX_COMPLAINTS = 3
"""Errors of one response that a message quotes; registries send one."""


def refusal(
    endpoint: Endpoint,
    asked: str,
    response: Response,
    *,
    has_credential: bool,
    actions: str = "pull",
    hide: Iterable[str] = (),
) -> RegistryError:
    """Return the error for a response that is neither 200 nor to be retried.

    `subject` is what was requested, for the message. `has_credential` is True if a credential is configured for the
    endpoint. `actions` is the permission that a token needs for the request. `secrets` were sent with the request, and
    are masked in the message.
    """
    takes = " (this needs `metadata/read`)" if actions == METADATA_READ else ""
    said = complaint(response, hide)
    answered = f"{endpoint.host} answered {response.status} for {asked}" + (f" ({said})" if said else "")
    match response.status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN if has_credential:
            reason, is_failure = Reason.DENIED, True
            which = f"the credential configured for {endpoint.account}"
            advice = f"{which} was refused; hint: check the credential and its permissions{takes}"
        case HTTPStatus.NOT_FOUND | HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            reason, is_failure = Reason.NOT_FOUND_OR_DENIED, False
            advice = f"it does not exist, or needs a credential with access to it{takes}"
        case HTTPStatus.TOO_MANY_REQUESTS:
            reason, is_failure = Reason.RATE_LIMITED, True
            wait = plain(response.headers.get("retry-after", ""))
            asks = f"retry after {wait}{' seconds' if wait.isdigit() else ''}" if wait else "too many requests"
            advice = f"{asks}; hint: configure a credential for {endpoint.account}, or run less often"
        case _:
            reason, is_failure = Reason.REGISTRY_ERROR, True
            advice = "unexpected response; hint: try again later, or contact the registry's operator"
    is_absent = response.status == HTTPStatus.NOT_FOUND
    return RegistryError(endpoint.registry, reason, f"{answered}: {advice}", is_failure=is_failure, is_absent=is_absent)


def unanswered(endpoint: Endpoint, error: HttpError, asked: str = "") -> RegistryError:
    """Return the error for a request without a response; `responder` names the server if it is not the registry."""
    message = f"{asked} that {endpoint.host} names: {error}" if asked else str(error)
    if isinstance(error, RateLimitedError):
        return RegistryError(endpoint.registry, Reason.RATE_LIMITED, message, is_failure=True)
    if isinstance(error, OversizedError):
        return RegistryError(endpoint.registry, Reason.REGISTRY_ERROR, message, is_failure=False)
    reason = Reason.REGISTRY_ERROR if isinstance(error, StrayedError) else Reason.UNREACHABLE
    return RegistryError(endpoint.registry, reason, message, is_failure=True)


def complaint(response: Response, hide: Iterable[str] = ()) -> str:
    """Return the errors in a registry's response as one line of text, with secrets masked; empty if there are none.

    https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
    """
    try:
        errors = json.loads(response.body)["errors"][:MAX_COMPLAINTS]
        said = "; ".join(f"{error['code']}: {error.get('message') or ''}".rstrip(": ") for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""  # an HTML error page adds nothing to the status code
    return plain(said, hide)
