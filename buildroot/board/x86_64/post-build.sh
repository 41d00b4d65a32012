#!/bin/sh
# What the root says of itself, as image/build-root.py writes it.
set -eu
version=${FLUXGATE_VERSION:-$(sed -n 's/^version = "\(.*\)"/\1/p' "$(dirname "$0")/../../../Cargo.toml" | head -1)}
cat >"$1/etc/os-release" <<OS
ID=fluxgate
NAME="Fluxgate"
PRETTY_NAME="Fluxgate $version"
IMAGE_ID=fluxgate
IMAGE_VERSION=$version
VERSION_ID=$version
OS
chmod 600 "$1/etc/shadow"
