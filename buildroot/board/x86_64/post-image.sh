#!/bin/sh
# The root goes through the same assembly as the tested route: image, verity tree, one kernel per slot, signed with the keys of the folder
# FLUXGATE_KEYS where one is named. Needs mkfs.erofs, veritysetup, ukify and openssl on the PATH (Debian: erofs-utils,
# cryptsetup-bin, systemd-ukify, systemd-boot-efi, openssl; to sign, sbsigntool and systemd-boot-tools, too).
set -eu
slots="$(dirname "$0")/../../../image/build-slots"
[ -n "${FLUXGATE_KEYS:-}" ] || exec "$slots" "$TARGET_DIR" "$1/bzImage" "$1/slots"
measured="$FLUXGATE_KEYS/measured.key"
[ -e "$measured" ] || measured=
exec "$slots" "$TARGET_DIR" "$1/bzImage" "$1/slots" "$FLUXGATE_KEYS/secure-boot.key" "$FLUXGATE_KEYS/secure-boot.crt" ${measured:+"$measured"}
