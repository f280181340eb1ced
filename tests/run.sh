#!/bin/sh
# Runs every test: what needs the services and their servers, and beside it what needs Terraform and the tools. Much of either
# is waiting for other processes. Each run is a whole one for its part, so that the check of emitted events is, too.
set -u
cd "$(dirname "$0")/.."
pytest=".venv/bin/python -m pytest"
services="contracts services libraries localstack tests/contracts tests/e2e tests/imports tests/architecture"
tools="tools benchmarks tests/docs tests/kit tests/policy_checks tests/infrastructure"
mkdir -p build
log=build/tests-of-tools.log
$pytest $tools -o cache_dir=build/pytest-cache-of-tools >"$log" 2>&1 &
beside=$!
trap 'kill "$beside" 2>/dev/null' INT TERM
$pytest $services
first=$?
wait "$beside"
second=$?
echo "=== tools, infrastructure"
cat "$log"
[ "$first" -eq 0 ] && [ "$second" -eq 0 ]
