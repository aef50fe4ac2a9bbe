"""HTTP requests that the content of scanned repositories can influence.

Only this package is allowed to send such requests. The package checks every URL and IP address, and limits the size of
responses and the rate of requests.
"""

from bot.net.causes import CA_ADVICE, PROXY_ADVICE, describe_cause
from bot.net.client import HttpClient, Response
from bot.net.deadlines import ExchangeAllowance, limit_exchanges
from bot.net.exchange_errors import (
    BlockedError,
    BlockedRedirectError,
    HttpError,
    OversizedError,
    RateLimitedError,
    UnreachableError,
)
from bot.net.guard import HostTrust, RequestGuard, is_public_address
from bot.net.pace import HostPace
from bot.net.proxy import HttpsProxy
from bot.net.safe_text import UnsendableSecretError, clean_secret, mask_secrets, sanitize_text
from bot.net.session import ApiSession, OperatorSession
from bot.net.url import Url

__all__ = [
    "CA_ADVICE",
    "PROXY_ADVICE",
    "ApiSession",
    "BlockedError",
    "BlockedRedirectError",
    "ExchangeAllowance",
    "HostPace",
    "HostTrust",
    "HttpClient",
    "HttpError",
    "HttpsProxy",
    "OperatorSession",
    "OversizedError",
    "RateLimitedError",
    "RequestGuard",
    "Response",
    "UnreachableError",
    "UnsendableSecretError",
    "Url",
    "clean_secret",
    "describe_cause",
    "is_public_address",
    "limit_exchanges",
    "mask_secrets",
    "sanitize_text",
]
