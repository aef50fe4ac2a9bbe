"""Creates the errors for registry responses. Only this module maps HTTP status codes to `Reason`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from http import HTTPStatus

from bot.model.errors import HINT_SEPARATOR, RegistryError
from bot.model.vocabulary import Reason
from bot.net import (
    PROXY_ADVICE,
    BlockedRedirectError,
    HttpError,
    OversizedError,
    RateLimitedError,
    Response,
    UnreachableError,
    sanitize_text,
)
from bot.registries.endpoints import RegistryEndpoint

METADATA_READ = "metadata_read"
"""The permission that a token of an Azure registry needs for listing tags or reading image metadata.
https://aka.ms/acr/repo-permissions"""
LONGEST_PAUSE = timedelta(days=1)
"""The longest pause that a registry can request. Longer pauses are cut to this value."""
MAX_QUOTED_ERRORS = 3
"""The largest number of errors of one response that a message quotes. Registries usually send one."""


def make_refusal_error(
    endpoint: RegistryEndpoint,
    subject: str,
    response: Response,
    *,
    has_credential: bool,
    actions: str = "pull",
    secrets: Iterable[str] = (),
) -> RegistryError:
    """Return the error for a response with an unexpected status, after all retries.

    - `subject` names the requested object in the message.
    - `has_credential` is True if a credential is configured for the endpoint.
    - `actions` is the permission that the request needs, such as `pull`.
    - `secrets` are the secrets sent with the request, which are masked in the message.
    """
    permission_note = " (this needs `metadata/read`)" if actions == METADATA_READ else ""
    details = parse_error_details(response, secrets)
    answer = f"{endpoint.host} answered {response.status} for {subject}" + (f" ({details})" if details else "")
    match response.status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN if has_credential:
            reason, is_failure = Reason.DENIED, True
            credential_name = f"the credential configured for {endpoint.credential_host}"
            advice = f"{credential_name} was refused; hint: check the credential and its permissions{permission_note}"
        case HTTPStatus.NOT_FOUND | HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            reason, is_failure = Reason.NOT_FOUND_OR_DENIED, False
            advice = f"it does not exist, or needs a credential with access to it{permission_note}"
        case HTTPStatus.TOO_MANY_REQUESTS:
            reason, is_failure = Reason.RATE_LIMITED, True
            wait = sanitize_text(response.headers.get("retry-after", ""))
            wait_note = f"retry after {wait}{' seconds' if wait.isdigit() else ''}" if wait else "too many requests"
            advice = f"{wait_note}; hint: configure a credential for {endpoint.credential_host}, or run less often"
        case _:
            reason, is_failure = Reason.REGISTRY_ERROR, True
            advice = "unexpected response; hint: try again later, or contact the registry's operator"
    return RegistryError(
        endpoint.registry,
        reason,
        f"{answer}: {advice}",
        is_failure=is_failure,
        is_absent=response.status == HTTPStatus.NOT_FOUND,
        retry_after=_parse_retry_after(response),
    )


def _parse_retry_after(response: Response) -> timedelta:
    """Return the pause in the Retry-After header, at most LONGEST_PAUSE. Registries send seconds and no dates."""
    text = response.headers.get("retry-after", "").strip()
    return min(timedelta(seconds=int(text[:9])), LONGEST_PAUSE) if text.isascii() and text.isdigit() else timedelta()


def make_unanswered_error(endpoint: RegistryEndpoint, error: HttpError, responder: str = "") -> RegistryError:
    """Return the error for a request that got no usable response.

    `responder` names the server that did not respond, such as "the token server"; if it is empty, the registry did not.
    """
    message = f"{responder} that {endpoint.host} names: {error}" if responder else str(error)
    if isinstance(error, RateLimitedError):
        return RegistryError(endpoint.registry, Reason.RATE_LIMITED, message, is_failure=True)
    if isinstance(error, OversizedError):
        return RegistryError(endpoint.registry, Reason.REGISTRY_ERROR, message, is_failure=False)
    reason = Reason.REGISTRY_ERROR if isinstance(error, BlockedRedirectError) else Reason.UNREACHABLE
    if isinstance(error, UnreachableError) and HINT_SEPARATOR not in message:
        message += f"{HINT_SEPARATOR}{_advise_unanswered(endpoint)}; with --offline, `scan` and `check` need no network"
    return RegistryError(endpoint.registry, reason, message, is_failure=True)


def _advise_unanswered(endpoint: RegistryEndpoint) -> str:
    """Return the hint for a registry that did not respond. HTTPS_PROXY has no effect on plain HTTP."""
    return f"make sure that {endpoint.host} is running" if endpoint.is_insecure else PROXY_ADVICE


def parse_error_details(response: Response, secrets: Iterable[str] = ()) -> str:
    """Return the errors in the body of a registry's response, as one line. All `secrets` are masked.

    Return an empty string if the body lists no errors.

    https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
    """
    try:
        errors = json.loads(response.body)["errors"][:MAX_QUOTED_ERRORS]
        details = "; ".join(f"{error['code']}: {error.get('message') or ''}".rstrip(": ") for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""  # an HTML error page adds no detail to the status code
    return sanitize_text(details, secrets)
