"""Inventories of the real Trivy name the packages of the image and their source packages."""

from __future__ import annotations

import pytest
from support.scanners.trivy import ALPINE_PACKAGES, OLD, alpine, debian

from bot.demo.images import DemoPackage
from bot.scanners._ecosystems import OsvPackage, convert_to_osv_package
from bot.scanners._inventory import parse_inventory

pytestmark = [pytest.mark.real("trivy"), pytest.mark.real("docker-registry")]


def print_inventory(stand, item, form: str) -> bytes:
    """Return the inventory of an image as Trivy prints it."""
    scanner, subject = stand.scanner(), stand.subject(item)
    address = stand.pull(subject.tag_ref, subject.digest)
    arguments = ["image", "--image-src", "remote", "--format", form, "--insecure", "--quiet", address.reference]
    return scanner._program.run(arguments, address, timeout=60.0).output


@pytest.mark.parametrize("form", ["spdx-json", "cyclonedx"])
@pytest.mark.parametrize(
    ("item", "packages", "ecosystem"),
    [(debian(OLD), OLD, "Debian:13"), (alpine(), ALPINE_PACKAGES, "Alpine:v3.99")],
    ids=["debian", "alpine"],
)
def test_packages_in_trivy_inventory_are_converted_to_source_packages(stand, item, packages, ecosystem, form):
    found = parse_inventory(print_inventory(stand, item, form), frozenset())
    assert {asked for asked in map(convert_to_osv_package, found) if asked} == {
        OsvPackage(ecosystem, package.source_name, package.version) for package in packages
    }


@pytest.mark.parametrize("form", ["spdx-json", "cyclonedx"])
def test_debian_version_from_trivy_inventory_has_epoch_but_no_rebuild_suffix(stand, form):
    item = debian((DemoPackage("libssl3", "1:3.5.0-1+b2", "openssl"),))
    found = parse_inventory(print_inventory(stand, item, form), frozenset())
    assert [asked for asked in map(convert_to_osv_package, found) if asked] == [
        OsvPackage("Debian:13", "openssl", "1:3.5.0-1")
    ]
