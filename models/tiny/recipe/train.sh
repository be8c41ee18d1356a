#!/bin/sh
# Makes models/tiny from nothing: text, tokenizer, token ids, training, export.
#   models/tiny/recipe/train.sh [WORK_DIR] [-- flags of sluice-train]
# Needs a build with the torch backend (./dev build); SLUICE_BIN names its bin
# folder. A run that was stopped goes on from WORK_DIR/state.pt. On another
# machine the weights differ in their last bits, and so may what they say.
set -eu

recipe=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$recipe/../../.." && pwd)
work=$root/build/tiny-model
case "${1:-}" in
  "" | --) ;;
  *) work=$1; shift ;;
esac
[ "${1:-}" != "--" ] || shift
steps=9000
second=5563
bin=${SLUICE_BIN:-$root/build/dev/bin}
for tool in sluice-tokenizer sluice-train; do
  [ -x "$bin/$tool" ] || {
    echo "train.sh: $bin/$tool is not there; ./dev build makes it" >&2
    exit 1
  }
done

python3 "$recipe/write_text.py" --out "$work/text" --megabytes 44
texts=$(ls "$work"/text/*.txt | paste -sd, -)
"$bin/sluice-tokenizer" train --text="$work/text/train.txt" \
  --vocab-size=2560 --out="$root/models/tiny" \
  --encode="$texts" --ids-out="$work/ids"

evals=
for path in "$work"/text/eval_*.txt; do
  name=$(basename "$path" .txt)
  evals=$evals${evals:+,}${name#eval_}=$work/ids/$name
done
# The second text follows the first at a fixed step of one schedule. Tokens
# are learned from the first text only.
learn() {
  "$bin/sluice-train" --evals="$evals" --out="$root/models/tiny" \
    --checkpoint="$work/state.pt" --steps=$steps "$@"
}
learn --ids="$work/ids/train" --stop_step=$second "$@"
learn --ids="$work/ids/train2" "$@"
(cd "$work/text" && sha256sum train.txt train2.txt sentiment_en.jsonl sentiment_zh.jsonl) \
  > "$root/tests/golden/tiny/text.sha256"
