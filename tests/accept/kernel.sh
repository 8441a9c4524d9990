#!/usr/bin/env bash
# Debian 12's own kernel, which has no binfmt_misc of a user's own (Linux 6.7 has): what a build says where the host has not
# registered qemu, and the image commit where it has, for root and for a user with one id. In an emulated machine.
. "$(dirname "$0")/common.sh"

name="a kernel older than 6.7"
for tool in qemu-system-x86_64 mke2fs dpkg-deb busybox; do
  if ! command -v "$tool" >/dev/null; then
    skip "$name" "$tool is not installed"
    exit
  fi
done
project=$scratch/project disk=$scratch/disk
mkdir -p "$project/debs" "$scratch/tiny/DEBIAN"
printf '%s\n' "Package: tiny" "Version: 1" "Architecture: all" "Depends: busybox-static" \
  "Maintainer: Nobody <nobody@example.org>" "Description: has a script" >"$scratch/tiny/DEBIAN/control"
printf '#!/bin/busybox sh\nbusybox mkdir -p /var/lib/tiny\nbusybox chown 33:33 /var/lib/tiny\nbusybox uname -m >/var/lib/tiny/machine\n' \
  >"$scratch/tiny/DEBIAN/postinst"
chmod 755 "$scratch/tiny/DEBIAN/postinst"
SOURCE_DATE_EPOCH=0 dpkg-deb --root-owner-group --build "$scratch/tiny" "$project/debs/tiny_1_all.deb" >/dev/null
with_local "$project"
printf '[image.server]\nvariant = "custom"\npackages = ["tiny"]\n' >>"$project/manifests/demo.toml"
if ! { "$pintree" -C "$project" -q lock && "$pintree" -C "$project" -q build --until composed; } >/dev/null 2>"$scratch/log"; then
  check "$name" 1 "$(tail -n 3 "$scratch/log" | tr '\n' ' ')"
  exit
fi

# The machine's disk: the project before any script ran, once for each user, and the few programs that a build needs.
mkdir -p "$disk"/{dev,proc,sys,tmp,root,etc,bin,lib/modules}
cp -a "$project" "$disk/root.project"
cp -a "$project" "$disk/user.project"
chown -R 1000:1000 "$disk/user.project"
printf '%s\n' root:x:0:0:root:/root:/bin/sh user:x:1000:1000::/tmp:/bin/sh >"$disk/etc/passwd"
printf '%s\n' root:x:0: user:x:1000: >"$disk/etc/group"
put() { # put PROGRAM [PLACE]: it and the libraries that it loads
  local file
  for file in $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*'); do install -D "$(realpath "$file")" "$disk$file"; done
  install -D "$(realpath "$1")" "$disk${2:-$1}"
}
for program in busybox ninja qemu-arm-static setpriv; do put "$(command -v "$program")"; done
put "$pintree" /pintree/pintree
put "$(dirname "$pintree")/pintree-ostree" /pintree/pintree-ostree
ln -s "$(command -v busybox)" "$disk/bin/sh"

kernel=$(apt-cache search --names-only '^linux-image-6\.1\..*-cloud-amd64$' | cut -d' ' -f1 | grep -v unsigned | sort -V | tail -n 1)
if ! (cd "$scratch" && apt-get -q download "$kernel" >"$scratch/log" 2>&1); then
  skip "$name" "no such kernel for a virtual machine: $(tail -n 1 "$scratch/log")"
  exit
fi
dpkg-deb -x "$scratch/$kernel"_*.deb "$scratch/kernel"
find "$scratch/kernel" \( -name 'overlay.ko*' -o -name 'binfmt_misc.ko*' \) -exec cp {} "$disk/lib/modules/" \;
find "$disk/lib/modules" -name '*.xz' -exec xz -d {} +

cat >"$disk/init" <<INIT
#!/bin/sh
export PATH=$(dirname "$(command -v ninja)"):$(dirname "$(command -v busybox)"):/bin HOME=/tmp TZ=UTC LC_ALL=C.UTF-8
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs devtmpfs /dev
busybox mount -t tmpfs -o mode=1777 tmpfs /tmp
busybox insmod /lib/modules/overlay.ko
busybox insmod /lib/modules/binfmt_misc.ko
user="$(command -v setpriv) --reuid 1000 --regid 1000 --clear-groups"
\$user /pintree/pintree -C /user.project --frozen build
echo "unregistered exit \$?"
busybox mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
printf '%s' ':qemu-arm:M::\\x7fELF\\x01\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\x28\\x00:\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff:$(realpath "$(command -v qemu-arm-static)"):F' \\
  >/proc/sys/fs/binfmt_misc/register
\$user /pintree/pintree -C /user.project --frozen build
/pintree/pintree -C /root.project --frozen build
for who in user root; do
  echo "\$who \$(busybox cat /\$who.project/_build/ostree/refs/heads/image/demo/server/armhf/sealed)"
done
busybox sync
busybox poweroff -f
INIT
chmod 755 "$disk/init"
mke2fs -q -F -t ext4 -d "$disk" "$scratch/disk.img" 1500M >"$scratch/log" 2>&1
timeout 900 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 2048 -display none -monitor none -no-reboot -nic none \
  -serial "file:$scratch/console" -drive "file=$scratch/disk.img,format=raw,if=none,id=disk" -device nvme,drive=disk,serial=disk \
  -kernel "$scratch"/kernel/boot/vmlinuz-* -append "root=/dev/nvme0n1 rw init=/init console=ttyS0 panic=-1 quiet" || true
tr -d '\r' <"$scratch/console" >"$scratch/said"
told() { sed -n "s/^$1 //p" "$scratch/said" | tail -n 1; }

"$pintree" -C "$project" --frozen -q build >/dev/null 2>"$scratch/log" || say "$(tail -n 8 "$scratch/log")"
with_stage sealed
here=$(commit "$project")
[ -n "$(told root)" ] || say "$(tail -n 15 "$scratch/said")"
message=$(grep -c 'is not registered on this host' "$scratch/said" || true)
check "$name" "$(is "$(told user) $(told root) $(told unregistered) $message" = "$here $here exit 7 1")" \
  "$(told unregistered) and how to mend it where qemu is not registered; where it is, sealed $(told user | cut -c1-12) for a user with one id, $(told root | cut -c1-12) for root, ${here:0:12} here (${kernel#linux-image-})"
