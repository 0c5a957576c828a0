#!/bin/sh
# Asks for predictions with curl: sh examples/clients/curl.sh http://127.0.0.1:8000 iris
set -eu
base=${1:-http://127.0.0.1:8000}
model=${2:-iris}
json='Content-Type: application/json'

curl -sS "$base/models/$model/predict" -H "$json" -d '{"features": [5.1, 3.5, 1.4, 0.2]}'
echo
curl -sS "$base/models/$model/predict" -H "$json" -d '{"features": [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]}'
echo
# A wrong row: the answer says which value, and what is expected; --fail-with-body makes curl end with status 22.
curl -sS --fail-with-body "$base/models/$model/predict" -H "$json" -d '{"features": [5.1, "wide", 1.4, 0.2]}' || test $? -eq 22
