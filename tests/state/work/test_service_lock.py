"""The lock of a state in a file: one service at a time, under whatever name, and nobody else can take the lock."""

from __future__ import annotations

import stat

import pytest

from bot.model.errors import StateError
from bot.state.work.service_lock import LOCK_SUFFIX, lock_state_file


def test_state_file_and_symbolic_link_to_the_file_share_one_lock(tmp_path):
    real, link = tmp_path / "state.db", tmp_path / "elsewhere" / "link.db"
    link.parent.mkdir()
    real.touch()
    link.symlink_to(real)
    with lock_state_file(real), pytest.raises(StateError, match="another `basebump serve`"):
        lock_state_file(link)
    lock_state_file(link).close()


def test_only_the_user_can_access_the_lock_file(tmp_path):
    path = tmp_path / f"state.db{LOCK_SUFFIX}"
    path.touch(0o666)
    with lock_state_file(tmp_path / "state.db"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_lock_file_is_not_created_through_a_symbolic_link(tmp_path):
    target = tmp_path / "somebody-elses-file"
    (tmp_path / f"state.db{LOCK_SUFFIX}").symlink_to(target)
    with pytest.raises(StateError, match="cannot create the lock file"):
        lock_state_file(tmp_path / "state.db")
    assert not target.exists()
