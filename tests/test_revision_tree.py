import pytest
from support.git import DiskRepository

from bot.model.errors import TreeError
from bot.revision_tree import GitRevision


def test_git_errors_name_the_folder_and_the_revision(tmp_path):
    gone = tmp_path / "gone"
    with pytest.raises(TreeError, match=rf"^the changes in {gone} since main could not be determined: git "):
        list(GitRevision(gone, "main", "0" * 40).tree.list_entries())
    with pytest.raises(TreeError, match=rf"^'main' .* {gone}: "):
        GitRevision.resolve(gone, "main")


@pytest.mark.real("git")
@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_file_has_changed_if_its_bytes_differ_from_those_of_the_revision(tmp_path, object_format):
    git = DiskRepository(tmp_path)
    git.run("init", "--quiet", f"--object-format={object_format}")
    (tmp_path / "same").write_bytes(b"x" * 100_000)
    (tmp_path / "other").write_bytes(b"x")
    git.run("add", ".")
    git.run("commit", "--quiet", "--message", "Start")
    (tmp_path / "other").write_bytes(b"y")
    (tmp_path / "new").write_bytes(b"x")
    revision = GitRevision.resolve(tmp_path, "HEAD")
    assert [path for path in ("same", "other", "new") if revision.has_changed(path)] == ["other", "new"]
    (tmp_path / "same").unlink()
    assert revision.has_changed("same")
