// SPDX-License-Identifier: Apache-2.0
// The kernel family: what it was told, how it was made, what it said, how it ticks. What the recipe sets in it stands
// in kernel_settings.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "validators/checks/catalog.h"
#include "validators/checks/declared.h"
#include "validators/checks/kernel_config.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Words = std::vector<std::string>;

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

/// The deployment's and the boot loader's own arguments: neither the recipe's nor the harness's.
bool is_of_the_boot(const std::string& argument) {
  return starts_with(argument, "ostree=") || starts_with(argument, "BOOT_IMAGE=");
}

/// Takes each of `others` out of `words` once; gives back those that were not there.
Words subtract(Words& words, const Words& others) {
  Words absent;
  for (const std::string& each : others) {
    // From the end: the harness appends, so an argument that the image has too stays where the image put it.
    const auto found = std::find(words.rbegin(), words.rend(), each);
    if (found == words.rend()) {
      absent.push_back(each);
    } else {
      words.erase(std::next(found).base());
    }
  }
  return absent;
}

/// The statement of the recipe that made this argument; null of those that every image has.
const Declaration* statement_of(const std::string& argument, const Expected& expected) {
  for (const Declaration& each : expected.declared)
    if (each.subject == "kernel.cmdline" && each.expected == argument) return &each;
  return nullptr;
}

Finding cmdline(const Node& node, const Expected& expected) {
  const Words& declared = expected.kernel_cmdline;
  const auto text = node.read_file("/proc/cmdline");
  if (!text) return failed(nullptr, declared, "/proc/cmdline", "/proc/cmdline cannot be read");
  Words measured = split_arguments(*text);
  const Words lost = subtract(measured, expected.harness_cmdline);
  measured.erase(std::remove_if(measured.begin(), measured.end(), is_of_the_boot), measured.end());
  if (!lost.empty()) {
    return {Verdict::infra, measured, declared, "/proc/cmdline",
            fmt::format("the harness's own `{}` did not reach the kernel", joined(lost, " "))};
  }
  Words objections;
  std::string place;
  const auto object = [&](const std::string& argument, const std::string& what) {
    const Declaration* statement = statement_of(argument, expected);
    if (statement && place.empty()) place = statement->place;
    objections.push_back(fmt::format("`{}` {}{}", argument, what, statement ? placed(*statement) : ""));
  };
  for (const std::string& each : declared) {
    const auto times = std::count(measured.begin(), measured.end(), each);
    if (times == 0) object(each, "is missing");
    if (times > std::count(declared.begin(), declared.end(), each)) object(each, fmt::format("stands {} times", times));
  }
  for (const std::string& each : measured)
    if (std::find(declared.begin(), declared.end(), each) == declared.end()) object(each, "is not declared");
  Finding finding = judged(measured, declared, "/proc/cmdline", joined(objections, "; "));
  finding.place = place;
  return finding;
}

/// Of an image that was not booted there is no second witness.
Finding release(const Node& node, const Expected& expected) {
  const std::string called = node.kernel_release();
  const std::string told = trimmed(node.read_file("/proc/sys/kernel/osrelease").value_or(called));
  const std::string& wanted = expected.kernel_release;
  return judged(called == told ? Json(called) : Json{called, told}, wanted,
                "uname(2) and /proc/sys/kernel/osrelease, or what the boot image says of itself",
                called == wanted && told == wanted
                    ? ""
                    : fmt::format("the kernel is {} instead of {}", called == wanted ? told : called, wanted));
}

std::string option_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// The values that an option may have: one, or any of a list.
Words allowed_values(const Json& value) {
  Words allowed;
  if (!value.is_array()) return {option_text(value)};
  for (const Json& each : value) allowed.push_back(option_text(each));
  return allowed;
}

Finding config(const Node& node, const Expected& expected) {
  const Json& wanted = expected.declaration("kernel.config")->expected;
  const auto kernel = read_kernel_config(node);
  if (!kernel) {
    return failed(nullptr, wanted, "/usr/lib/modules",
                  fmt::format("no configuration of kernel {} is in the image", node.kernel_release()));
  }
  Json measured = Json::object();
  Words objections;
  for (const auto& [option, value] : wanted.items()) {
    const std::string found = kernel->value(option);
    measured[option] = found;
    const Words allowed = allowed_values(value);
    if (std::find(allowed.begin(), allowed.end(), found) == allowed.end()) {
      objections.push_back(fmt::format("CONFIG_{} is {} instead of {}", option, found, joined(allowed, " or ")));
    }
  }
  return judged(std::move(measured), wanted, kernel->source, joined(objections, "; "));
}

