#!/bin/sh
# Builds upstream llama.cpp natively from the source inside npm's package
# node-llama-cpp. `./dev bench peers --setup` calls it; run again it goes on
# where it stopped.
#   build_llama.sh DIRECTORY [COMMAND...]   COMMAND runs each heavy step
set -eu
[ $# -ge 1 ] || { echo "build_llama.sh DIRECTORY [COMMAND...]" >&2; exit 2; }
directory="$1"
shift
here="$(cd "$(dirname "$0")" && pwd)"
version="${SLUICE_PEER_NPM_VERSION:-3.22.1}"
jobs="${SLUICE_JOBS:-$(nproc)}"
mkdir -p "$directory"
cd "$directory"

# The package holds the repository as a git bundle.
if [ ! -f source/include/llama.h ]; then
  command -v npm >/dev/null || {
    echo "bench/peers: npm is needed to fetch node-llama-cpp" >&2
    exit 3
  }
  npm pack --silent "node-llama-cpp@$version" >/dev/null
  tar -xzf "node-llama-cpp-$version.tgz" package/llama
  rm -rf source.part
  git clone --quiet package/llama/gitRelease.bundle source.part
  rm -rf package "node-llama-cpp-$version.tgz"
  mv source.part source
fi
[ -f llama/build.ninja ] ||
  "$@" cmake -S "$here/llama" -B llama -G Ninja \
    -DCMAKE_BUILD_TYPE=Release -DPEER_LLAMA_SOURCE="$directory/source"
"$@" ninja -C llama -j "$jobs" peer-tools
