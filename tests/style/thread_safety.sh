#!/bin/sh
# clang's thread-safety analysis of every source whose lock discipline is
# written down (ABSL_GUARDED_BY in it or in its header); gcc has no such
# analysis. Needs the generated protobuf headers of a build.
set -eu
cd "$(dirname "$0")/../.."
generated=build/dev/proto/generated
[ -d "$generated" ] || generated=build/release/proto/generated
git -c safe.directory='*' grep --untracked -l ABSL_GUARDED_BY -- '*.h' '*.cc' |
  while read -r file; do
    source="${file%.h}"
    source="${source%.cc}.cc"
    if [ -f "$source" ]; then printf '%s\n' "$source"; fi
  done | sort -u |
  xargs -P "$(nproc)" -n 1 clang++-14 -std=c++20 -fsyntax-only -I. \
    -isystem "$generated" -Wthread-safety -Werror=thread-safety
