"""Every header compiles alone, so including it needs no other include first.

    tools/bazel build //... --aspects=//tools/lint:headers.bzl%headers --output_groups=headers
"""

load(":cc.bzl", "cc_aspect", "compile_command", "our_files")

# As in .bazelrc, whose per_file_copt an aspect cannot see.
_WARNINGS = ["-Wall", "-Wextra", "-Wno-sign-compare", "-Werror"]

def _headers_impl(target, ctx):
    checked = []
    for header in our_files(target, ctx, ["h"]):
        command = compile_command(target, ctx)
        stamp = ctx.actions.declare_file("%s.headers/%s.ok" % (ctx.label.name, header.short_path))
        ctx.actions.run_shell(
            inputs = depset([header], transitive = [command.files]),
            outputs = [stamp],
            command = 'stamp=$1; shift; "$@" && touch "$stamp"',
            arguments = [stamp.path, command.compiler] + command.flags + _WARNINGS +
                        ["-fsyntax-only", "-x", "c++-header", header.path],
            mnemonic = "HeaderAlone",
            progress_message = "Compiling %s alone" % header.short_path,
            use_default_shell_env = True,
        )
        checked.append(stamp)
    return [OutputGroupInfo(headers = depset(checked))]

headers = cc_aspect(_headers_impl)
