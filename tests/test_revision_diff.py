import pytest

from bot.model.errors import TreeError
from bot.revision_diff import GitRevisionDiff


def test_error_names_the_changes_that_could_not_be_determined(tmp_path):
    gone = tmp_path / "gone"
    with pytest.raises(TreeError, match=rf"^the changes in {gone} since main could not be determined: git "):
        GitRevisionDiff(gone, "main", "0" * 40).list_changed_lines(["Dockerfile"])
    with pytest.raises(TreeError, match=rf"^'main' .* {gone}: "):
        GitRevisionDiff.resolve_revision(gone, "main")
