"""The comments of a .proto file as a table in C++."""

def _field_reference_table_impl(ctx):
    proto = ctx.file.proto
    descriptors = ctx.actions.declare_file(ctx.label.name + ".descriptorset")
    ctx.actions.run(
        executable = ctx.executable._protoc,
        arguments = [
            "--include_source_info",
            "--proto_path=" + proto.dirname,
            "--descriptor_set_out=" + descriptors.path,
            proto.path,
        ],
        inputs = [proto],
        outputs = [descriptors],
        mnemonic = "ProtoComments",
    )
    ctx.actions.run(
        executable = ctx.executable._generator,
        arguments = [descriptors.path, ctx.outputs.out.path],
        inputs = [descriptors],
        outputs = [ctx.outputs.out],
        mnemonic = "FieldReference",
    )

# A genrule's tools would be built with the options of what they are for, protoc
# under each sanitizer.
field_reference_table = rule(
    implementation = _field_reference_table_impl,
    attrs = {
        "out": attr.output(mandatory = True),
        "proto": attr.label(
            allow_single_file = [".proto"],
            mandatory = True,
        ),
        "_generator": attr.label(
            cfg = "exec",
            default = "//httpd/config:field_reference_generator",
            executable = True,
        ),
        "_protoc": attr.label(
            cfg = "exec",
            default = "@com_google_protobuf//:protoc",
            executable = True,
        ),
    },
)
