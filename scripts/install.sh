#!/usr/bin/env bash
# Installs what was built: executable, web pages, units, documents, and a first settings file. As root; again for each new version.
#
#   scripts/install.sh                       on this machine
#   DESTDIR=/tmp/comptoir scripts/install.sh into a directory, to be packed and unpacked at / of another machine
#
# It starts and restarts nothing. BINARY is the executable (.build/release/comptoir).
set -euo pipefail
cd "$(dirname "$0")/.."
root=${DESTDIR-}
binary=${BINARY:-.build/release/comptoir}
[ -x "$binary" ] && [ -e web/dist/manifest.json ] || { echo "install: error: $binary or web/dist is not built: make build" >&2; exit 1; }
# The service sees nobody's home, where Swift may have been installed.
if ldd "$binary" | grep -Eq 'libswift[^ ]* => (/home/|/root/|not found)'; then
    echo "install: error: $binary needs Swift's libraries, which the service would not find." \
        "Build it to stand alone: swift build -c release --product comptoir --static-swift-stdlib" >&2
    exit 1
fi
[ -n "$root" ] || [ "$(id -u)" = 0 ] || { echo "install: error: this needs root: sudo make install" >&2; exit 1; }

bin=$root/usr/local/bin share=$root/usr/local/share units=$root/usr/local/lib/systemd/system etc=$root/etc/comptoir
install -d "$bin" "$share/comptoir" "$share/doc/comptoir" "$units"
# Beside the old ones, then in their place: the server that runs keeps its own.
install -m 755 "$binary" "$bin/.comptoir.new"
mv -f "$bin/.comptoir.new" "$bin/comptoir"
rm -rf "$share/comptoir/web.new" "$share/comptoir/web.old"
cp -r web/dist "$share/comptoir/web.new"
chmod -R u=rwX,go=rX "$share/comptoir/web.new"
[ ! -e "$share/comptoir/web" ] || mv "$share/comptoir/web" "$share/comptoir/web.old"
mv "$share/comptoir/web.new" "$share/comptoir/web"
rm -rf "$share/comptoir/web.old"
install -m 644 LICENSE docs/OPERATIONS.md docs/LOGGING.md docs/LICENCES.md deploy/Caddyfile deploy/haproxy.cfg deploy/nginx.conf deploy/alerts.yml deploy/grafana-dashboard.json "$share/doc/comptoir"
install -m 644 deploy/comptoir.service deploy/comptoir.socket deploy/comptoir-backup.service deploy/comptoir-backup.timer "$units"
if [ -z "$root" ]; then
    id comptoir >/dev/null 2>&1 || useradd --system --user-group --no-create-home --home-dir /var/lib/comptoir --shell /usr/sbin/nologin comptoir
    install -d "$etc"
    # It may hold secrets: the server reads it, others do not.
    [ -e "$etc/comptoir.conf" ] || install -m 640 -g comptoir deploy/comptoir.conf.example "$etc/comptoir.conf"
    if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
    "$bin/comptoir" --version
    echo "install: settings are in $etc/comptoir.conf; docs/OPERATIONS.md says how to go on"
fi
