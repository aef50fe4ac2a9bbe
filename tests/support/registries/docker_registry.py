"""The real docker-registry (distribution 2.8) on a free loopback port, with its access log to count requests in."""

from __future__ import annotations

import ipaddress
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self
from urllib.parse import urljoin

import bcrypt
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from support.free_ports import find_free_port
from support.parts import find_docker_registry

from bot.demo.images import OCI_MANIFEST, ImageIndex, ImageStore, PlatformImage, compute_digest
from bot.model.image_name import Digest

START_TIMEOUT = 30.0
"""Seconds; it starts in thirty milliseconds, so this is a machine under load."""
START_ATTEMPTS = 3
"""Somebody else may take the free port before the registry does."""
_ACCESS = re.compile(r'"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/[0-9.]+" (?P<status>[0-9]{3}) ')
_SENTINEL = "/log-is-written-up-to-"


@dataclass(frozen=True, slots=True)
class AnsweredRequest:
    """One request that the registry answered."""

    method: str
    path: str
    """With its query."""
    status: int


@dataclass(frozen=True, slots=True)
class SelfSignedCertificate:
    """A self-signed certificate for 127.0.0.1 and some names, which is its own CA."""

    path: Path
    key: Path

    @classmethod
    def make(cls, folder: Path, *names: str) -> SelfSignedCertificate:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([loopback, *map(x509.DNSName, names)]), False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
            .sign(key, hashes.SHA256())
        )
        made = cls(folder / "registry.crt", folder / "registry.key")
        made.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        unprotected = serialization.NoEncryption()
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unprotected)
        made.key.write_bytes(private)
        return made


