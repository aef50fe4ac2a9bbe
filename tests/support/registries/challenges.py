"""Answers of registries and token servers that hold one image, and the client that asks them."""

from __future__ import annotations

import base64
import json

from support.listener import HttpReply, ReceivedRequest

from bot.demo import images
from bot.registries.endpoints import RegistryEntry
from bot.registries.oci import OciRegistry

IMAGE = images.build_image([images.build_layer({"a": b"b"})])
BASIC = "Basic " + base64.b64encode(b"user:right").decode()


def client(*entries: RegistryEntry, environment: dict[str, str] | None = None) -> OciRegistry:
    return OciRegistry(entries, environment=environment or {}, sleep=lambda seconds: None)


def challenge(realm: str) -> HttpReply:
    return HttpReply(401, headers={"WWW-Authenticate": f'Bearer realm="{realm}",service="s",scope="repository:x:push"'})


def token(text: str = "abc", **fields: object) -> HttpReply:
    return HttpReply(200, json.dumps({"token": text} | fields).encode())


def manifest() -> HttpReply:
    headers = {"Content-Type": IMAGE.media_type, "Docker-Content-Digest": IMAGE.digest}
    return HttpReply(200, IMAGE.content, headers)


def guarded(realm: str, accepted: str = "abc"):
    """Answer as a registry that wants the token `accepted` of `realm`."""

    def answer(received: ReceivedRequest) -> HttpReply:
        return manifest() if received.headers.get("authorization") == f"Bearer {accepted}" else challenge(realm)

    return answer
