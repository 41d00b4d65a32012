################################################################################
#
# fluxgate
#
################################################################################

FLUXGATE_VERSION = local
FLUXGATE_SITE = $(BR2_EXTERNAL_FLUXGATE_PATH)/../target/x86_64-unknown-linux-gnu/release
FLUXGATE_SITE_METHOD = local
FLUXGATE_LICENSE = see the project's LICENSE
# Of cargo's folder the binary only.
FLUXGATE_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = --include=/fluxgate --exclude=*

define FLUXGATE_INSTALL_TARGET_CMDS
	$(INSTALL) -D -m 0755 $(@D)/fluxgate $(TARGET_DIR)/usr/bin/fluxgate
endef

define FLUXGATE_USERS
	fluxgate 900 fluxgate 900 * /var/lib/fluxgate - - Fluxgate
endef

$(eval $(generic-package))
