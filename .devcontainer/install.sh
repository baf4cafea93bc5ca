#!/usr/bin/env bash
# Installs the package with torch for CPUs, and checks the environment.
set -euo pipefail
cd "$(dirname "$0")/.."

pip install -c constraints.txt torch --index-url https://download.pytorch.org/whl/cpu
pip install -c constraints.txt -e ".[dev]"
pdlearn doctor
