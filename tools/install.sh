#!/usr/bin/env bash
# Install the locked requirements and this project into a virtual environment.
# Usage: tools/install.sh VENV LOCKFILE
set -euo pipefail
venv=$1 lock=$2

supported() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

if ! { [ -x "$venv/bin/python" ] && supported "$venv/bin/python"; }; then
  python=
  for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
    if supported "$candidate"; then python=$candidate; break; fi
  done
  if [ -z "$python" ]; then
    found=$(python3 --version 2>/dev/null || echo 'no Python')
    echo "options-platform needs Python 3.11, 3.12 or 3.13, and found $found." \
      "Install one of them, or name it: make PYTHON=/path/to/python3.12 ..." >&2
    exit 1
  fi
  echo "Creating $venv with $("$python" --version)"
  "$python" -m venv "$venv"
fi

# uv comes first, with its hash from the lock; it installs the rest in a fraction of pip's time.
sed -n '/^uv==/,/[^\\]$/p' "$lock" > "$venv/uv.txt"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
  -r "$venv/uv.txt" 2>&1 | { grep -v '^WARNING' || true; }

count=$(grep -c '^[a-zA-Z0-9].*==' "$lock")
echo "Installing $count locked packages into $venv"
if ! "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --require-hashes \
  --compile-bytecode -r "$lock"; then
  echo "uv could not install them; trying pip" >&2
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
    --require-hashes -r "$lock"
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
  --no-build-isolation -e . 2>&1 | { grep -v '^WARNING' || true; }
