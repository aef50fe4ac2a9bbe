"""A real browser, spoken to by its DevTools protocol over two pipes: no port is opened, and no driver is needed.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import time
from contextlib import contextmanager, suppress

from support.parts import find_chromium

SECONDS = 60
"""How long an answer may take on a machine with much else to do."""
SWITCHES = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
)


class ChromiumPage:
    """One page of one browser, and whatever it said while a file was shown."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._poll = select.poll()
        self._poll.register(from_browser, select.POLLIN)
        self._number, self._rest, self._session = 0, b"", None
        self.events: list[tuple[str, dict]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params) -> dict:
        """Call a method of the protocol and return the result; events before the result are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            self.events.append((answer["method"], answer["params"]))
        assert "error" not in answer, answer
        return answer["result"]

    def show(self, path, *, width: int = 1200, height: int = 900, scheme: str = "light", script: bool = True) -> None:
        """Show a file, in a window of that size, and wait until it is there."""
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self._load("about:blank")  # since an anchor of the same page loads nothing
        self._load(path if isinstance(path, str) else path.as_uri())

    def _load(self, address: str) -> None:
        self.events.clear()
        self.call("Page.navigate", url=address)
        self.wait_for_load()

    def wait_for_load(self) -> None:
        """Wait until the page is there that was requested since the events were cleared."""
        while "Page.loadEventFired" not in dict(self.events):
            answer = self._next()
            self.events.append((answer["method"], answer["params"]))

    def evaluate(self, expression: str):
        """Return the value of an expression of JavaScript in the page."""
        given = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in given, given
        return given["result"].get("value")

    def press(self, key: str, text: str = "") -> None:
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, text=text if kind == "keyDown" else "")

    def screenshot(self) -> bytes:
        """Return the whole page as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def said(self, *methods: str) -> list[dict]:
        return [params for method, params in self.events if method in methods]

    def _next(self) -> dict:
        until = time.monotonic() + SECONDS
        while b"\0" not in self._rest:
            # Unlike select(), poll() accepts file descriptors above 1024. Other tests of the process may hold so many.
            is_ready = self._poll.poll(max(0, until - time.monotonic()) * 1000)
            read = os.read(self._from, 1 << 20) if is_ready else b""
            assert read, "the browser does not answer"
            self._rest += read
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


@contextmanager
def browser(folder):
    """Start a browser with its files in `folder`; it ends with the `with` block."""
    in_reader, in_writer = os.pipe()
    out_reader, out_writer = os.pipe()
    program = f'exec 3<&{in_reader} 4>&{out_writer}; exec "$@"'
    command = ["bash", "-c", program, "bash", find_chromium(), *SWITCHES, f"--user-data-dir={folder}/profile"]
    process = subprocess.Popen(
        command, pass_fds=(in_reader, out_writer), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(in_reader)
    os.close(out_writer)
    try:
        yield ChromiumPage(in_writer, out_reader)
    finally:
        with suppress(OSError):
            os.close(in_writer)  # which ends it
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(out_reader)
