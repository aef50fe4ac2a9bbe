"""What an answer that is no image means: the one table from statuses to reasons."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus

from bot.model.errors import RegistryError
from bot.model.vocabulary import Reason
from bot.net import HttpError, OversizedError, RateLimitedError, Response, StrayedError, plain
from bot.registries.access import Endpoint

METADATA_READ = "metadata_read"
"""What a token of Azure's registries must allow to list tags, or to read what was recorded of an image.

https://aka.ms/acr/repo-permissions
"""
MAX_COMPLAINTS = 3
"""Errors of one answer that are passed on; registries send one."""


def refusal(
    endpoint: Endpoint,
    asked: str,
    response: Response,
    *,
    has_credential: bool,
    actions: str = "pull",
    hide: Iterable[str] = (),
) -> RegistryError:
    """Return the error for an answer that is neither 200 nor to be retried.

    `asked` names what was asked for, and `actions` what a token must allow for it; `hide` are the secrets that went
    with the question.
    """
    takes = ": this takes `metadata/read`" if actions == METADATA_READ else ""
    said = complaint(response, hide)
    answered = f"{endpoint.host} answered {response.status} for {asked}" + (f" ({said})" if said else "")
    match response.status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN if has_credential:
            reason, is_failure = Reason.DENIED, True
            which = f"the credential configured for {endpoint.account}"
            advice = f"{which} does not open it; check it, or its rights{takes}"
        case HTTPStatus.NOT_FOUND | HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            reason, is_failure = Reason.NOT_FOUND_OR_DENIED, False
            advice = f"it is not there, or needs a credential that may see it{takes}"
        case HTTPStatus.TOO_MANY_REQUESTS:
            reason, is_failure = Reason.RATE_LIMITED, True
            wait = plain(response.headers.get("retry-after", ""))
            asks = f"it asks to wait {wait}{' seconds' if wait.isdigit() else ''}; " if wait else ""
            advice = f"{asks}configure a credential for {endpoint.account}, or run less often"
        case _:
            reason, is_failure = Reason.REGISTRY_ERROR, True
            advice = "try again later; if it stays so, ask who runs it"
    is_absent = response.status == HTTPStatus.NOT_FOUND
    return RegistryError(endpoint.registry, reason, f"{answered}: {advice}", is_failure=is_failure, is_absent=is_absent)


def unanswered(endpoint: Endpoint, error: HttpError, asked: str = "") -> RegistryError:
    """Return the error for a question that got no answer; `asked` is who, where it is not the registry itself."""
    message = f"{asked} that {endpoint.host} names: {error}" if asked else str(error)
    if isinstance(error, RateLimitedError):
        return RegistryError(endpoint.registry, Reason.RATE_LIMITED, message, is_failure=True)
    if isinstance(error, OversizedError):
        return RegistryError(endpoint.registry, Reason.REGISTRY_ERROR, message, is_failure=False)
    reason = Reason.REGISTRY_ERROR if isinstance(error, StrayedError) else Reason.UNREACHABLE
    return RegistryError(endpoint.registry, reason, message, is_failure=True)


def complaint(response: Response, hide: Iterable[str] = ()) -> str:
    """Return what a registry says is wrong, fit for a message.

    https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
    """
    try:
        errors = json.loads(response.body)["errors"][:MAX_COMPLAINTS]
        said = "; ".join(f"{error['code']}: {error.get('message') or ''}".rstrip(": ") for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""  # a page for browsers says nothing that its status does not
    return plain(said, hide)
