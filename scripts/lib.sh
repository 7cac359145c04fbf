# Shared by the scripts. Sourced, never run.
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
stamps=$root/.setup
mkdir -p "$stamps"

say() { printf 'tandem: %s\n' "$*" >&2; }

# missing_packages PKG...: prints those that dpkg does not know as installed.
missing_packages() {
  command -v dpkg-query >/dev/null 2>&1 || return 0
  installed=$(dpkg-query -W -f='${Package} ${db:Status-Abbrev}\n' "$@" 2>/dev/null | awk '$2 == "ii" { print $1 }')
  for package in "$@"; do
    printf '%s\n' "$installed" | grep -qx -- "$package" || printf '%s ' "$package"
  done
}

# install_packages WHY PKG...: installs what is missing if we may, else prints the one line to run.
install_packages() {
  why=$1
  shift
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "installing Debian packages ($why): $missing"
    # shellcheck disable=SC2086 # a list of words
    if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } \
      >"$stamps/apt.log" 2>&1; then
      tail -n 5 "$stamps/apt.log" >&2
      return 1
    fi
  else
    say "missing Debian packages ($why); as root: apt-get install --no-install-recommends $missing"
    return 1
  fi
}

# stale STAMP PATH...: true if the stamp does not exist or something below the paths is newer.
stale() {
  stamp=$stamps/$1
  shift
  [ -e "$stamp" ] || return 0
  [ -n "$(find "$@" -newer "$stamp" -print -quit 2>/dev/null)" ]
}

# begin STAMP, then fresh STAMP: what changes in between is newer.
begin() { touch "$stamps/$1.begun"; }
fresh() {
  [ -e "$stamps/$1.begun" ] || begin "$1"
  mv "$stamps/$1.begun" "$stamps/$1"
}
