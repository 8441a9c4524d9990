#!/usr/bin/env bash
# A small, real Debian mirror on loopback, so that every tool of a benchmark reads the same bytes.
#
#   benches/mirror.sh start [DIR]   make what is missing under DIR (default: _bench), serve it, print its URL
#   benches/mirror.sh stop  [DIR]   stop the server that `start` started
#   benches/mirror.sh url   [DIR]   print the URL of the running server
#
# It holds the signed InRelease file and the package index of bookworm main for armhf, as the archive has them, and the
# packages of a few sets, chosen by apt: S (the essential ones), M (a small server), MV (M and vim), L (a desktop).
# Upstream is what this host's apt uses. No root is needed where the tools are installed.
#
#   MIRROR_SETS      which sets (default: "S M MV L")
#   MIRROR_PORT      the server's port (default: a free one)
#   MIRROR_FROM      a directory with a `pool/` of the same archive: files are linked from there where they are the same
#   MIRROR_UPSTREAM  the archive's URL
#
# DIR/mirror/debian  what is served           DIR/sets/SET.request  what apt was asked for
# DIR/apt/local      an apt root that uses it  DIR/sets/SET.pins     NAME=VERSION of the set, sorted
# DIR/nginx          configuration, pid, port  DIR/sets/SET.files    paths below DIR/mirror/debian, sorted
set -euo pipefail

suite=bookworm
arch=armhf
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

verb=${1:-start}
dir=${2:-_bench}

fail() { printf 'mirror.sh: %s\n' "$*" >&2; exit 1; }
say() { printf 'mirror.sh: %s\n' "$*" >&2; }

request() {
  case $1 in
    S) echo '?essential' ;;
    M) echo '?essential nginx openssh-server systemd-sysv ca-certificates python3' ;;
    MV) echo '?essential nginx openssh-server systemd-sysv ca-certificates python3 vim' ;;
    L) echo '?essential apt systemd-sysv udev ca-certificates openssh-server network-manager xfce4 xfce4-goodies lightdm chromium libreoffice-writer gimp vlc python3' ;;
    *) fail "no set is called \`$1\`" ;;
  esac
}

# The archive's URL: the first that the host's apt has for the suite.
upstream() {
  [ -z "${MIRROR_UPSTREAM:-}" ] || { echo "${MIRROR_UPSTREAM%/}"; return; }
  local found
  # shellcheck disable=SC2016  # the fields are apt's
  found=$(apt-get indextargets --format '$(REPO_URI)|$(CODENAME)|$(COMPONENT)|$(CREATED_BY)' 2>/dev/null |
    awk -F'|' -v suite="$suite" '$2 == suite && $3 == "main" && $4 == "Packages" { print $1; exit }')
  [ -n "$found" ] || fail "this host's apt has no $suite main; set MIRROR_UPSTREAM"
  echo "${found%/}"
}

# apt_root DIR URL: an apt that knows one suite of one archive, and nothing of this host's packages.
apt_root() {
  local root=$1 url=$2
  mkdir -p "$root"/etc/apt/{apt.conf.d,preferences.d,sources.list.d,trusted.gpg.d} \
    "$root"/var/{lib/apt/lists/partial,cache/apt/archives/partial,lib/dpkg,log/apt}
  : >"$root/var/lib/dpkg/status"
  echo "deb [signed-by=$keyring] $url $suite main" >"$root/etc/apt/sources.list"
  cat >"$root/apt.conf" <<CONF
Dir "$root";
Dir::State::status "$root/var/lib/dpkg/status";
Dir::Log "$root/var/log/apt";
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
CONF
}

