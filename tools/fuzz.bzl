"""Fuzz targets that are ordinary tests as well.

A file defines LLVMFuzzerTestOneInput; its corpus replays in every test run, with
any compiler and under every sanitizer, and tools/fuzz searches from that corpus
for more.
"""

def fuzz_test(name, srcs, corpus, deps = [], tags = [], **kwargs):
    """Declares a fuzz target.

    NAME is a test that replays the corpus, with the empty input and every prefix
    of its short files. NAME_libfuzzer is what tools/fuzz builds and runs.

    Args:
      name: of the test.
      srcs: sources, one of which defines LLVMFuzzerTestOneInput.
      corpus: files, or labels of files.
      deps: of the sources.
      tags: of both targets.
      **kwargs: further attributes that cc_test and cc_binary share.
    """
    native.filegroup(
        name = name + "_corpus",
        testonly = True,
        srcs = corpus,
    )

    native.cc_test(
        name = name,
        size = "small",
        srcs = srcs,
        args = ["$(locations :%s_corpus)" % name],
        data = [":%s_corpus" % name],
        tags = tags,
        deps = deps + [Label("//tools:corpus_replay")],
        **kwargs
    )

    native.cc_binary(
        name = name + "_libfuzzer",
        testonly = True,
        srcs = srcs,
        linkopts = ["-fsanitize=fuzzer"],
        tags = tags + ["manual"],
        deps = deps,
        **kwargs
    )
