"""Requests access tokens for Google's registries with the operator's application default credentials.

https://cloud.google.com/artifact-registry/docs/docker/authentication#token
"""

from __future__ import annotations

import time
from datetime import UTC

from bot.net import HttpError, OperatorSession
from bot.registries.clouds import CloudError, CloudProvider, CloudToken, make_missing_library_error
from bot.registries.credentials import PasswordLogin

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
USERNAME = "oauth2accesstoken"
DEFAULT_LIFETIME = 600.0
"""The lifetime, in seconds, of tokens that state none. Google's tokens are valid for an hour."""
MAX_ANSWER = 1024 * 1024
"""The largest size of one response, in bytes. Responses with tokens and certificates have a few thousand bytes."""


def fetch_gar_token() -> CloudToken:
    """Request an access token from Google.

    Google's own library finds the credentials: in a key file, from workload identity, from `gcloud`, or from the
    machine itself.

    Raises CloudError if no token or login is issued.
    """
    try:
        import google.auth  # noqa: PLC0415 - only configurations with such a registry need it
        from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError  # noqa: PLC0415 - the same
        from google.auth.transport.requests import Request  # noqa: PLC0415 - the same
    except ImportError:
        raise make_missing_library_error(CloudProvider.GAR, "google-auth") from None
    request = Request(OperatorSession(limit=MAX_ANSWER))
    try:
        credentials, _ = google.auth.default(scopes=[SCOPE], request=request)
        credentials.refresh(request)  # type: ignore[no-untyped-call]
    except DefaultCredentialsError:
        raise CloudError(
            "this machine has no Google application default credentials; hint: run `gcloud auth application-default "
            "login`, or set GOOGLE_APPLICATION_CREDENTIALS"
        ) from None
    except (GoogleAuthError, HttpError) as error:
        raise CloudError(f"Google issued no token ({type(error).__name__})") from None
    if not credentials.token:
        raise CloudError("Google returned no token")
    expiry = credentials.expiry
    expires_at = expiry.replace(tzinfo=UTC).timestamp() if expiry else time.time() + DEFAULT_LIFETIME
    return CloudToken(PasswordLogin(USERNAME, credentials.token), expires_at)
