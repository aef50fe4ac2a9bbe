"""The only module for HTTP requests that repository content can influence: guarded, bounded and rate-limited."""

from bot.net.causes import cause_of
from bot.net.client import HttpClient, Response
from bot.net.errors import BlockedError, HttpError, OversizedError, RateLimitedError, StrayedError, UnreachableError
from bot.net.guard import Guard, HostTrust, is_public
from bot.net.proxy import Proxy
from bot.net.session import ApiSession
from bot.net.text import plain
from bot.net.url import Url

__all__ = [
    "ApiSession",
    "BlockedError",
    "Guard",
    "HostTrust",
    "HttpClient",
    "HttpError",
    "OversizedError",
    "Proxy",
    "RateLimitedError",
    "Response",
    "StrayedError",
    "UnreachableError",
    "Url",
    "cause_of",
    "is_public",
    "plain",
]
