// SPDX-License-Identifier: Apache-2.0
// What maintainer scripts need as root of their own tree, and no more. CAP_MKNOD would give nothing in a user
// namespace.
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "builder/sandbox/confinement.h"

namespace ainode {

namespace {

constexpr std::array kKept = {CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,  CAP_FSETID,  CAP_KILL,
                              CAP_SETGID, CAP_SETUID,       CAP_SETFCAP, CAP_SETPCAP, CAP_SYS_CHROOT};

constexpr std::uint64_t kept_bits() {
  std::uint64_t bits = 0;
  for (const int capability : kKept) bits |= std::uint64_t{1} << capability;
  return bits;
}

}  // namespace

bool drop_capabilities() noexcept {
  constexpr std::uint64_t kKeptBits = kept_bits();
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (int capability = 0; capability < 64; ++capability) {
    if (kKeptBits >> capability & 1) continue;
    // EINVAL: past the last capability that this kernel knows.
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      if (errno == EINVAL) break;
      return false;
    }
  }
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets = {};
  constexpr auto kLow = static_cast<std::uint32_t>(kKeptBits), kHigh = static_cast<std::uint32_t>(kKeptBits >> 32);
  sets[0] = {kLow, kLow, 0};
  sets[1] = {kHigh, kHigh, 0};
  return syscall(SYS_capset, &header, sets.data()) == 0;
}

}  // namespace ainode
