# Sourced by scripts that install what they miss, where Debian's packages can be
# had. Elsewhere that is up to the person: the script fails at the first command
# that is not there.
# shellcheck shell=bash

say() { printf 'tools/%s: %s\n' "${0##*/}" "$*" >&2; }

# need_packages PACKAGE WITNESS ...: installs each package whose witness, a
# command or an absolute path, is not there.
need_packages() {
  local missing=() as_root=() log
  command -v apt-get >/dev/null || return 0
  while (($# > 1)); do
    command -v "$2" >/dev/null || [[ -e $2 ]] || missing+=("$1")
    shift 2
  done
  ((${#missing[@]})) || return 0

  ((EUID == 0)) || as_root=(sudo)
  log=$(mktemp)
  say "installing with apt-get: ${missing[*]}"
  if ! { "${as_root[@]}" apt-get update -q &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    say "apt-get failed; its whole output is in $log"
    exit 1
  fi
  rm -f "$log"
}