# The pool: for each set what apt would download, checked against the index that the archive's key signed.
fill() {
  local url=$1 root=$dir/apt/upstream base=$dir/mirror/debian sets=${MIRROR_SETS:-S M MV L} set
  local dists=$base/dists/$suite index
  index=$dists/main/binary-$arch/Packages.xz
  export APT_CONFIG=$root/apt.conf
  if [ ! -f "$index" ]; then
    say "indexes of $suite from $url"
    rm -rf "$root"
    apt_root "$root" "$url"
    apt-get update -qq
    mkdir -p "$dists/main/binary-$arch/by-hash/SHA256"
    cp "$root"/var/lib/apt/lists/*_dists_"${suite}"_InRelease "$dists/InRelease"
    gpgv --quiet --keyring "$keyring" --output "$dists/Release" "$dists/InRelease" 2>/dev/null ||
      fail "the signature of InRelease is not good"
    local digest
    digest=$(awk -v path="main/binary-$arch/Packages.xz" '/^SHA256:/ { on = 1; next } /^[^ ]/ { on = 0 } on && $3 == path { print $1 }' "$dists/Release")
    /usr/lib/apt/apt-helper -qq download-file "$url/dists/$suite/main/binary-$arch/by-hash/SHA256/$digest" "$index.part" "SHA256:$digest" >&2
    ln "$index.part" "$dists/main/binary-$arch/by-hash/SHA256/$digest"
    mv "$index.part" "$index"
  fi
  for set in $sets; do
    [ ! -f "$dir/sets/$set.files" ] || continue
    request "$set" >"$dir/sets/$set.request"
    # The words of a request are words of apt's.
    # shellcheck disable=SC2046
    apt-get -qq --print-uris -y install $(request "$set") >"$dir/sets/$set.uris"
    say "packages of set $set: $(wc -l <"$dir/sets/$set.uris")"
    python3 - "$dir" "$set" "$url" "${MIRROR_FROM:-}" <<'PYTHON'
import hashlib, lzma, os, re, shutil, subprocess, sys, urllib.parse
directory, name, url, source = sys.argv[1:]
base = f"{directory}/mirror/debian"
paths = [urllib.parse.unquote(line.split("'")[1]).removeprefix(url + "/") for line in open(f"{directory}/sets/{name}.uris")]
wanted, stanzas = set(paths), {}
with lzma.open(f"{base}/dists/bookworm/main/binary-armhf/Packages.xz", "rt") as index:
    for stanza in index.read().split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", stanza, re.M))
        if fields.get("Filename") in wanted:
            stanzas[fields["Filename"]] = fields
absent = wanted - stanzas.keys()
if absent:
    sys.exit(f"the index does not list {sorted(absent)[:3]}: it and apt's lists are of different days; remove {directory} and try again")

def right(path, fields):
    if not os.path.isfile(path) or os.path.getsize(path) != int(fields["Size"]):
        return False
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest() == fields["SHA256"]

missing = []
for path, fields in sorted(stanzas.items()):
    target = f"{base}/{path}"
    if right(target, fields):
        continue
    os.makedirs(os.path.dirname(target), exist_ok=True)
    for root in filter(None, [source, f"{source}/debian", f"{source}/mirror/debian"] if source else []):
        if right(f"{root}/{path}", fields):
            if os.path.lexists(target):
                os.remove(target)
            try:
                os.link(f"{root}/{path}", target)
            except OSError:
                shutil.copyfile(f"{root}/{path}", target)
            break
    else:
        missing.append((path, fields))
if missing:
    print(f"mirror.sh: downloading {len(missing)} packages, {sum(int(f['Size']) for _, f in missing) / 1e6:.0f} MB", file=sys.stderr)
for start in range(0, len(missing), 64):
    words = [word for path, fields in missing[start:start + 64]
             for word in (f"{url}/{urllib.parse.quote(path, safe='/~')}", f"{base}/{path}", f"SHA256:{fields['SHA256']}")]
    subprocess.run(["/usr/lib/apt/apt-helper", "-qq", "download-file", *words], check=True, stdout=sys.stderr)
for path, fields in missing:
    if not right(f"{base}/{path}", fields):
        sys.exit(f"{base}/{path} is not what the index says")

def save(kind, lines):
    with open(f"{directory}/sets/{name}.{kind}.part", "w") as file:
        file.writelines(f"{line}\n" for line in sorted(lines))
    os.rename(f"{directory}/sets/{name}.{kind}.part", f"{directory}/sets/{name}.{kind}")

save("pins", (f"{fields['Package']}={fields['Version']}" for fields in stanzas.values()))
save("files", stanzas)
PYTHON
  done
}

running() { [ -s "$dir/nginx/pid" ] && kill -0 "$(cat "$dir/nginx/pid")" 2>/dev/null; }

serve() {
  running && return
  local port=${MIRROR_PORT:-} user=
  [ -n "$port" ] || port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  # Started by root, the workers must still reach directories that are root's alone.
  [ "$(id -u)" != 0 ] || user='user root;'
  cat >"$dir/nginx/nginx.conf" <<CONF
worker_processes 1;
pid $dir/nginx/pid;
error_log $dir/nginx/error.log;
$user
events { worker_connections 512; }
http {
  access_log off;
  sendfile on;
  keepalive_requests 100000;
  client_body_temp_path $dir/nginx/body;
  proxy_temp_path $dir/nginx/proxy;
  fastcgi_temp_path $dir/nginx/fastcgi;
  uwsgi_temp_path $dir/nginx/uwsgi;
  scgi_temp_path $dir/nginx/scgi;
  server { listen 127.0.0.1:$port; root $dir/mirror; }
}
CONF
  nginx -e "$dir/nginx/error.log" -c "$dir/nginx/nginx.conf" || fail "nginx does not start; see $dir/nginx/error.log"
  echo "$port" >"$dir/nginx/port"
}

url() { echo "http://127.0.0.1:$(cat "$dir/nginx/port")/debian"; }

case $verb in
  start)
    PATH=$PATH:/usr/sbin:/sbin
    for tool in apt-get gpgv nginx python3 xz; do
      command -v "$tool" >/dev/null || fail "\`$tool\` is missing; \`make bench-setup\` installs it"
    done
    mkdir -p "$dir"/{sets,mirror/debian,nginx}
    dir=$(cd "$dir" && pwd)
    fill "$(upstream)"
    serve
    unset APT_CONFIG
    if ! grep -qs " $(url) " "$dir/apt/local/etc/apt/sources.list"; then
      rm -rf "$dir/apt/local"
      apt_root "$dir/apt/local" "$(url)"
      APT_CONFIG=$dir/apt/local/apt.conf apt-get -qq update
    fi
    url
    ;;
  stop)
    if running; then
      kill -QUIT "$(cat "$dir/nginx/pid")"
      while running; do sleep 0.1; done
    fi
    rm -f "$dir/nginx/pid" "$dir/nginx/port"
    ;;
  url) running || fail "no server runs for \`$dir\`"; url ;;
  *) fail "unknown word \`$verb\`; say start, stop or url" ;;
esac
