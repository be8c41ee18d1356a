#!/bin/sh
# Asks the running services once over gRPC and once over HTTP, prints both
# answers. Run by `sluice up --exec`, which says where they listen.
set -eu
: "${SLUICE_GRPC:?needs sluice up --exec}" "${SLUICE_HTTP:?}" "${SLUICE_CLI:?}"

echo "gRPC chat ($SLUICE_GRPC):"
answer="$("$SLUICE_CLI" generate --server="$SLUICE_GRPC" --temperature=0 \
  --max_new_tokens=32 "Hello, who are you?")"
echo "  $answer"
[ -n "$answer" ] || { echo "smoke: gRPC: empty answer" >&2; exit 1; }

echo "HTTP chat ($SLUICE_HTTP):"
body="$(curl -sS --fail-with-body -H 'Content-Type: application/json' \
  -d '{"prompt":"Hello, who are you?","temperature":0,"max_new_tokens":32}' \
  "$SLUICE_HTTP/chat")"
echo "  $body"
case "$body" in
  *'"response":""'*) echo "smoke: HTTP: empty answer" >&2; exit 1 ;;
  *'"response":"'*'"token_count":'*) ;;
  *) echo "smoke: HTTP: no response in the answer" >&2; exit 1 ;;
esac