class DockerRegistry:
    """A docker-registry process that runs during a `with` block.

    `htpasswd` maps users to passwords (the first of them pushes). `token` is distribution's own block: realm, service,
    issuer, rootcertbundle. `endpoints` are the receivers of notifications, as in distribution's config. With `folder`
    the content outlives the process, so that an open registry can be filled and then be started again behind a login.
    """

    def __init__(
        self,
        *,
        folder: Path | None = None,
        htpasswd: Mapping[str, str] | None = None,
        token: Mapping[str, str] | None = None,
        tls: SelfSignedCertificate | None = None,
        delete: bool = True,
        endpoints: Sequence[Mapping[str, object]] = (),
    ) -> None:
        self._kept = folder is not None
        self._folder = folder or Path(tempfile.mkdtemp(prefix="docker-registry-"))
        self._htpasswd, self._token, self._tls, self._delete = htpasswd, token, tls, delete
        self._endpoints = endpoints
        self._forgotten = 0
        self._sentinels = 0
        self.host = ""
        """`127.0.0.1:PORT`, once it runs."""

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.host}"

    def __enter__(self) -> Self:
        for _ in range(START_ATTEMPTS):
            if self._start():
                break
        else:
            raise RuntimeError(f"docker-registry does not start: {self.log()}")
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(self._tls.path) if self._tls else True
        if self._htpasswd:
            user, password = next(iter(self._htpasswd.items()))
            self._session.auth = (user.encode(), password.encode())  # as texts they would be sent as Latin-1
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()
        self._stop()
        if not self._kept:
            shutil.rmtree(self._folder, ignore_errors=True)

    def push(
        self,
        item: PlatformImage | ImageIndex,
        repository: str,
        tag: str | None = None,
        *,
        authorization: str | None = None,
    ) -> Digest:
        """Push an image, or an index with its children, and point `tag` to it; return its digest.

        `authorization` is the header to send where a token is needed.
        """
        headers = {"Authorization": authorization} if authorization else {}
        for image in item.children if isinstance(item, ImageIndex) else (item,):
            for blob in image.blobs:
                self._push_blob(repository, blob, headers)
            if image is not item:
                self._put_manifest(repository, image.digest, image.content, image.media_type, headers)
        self._put_manifest(repository, tag or item.digest, item.content, item.media_type, headers)
        return item.digest

    def push_store(self, store: ImageStore) -> None:
        """Push all that `store` holds."""
        for (repository, _), blob in store.blobs.items():
            self._push_blob(repository, blob, {})
        for (repository, digest), manifest in store.manifests.items():
            self._put_manifest(repository, digest, manifest.content, manifest.media_type, {})
        for repository in dict.fromkeys(repository for repository, _ in store.manifests):
            for tag, digest in store.list_tags(repository).items():
                manifest = store.find_manifest(repository, digest)
                self._put_manifest(repository, tag, manifest.content, manifest.media_type, {})

    def copy(self, repository: str, tag: str, to: str, subject: Digest) -> None:
        """Copy the signatures of `tag` to another image, as every user with push rights can."""
        found = self._session.get(f"{self.url}/v2/{repository}/manifests/{tag}", headers={"Accept": OCI_MANIFEST})
        found.raise_for_status()
        document = found.json()
        for blob in (document["config"], *document["layers"]):
            content = self._session.get(f"{self.url}/v2/{repository}/blobs/{blob['digest']}").content
            self._push_blob(to, content, {})
        copied = f"{subject.replace(':', '-')}.sig"
        self._put_manifest(to, copied, found.content, found.headers["Content-Type"], {})

    def delete(self, repository: str, digest: Digest) -> None:
        """Delete a manifest, and with it every tag that points to it."""
        self._session.delete(f"{self.url}/v2/{repository}/manifests/{digest}").raise_for_status()

    def delete_blob(self, repository: str, digest: Digest) -> None:
        """Delete a blob from under the manifests that name it."""
        self._session.delete(f"{self.url}/v2/{repository}/blobs/{digest}").raise_for_status()

    def requests(self) -> list[AnsweredRequest]:
        """Return the answered requests since the start, or since `forget`, in the order of the log."""
        return self._answered()[self._forgotten :]

    def forget(self) -> None:
        """Restart the count of requests, so that the setup of a test does not count."""
        self._forgotten = len(self._answered())

    def log(self) -> str:
        """Return the end of the registry's log."""
        return (self._folder / "own.log").read_text()[-4000:]

    def _start(self) -> bool:
        self.host = f"127.0.0.1:{find_free_port()}"
        config = self._folder / "config.json"
        config.write_text(json.dumps(self._config()))
        with (self._folder / "access.log").open("wb") as access, (self._folder / "own.log").open("wb") as own:
            command = [find_docker_registry() or "docker-registry", "serve", str(config)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=access, stderr=own)
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self._process.poll() is None:
            if f"listening on {self.host}" in self.log():
                return True
            time.sleep(0.005)
        self._stop()
        return False

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _config(self) -> dict[str, object]:
        """Return the config, as JSON, which is YAML (https://distribution.github.io/distribution/about/configuration/)."""
        http: dict[str, object] = {"addr": self.host, "secret": "of a test"}
        if self._tls:
            http["tls"] = {"certificate": str(self._tls.path), "key": str(self._tls.key)}
        auth: dict[str, object] = {}
        if self._htpasswd:
            path = self._folder / "htpasswd"
            path.write_text("".join(f"{user}:{_bcrypt(word)}\n" for user, word in self._htpasswd.items()))
            auth["htpasswd"] = {"realm": "test", "path": str(path)}
        if self._token:
            auth["token"] = dict(self._token)
        return {
            "version": 0.1,
            "log": {"level": "info", "accesslog": {"disabled": False}},
            "storage": {
                "filesystem": {"rootdirectory": str(self._folder / "content")},
                "delete": {"enabled": self._delete},
                "maintenance": {"uploadpurging": {"enabled": False}},
            },
            "http": http,
            **({"auth": auth} if auth else {}),
            **({"notifications": {"endpoints": [dict(each) for each in self._endpoints]}} if self._endpoints else {}),
        }

    def _push_blob(self, repository: str, blob: bytes, headers: Mapping[str, str]) -> None:
        digest = compute_digest(blob)
        if self._session.head(f"{self.url}/v2/{repository}/blobs/{digest}", headers=headers).ok:
            return
        begun = self._session.post(f"{self.url}/v2/{repository}/blobs/uploads/", headers=headers)
        begun.raise_for_status()
        location = urljoin(self.url, begun.headers["Location"])
        content_type = {"Content-Type": "application/octet-stream", **headers}
        self._session.put(location, params={"digest": digest}, data=blob, headers=content_type).raise_for_status()

    def _put_manifest(
        self, repository: str, reference: str, content: bytes, media_type: str, headers: Mapping[str, str]
    ) -> None:
        url = f"{self.url}/v2/{repository}/manifests/{reference}"
        self._session.put(url, data=content, headers={"Content-Type": media_type, **headers}).raise_for_status()

    def _answered(self) -> list[AnsweredRequest]:
        """Read the log once it holds a request of our own, sent after all the others were answered."""
        self._sentinels += 1
        sentinel = f"{_SENTINEL}{self._sentinels}"
        self._session.get(f"{self.url}{sentinel}")
        deadline = time.monotonic() + START_TIMEOUT
        while sentinel not in (text := (self._folder / "access.log").read_text()):
            if time.monotonic() > deadline:
                raise RuntimeError("docker-registry does not write its access log")
            time.sleep(0.005)
        found = [AnsweredRequest(line["method"], line["path"], int(line["status"])) for line in _ACCESS.finditer(text)]
        return [request for request in found if not request.path.startswith(_SENTINEL)]


def _bcrypt(password: str) -> str:
    """Hash as cheaply as bcrypt can, with the prefix that the registry's Go library knows."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=4, prefix=b"2a")).decode()
