// SPDX-License-Identifier: Apache-2.0
// People look into an image: a login shell on the serial console, or one command by the agent.
#include <fmt/format.h>
#include <unistd.h>

#include "base/crypto.h"
#include "validators/image_guest.h"
#include "validators/machines/guest_process.h"
#include "validators/machines/guest_run.h"
#include "validators/machines/injection.h"
#include "validators/validate.h"

namespace ainode {

namespace {

constexpr std::size_t kNonceBytes = 32;

int open_console(RunContext& run, const ImageGuest& guest, const std::string& qemu) {
  std::vector<std::string> command = qemu_command(qemu, guest.topology, guest.files, guest.command_line);
  const std::vector<std::string> credentials = shell_credentials();
  command.insert(command.end(), credentials.begin(), credentials.end());
  command.insert(command.end(), {"-serial", "mon:stdio"});
  run.events.note("boot", fmt::format("{}: Ctrl-A X leaves; nothing you change is kept", guest.manifest.name));
  return run_on_terminal(command);
}

void print_output(const checks::Message& message) {
  if (message.type != checks::Message::Type::output) return;
  write_all(message.stream == "stderr" ? STDERR_FILENO : STDOUT_FILENO, message.text, "the terminal");
}

int run_in_guest(RunContext& run, ImageGuest& guest, const std::vector<std::string>& command, const std::string& qemu) {
  const AgentTask task = {to_hex(random_bytes(kNonceBytes)), guest.manifest.profiles, command};
  const GuestPlan plan = {guest.manifest.name, inject_agent(guest, task, qemu), task.nonce, guest.work.path(),
                          GuestDeadlines()};
  int status = 0;
  const GuestOutcome outcome = run_guest(run, plan, [&](const checks::Message& message) {
    print_output(message);
    if (message.type == checks::Message::Type::exit) status = message.status;
  });
  require_end(outcome, guest.topology);
  return status;
}

}  // namespace

int boot_console(RunContext& run, const BootOptions& options) {
  ImageGuest guest = prepare_guest(options.image, topology_of(options.target), {}, cache_directory() / "guests");
  return options.command.empty() ? open_console(run, guest, options.qemu)
                                 : run_in_guest(run, guest, options.command, options.qemu);
}

}  // namespace ainode
