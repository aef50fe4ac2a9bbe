#!/bin/sh
# Unpack the real parts that tests use into the folder $1. Nothing is installed, so no service starts and listens.
# A part that cannot be had is said; its tests are then skipped by name.
set -eu
folder=$1
mkdir -p "$folder"
cd "$folder"

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Unpack the package $1, whose command has the same name.
unpack() {
    if command -v "$1" >/dev/null; then
        echo "$1 is on this machine"
        return
    fi
    if ! command -v apt-get >/dev/null; then
        echo "$1: not on this machine, and there is no apt-get to have it from" >&2
        return
    fi
    if ! apt-get download "$1" >/dev/null 2>&1; then
        as_root apt-get update >/dev/null || echo "apt-get update: needs root or sudo" >&2
        apt-get download "$1" >/dev/null || {
            echo "$1: apt-get could not download it" >&2
            return
        }
    fi
    dpkg-deb --extract "$1"_*.deb .
    echo "$1 is unpacked"
}

unpack docker-registry
unpack kustomize
unpack docker-compose
