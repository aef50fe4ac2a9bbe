"""The programs that tests use: when they count as available."""

import pytest
from support.parts import is_root_mounted


@pytest.mark.parametrize(
    ("mounts", "is_mounted"),
    [
        ("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 0:5 / /proc rw - proc proc rw\n", True),
        ("23 22 0:5 / /proc rw - proc proc rw\n24 22 8:1 /chroot/data /data rw - ext4 /dev/sda1 rw\n", False),
    ],
)
def test_root_is_mounted_unless_a_folder_became_the_root(tmp_path, mounts, is_mounted):
    (tmp_path / "mountinfo").write_text(mounts)
    assert is_root_mounted(tmp_path / "mountinfo") is is_mounted
    assert is_root_mounted(tmp_path / "missing")
