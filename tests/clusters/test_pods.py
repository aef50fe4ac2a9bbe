"""The repository, the tag and the digest of an image, as the runtimes report it."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clusters.objects import list_paths, make_digest, make_owner, make_pod

from bot.clusters.pods import InvalidObjectError, parse_image, parse_owner, parse_pod_images

OLD, NEW = make_digest(1), make_digest(2)
NGINX = "docker.io/library/nginx"


@pytest.mark.parametrize(
    ("written", "image_id", "image"),
    [
        ("nginx:1.29", f"docker.io/library/nginx@{OLD}", (NGINX, "1.29", OLD)),
        ("nginx", f"docker.io/library/nginx@{OLD}", (NGINX, "latest", OLD)),
        ("nginx:1.29", f"docker-pullable://nginx@{OLD}", (NGINX, "1.29", OLD)),
        (f"nginx:1.29@{OLD}", f"docker.io/library/nginx@{OLD}", (NGINX, "1.29", OLD)),
        (f"nginx@{OLD}", f"docker.io/library/nginx@{OLD}", (NGINX, None, OLD)),
        # The runtime reports the manifest of the platform, or another name of the same image.
        (f"nginx@{OLD}", f"docker.io/library/nginx@{NEW}", (NGINX, None, NEW)),
        ("nginx:1.29", f"registry.example.com/copy/nginx@{OLD}", (NGINX, "1.29", OLD)),
        # The digest of the config of an image is not that of a manifest.
        ("nginx:1.29", OLD, (NGINX, "1.29", None)),
        ("nginx:1.29", f"docker://{OLD}", (NGINX, "1.29", None)),
        ("nginx:1.29", OLD.removeprefix("sha256:"), (NGINX, "1.29", None)),
        (f"nginx:1.29@{OLD}", NEW, (NGINX, "1.29", OLD)),
        ("nginx:1.29", "", (NGINX, "1.29", None)),
        ("nginx:1.29", None, (NGINX, "1.29", None)),
        ("nginx:1.29", 7, (NGINX, "1.29", None)),
        (
            "registry.example.com:5000/a/b:1",
            f"registry.example.com:5000/a/b@{OLD}",
            ("registry.example.com:5000/a/b", "1", OLD),
        ),
        # A pod whose image is named by its ID, as for images that were built on the node.
        (OLD, f"docker.io/library/nginx@{NEW}", (NGINX, None, NEW)),
        (OLD, OLD, None),
        (f"nginx:1.29@{OLD[:-1]}", "docker://bad", None),
        (None, None, None),
        ("${IMAGE}", "", None),
        ("nginx:1.29", f"nginx@{OLD[:-1]}", (NGINX, "1.29", None)),
    ],
)
def test_container_image_and_image_id_are_parsed_to_repository_tag_and_digest(written, image_id, image):
    assert parse_image(written, image_id, lambda name: name) == image


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
WHOLE = make_pod(
    "web",
    owner=make_owner("ReplicaSet", "web-1"),
    inits=[("setup", "busybox:1", f"busybox@{OLD}", "ended")],
    ephemerals=[("debugger", "busybox:1", f"busybox@{OLD}", "running")],
)


PATHS = [path for path in list_paths(WHOLE) if path]


@given(st.sampled_from(PATHS), JSON)
def test_unexpected_value_in_pod_raises_only_invalid_object_errors(path, value):
    pod = copy.deepcopy(WHOLE)
    parent = pod
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    try:
        images = parse_pod_images(pod, lambda name: name).images
        parse_owner(pod)
    except InvalidObjectError:
        return
    assert {each.container for each in images} <= {"web", "setup", "debugger", value if isinstance(value, str) else ""}


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-28", "soon", ""])
def test_invalid_start_time_of_container_is_unknown(text):
    pod = make_pod("web")
    pod["status"]["containerStatuses"][0]["state"] = {"running": {"startedAt": text}}
    (image,) = parse_pod_images(pod, str).images
    assert image.started_at is None
