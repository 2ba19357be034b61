#!/usr/bin/env bash
# usage: daemon_seeds_in_two_processes_test.sh SEEDS_TEST
set -euo pipefail

fingerprints() {
  "$1" --gtest_filter='Parts/DaemonSeedsTest.WithstandsChance/0' --seeds=2000 --print |
    grep -E '^[0-9]+ [0-9]+$'
}

# Neither is a shard of the other.
unset TEST_TOTAL_SHARDS TEST_SHARD_INDEX TEST_SHARD_STATUS_FILE
first=$(fingerprints "$1")
second=$(fingerprints "$1")
if [[ $(wc -l <<<"$first") -lt 100 ]]; then
  echo "only $(wc -l <<<"$first") fingerprints" >&2
  exit 1
fi
diff <(echo "$first") <(echo "$second")
