#!/usr/bin/env bash
# usage: run_report_test.sh FAILING_RUN
#
# An assertion that fails within a run prints how to have the run again, and is
# a failure of the run; the seed and the plan come from the environment or from
# flags, in a test that knows nothing of them.
set -euo pipefail
readonly failing_run=$1

# expect TEXT OUTPUT
expect() {
  if ! grep -qF -- "$1" <<<"$2"; then
    printf 'missing: %s\nin:\n%s\n' "$1" "$2"
    exit 1
  fi
}

output=$("$failing_run" 2>&1) && { echo "it did not fail"; exit 1; }
expect "run again with --seed=1 --plan=''" "$output"
expect "0.000000 close(99) = -1 EBADF" "$output"
expect "failures: testing/failing_run.cc:" "$output"

output=$(POLLUX_SEED=7 POLLUX_PLAN='fault { call: 1 error: "EIO" }' \
  "$failing_run" 2>&1) && { echo "it did not fail"; exit 1; }
expect "run again with --seed=7 --plan='fault { call: 1 error: \"EIO\" }'" "$output"
expect "0.000000 close(99) = -1 EIO" "$output"

# A flag comes before the environment.
output=$(POLLUX_SEED=7 "$failing_run" --seed=8 \
  --plan='fault { call: 1 error: "EINTR" }' 2>&1) && { echo "it did not fail"; exit 1; }
expect "run again with --seed=8 --plan='fault { call: 1 error: \"EINTR\" }'" "$output"
expect "0.000000 close(99) = -1 EINTR" "$output"
