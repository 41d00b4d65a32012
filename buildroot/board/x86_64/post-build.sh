#!/bin/sh
# What the root says of itself and whom it trusts, as image/build-root.py and image/build write it. FLUXGATE_KEYS: the folder with
# root.json (who may publish updates) and measured.key (what a TPM seals to); without it nobody is trusted and nothing is sealed.
set -eu
version=${FLUXGATE_VERSION:-$(sed -n 's/^version = "\(.*\)"/\1/p' "$(dirname "$0")/../../../Cargo.toml" | head -1)}
cat >"$1/etc/os-release" <<OS
ID=fluxgate
NAME="Fluxgate"
PRETTY_NAME="Fluxgate $version"
IMAGE_ID=fluxgate
IMAGE_VERSION=$version
VERSION_ID=$version
BUILD_ID=$(date -u -d "@${SOURCE_DATE_EPOCH:-1764000000}" +%Y-%m-%dT%H:%M:%SZ)
OS
chmod 600 "$1/etc/shadow"
[ -n "${FLUXGATE_KEYS:-}" ] || exit 0
[ ! -e "$FLUXGATE_KEYS/root.json" ] || install -D -m 644 "$FLUXGATE_KEYS/root.json" "$1/usr/share/fluxgate/update/root.json"
[ ! -e "$FLUXGATE_KEYS/measured.key" ] ||
  openssl rsa -in "$FLUXGATE_KEYS/measured.key" -pubout -out "$1/usr/lib/systemd/tpm2-pcr-public-key.pem" 2>/dev/null
