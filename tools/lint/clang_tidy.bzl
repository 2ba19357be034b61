"""clang-tidy on each of our sources, with .clang-tidy at the top.

--config=lint switches it on, for a build with clang: its flags are what
clang-tidy understands.
"""

load(":cc.bzl", "cc_aspect", "compile_command", "our_files")

def _clang_tidy_impl(target, ctx):
    logs = []
    for source in our_files(target, ctx, ["cc"]):
        command = compile_command(target, ctx)
        log = ctx.actions.declare_file("%s.clang_tidy/%s.log" % (ctx.label.name, source.short_path))
        config = ctx.file._config
        ctx.actions.run_shell(
            inputs = depset([source, config], transitive = [command.files]),
            outputs = [log],
            # It also tells of what it does not tell: shown only if it fails.
            command = 'log=$1; shift; "$@" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }',
            arguments = [log.path, "clang-tidy", "--quiet", "--config-file=" + config.path, source.path, "--"] +
                        command.flags,
            mnemonic = "ClangTidy",
            progress_message = "Linting %s" % source.short_path,
            use_default_shell_env = True,
        )
        logs.append(log)
    return [OutputGroupInfo(clang_tidy = depset(logs))]

clang_tidy = cc_aspect(
    _clang_tidy_impl,
    attrs = {
        "_config": attr.label(
            allow_single_file = True,
            default = Label("//:.clang-tidy"),
        ),
    },
)
