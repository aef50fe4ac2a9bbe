# ruff: noqa: INP001 - this file is not part of a package
"""Forwards the events of Amazon ECR, Artifact Registry, Docker Hub and Quay to basebump, in basebump's signed form.

These registries cannot sign their events in a form that basebump reads. This file needs only Python's standard library.
docs/events.md explains how to run it. It has three entry points:

- `handle_lambda`: an AWS Lambda function that EventBridge calls
- `handle_request`: a function on Google Cloud Run
- `application`: a WSGI application, for any other place

Environment variables:

- BASEBUMP_URL: the URL to which events are sent, such as https://basebump.example.com/events/signed
- BASEBUMP_SECRET: the secret in basebump's config
- FORWARD_TOKEN: the last part of the URL that is given to the registry. Docker Hub and Quay send no other proof.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.request import Request, urlopen  # noqa: TID251 - this file does not import basebump

MAX_BODY = 1024 * 1024
TIMEOUT = 10.0
"""Seconds until basebump must have answered. It answers before it acts on an event."""
Push = tuple[str, str | None]
"""The image with its tag, and the sender's identifier of the event."""


def list_pushes(event: Mapping[str, Any]) -> Iterator[Push]:
    """Yield the pushes to tags in an event. Other events yield nothing."""
    if event.get("source") == "aws.ecr":
        detail = event["detail"]
        if detail.get("action-type") == "PUSH" and detail.get("result") == "SUCCESS" and detail.get("image-tag"):
            domain = "amazonaws.com.cn" if event["region"].startswith("cn-") else "amazonaws.com"
            host = f"{event['account']}.dkr.ecr.{event['region']}.{domain}"
            yield f"{host}/{detail['repository-name']}:{detail['image-tag']}@{detail['image-digest']}", event["id"]
    elif "message" in event:  # Pub/Sub
        notice = json.loads(base64.b64decode(event["message"]["data"]))
        if notice.get("action") == "INSERT" and notice.get("tag"):
            yield notice["tag"], event["message"]["messageId"]
    elif "push_data" in event:  # Docker Hub
        yield f"docker.io/{event['repository']['repo_name']}:{event['push_data']['tag']}", None
    elif "docker_url" in event:  # Quay
        for tag in event["updated_tags"]:
            yield f"{event['docker_url']}:{tag}", None


def send_push(image: str, event_id: str | None) -> None:
    """Send an event to basebump. Raises OSError if basebump does not accept it, so that the registry repeats it."""
    body = json.dumps({"image": image} if event_id is None else {"image": image, "id": event_id}).encode()
    timestamp = str(int(time.time()))
    content = timestamp.encode() + b"." + body
    signature = hmac.new(os.environ["BASEBUMP_SECRET"].encode(), content, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-Basebump-Timestamp": timestamp,
        "X-Basebump-Signature": f"sha256={signature}",
    }
    request = Request(os.environ["BASEBUMP_URL"], body, headers)  # noqa: S310 - the operator's URL
    with urlopen(request, timeout=TIMEOUT):  # noqa: S310
        pass


def forward(event: Mapping[str, Any]) -> None:
    """Send all pushes in an event to basebump."""
    for image, event_id in list_pushes(event):
        send_push(image, event_id)


def answer(path: str, body: bytes) -> HTTPStatus:
    """Forward the event in an HTTP request, and return the status of the response."""
    token = path.rpartition("/")[2]
    if not token or not hmac.compare_digest(token.encode(), os.environ["FORWARD_TOKEN"].encode()):
        return HTTPStatus.NOT_FOUND
    forward(json.loads(body))
    return HTTPStatus.NO_CONTENT


def handle_lambda(event: Mapping[str, Any], _context: object) -> None:
    """Forward an event of EventBridge."""
    forward(event)


def handle_request(request: Any) -> tuple[str, int]:
    """Forward an event in an HTTP request, which has the form of the library Flask."""
    return "", answer(request.path, request.get_data())


def application(environment: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Forward an event in an HTTP request, which has the form of WSGI."""
    length = min(int(environment.get("CONTENT_LENGTH") or 0), MAX_BODY)
    status = answer(environment.get("PATH_INFO", ""), environment["wsgi.input"].read(length))
    start_response(f"{status} {status.phrase}", [])
    return []
