// SPDX-License-Identifier: Apache-2.0
// The security family: who may have more rights than who starts them, and what the kernel holds everybody to.
#include <fmt/format.h>

#include <algorithm>

#include "validators/checks/catalog.h"
#include "validators/checks/declared.h"
#include "validators/checks/open_ports.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Words = std::vector<std::string>;

Finding setuid_list(const Node& node, const Expected& expected) {
  return judge_each(expected, "security.setuid-list", "lstat(2) and security.capability below /usr and /etc",
                    [&](const Json& statement) -> Measured {
                      const auto privileged = node.privileged_files();
                      if (!privileged) return {nullptr, "", "a directory below /usr or /etc cannot be read"};
                      const Words allowed = statement.get<Words>(), &found = *privileged;
                      Words objections;
                      for (const std::string& path : found)
                        if (std::find(allowed.begin(), allowed.end(), path) == allowed.end())
                          objections.push_back(path + " has more rights than it may");
                      for (const std::string& path : allowed)
                        if (std::find(found.begin(), found.end(), path) == found.end())
                          objections.push_back(path + " has lost its rights");
                      return {found, joined(objections, "; ")};
                    });
}

/// What the kernel always has, whatever `lsm=` says: LSM_ORDER_FIRST and LSM_ORDER_LAST of its security/.
Words without_the_kernels_own(Words modules) {
  std::erase_if(modules,
                [](const std::string& name) { return name == "capability" || name == "ima" || name == "evm"; });
  return modules;
}

Words split_at_commas(std::string text) {
  std::replace(text.begin(), text.end(), ',', ' ');
  return split_words(text);
}

Finding security_modules(const Node& node, const Expected& expected) {
  const std::string path = "/sys/kernel/security/lsm";
  return judge_each(expected, "security.lsm", path, [&](const Json& statement) -> Measured {
    const auto text = node.read_file(path);
    if (!text) return {nullptr, path + " cannot be read"};
    const Words active = split_at_commas(*text), wanted = statement.get<Words>();
    const bool is_same = without_the_kernels_own(active) == without_the_kernels_own(wanted);
    return {active, is_same ? ""
                            : fmt::format("the kernel's security modules are {} instead of {}", joined(active, ", "),
                                          joined(wanted, ", "))};
  });
}

Finding lockdown(const Node& node, const Expected& expected) {
  const std::string path = "/sys/kernel/security/lockdown";
  return judge_each(expected, "security.lockdown", path, [&](const Json& statement) -> Measured {
    const auto text = node.read_file(path);
    if (!text) return {nullptr, path + " cannot be read"};
    const auto wanted = statement.get<std::string>();
    const bool is_chosen = text->find("[" + wanted + "]") != std::string::npos;
    return {trimmed(*text), is_chosen ? "" : fmt::format("lockdown is `{}` instead of {}", trimmed(*text), wanted)};
  });
}

Finding audit(const Node& node, const Expected& expected) {
  return judge_each(expected, "security.audit", "netlink(7): AUDIT_GET", [&](const Json& statement) -> Measured {
    const auto is_on = node.is_auditing();
    if (!is_on) return {nullptr, "", "the kernel does not say whether it audits"};
    return {*is_on,
            *is_on == statement.get<bool>() ? "" : fmt::format("the kernel {}", *is_on ? "audits" : "does not audit")};
  });
}

Finding vulnerabilities(const Node& node, const Expected& expected) {
  const std::string root = "/sys/devices/system/cpu/vulnerabilities";
  const Words& arguments = expected.kernel_cmdline;
  if (std::find(arguments.begin(), arguments.end(), "mitigations=off") != arguments.end())
    return skipped("the image wants no mitigation: `mitigations=off`");
  Json measured = Json::object();
  Words objections, gaps;
  for (const DirectoryEntry& entry : node.list(root)) {
    const std::string state = trimmed(node.read_file(root + "/" + entry.name).value_or("Unknown: it cannot be read"));
    measured[entry.name] = state;
    const std::string said = entry.name + ": " + state;
    // "KVM: Mitigation: …" speaks of guests; a guest itself may not know: "Unknown: Dependent on hypervisor status".
    const std::string_view judged_part = std::string_view(state).substr(state.starts_with("KVM: ") ? 5 : 0);
    if (judged_part.starts_with("Unknown"))
      gaps.push_back(said);
    else if (!judged_part.starts_with("Not affected") && !judged_part.starts_with("Mitigation"))
      objections.push_back(said);
  }
  if (measured.empty()) return unmeasurable("the kernel says nothing of its processor's vulnerabilities", root);
  return judged(std::move(measured), "not affected, or mitigated", root + "/*", joined(objections, "; "),
                joined(gaps, "; "));
}

bool contains(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Json names_of(const std::vector<OpenPort>& ports) {
  Json names = Json::array();
  for (const OpenPort& port : ports) names.push_back(port.name + (port.may_be_passing ? " (passing)" : ""));
  return names;
}

/// Where nobody declared a port that may be a client's, a second look tells; where there is none, names what is left in
/// doubt.
Words settle_passing(const Node& node, const Words& allowed, std::vector<OpenPort>& ports) {
  const auto is_in_doubt = [&](const OpenPort& port) { return port.may_be_passing && !contains(allowed, port.name); };
  if (std::none_of(ports.begin(), ports.end(), is_in_doubt)) return {};
  const auto later = later_open_ports(node);
  Words doubts;
  for (OpenPort& port : ports) {
    if (!later && is_in_doubt(port)) doubts.push_back(port.name + " may be a client's");
    if (later && is_lasting(port, *later)) port.may_be_passing = false;
  }
  return doubts;
}

Finding listening_ports(const Node& node, const Expected& expected) {
  return judge_each(
      expected, "security.listening-ports", "/proc/net/{tcp,tcp6,udp,udp6}", [&](const Json& statement) -> Measured {
        auto open = open_ports(node);
        if (!open) return {nullptr, "", "the kernel's tables of sockets cannot be read"};
        const Words allowed = statement.get<Words>();
        const Words doubts = settle_passing(node, allowed, *open);
        Words objections;
        for (const OpenPort& port : *open)
          if (!port.may_be_passing && !contains(allowed, port.name)) objections.push_back(port.name + " is open");
        for (const std::string& name : allowed)
          if (std::none_of(open->begin(), open->end(), [&](const OpenPort& port) { return port.name == name; }))
            objections.push_back("nobody listens at " + name);
        return {names_of(*open), joined(objections, "; "), joined(doubts, "; ")};
      });
}

}  // namespace

std::vector<Check> security_checks() {
  return {{"security.setuid-list",
           "the declared files, and no others, have more rights than who starts them",
           {"declared:security.setuid-list"},
           When::meanwhile,
           setuid_list,
           "",
           Where::tree_too,
           Level::standard},
          {"security.lsm",
           "the kernel's security modules are the declared ones, in their order",
           {"declared:security.lsm"},
           When::booted,
           security_modules},
          {"security.lockdown",
           "the kernel is locked down as declared",
           {"declared:security.lockdown"},
           When::booted,
           lockdown},
          {"security.audit", "the kernel audits as declared", {"declared:security.audit"}, When::booted, audit},
          {"security.vulnerabilities",
           "each vulnerability of the processor that the kernel knows is mitigated",
           {},
           When::early,
           vulnerabilities},
          {"security.listening-ports",
           "the declared ports, and no others, are open to other machines",
           {"declared:security.listening-ports"},
           When::last,
           listening_ports}};
}

}  // namespace ainode::checks
