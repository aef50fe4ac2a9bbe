import pytest

from bot.model.errors import TreeError
from bot.revision_diff import GitRevisionDiff


def test_git_errors_name_the_folder_and_the_revision(tmp_path):
    gone = tmp_path / "gone"
    with pytest.raises(TreeError, match=rf"^the changes in {gone} since main could not be determined: git "):
        GitRevisionDiff(gone, "main", "0" * 40).list_changed_lines(["Dockerfile"])
    with pytest.raises(TreeError, match=rf"^'main' .* {gone}: "):
        GitRevisionDiff.resolve_revision(gone, "main")
