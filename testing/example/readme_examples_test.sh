#!/usr/bin/env bash
# usage: readme_examples_test.sh FILE ...
#
# Each block of C++ in the .md files stands, line by line, between markers in
# one of the .cc files, which are compiled and run as tests.
set -euo pipefail

python3 - "$@" <<'PYTHON'
import re
import sys

blocks, sources = [], []
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if path.endswith(".md"):
        blocks += [(path, block) for block in re.findall(r"```cpp\n(.*?)```", text, re.S)]
    else:
        sources += re.findall(r"// \[([A-Z]+)\]\n(.*?)// \[/\1\]", text, re.S)
marked = [code for _, code in sources]
if not blocks or not marked:
    sys.exit("found no examples to compare")
wrong = [(path, block) for path, block in blocks if block not in marked]
for path, block in wrong:
    print(f"{path}: this example is not the one that is tested:\n{block}")
sys.exit(1 if wrong else 0)
PYTHON
