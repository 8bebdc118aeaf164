// SPDX-License-Identifier: Apache-2.0
// ainode-agent: runs the checks of the expected document inside a node, and says each result as soon as it is there.
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "validators/agent/channel.h"
#include "validators/agent/session.h"
#include "validators/checks/catalog.h"
#include "validators/checks/child_process.h"
#include "validators/checks/expected.h"
#include "validators/checks/local_node.h"
#include "validators/checks/recording_node.h"

namespace ainode::agent {

namespace {

constexpr std::string_view kUsage =
    "usage: ainode-agent --expected FILE [--port NAME | --stdout] [--listen | --record] [--list]\n"
    "  --expected FILE  what the harness knows of image and machine\n"
    "  --port NAME      virtio-serial port to speak to (default ainode.agent, else /dev/ttyS1)\n"
    "  --stdout         speak to standard output, and listen to standard input\n"
    "  --listen         answer what the harness asks, until it hangs up, instead of running the checks once\n"
    "  --record         send with the results what the checks saw, and what others may ask\n"
    "  --list           name the checks and leave\n";

constexpr int kUsageError = 2, kHarnessError = 3;

struct Options {
  std::string expected, port{checks::kPortName};
  bool to_stdout = false, listen = false, record = false, list = false;
};

std::optional<Options> read_options(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    const bool has_value = i + 1 < count;
    if (word == "--expected" && has_value) {
      options.expected = words[++i];
    } else if (word == "--port" && has_value) {
      options.port = words[++i];
    } else if (word == "--stdout") {
      options.to_stdout = true;
    } else if (word == "--listen") {
      options.listen = true;
    } else if (word == "--record") {
      options.record = true;
    } else if (word == "--list") {
      options.list = true;
    } else {
      return std::nullopt;
    }
  }
  if (options.expected.empty() && !options.list) return std::nullopt;
  return options;
}

int complain(std::string_view subject, int status) {
  fmt::print(stderr, "ainode-agent: {}\n", subject);
  return status;
}

void list_checks() {
  for (const checks::Check& check : checks::all_checks()) fmt::print("{}: {}\n", check.id, check.sentence);
}

void run_checks(Session& session, const checks::Node& node, const checks::Expected& expected) {
  checks::run_checks(checks::checks_for(expected), node, expected,
                     {[&](const checks::Check& check) { session.begin(std::string(check.id)); },
                      [&](const CheckResult& result) { session.result(result); }, [] {}});
}

void record_checks(Session& session, const checks::Node& node, const checks::Expected& expected) {
  checks::Recording recording;
  run_checks(session, checks::RecordingNode(node, recording), expected);
  checks::capture_system(node, recording);
  session.recording(recording);
}

void answer_run(Session& session, const checks::Request& request) {
  const checks::ChildOutcome outcome = checks::run_child(
      request.argv, request.patience, [&](std::string_view piece) { session.output("stdout", piece); },
      [&](std::string_view piece) { session.output("stderr", piece); }, request.input);
  if (!outcome.problem.empty() && !outcome.timed_out) session.output("stderr", outcome.problem + "\n");
  session.exit(outcome.status < 0 ? 127 : outcome.status, outcome.timed_out, request.number);
}

void answer_check(Session& session, const checks::Node& node, checks::Expected expected,
                  const checks::Request& request) {
  expected.profiles = request.profiles;
  expected.level = request.level;
  expected.only = request.only;
  expected.elsewhere = request.elsewhere;
  run_checks(session, node, expected);
  session.kernel_log(node.kernel_log());
  session.end(request.number);
}

void answer(Session& session, const checks::Node& node, const checks::Expected& expected) {
  while (const auto request = session.next_request()) {
    if (request->type == checks::Request::Type::run) {
      answer_run(session, *request);
    } else {
      answer_check(session, node, expected, *request);
    }
  }
}

int converse(const Options& options, const checks::Expected& expected) {
  auto channel = options.to_stdout ? Channel::standard_streams() : Channel::open_port(options.port);
  if (!channel) return complain("neither the port " + options.port + " nor /dev/ttyS1 can be opened", kHarnessError);
  const checks::LocalNode node;
  Session session(std::move(*channel), expected.nonce, node.kernel_release());
  if (options.listen) {
    answer(session, node, expected);
    if (!session.problem().empty()) return complain("the harness asked " + session.problem(), kHarnessError);
  } else {
    options.record ? record_checks(session, node, expected) : run_checks(session, node, expected);
    session.kernel_log(node.kernel_log());
    session.end(0);
  }
  return session.is_heard() ? 0 : complain("the harness does not listen", kHarnessError);
}

int run(int count, char** words) {
  const auto options = read_options(count, words);
  if (!options) return complain(std::string("wrong arguments\n").append(kUsage), kUsageError);
  if (options->list) {
    list_checks();
    return 0;
  }
  const auto text = checks::LocalNode().read_file(options->expected);
  if (!text) return complain(options->expected + " cannot be read", kHarnessError);
  const checks::ReadExpected document = checks::read_expected(*text);
  if (!document.value) return complain(document.problem, kHarnessError);
  if (document.value->nonce.empty()) return complain(options->expected + " has no `nonce`", kHarnessError);
  return converse(*options, *document.value);
}

}  // namespace

}  // namespace ainode::agent

int main(int count, char** words) {
  try {
    return ainode::agent::run(count, words);
  } catch (const std::exception& failure) {
    fmt::print(stderr, "ainode-agent: {}\n", failure.what());
    return 3;
  }
}
