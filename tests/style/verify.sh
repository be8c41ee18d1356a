#!/bin/sh
# Everything that a change must satisfy besides its tests: offline, under a
# minute. Tools that are not installed are named, not skipped in silence.
set -u
cd "$(dirname "$0")/../.."
failed=0

check() {
  title="$1"; shift
  if output="$("$@" 2>&1)"; then
    printf 'ok      %s\n' "$title"
  else
    printf 'FAILED  %s\n%s\n' "$title" "$output"
    failed=1
  fi
}
absent() { printf 'absent  %s: needs %s\n' "$1" "$2"; }

cc_files() {
  git -c safe.directory='*' ls-files --cached --others --exclude-standard \
    '*.cc' '*.h' | while read -r file; do
      if [ -f "$file" ]; then printf '%s\n' "$file"; fi
    done
}

format_check() {
  cc_files | xargs -P "$(nproc)" -n 16 clang-format-14 --style=file \
    --dry-run -Werror
}

if command -v clang-format-14 >/dev/null; then
  check "format" format_check
else
  absent "format" clang-format-14
fi
check "style: sizes, names, places" /usr/bin/python3 tests/style/check_style.py
check "include directions" /usr/bin/python3 tests/style/check_includes.py
check "docs: links and machine paths" /usr/bin/python3 tests/style/check_docs.py
if [ -x build/release/bin/sluice-gateway ] || [ -x build/dev/bin/sluice-gateway ]
then
  check "reference pages are fresh" tests/style/reference.sh --check
else
  absent "reference pages" "a build (./dev build)"
fi
PATH="$PATH:$PWD/build/tools/node_modules/.bin"  # where ./dev prove puts it
if command -v buf >/dev/null; then
  check "protos: buf lint" buf lint proto
else
  absent "protos: buf lint" buf
fi
if command -v clang++-14 >/dev/null &&
  [ -d build/dev/proto/generated -o -d build/release/proto/generated ]; then
  check "thread-safety analysis" tests/style/thread_safety.sh
else
  absent "thread-safety analysis" "clang-14 and a build (./dev build)"
fi
if command -v clang-tidy-14 >/dev/null && [ -f build/dev/compile_commands.json ] &&
  [ -n "${SLUICE_TIDY:-}" ]; then
  check "clang-tidy" tests/style/tidy.sh
else
  absent "clang-tidy" "clang-tidy-14, build/dev and SLUICE_TIDY=1 (minutes)"
fi
exit $failed
