"""Trees for tests of worker processes. The workers import this module, too."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bot.worktree import WorkTree


class ProcessTree(WorkTree):
    """A work tree whose Dockerfiles state the process that read them, and the environment of this process."""

    def __init__(self, root: Path, slow_file: str = "") -> None:
        super().__init__(root)
        self._slow_file = slow_file

    def __reduce__(self):
        return ProcessTree, (self._root, self._slow_file)

    def read(self, entries):
        """Yield `FROM python` with the process. In a worker, reading the slow file takes two minutes."""
        for entry in entries:
            if entry.path == self._slow_file and entry.oid != str(os.getpid()):
                (self._root / f"{os.getpid()}.part").touch()
                (self._root / f"{os.getpid()}.part").rename(self._root / f"{os.getpid()}.pid")
                time.sleep(120)
            yield f"FROM python:3.12\n# {os.getpid()} {sorted(os.environ)}\n".encode()
