"""What the lint aspects know of a C++ target: its files, and how they compile."""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "CPP_COMPILE_ACTION_NAME")
load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

def cc_aspect(implementation, attrs = {}):
    """An aspect whose implementation may call compile_command()."""
    return aspect(
        implementation = implementation,
        attrs = dict(
            attrs,
            _cc_toolchain = attr.label(
                default = Label("@bazel_tools//tools/cpp:current_cc_toolchain"),
            ),
        ),
        fragments = ["cpp"],
        toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
    )

def our_files(target, ctx, extensions):
    """The files of a C++ target that are ours: neither generated nor fetched.

    Args:
      target: the target that the aspect visits.
      ctx: of the aspect.
      extensions: of the files that are wanted.

    Returns:
      A list of files.
    """
    if CcInfo not in target or target.label.workspace_name:
        return []
    return [
        file
        for attribute in ["hdrs", "srcs"]
        for label in getattr(ctx.rule.attr, attribute, [])
        for file in label.files.to_list()
        if file.extension in extensions and file.is_source and not file.owner.workspace_name
    ]

def compile_command(target, ctx):
    """How Bazel would compile a C++ source of a target.

    Args:
      target: the target that the aspect visits.
      ctx: of the aspect.

    Returns:
      A struct: the compiler, its flags, and a depset of the files they need.
    """
    toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        # These want a module map of each target, which only Bazel can write.
        unsupported_features = ctx.disabled_features + ["layering_check", "module_maps"],
    )
    context = target[CcInfo].compilation_context
    options = ctx.fragments.cpp
    flags = cc_common.get_memory_inefficient_command_line(
        feature_configuration = features,
        action_name = CPP_COMPILE_ACTION_NAME,
        variables = cc_common.create_compile_variables(
            feature_configuration = features,
            cc_toolchain = toolchain,
            user_compile_flags = options.copts + options.cxxopts + ctx.rule.attr.copts,
            include_directories = context.includes,
            quote_include_directories = context.quote_includes,
            system_include_directories = context.system_includes,
            preprocessor_defines = depset(transitive = [context.defines, context.local_defines]),
        ),
    )
    return struct(
        compiler = toolchain.compiler_executable,
        flags = flags,
        files = depset(transitive = [context.headers, toolchain.all_files]),
    )
