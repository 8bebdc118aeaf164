// SPDX-License-Identifier: Apache-2.0
// Plain busybox shell, since every program more is paid for at each boot.
#include "builder/stages/initrd_script.h"

#include <fmt/format.h>

namespace ainode {

namespace {

constexpr std::string_view kScript = R"sh(#!/usr/bin/busybox sh
export PATH=/usr/bin
busybox() { /usr/bin/busybox "$@"; }
busybox mount -t devtmpfs -o mode=0755,nosuid dev /dev
(: >/dev/console) 2>/dev/null && exec </dev/console >/dev/console 2>&1
busybox mount -t proc -o nosuid,nodev,noexec proc /proc
busybox mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
busybox mount -t tmpfs -o mode=0755,nosuid,nodev run /run

root= fstype=ext4 flags= access=ro init=/sbin/init shell= refused=
read -r cmdline </proc/cmdline
set -f # words of the command line are no patterns
for argument in $cmdline; do
  case $argument in
    root=*) root=${argument#root=} ;;
    rootfstype=*) fstype=${argument#rootfstype=} ;;
    rootflags=*) flags=,${argument#rootflags=} ;;
    init=*) init=${argument#init=} ;;
    ro | rw) access=$argument ;;
    rd.shell) shell=yes ;;
  esac
done

fail() {
  echo "initrd: $*"
  [ -n "$refused" ] && echo "initrd: modules that could not be loaded:$refused"
  [ -n "$shell" ] && exec /usr/bin/busybox sh
  exit 1
}

# A module may find its hardware missing (crc32c_intel): that matters only when the root cannot be reached.
for module in @MODULES@; do
  parameters=
  for argument in $cmdline; do
    case $argument in "$module".*) parameters="$parameters ${argument#*.}" ;; esac
  done
  busybox insmod /usr/lib/modules/$module.ko $parameters 2>/dev/null || refused="$refused $module"
done

[ -n "$root" ] || fail "the kernel command line has no root="
tries=0 device=
while [ -z "$device" ]; do
  case $root in
    LABEL=* | UUID=*) device=$(busybox findfs "$root" 2>/dev/null) ;;
    *) [ -e "$root" ] && device=$root ;;
  esac
  [ -n "$device" ] && break
  tries=$((tries + 1))
  [ $tries -lt 1200 ] || fail "no disk holds the root $root; block devices: $(busybox ls /sys/class/block | busybox tr '\n' ' ')"
  busybox usleep 50000
done

busybox mount -t "$fstype" -o "$access$flags" "$device" /sysroot || fail "$device could not be mounted as $fstype"
/usr/lib/ostree/ostree-prepare-root /sysroot || fail "ostree-prepare-root failed on $device"
for place in dev proc sys run; do
  busybox mount -o move /$place /sysroot/$place || fail "/$place could not be moved to the root"
done
exec /usr/bin/busybox switch_root /sysroot "$init"
)sh";

}  // namespace

std::string initrd_script(const std::vector<std::string>& modules) {
  std::string text(kScript);
  const std::string_view mark = "@MODULES@";
  text.replace(text.find(mark), mark.size(), fmt::format("{}", fmt::join(modules, " ")));
  return text;
}

}  // namespace ainode
