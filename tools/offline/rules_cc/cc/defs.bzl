"""rules_cc for a Bazel that cannot fetch it: the native rules under their migrated names."""

_MIGRATED = ["__CC_RULES_MIGRATION_DO_NOT_USE_WILL_BREAK__"]

def _migrated(attrs):
    attrs["tags"] = (attrs.get("tags") or []) + _MIGRATED
    return attrs

def cc_binary(**attrs):
    native.cc_binary(**_migrated(attrs))

def cc_import(**attrs):
    native.cc_import(**_migrated(attrs))

def cc_library(**attrs):
    native.cc_library(**_migrated(attrs))

def cc_proto_library(**attrs):
    native.cc_proto_library(**_migrated(attrs))

def cc_test(**attrs):
    native.cc_test(**_migrated(attrs))

def cc_toolchain(**attrs):
    native.cc_toolchain(**_migrated(attrs))

def cc_toolchain_suite(**attrs):
    native.cc_toolchain_suite(**_migrated(attrs))

def fdo_prefetch_hints(**attrs):
    native.fdo_prefetch_hints(**_migrated(attrs))

def fdo_profile(**attrs):
    native.fdo_profile(**_migrated(attrs))
