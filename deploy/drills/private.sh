#!/bin/sh
# Both flows where nothing can be reached: a network namespace with loopback and no route at all.
#
#   sudo sh deploy/drills/private.sh        (in the checkout, after `make demo`)
#
# Passes (0) where every clip of both example manifests is made, and where not one packet looked for a way out: the
# kernel counts those that find no route. 1: it failed. 3: this machine allows no namespaces.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}

if [ "${1:-}" != inside ]; then
    if [ "$(id -u)" != 0 ] || ! unshare --net true 2>/dev/null; then
        echo "this drill needs root and network namespaces (unshare --net)" >&2
        exit 3
    fi
    exec unshare --net --uts sh "$0" inside
fi

hostname private
ip link set lo up
[ -z "$(ip route)$(ip -6 route show default)" ] || { echo "there is a route: $(ip route)" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export DAILIES_HOME="$folder/home" DAILIES_RUN_ON=here DAILIES_DEVICE=cpu PYTHONPATH="$root"
unset PREFECT_API_URL http_proxy https_proxy HTTP_PROXY HTTPS_PROXY || true

# Packets that found no route, IPv4 and IPv6, since this namespace began.
lost() {
    awk '/^Ip:/ { if (!named) { for (i = 1; i <= NF; i++) at[$i] = i; named = 1 } else print $at["OutNoRoutes"] }' \
        /proc/net/snmp
    awk '$1 == "Ip6OutNoRoutes" { print $2 }' /proc/net/snmp6 2>/dev/null || true
}
total() { lost | awk '{ sum += $1 } END { print sum + 0 }'; }

began=$(total)
for flow in products storyboard; do
    echo "--- dailies run $flow.yaml, with no route: '$(ip route)'"
    "$python" -c 'from flows.cli import main; main()' run "$root/manifests/examples/$flow.yaml" --out "$folder/$flow"
    echo "$(find "$folder/$flow" -name '*.mp4' | wc -l) clips"
done
ended=$(total)
if [ "$ended" != "$began" ]; then
    echo "FAILED: $((ended - began)) packets looked for a way out" >&2
    exit 1
fi
echo "PASSED: both flows, and no packet looked for a way out"
