// SPDX-License-Identifier: Apache-2.0
// People look into an image: a login shell on the serial console, or one command by the agent.
#include <fmt/format.h>
#include <unistd.h>

#include "validators/guest_conversation.h"
#include "validators/image_guest.h"
#include "validators/machines/guest_process.h"
#include "validators/machines/injection.h"
#include "validators/validate.h"

namespace ainode {

namespace {

constexpr std::chrono::hours kCommandPatience{24};

int open_console(RunContext& run, const ImageGuest& guest, const std::string& qemu) {
  std::vector<std::string> command = qemu_command(qemu, guest.topology, guest.files, guest.command_line);
  const std::vector<std::string> credentials = shell_credentials();
  command.insert(command.end(), credentials.begin(), credentials.end());
  command.insert(command.end(), {"-serial", "mon:stdio"});
  run.events.note("boot", fmt::format("{}: Ctrl-A X leaves; nothing you change is kept", guest.manifest.name));
  return run_on_terminal(command);
}

void print_output(std::string_view stream, std::string_view piece) {
  write_all(stream == "stderr" ? STDERR_FILENO : STDOUT_FILENO, piece, "the terminal");
}

int run_in_guest(RunContext& run, const BootOptions& options, const fs::path& work_parent) {
  SessionOptions session;
  session.image = options.image;
  session.topology = topology_of(options.target);
  session.qemu = options.qemu;
  GuestConversation guest(run, session, work_parent);
  return guest.run(options.command, kCommandPatience, "", print_output).exit_code;
}

}  // namespace

int boot_console(RunContext& run, const BootOptions& options) {
  const fs::path work_parent = cache_directory() / "guests";
  if (!options.command.empty()) return run_in_guest(run, options, work_parent);
  return open_console(run, prepare_guest(options.image, find_topology(topology_of(options.target)), {}, work_parent),
                      options.qemu);
}

}  // namespace ainode
