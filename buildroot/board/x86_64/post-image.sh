#!/bin/sh
# The root goes through the same assembly as the tested route: image, verity tree, one kernel per slot. Needs mkfs.erofs,
# veritysetup and ukify on the PATH (Debian: erofs-utils, cryptsetup-bin, systemd-ukify, systemd-boot-efi).
set -eu
exec "$(dirname "$0")/../../../image/build-slots" "$TARGET_DIR" "$1/bzImage" "$1/slots"
