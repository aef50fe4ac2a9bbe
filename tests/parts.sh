#!/bin/sh
# Unpack the real parts that tests use into the folder $1. Nothing is installed, so no service starts and listens.
# A part that cannot be had is said; its tests are then skipped by name.
set -eu
folder=$1
mkdir -p "$folder"

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

if command -v docker-registry >/dev/null; then
    echo "docker-registry is on this machine"
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "docker-registry: not on this machine, and there is no apt-get to have it from" >&2
    exit 0
fi
cd "$folder"
if ! apt-get download docker-registry >/dev/null 2>&1; then
    as_root apt-get update >/dev/null || echo "apt-get update: needs root or sudo" >&2
    apt-get download docker-registry >/dev/null || {
        echo "docker-registry: apt-get could not download it" >&2
        exit 0
    }
fi
dpkg-deb --extract docker-registry_*.deb .
echo "docker-registry is unpacked"
