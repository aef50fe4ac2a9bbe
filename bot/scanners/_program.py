"""Runs a scanner that is somebody else's program: where it sees nothing of ours, and what it says when it gives up."""

from __future__ import annotations

import base64
import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from bot.model.errors import ProcessError
from bot.model.evidence import NotScanned, Unscanned
from bot.model.image import PullAddress
from bot.model.reference import Digest, Line
from bot.process import Completed, run

MAX_OUTPUT = 64 * 1024 * 1024
"""Bytes; the report of a full desktop image, all packages listed, takes ten megabytes."""
MAX_DETAIL = 300
"""Characters that a person reads in a table."""
MAX_COMPLAINT = 200
"""Characters of that which are the scanner's; it wraps every error in others, and the reason stands at the end."""

_CREDENTIAL = re.compile(r"//[^/@\s]+@")
_DOCKER_HUB = frozenset({"docker.io", "index.docker.io"})
_DOCKER_HUB_KEY = "https://index.docker.io/v1/"

# What the libraries of Go's registry client say, which Trivy and Grype share.
_IS_GONE = re.compile(r"\b(?:MANIFEST_UNKNOWN|NAME_UNKNOWN|BLOB_UNKNOWN)\b|unexpected status code 404")
_NO_PLATFORM = re.compile(r"no child with platform")
_TIMED_OUT = re.compile(r"context deadline exceeded")

Pull = Callable[[Line, Digest], PullAddress]
"""Where an image is pulled from; raises RegistryError."""

_Key = TypeVar("_Key")
_Result = TypeVar("_Result")


class Once(Generic[_Key, _Result]):
    """Works out each value once, however many threads ask for it, and whatever came out."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._values: dict[_Key, Future[_Result]] = {}

    def get(self, key: _Key, work: Callable[[], _Result]) -> _Result:
        with self._lock:
            is_first = key not in self._values
            value = self._values.setdefault(key, Future())
        if is_first:
            try:
                value.set_result(work())
            except BaseException as error:
                value.set_exception(error)  # or those who wait would do so for ever
                raise
        return value.result()


class Program:
    """A scanner's binary, run in an empty folder with no config, no ignore file and one credential at most.

    `environment` is added to what every child process of ours inherits.
    """

    def __init__(self, binary: str, environment: Mapping[str, str]) -> None:
        self._binary = str(Path(binary).absolute()) if "/" in binary else binary  # it runs in a folder of its own
        self._environment = dict(environment)

    def run(
        self,
        arguments: Sequence[str],
        address: PullAddress | None = None,
        *,
        timeout: float,
        more: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run it with what it needs for `address`, and `more` variables. Raises ProcessError.

        `timeout` is in seconds.
        """
        with tempfile.TemporaryDirectory(prefix="basebump-scan-", ignore_cleanup_errors=True) as folder:
            empty, home, temporary = (Path(folder, name) for name in ("empty", "home", "temporary"))
            for made in (empty, home, temporary):
                made.mkdir(mode=0o700)
            (home / "config.json").write_text(json.dumps(docker_config(address)), encoding="utf-8")
            environment = {
                **self._environment,
                **(more or {}),
                "HOME": str(home),
                "DOCKER_CONFIG": str(home),
                "TMPDIR": str(temporary),
                **({"SSL_CERT_FILE": address.ca} if address and address.ca else {}),
            }
            command = [self._binary, *arguments]
            return run(command, cwd=empty, environment=environment, timeout=timeout, max_output=MAX_OUTPUT)


def docker_config(address: PullAddress | None) -> dict[str, object]:
    """Return a Docker config that binds the credential to its host.

    Trivy's own variables offer it to every host, and take a comma or a space in a password for the end of it.
    """
    if address is None or not (token := _token(address)):
        return {}
    host = address.reference.partition("/")[0]
    return {"auths": {_DOCKER_HUB_KEY if host in _DOCKER_HUB else host: {"auth": token}}}


def _token(address: PullAddress) -> str:
    """Return the credential as Docker's config and the header of basic authentication have it; empty without one."""
    if address.username is None or address.password is None:
        return ""
    return base64.b64encode(f"{address.username}:{address.password}".encode()).decode()


def complaint(errors: str) -> NotScanned | None:
    """Translate what a registry client says when it gives up; None where it says something else."""
    if _IS_GONE.search(errors):
        return NotScanned(Unscanned.IMAGE_GONE)
    if _NO_PLATFORM.search(errors):
        return NotScanned(Unscanned.PLATFORM_MISSING)
    if _TIMED_OUT.search(errors):
        return NotScanned(Unscanned.TIMED_OUT)
    return None


def said(errors: str, address: PullAddress | None) -> str:
    """Return the end of a complaint, in one line and without the credential."""
    text = _CREDENTIAL.sub("//***@", errors)
    for secret in (address.password, _token(address)) if address else ():
        text = text.replace(secret, "***") if secret else text
    line = _line(text)
    return line if len(line) <= MAX_COMPLAINT else f"…{line[1 - MAX_COMPLAINT :]}"


def not_run(error: ProcessError) -> NotScanned:
    """Return what it means that a program could not be run to its end."""
    if error.missing:
        return NotScanned(Unscanned.NO_SCANNER, str(error))
    if error.timed_out:
        return NotScanned(Unscanned.TIMED_OUT)
    return failed(str(error))


def failed(what: str) -> NotScanned:
    """Return a failure that says `what` in one short line."""
    return NotScanned(Unscanned.FAILED, _line(what)[:MAX_DETAIL])


def _line(text: str) -> str:
    return " ".join(text.split())
