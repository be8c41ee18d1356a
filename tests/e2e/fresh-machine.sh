#!/bin/sh
# Proves the README on a bare Debian 12: debootstrap, a clone of this
# repository, `./dev run --smoke` on two cores, then `./dev test`.
#
#   fresh-machine.sh DIR    DIR is made, and removed when all went well
#
# Prints `KEY VALUE` lines: bootstrap_s, smoke_exit, smoke_s, test_exit, test_s.
# Needs root, debootstrap and a Debian mirror (taken from this machine's own
# apt sources). SLUICE_FRESH_SKIP_TEST=1 stops after the smoke run.
set -eu
dir="${1:?usage: fresh-machine.sh DIR}"
root="$(cd "$(dirname "$0")/../.." && pwd)"
[ "$(id -u)" = 0 ] || { echo "fresh-machine: needs root" >&2; exit 3; }
command -v debootstrap >/dev/null ||
  { echo "fresh-machine: needs debootstrap" >&2; exit 3; }

mirror="$(sed -n -e 's/^URIs:[[:space:]]*\([^[:space:]]*\).*/\1/p' \
  -e 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' \
  /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)"
[ -n "$mirror" ] || { echo "fresh-machine: no apt mirror found" >&2; exit 3; }

seconds() { date +%s; }
inside() {
  # On the cores $1. Its own mount namespace: proc goes away with it.
  taskset -c "$1" unshare -m sh -c '
    mount -t proc proc "$1/proc" && mount -t tmpfs tmpfs "$1/dev/shm" &&
    exec chroot "$1" env -i HOME=/tmp PATH=/usr/sbin:/usr/bin:/sbin:/bin \
      LANG=C.UTF-8 sh -c "cd /sluice && $2"' sh "$dir" "$2"
}

began="$(seconds)"
debootstrap --variant=minbase bookworm "$dir" "$mirror" >"$dir.log" 2>&1
# What lets this machine reach packages (a proxy, say) holds there too.
for file in /etc/apt/apt.conf.d/*proxy*; do
  [ ! -f "$file" ] || cp "$file" "$dir/etc/apt/apt.conf.d/"
done
mkdir -p "$dir/dev/shm"
git -c safe.directory="*" -c advice.detachedHead=false clone -q --no-hardlinks "$root" "$dir/sluice"
echo "bootstrap_s $(($(seconds) - began))"

began="$(seconds)"
status=0
inside 0,1 './dev run --smoke' >>"$dir.log" 2>&1 || status=$?
echo "smoke_exit $status"
echo "smoke_s $(($(seconds) - began))"
tail -n 5 "$dir.log" >&2

if [ "$status" = 0 ] && [ -z "${SLUICE_FRESH_SKIP_TEST:-}" ]; then
  began="$(seconds)"
  inside "0-$(($(nproc) - 1))" './dev test' >>"$dir.log" 2>&1 || status=$?
  echo "test_exit $status"
  echo "test_s $(($(seconds) - began))"
  tail -n 8 "$dir.log" >&2
fi
if [ "$status" = 0 ]; then rm -rf --one-file-system "$dir" "$dir.log"; fi
exit "$status"
