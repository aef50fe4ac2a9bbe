"""GitHub Apps: their keys, installations, and the tokens of the installations.

https://docs.github.com/en/rest/apps/apps
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from support.forges.github.calls import ForgeReply, GitHubCall, ProblemError
from support.forges.github.permissions import permits
from support.forges.github.state import AppInstallation, GitHubApp, GitHubToken
from support.forges.github.world import GitHubWorld

MAX_SIGNATURE = timedelta(minutes=10)
"""How far in the future a signature may end."""


@functools.cache
def private_key() -> str:
    """Return a key in PEM form, the same for all tests of a process: to make one takes a tenth of a second."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.TraditionalOpenSSL  # as GitHub hands them out
    return made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@functools.cache
def public_key() -> str:
    loaded = serialization.load_pem_private_key(private_key().encode(), password=None)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return loaded.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def signer_of(world: GitHubWorld, signature: str) -> GitHubApp:
    """Return the App that signed, as strict as GitHub about how long a signature holds."""
    try:
        claims = jwt.decode(signature, options={"verify_signature": False})
        app = next(each for each in world.apps if str(each.id) == claims["iss"])
        claims = jwt.decode(signature, app.public_key, algorithms=["RS256"], options={"require": ["iat", "exp"]})
    except (jwt.InvalidTokenError, StopIteration):
        raise ProblemError(401, "A JSON web token could not be decoded") from None
    if datetime.fromtimestamp(claims["exp"], UTC) - datetime.now(UTC) > MAX_SIGNATURE:
        raise ProblemError(401, "'Expiration time' claim ('exp') is too far in the future")
    return app


def get_app(call: GitHubCall) -> ForgeReply:
    return ForgeReply(200, call.shapes.app(call.signer))


def list_installations(call: GitHubCall) -> ForgeReply:
    return call.page([call.shapes.installation(each) for each in call.world.installations if each.app is call.signer])


def issue_installation_token(call: GitHubCall, name: str) -> ForgeReply:
    """Make a token with no more than the installation has."""
    found = [each for each in call.world.installations if each.app is call.signer and str(each.id) == name]
    if not found:
        raise ProblemError(404, "Not Found")
    (installation,) = found
    if installation.suspended is not None:
        raise ProblemError(403, "This installation has been suspended")
    wanted: dict[str, str] = call.body.get("permissions") or installation.permissions
    if not all(permits(installation.permissions, kind, level) for kind, level in wanted.items()):
        raise ProblemError(422, "The permissions requested are not granted to this installation.")
    only: list[str] | None = call.body.get("repositories")
    if only is not None and not all(_includes(call.world, installation, each) for each in only):
        raise ProblemError(
            422,
            "There is at least one repository that does not exist or is not accessible to the parent installation.",
        )
    secret = f"ghs_{call.world.next_id()}"
    token = GitHubToken(
        call.world.accounts[f"{installation.app.slug}[bot]"],
        is_app=True,
        can_write_workflows=permits(wanted, "workflows", "write"),
        permissions=wanted,
        installation=installation,
        only=frozenset(only) if only is not None else None,
        expires=datetime.now(UTC) + call.world.tokens_last,
    )
    call.world.tokens[secret] = token
    return ForgeReply(201, call.shapes.installation_token(secret, token))


def _includes(world: GitHubWorld, installation: AppInstallation, short_name: str) -> bool:
    repository = world.repositories.get(f"{installation.account.login}/{short_name}".lower())
    return repository is not None and installation.includes(repository)
