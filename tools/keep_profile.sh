#!/usr/bin/env bash
# Runs a test of --config=coverage so that its profile, and those of programs it
# starts, are outputs that Bazel keeps with its result: see tools/coverage.
set -euo pipefail

export LLVM_PROFILE_FILE=$TEST_UNDECLARED_OUTPUTS_DIR/%m.profraw
exec "$@"
