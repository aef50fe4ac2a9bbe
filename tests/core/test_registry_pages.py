"""Pages of repositories on public registries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.markdown import is_safe_url
from bot.core.registry_pages import find_registry_page


@pytest.mark.parametrize(
    ("host", "path", "page"),
    [
        ("docker.io", "library/node", "https://hub.docker.com/_/node"),
        ("docker.io", "grafana/grafana", "https://hub.docker.com/r/grafana/grafana"),
        ("ghcr.io", "acme/team/web", "https://ghcr.io/acme/team/web"),
        ("quay.io", "prometheus/node-exporter", "https://quay.io/repository/prometheus/node-exporter"),
        ("mcr.microsoft.com", "dotnet/aspnet", "https://mcr.microsoft.com/artifact/mar/dotnet/aspnet"),
        ("public.ecr.aws", "docker/library/node", "https://gallery.ecr.aws/docker/library/node"),
    ],
)
def test_repository_on_public_registry_has_a_web_page(host, path, page):
    assert find_registry_page(host, path) == page


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("contoso.azurecr.io", "team/api"),
        ("registry.acme.dev", "base"),
        ("docker.io", "node"),
        ("docker.io", "a/b/c"),
        ("quay.io", "team/../../evil"),
        ("ghcr.io", ""),
    ],
)
def test_repository_has_no_web_page_if_registry_is_private_or_path_is_unusual(host, path):
    assert find_registry_page(host, path) is None


@given(st.sampled_from(["docker.io", "ghcr.io", "quay.io", "other.example"]), st.text("aZ0/.%()[]<>\"'\n é?#_-"))
def test_web_page_of_repository_is_a_safe_url_for_any_path(host, path):
    page = find_registry_page(host, path)
    assert page is None or is_safe_url(page)
