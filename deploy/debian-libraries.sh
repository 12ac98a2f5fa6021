#!/bin/sh
# The shared libraries that OpenCV, Pillow and the ncnn engines load, and the fonts that slates and burn-ins are set in,
# from Debian's own packages.
# As root they are installed; otherwise the one command to run is printed.
set -eu

missing=""
for pair in libvulkan.so.1:libvulkan1 libomp.so.5:libomp5 libGL.so.1:libgl1 libgthread-2.0.so.0:libglib2.0-0 \
    libfribidi.so.0:libfribidi0; do
    ldconfig -p | grep -q "${pair%%:*}" || missing="$missing ${pair##*:}"
done
fonts=/usr/share/fonts
[ -e "$fonts/truetype/noto/NotoSans-Regular.ttf" ] || missing="$missing fonts-noto-core"
[ -e "$fonts/opentype/noto/NotoSansCJK-Regular.ttc" ] || missing="$missing fonts-noto-cjk"
[ -z "$missing" ] && exit 0

install="apt-get update && apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing$missing"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    ldconfig
else
    echo "dailies needs a few of Debian's packages:$missing" >&2
    echo "run this once:  sudo sh -c '$install'" >&2
    exit 1
fi
