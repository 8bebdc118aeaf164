// SPDX-License-Identifier: Apache-2.0
// The image stays as it is: its disk is only read, by us for the boot entry and by QEMU below the overlay.
#include "validators/image_guest.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/error.h"
#include "validators/available_memory.h"
#include "validators/checks/declared.h"
#include "validators/checks/expected.h"
#include "validators/checks/text.h"
#include "validators/machines/injection.h"
#include "validators/work_place.h"

namespace ainode {

namespace {

fs::path find_disk(const Manifest& manifest, const fs::path& image) {
  const auto disk = std::find_if(manifest.outputs.begin(), manifest.outputs.end(),
                                 [](const OutputFile& output) { return output.kind == "qcow2"; });
  if (disk == manifest.outputs.end()) {
    throw Error(codes::image_malformed, fmt::format("{}: the image has no qcow2 disk", image.string()))
        .help("add `disk: [qcow2]` to the recipe's outputs and build again");
  }
  fs::path path = image / disk->name;
  if (!fs::exists(path))
    throw Error(codes::image_malformed, fmt::format("{}: the disk {} is gone", image.string(), disk->name))
        .help("build the image again");
  return path;
}

/// A kernel that gives all its memory away boots until something kills it: said before.
void require_room_for_pages(const Manifest& manifest, const Topology& machine) {
  std::uint64_t pages = 0, memory = 0;  // bytes
  std::string places;
  for (const Declaration& declaration : manifest.declared) {
    if (declaration.subject != "mem.hugepages") continue;
    const auto size = checks::kibibytes(declaration.expected.at("size").get<std::string>()).value_or(0);
    pages += static_cast<std::uint64_t>(size) * 1024 * declaration.expected.at("count").get<std::uint64_t>();
    places += checks::placed(declaration);
  }
  for (const checks::ExpectedNumaNode& node : machine.facts.nodes) memory += node.memory_bytes;
  if (pages == 0 || pages < memory) return;
  throw Error(codes::pages_exceed_memory, fmt::format("the image keeps {} MiB for huge pages{}, and `{}` has {} MiB",
                                                      pages >> 20, places, machine.name, memory >> 20))
      .help("validate it on a topology with more memory, or state fewer pages in a variant of the recipe");
}

/// V0009 where the machine is the user's: a mistake in their file, which no retry mends.
constexpr ErrorCode kOwnMachineRefused = {codes::machine_refused.id, Exit::usage, codes::machine_refused.summary};

/// Of the device that QEMU's words name; else the file alone.
Place refused_place(const Topology& topology, const std::string& words) {
  for (const MachineDevice& device : topology.devices)
    if (words.find(fmt::format("-device {}", device.kind->name)) != std::string::npos) return device.place;
  return Place{topology.nodes.file, 0, 0, 1, ""};
}

// COMMAND_LINE_SIZE of arch/x86/include/asm/setup.h, less its NUL.
constexpr std::size_t kLongestCommandLine = 2047;

}  // namespace

std::string topology_of(const std::string& target) {
  if (target == "qemu") return std::string(kDefaultTopology);
  if (target.starts_with("qemu:")) return target.substr(5);
  throw Error(codes::target_unknown, fmt::format("there is no target `{}`", target))
      .help(
          "there are: qemu[:TOPOLOGY], where TOPOLOGY is a name or the path of a YAML file, for `validate` and "
          "`record` also local[:TOPOLOGY], for `validate` tree and recorded");
}

ImageGuest prepare_guest(const fs::path& image, Topology machine, const std::vector<std::string>& extra_arguments,
                         const fs::path& work_parent) {
  Manifest manifest = read_manifest(image);
  if (manifest.architecture != "amd64")
    throw Error(codes::target_unknown,
                fmt::format("{}: no topology emulates {} yet", image.string(), manifest.architecture));
  if (const auto available = available_memory()) require_memory(machine, *available);
  require_room_for_pages(manifest, machine);
  const fs::path disk = find_disk(manifest, image);
  const BootEntry entry = read_boot_entry(disk);
  remove_abandoned(work_parent);
  auto [work, lock] = take_work_place(work_parent);
  GuestFiles files = prepare_guest_files(entry, disk, work.path());
  std::vector<std::string> arguments = harness_arguments(machine, extra_arguments);
  std::string command_line = fmt::format("{} {}", entry.options, fmt::join(arguments, " "));
  if (command_line.size() > kLongestCommandLine)
    throw Error(codes::bad_value,
                fmt::format("the kernel's command line has {} bytes; it takes {} and cuts off the rest",
                            command_line.size(), kLongestCommandLine))
        .help("give fewer or shorter arguments by --append, or in the recipe's `kernel.cmdline`");
  return {std::move(manifest), std::move(machine), std::move(arguments), std::move(command_line),
          std::move(files),    std::move(work),    std::move(lock)};
}

void require_start(const GuestOutcome& outcome, const Topology& topology) {
  if (outcome.code != &codes::machine_refused) return;
  Error error(topology.is_shipped ? codes::machine_refused : kOwnMachineRefused,
              fmt::format("QEMU refuses the machine of {}", topology.nodes.file));
  error.at(refused_place(topology, outcome.last_lines));
  std::istringstream lines(outcome.last_lines);
  for (std::string line; std::getline(lines, line);) error.chain(line);
  if (outcome.signal != 0) error.chain(outcome.text);
  throw error.help("change in the topology what QEMU's words name");
}

void require_end(const GuestOutcome& outcome, const Topology& topology) {
  require_start(outcome, topology);
  if (!outcome.code) return;
  Error error(*outcome.code, outcome.text);
  if (!outcome.last_lines.empty()) error.chain("its last lines:");
  std::istringstream lines(outcome.last_lines);
  for (std::string line; std::getline(lines, line);) error.chain(line);
  throw error;
}

checks::Expected expected_in(const ImageGuest& guest, const AgentTask& task) {
  checks::Expected expected = checks::expected_of(guest.manifest);
  expected.topology = guest.topology.facts;
  expected.harness_cmdline = guest.harness_arguments;
  expected.profiles = task.profiles;
  expected.level = task.level;
  expected.only = task.only;
  expected.elsewhere = task.elsewhere;
  expected.nonce = task.nonce;
  expected.emulated = true;
  expected.instruction_ns = guest.topology.counts_instructions ? kInstructionNs : 0;
  return expected;
}

std::vector<std::string> inject_agent(ImageGuest& guest, const AgentTask& task, const std::string& qemu) {
  guest.files.agent_disk = guest.work.path() / "agent.tar";
  std::vector<fs::path> programs = {companion_program("ainode-agent")};
  for (const std::string& name : task.companions) programs.push_back(companion_program(name));
  write_agent_disk(guest.files.agent_disk, programs, checks::write_expected(expected_in(guest, task)));
  std::vector<std::string> command = qemu_command(qemu, guest.topology, guest.files, guest.command_line);
  std::vector<std::string> arguments;
  if (task.listens) arguments.emplace_back("--listen");
  if (task.records) arguments.emplace_back("--record");
  const std::vector<std::string> credentials = agent_credentials(arguments, {task.planting.early, task.planting.late});
  command.insert(command.end(), credentials.begin(), credentials.end());
  return command;
}

}  // namespace ainode
