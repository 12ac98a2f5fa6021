#!/bin/sh
# What only the tests need from Debian's own packages: the Chromium that looks at the dashboard, and Prometheus's promtool,
# which checks alerts and what is counted. As root they come, Prometheus without its server or a service: its one tool is
# taken out of the package. Otherwise those tests are skipped, and the commands to run are printed.
set -eu

wanted=""
command -v chromium >/dev/null || wanted="chromium"
command -v promtool >/dev/null || wanted="$wanted promtool"
[ -n "$wanted" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "without Debian's$(printf ' %s' $wanted) some tests are skipped; to run them:" >&2
    echo "  sudo sh deploy/debian-test-libraries.sh" >&2
    exit 0
fi
echo "installing $wanted"
apt-get update -qq
case $wanted in *chromium*)
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
esac
case $wanted in *promtool*)
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    chmod 755 "$folder"
    (cd "$folder" && apt-get -o APT::Sandbox::User=root download -qq prometheus >/dev/null)
    dpkg-deb --fsys-tarfile "$folder"/prometheus_*.deb | tar -x -C "$folder" ./usr/bin/promtool
    install -m 755 "$folder/usr/bin/promtool" /usr/local/bin/promtool
esac
