"""Trees for tests of worker processes. The workers import this module, too."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bot.worktree import WorkTree


class ProcessTree(WorkTree):
    """A work tree whose Dockerfiles state the process that read them, and the environment of this process."""

    def __reduce__(self):
        return ProcessTree, (self._root,)

    def read(self, entries):
        """Yield a Dockerfile for each entry."""
        for _ in entries:
            yield f"FROM python:3.12\n# {os.getpid()} {sorted(os.environ)}\n".encode()


class SlowTree(WorkTree):
    """A work tree that a worker process needs two minutes to read. The worker writes its id into the folder before."""

    def __init__(self, root: Path, starter: int = 0) -> None:
        super().__init__(root)
        self._starter = starter or os.getpid()

    def __reduce__(self):
        return SlowTree, (self._root, self._starter)

    def read(self, entries):
        """Yield the contents of the entries."""
        if os.getpid() != self._starter:
            (self._root / f"{os.getpid()}.pid").touch()
            time.sleep(120)
        yield from super().read(entries)
