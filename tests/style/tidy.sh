#!/bin/sh
# clang-tidy with the allow-list of .clang-tidy over the files that changed
# since the last commit on the base branch, or over those named.
set -eu
cd "$(dirname "$0")/../.."
if [ $# -eq 0 ]; then
  set -- $(git -c safe.directory='*' ls-files 'common/*.cc' 'services/*.cc' \
    'clients/*.cc' | grep -v -e '_test\.cc$' -e '/torch/')
fi
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 \
  clang-tidy-14 --quiet -p build/dev
