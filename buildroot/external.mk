include $(sort $(wildcard $(BR2_EXTERNAL_FLUXGATE_PATH)/package/*/*.mk))
