// SPDX-License-Identifier: Apache-2.0
// The unit finds the disk by its serial, unpacks it below /run and becomes the agent; whatever goes wrong it says on
// the console, because nothing else could.
#include "validators/machines/injection.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/archive.h"
#include "base/crypto.h"
#include "base/files.h"

namespace ainode {

namespace {

constexpr std::size_t kSector = 512;

// Every `$` is doubled for systemd. A file system that forbids execution below /run gets a tmpfs of the agent's own.
constexpr const char* kStart = R"sh(d=; n=0; \
while [ -z "$$d" ] && [ $$n -lt 60 ]; do \
 for b in /sys/block/*; do [ "$$(cat $$b/serial 2>/dev/null)" = ainode-agent ] && d=/dev/$${b##*/}; done; \
 [ -n "$$d" ] && [ -b "$$d" ] || { d=; n=$$((n+1)); sleep 1; }; \
done; \
[ -n "$$d" ] || { echo "ainode-agent: no disk has that serial"; exit 1; }; \
tar -C /run/ainode-agent -xf "$$d" || { echo "ainode-agent: $$d cannot be unpacked"; exit 1; }; \
[ -x /run/ainode-agent/ainode-agent ] || { mount -t tmpfs -o mode=0700 ainode-agent /run/ainode-agent && \
 tar -C /run/ainode-agent -xf "$$d"; }; \
exec /run/ainode-agent/ainode-agent --expected /run/ainode-agent/expected.json)sh";

constexpr const char* kUnit = R"([Unit]
Description=ainode validation agent
DefaultDependencies=no
Conflicts=shutdown.target
[Service]
Type=exec
RuntimeDirectory=ainode-agent
RuntimeDirectoryMode=0700
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
ExecStart=/bin/sh -c ')";

// What it prints stands in the console's log.
constexpr const char* kScriptUnit = R"([Unit]
Description=defects that checks must find
DefaultDependencies=no
{}
[Service]
Type=oneshot
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
ExecStart=/bin/sh -c "echo {} | base64 -d | sh"
)";
constexpr const char* kEarly =
    "After=local-fs.target systemd-sysctl.service systemd-modules-load.service sys-kernel-debug.mount\n"
    "Before=ainode-agent.service";
constexpr const char* kLate =
    "After=ainode-agent.service local-fs.target systemd-udev-trigger.service\nBefore=multi-user.target";
constexpr const char* kAgentRuns =
    "for i in $(seq 60); do p=$(systemctl show -P MainPID ainode-agent.service); "
    "grep -qx ainode-agent /proc/$p/comm && break; sleep 1; done; udevadm settle\n";

constexpr const char* kShell = R"([Service]
ExecStart=
ExecStart=-/bin/sh -c 'cd /root 2>/dev/null; exec /bin/bash -l || exec /bin/sh -l'
Type=simple
Environment=HOME=/root TERM=vt220
StandardError=tty
)";

std::string credential(const std::string& name, const std::string& value) {
  return fmt::format("type=11,value=io.systemd.credential.binary:{}={}", name, to_base64(value));
}

}  // namespace

void write_agent_disk(const fs::path& path, const std::vector<fs::path>& programs, const std::string& expected) {
  AtomicFile file(path, 0600);
  std::size_t written = 0;
  ArchiveWriter tar(ArchiveWriter::Format::tar, [&](std::string_view bytes) {
    file.write(bytes);
    written += bytes.size();
  });
  const auto add = [&](const std::string& name, std::uint32_t mode, const std::string& content) {
    ArchiveEntry entry;
    entry.path = name;
    entry.mode = mode;
    entry.size = content.size();
    tar.add(entry, content);
  };
  for (const fs::path& program : programs) add(program.filename(), 0755, read_file(program));
  add("expected.json", 0600, expected);
  tar.finish();
  file.write(std::string((kSector - written % kSector) % kSector, '\0'));
  file.commit(false);
}

std::vector<std::string> agent_credentials(const std::vector<std::string>& arguments, const GuestScripts& scripts) {
  std::string words;
  for (const std::string& argument : arguments) words += " " + argument;
  std::vector<std::string> result, units;
  const auto add_unit = [&](const std::string& name, const std::string& text) {
    result.insert(result.end(), {"-smbios", credential("systemd.extra-unit." + name, text)});
    units.push_back(name);
  };
  add_unit("ainode-agent.service", std::string(kUnit) + kStart + words + "'\n");
  if (!scripts.early.empty())
    add_unit("ainode-defects.service", fmt::format(kScriptUnit, kEarly, to_base64(scripts.early)));
  if (!scripts.late.empty())
    add_unit("ainode-late-defects.service", fmt::format(kScriptUnit, kLate, to_base64(kAgentRuns + scripts.late)));
  result.insert(result.end(), {"-smbios", credential("systemd.unit-dropin.basic.target",
                                                     fmt::format("[Unit]\nWants={}\n", fmt::join(units, " ")))});
  return result;
}

std::vector<std::string> shell_credentials() {
  return {"-smbios", credential("systemd.unit-dropin.serial-getty@ttyS0.service", kShell)};
}

}  // namespace ainode