struct Complaint {
  std::string_view text;
  bool at_start;  ///< of the message; else anywhere in it
};

constexpr Complaint kComplaints[] = {
    {"Kernel panic", false}, {"Oops", false},           {"BUG:", false},           {"kernel BUG at", false},
    {"WARNING: ", true},     {"KASAN:", false},         {"UBSAN:", false},         {"soft lockup", false},
    {"hard LOCKUP", false},  {"Hard LOCKUP", false},    {"Out of memory:", false}, {"blocked for more than", false},
    {"oom-kill:", false},    {"ordering cycle", false},
};

/// "<4>[    1.5] text" → "text".
std::string_view message_of(std::string_view line) {
  const std::size_t level = line.find('>');
  if (starts_with(line, "<") && level != std::string_view::npos) line.remove_prefix(level + 1);
  const std::size_t stamp = line.find("] ");
  if (starts_with(line, "[") && stamp != std::string_view::npos) line.remove_prefix(stamp + 2);
  return line;
}

bool is_complaint(std::string_view line) {
  const std::string_view message = message_of(line);
  return std::any_of(std::begin(kComplaints), std::end(kComplaints), [&](const Complaint& each) {
    return each.at_start ? starts_with(message, each.text) : message.find(each.text) != std::string_view::npos;
  });
}

Words complaints_of(const Words& log) {
  constexpr std::size_t kShown = 10;
  Words found;
  for (const std::string& line : log) {
    if (is_complaint(line) && found.size() < kShown) found.push_back(line.substr(0, 300));
  }
  return found;
}

Finding console(const Node& node, const Expected&) {
  const auto log = node.kernel_log();
  if (!log) return unmeasurable("the kernel's log cannot be read", "syslog(2)");
  const Words lines = split_lines(*log);
  const Words found = complaints_of(lines);
  Words objections;
  if (!found.empty()) objections.push_back(fmt::format("the kernel says: {}", found.front()));
  Json measured = {{"complaints", found}};
  for (const char* counter : {"oops_count", "warn_count"}) {
    const auto text = node.read_file(std::string("/sys/kernel/") + counter);
    const auto count = to_number(trimmed(text.value_or("")));
    measured[counter] = count ? Json(*count) : Json();  // kernels before 6.2 do not count
    if (text && count != 0) objections.push_back(fmt::format("/sys/kernel/{} is {}", counter, trimmed(*text)));
  }
  const bool is_whole = !lines.empty() && lines.front().find("Linux version") != std::string::npos;
  if (objections.empty() && !is_whole) return unmeasurable("the start of the kernel's log is lost", "syslog(2)");
  return judged(std::move(measured), {{"complaints", Json::array()}, {"oops_count", 0}, {"warn_count", 0}},
                "syslog(2), /sys/kernel/{oops,warn}_count", joined(objections, "; "));
}

/// Twice `one` or more, to a hundredth.
bool is_several(std::int64_t step, std::int64_t one) {
  const std::int64_t count = one > 0 ? (step + one / 2) / one : 0;
  return count >= 2 && std::abs(step - count * one) <= one / 100;
}

