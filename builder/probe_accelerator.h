// SPDX-License-Identifier: Apache-2.0
// Whether QEMU can really run a guest here, found by running one: 512 bytes that answer through a debug port.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

namespace ainode {

enum class GuestAnswer {
  absent,     ///< there is no such device
  forbidden,  ///< this user may not open it
  fails,      ///< QEMU ended without the guest's answer
  hangs,      ///< the guest gave no answer before the deadline
  works,
};
std::string_view to_string(GuestAnswer answer);

struct GuestProbe {
  GuestAnswer answer = GuestAnswer::fails;
  std::string detail;  ///< of `fails`: QEMU's last line
};

struct AcceleratorProbe {
  std::string qemu = "qemu-system-x86_64";
  std::string accelerator = "tcg";             ///< as QEMU's -accel
  std::filesystem::path device;                ///< /dev/kvm for kvm; empty: none is needed
  std::chrono::milliseconds deadline{10'000};  ///< for QEMU's start, firmware and guest
};

/// Leaves no process and no file. Throws tool_missing (no such QEMU), interrupted, file_failed.
GuestProbe probe_accelerator(const AcceleratorProbe& probe);

}  // namespace ainode
