"""Runs a third-party scanner without basebump's environment variables, and translates the scanner's errors."""

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
from bot.model.evidence import NotScanned, UnscannedReason
from bot.model.image import PullAddress
from bot.model.image_name import Digest, TagRef
from bot.net import mask_secrets
from bot.process import ProcessResult, hide_memory, run

MAX_OUTPUT = 64 * 1024 * 1024
"""The largest output, in bytes. The report about a full desktop image, with all packages listed, has ten megabytes."""
MAX_DETAIL_LENGTH = 600
"""The longest detail of a failure, in characters: a sentence of basebump, and the scanner's own error."""
MAX_ERROR_LENGTH = 400
"""The longest part of a detail, in characters, that is the scanner's own error. Scanners wrap every error in other
errors, and separate the errors by colons. The last errors are kept, because they contain the reason. Every text that
shows a detail shows the whole detail, so that its end is never cut."""

_CREDENTIAL = re.compile(r"//[^/@\s]+@")
_DOCKER_HUB = frozenset({"docker.io", "index.docker.io"})
_DOCKER_HUB_KEY = "https://index.docker.io/v1/"

# Errors of the Go libraries for registries, which Trivy and Grype share.
_IMAGE_NOT_FOUND = re.compile(r"\b(?:MANIFEST_UNKNOWN|NAME_UNKNOWN|BLOB_UNKNOWN)\b|unexpected status code 404")
_PLATFORM_NOT_FOUND = re.compile(r"no child with platform")
_TIMED_OUT = re.compile(r"context deadline exceeded")

PullAddressResolver = Callable[[TagRef, Digest], PullAddress]
"""Returns the pull address of an image. Raises RegistryError if a request fails."""

_Key = TypeVar("_Key")
_Result = TypeVar("_Result")


class ComputeOnce(Generic[_Key, _Result]):
    """A cache that computes the value of each key once, even if several threads request it at the same time.

    If the computation raises an exception, the exception is cached in place of the value.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._values: dict[_Key, Future[_Result]] = {}

    def get(self, key: _Key, compute: Callable[[], _Result]) -> _Result:
        """Return the value of `key`, which the first call computes with `compute`.

        If the computation raised an exception, every call raises the same exception.
        """
        with self._lock:
            is_first = key not in self._values
            value = self._values.setdefault(key, Future())
        if is_first:
            try:
                value.set_result(compute())
            except BaseException as error:
                value.set_exception(error)  # without this, the threads that wait for the value would wait forever
                raise
        return value.result()


class ScannerProgram:
    """A scanner's binary. It runs in an empty folder, so that it finds no config or ignore files.

    The binary does not get basebump's own environment, which may contain secrets. It gets only the few variables that
    every child process of basebump inherits, and the variables in `environment`. It gets no other credential than the
    one for the image that it pulls.
    """

    def __init__(self, binary: str, environment: Mapping[str, str]) -> None:
        self._binary = str(Path(binary).absolute()) if "/" in binary else binary  # run in another folder
        self._environment = dict(environment)

    def run(
        self,
        arguments: Sequence[str],
        address: PullAddress | None = None,
        *,
        timeout: float,
        extra_environment: Mapping[str, str] | None = None,
    ) -> ProcessResult:
        """Run the binary with the given arguments.

        Raises ProcessError if the program cannot be started, or runs too long.

        `address` is the address of the image or database that the binary pulls. The binary gets the credential and the
        CA file of this address. `extra_environment` contains additional environment variables for this call only.
        `timeout` is in seconds.
        """
        hide_memory()
        with tempfile.TemporaryDirectory(prefix="basebump-scan-", ignore_cleanup_errors=True) as folder:
            empty, home, temporary = (Path(folder, name) for name in ("empty", "home", "temporary"))
            for directory in (empty, home, temporary):
                directory.mkdir(mode=0o700)
            (home / "config.json").write_text(json.dumps(build_docker_config(address)), encoding="utf-8")
            environment = {
                **self._environment,
                **(extra_environment or {}),
                "HOME": str(home),
                "DOCKER_CONFIG": str(home),
                "TMPDIR": str(temporary),
                **({"SSL_CERT_FILE": address.ca} if address and address.ca else {}),
            }
            command = [self._binary, *arguments]
            return run(command, cwd=empty, environment=environment, timeout=timeout, max_output=MAX_OUTPUT)


def build_docker_config(address: PullAddress | None) -> dict[str, object]:
    """Return the content of a Docker config file with the credential of `address`. Without a credential, return `{}`.

    A scanner sends a credential in a Docker config only to the host that the config names. Therefore Trivy's
    environment variables for credentials are not used: Trivy would send their credential to every host, and would cut
    off a password at a comma or a space.
    """
    if address is None or not (credential := _encode_credential(address)):
        return {}
    host = address.reference.partition("/")[0]
    return {"auths": {_DOCKER_HUB_KEY if host in _DOCKER_HUB else host: {"auth": credential}}}


def _encode_credential(address: PullAddress) -> str:
    """Return `username:password` of `address` in base64; an empty string if there is no credential."""
    if address.username is None or address.password is None:
        return ""
    return base64.b64encode(f"{address.username}:{address.password}".encode()).decode()


def translate_registry_error(errors: str) -> NotScanned | None:
    """Return the reason why an image was not scanned, if `errors` contains a known error of a registry.

    `errors` is the error output of Trivy or Grype. Both use the same Go library for registries, so they print the same
    errors. Return None if `errors` contains no known error.
    """
    if _IMAGE_NOT_FOUND.search(errors):
        return NotScanned(UnscannedReason.IMAGE_GONE)
    if _PLATFORM_NOT_FOUND.search(errors):
        return NotScanned(UnscannedReason.PLATFORM_MISSING)
    if _TIMED_OUT.search(errors):
        return NotScanned(UnscannedReason.TIMED_OUT)
    return None


def shorten_error_output(errors: str, address: PullAddress | None) -> str:
    """Return the end of a scanner's error output, as one line of at most MAX_ERROR_LENGTH characters.

    A shortened line begins with `…` and with a whole error, or with a whole word if a single error is too long. The
    credential of `address` is masked.
    """
    output = _CREDENTIAL.sub("//***@", errors)
    secrets = (address.password or "", _encode_credential(address)) if address else ()
    line = _collapse_whitespace(mask_secrets(output, secrets))
    if len(line) <= MAX_ERROR_LENGTH:
        return line
    end = line[2 - MAX_ERROR_LENGTH :]
    return f"… {next((rest for mark in (': ', ' ') if (rest := end.partition(mark)[2])), end)}"


def translate_process_error(error: ProcessError) -> NotScanned:
    """Convert a process error to the reason why the image was not scanned.

    The reasons are: the program could not be started, ran too long, or failed in another way.
    """
    if error.is_missing:
        return NotScanned(UnscannedReason.NO_SCANNER, str(error))
    if error.is_timeout:
        return NotScanned(UnscannedReason.TIMED_OUT)
    return make_failure(str(error))


def make_failure(reason: str) -> NotScanned:
    """Return a `NotScanned` for a failure, with `reason` as one short line."""
    return NotScanned(UnscannedReason.FAILED, _collapse_whitespace(reason)[:MAX_DETAIL_LENGTH])


def _collapse_whitespace(text: str) -> str:
    return " ".join(text.split())
