"""The repository, the tag and the digest of an image, as the runtimes report it."""

from __future__ import annotations

import pytest
from support.clusters.objects import make_digest

from bot.clusters.pods import parse_image

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
        (None, None, None),
        ("${IMAGE}", "", None),
        ("nginx:1.29", f"nginx@{OLD[:-1]}", (NGINX, "1.29", None)),
    ],
)
def test_image_of_a_container(written, image_id, image):
    assert parse_image(written, image_id, lambda name: name) == image
