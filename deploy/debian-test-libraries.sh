#!/bin/sh
# What only the tests need from Debian's own packages: the Chromium that looks at the dashboard.
# As root it is installed; otherwise those tests are skipped, and the one command to run is printed.
set -eu

command -v chromium >/dev/null && exit 0
install="apt-get update && apt-get install -y --no-install-recommends chromium"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing chromium"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
else
    echo "without Debian's chromium the dashboard's browser tests are skipped; to run them:" >&2
    echo "  sudo sh -c '$install'" >&2
fi
