#!/bin/sh
# Mends what verify can mend by itself: formatting and generated pages.
set -eu
cd "$(dirname "$0")/../.."
git -c safe.directory='*' ls-files --cached --others --exclude-standard \
  '*.cc' '*.h' | while read -r file; do
    if [ -f "$file" ]; then printf '%s\n' "$file"; fi
  done | xargs -P "$(nproc)" -n 16 clang-format-14 --style=file -i
if [ -x build/release/bin/sluice-gateway ] || [ -x build/dev/bin/sluice-gateway ]
then
  tests/style/reference.sh --write
fi