Finding timer(const Node& node, const Expected& expected) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const auto kernel = read_kernel_config(node);
  const auto configured = kernel ? to_number(kernel->value("HZ")) : std::nullopt;
  const Declaration* declaration = expected.declaration("kernel.timer");
  const auto wanted = declaration ? declaration->expected.get<std::int64_t>() : configured;
  if (!wanted) return skipped("neither the recipe nor the image's kernel configuration says the timer's frequency");
  const auto tick = node.coarse_clock_nanoseconds();
  if (!tick || *tick <= 0) return unmeasurable("the coarse clock does not move", "clock_gettime(2)");
  const std::int64_t ticks = (kSecond + *tick / 2) / *tick;
  const std::string evidence = fmt::format("the smallest step of CLOCK_MONOTONIC_COARSE: {} ns", *tick);
  if (expected.emulated && configured == wanted && is_several(*tick, kSecond / *wanted))
    return unmeasurable("no tick was on time: each step of the clock is several of them", evidence);
  Words objections;
  if (ticks != *wanted)
    objections.push_back(fmt::format("the kernel ticks {} times a second instead of {}", ticks, *wanted));
  Json measured = {{"hz", ticks}};
  if (configured && *configured != *wanted) {
    measured["configured"] = *configured;
    objections.push_back(fmt::format("{} says CONFIG_HZ={} instead of {}", kernel->source, *configured, *wanted));
  }
  return judged(std::move(measured), {{"hz", *wanted}}, evidence, joined(objections, "; "));
}

/// The models by the options that choose them; of a kernel that can switch, the one that it starts with.
constexpr std::pair<const char*, const char*> kPreemptionModels[] = {
    {"PREEMPT_RT", "rt"},     {"PREEMPT_LAZY", "lazy"}, {"PREEMPT", "full"}, {"PREEMPT_VOLUNTARY", "voluntary"},
    {"PREEMPT_NONE", "none"},
};

std::string configured_preemption(const KernelConfig& kernel, const Expected& expected) {
  constexpr std::string_view kArgument = "preempt=";
  const bool can_switch = kernel.value("PREEMPT_DYNAMIC") == "y" && kernel.value("PREEMPT_RT") != "y";
  for (auto each = expected.kernel_cmdline.rbegin(); can_switch && each != expected.kernel_cmdline.rend(); ++each)
    if (starts_with(*each, kArgument)) return each->substr(kArgument.size());
  for (const auto& [option, model] : kPreemptionModels)
    if (kernel.value(option) == "y") return model;
  return "none";
}

/// What the kernel says of itself, now; debugfs is closed to a locked-down one, which said it when it started.
std::string measured_preemption(const Node& node) {
  if (trimmed(node.read_file("/sys/kernel/realtime").value_or("")) == "1") return "rt";
  const std::string choice = node.read_file("/sys/kernel/debug/sched/preempt").value_or("");
  const std::size_t open = choice.find('('), close = choice.find(')');
  if (open < close && close != std::string::npos) return choice.substr(open + 1, close - open - 1);
  constexpr std::string_view kSaid = "Dynamic Preempt: ";
  for (const std::string& line : split_lines(node.kernel_log().value_or("")))
    if (const std::string_view message = message_of(line); starts_with(message, kSaid))
      return std::string(message.substr(kSaid.size()));
  return "";
}

Finding preemption(const Node& node, const Expected& expected) {
  const std::string evidence = "/sys/kernel/realtime, /sys/kernel/debug/sched/preempt, else the kernel's log";
  const auto kernel = read_kernel_config(node);
  if (!kernel) return skipped(fmt::format("no configuration of kernel {} is in the image", node.kernel_release()));
  const std::string wanted = configured_preemption(*kernel, expected), found = measured_preemption(node);
  if (found.empty()) return unmeasurable("the kernel does not say how it preempts", evidence);
  return judged(found, wanted, evidence,
                found == wanted ? "" : fmt::format("preemption is `{}` instead of `{}`", found, wanted));
}

}  // namespace

std::vector<Check> kernel_checks() {
  std::vector<Check> checks = {
      {"kernel.release", "the kernel is the image's own", {}, When::early, release, "", Where::tree_too},
      {"kernel.cmdline", "each declared kernel argument stands once, and none is unknown", {}, When::early, cmdline},
      {"kernel.config",
       "the kernel is configured as declared",
       {"declared:kernel.config"},
       When::early,
       config,
       "",
       Where::tree_too},
      {"kernel.timer", "the kernel's timer ticks at the configured frequency", {}, When::early, timer},
      {"kernel.preempt", "the kernel preempts as configured and as told", {}, When::booted, preemption},
      {"kernel.console", "the kernel reports no fault of its own", {}, When::last, console},
  };
  for (Check& check : kernel_setting_checks()) checks.push_back(std::move(check));
  return checks;
}

}  // namespace ainode::checks
