// SPDX-License-Identifier: Apache-2.0
// How the agent gets into an image that stays as it is: a second disk that is a plain tar, and a unit that systemd
// takes from the firmware's tables (systemd.system-credentials(7): systemd.extra-unit, systemd.unit-dropin).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ainode {

/// The agent's disk: one tar holding the programs (0755; the agent is one of them) and `expected.json` (0600), padded
/// to whole sectors. The same inputs give the same bytes.
void write_agent_disk(const std::filesystem::path& path, const std::vector<std::filesystem::path>& programs,
                      const std::string& expected);

/// What root runs in the guest beside the agent, by sh(1), to plant defects; empty: nothing.
struct GuestScripts {
  std::string early;  ///< before the agent starts, when local file systems and sysctls are set up
  std::string late;   ///< once the agent has left its disk; the system is up only afterwards
};

/// QEMU's -smbios arguments that make systemd start the agent with `arguments` among its very first jobs (the agent
/// itself waits for what a check needs).
/// They carry no secret: every program in the guest may read the unit.
std::vector<std::string> agent_credentials(const std::vector<std::string>& arguments, const GuestScripts& scripts = {});

/// QEMU's -smbios arguments that put a root shell on the serial console. An image need not carry agetty's `login`, and
/// nobody's password is touched.
std::vector<std::string> shell_credentials();

}  // namespace ainode
