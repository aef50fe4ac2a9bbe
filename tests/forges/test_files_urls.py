"""The URLs at which the sites of forges show files, to which texts append the path of a file."""

import pytest

from bot.core.proposal.view.dashboard_rows import link_file
from bot.forges.github import server as github
from bot.forges.gitlab import server as gitlab


@pytest.mark.parametrize(
    ("server", "name", "branch", "url"),
    [
        (github, "acme/web", "main", "https://github.com/acme/web/blob/main/"),
        (github, "acme/web", "release/1#2", "https://github.com/acme/web/blob/release/1%232/"),
        (gitlab, "acme/shop/web", "main", "https://gitlab.com/acme/shop/web/-/blob/main/"),
    ],
)
def test_file_link_on_public_server_points_to_branch_path_and_line(server, name, branch, url):
    opened = server.open_server({github: github.API}.get(server) or gitlab.SITE, None)
    assert opened.build_files_url(name, branch) == url
    assert str(link_file(url, "web/Dockerfile", [3])) == f"[`web/Dockerfile:3`]({url}web/Dockerfile#L3)"


def test_files_url_of_self_hosted_server_uses_configured_host_and_path():
    enterprise = github.open_server("https://git.acme.dev/api/v3", None)
    assert enterprise.build_files_url("acme/web", "main") == "https://git.acme.dev/acme/web/blob/main/"
    resident = github.open_server("https://api.acme.ghe.com", None)
    assert resident.build_files_url("acme/web", "main") == "https://acme.ghe.com/acme/web/blob/main/"
    below_path = gitlab.open_server("https://acme.dev/gitlab/", None)
    assert below_path.build_files_url("acme/web", "main") == "https://acme.dev/gitlab/acme/web/-/blob/main/"
