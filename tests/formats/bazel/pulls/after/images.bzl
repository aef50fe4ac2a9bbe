"""oci_pull(image = "evil:1")"""
load("@rules_oci//oci:pull.bzl", pull_image = "oci_pull")

TAG = "1"

def images(names):
    pull_image(
        name = "base",
        image = "https://ghcr.io/acme/base",
        tag = "1",
        digest = "sha256:6e41abc9bd0e74df45b68b4b44d88e579dfd15f583d3332397f4dc71609853fd",  # basebump: ignore
    )
    for name in names:
        oci_pull(name = name, image = "ghcr.io/acme/{}".format(name), tag = "1")
        oci_pull(name = name, image = "ghcr.io/acme/{}", tag = "1")
    oci_pull(name = "constant", image = "ghcr.io/acme/base", tag = TAG)
    oci_pull(name = "none", image = "ghcr.io/acme/none:1@sha256:efe53691cfb0fdb8827f7a50cba460f5c43b911d614b0b9403b8c3a5dab6b420", tag = None)
    oci_pull(name = "no image", tag = "1")
    container_pull(name = "old", image = "evil:1")
