// SPDX-License-Identifier: Apache-2.0
// The containers family: the declared runtime runs one, and devices get into it by their CDI names alone.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "validators/checks/catalog.h"
#include "validators/checks/cdi.h"
#include "validators/checks/declared.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Words = std::vector<std::string>;

constexpr int kSaidStatus = 7;

/// A container whose root is the node's own /usr, read only: nothing has to be fetched. Its devices are arguments.
constexpr const char* kPodman =
    R"sh([ "$(id -u)" = 0 ] || { echo "only root may do this: run a container of the system"; exit 1; }
r=$(mktemp -d /run/ainode-container.XXXXXX) && trap 'rm -rf "$r"' EXIT && cd "$r" &&
mkdir dev etc proc run sys tmp usr var && ln -s usr/bin bin && ln -s usr/lib lib && ln -s usr/lib64 lib64 || exit 1
timeout -k 5 45 podman run --rm --name "${r##*/}" --network=none --log-driver=none --volume=/usr:/usr:ro "$@" --rootfs "$r" sh -c '
echo pid $$; set -- /proc/[0-9]*; echo processes $#
look() { for n in "$1"/*; do
  if [ -L "$n" ]; then :; elif [ -d "$n" ]; then look "$n"; elif [ -c "$n" ] || [ -b "$n" ]; then echo device "$n"; fi
done; }
look /dev; exit 7' 2>&1
status=$?; [ $status -lt 124 ] || podman rm -f --ignore "${r##*/}" >/dev/null 2>&1; exit $status)sh";

/// What a process in a container saw.
struct Container {
  int status = -1;
  int pid = 0, processes = 0;
  Words devices;      ///< paths of device nodes; sorted
  std::string words;  ///< what else was printed: an error's text
};

Container run_container(const Node& node, const Words& devices) {
  Words command = {"sh", "-c", kPodman, "sh"};
  for (const std::string& device : devices) command.push_back("--device=" + device);
  const CommandOutcome outcome = node.run(command);
  Container container;
  container.status = outcome.status;
  container.words = outcome.problem;
  for (const std::string& line : split_lines(outcome.output)) {
    const Words words = split_words(line);
    const auto number = words.size() == 2 ? to_number(words[1]) : std::nullopt;
    if (words.size() == 2 && words[0] == "device")
      container.devices.push_back(words[1]);
    else if (number && words[0] == "pid")
      container.pid = static_cast<int>(*number);
    else if (number && words[0] == "processes")
      container.processes = static_cast<int>(*number);
    else
      container.words += (container.words.empty() ? "" : " ") + line;
  }
  std::sort(container.devices.begin(), container.devices.end());
  return container;
}

/// Why it is no container that ran; empty when it is one.
std::string run_objection(const Container& container) {
  if (container.status != kSaidStatus)
    return fmt::format("a container ended with status {} instead of {}: {}", container.status, kSaidStatus,
                       container.words.substr(0, 500));
  if (container.pid != 1 || container.processes != 1)
    return fmt::format("its process has number {} and sees {} processes, instead of itself alone", container.pid,
                       container.processes);
  return "";
}

Finding runs(const Node& node, const Expected& expected) {
  return judge_each(expected, "containers.runs", "podman run --rootfs, with the node's own /usr",
                    [&](const Json&) -> Measured {
                      const Container container = run_container(node, {});
                      return {{{"status", container.status},
                               {"pid", container.pid},
                               {"processes", container.processes},
                               {"devices", container.devices}},
                              run_objection(container)};
                    });
}

const std::string kNoFile = "no CDI file is in /etc/cdi or /run/cdi";

std::string not_read(const CdiFiles& files) {
  return "not read, for anchors, tags, several documents or their size: " + joined(files.unread, ", ");
}

/// What the recipe declares, and no file defines as it does.
Words undefined(const CdiFiles& files, const Expected& expected) {
  Words objections;
  for (const Declaration& declaration : expected.declared) {
    if (declaration.subject != "containers.cdi") continue;
    const auto name = declaration.expected.at("device").get<std::string>();
    Words nodes;
    for (const Json& node : declaration.expected.at("nodes")) nodes.push_back(node.at("path").get<std::string>());
    std::sort(nodes.begin(), nodes.end());
    const auto is_it = [&](const CdiDevice& device) { return device.name == name && device.nodes == nodes; };
    if (std::none_of(files.devices.begin(), files.devices.end(), is_it))
      objections.push_back(
          fmt::format("no file gives {} the nodes {}{}", name, joined(nodes, ", "), placed(declaration)));
  }
  return objections;
}

Finding cdi_valid(const Node& node, const Expected& expected) {
  const CdiFiles files = read_cdi_files(node);
  const Words lost = undefined(files, expected);
  if (files.paths.empty() && lost.empty()) return skipped(kNoFile);
  Words objections = files.problems, names;
  objections.insert(objections.end(), lost.begin(), lost.end());
  for (const CdiDevice& device : files.devices) {
    names.push_back(device.name);
    for (const std::string& path : device.needs)
      if (!node.exists(path)) objections.push_back(fmt::format("{}: {} does not exist", device.name, path));
  }
  return judged({{"files", files.paths}, {"devices", names}}, "files that name what is there",
                joined(files.paths, ", "), joined(objections, "; "), files.unread.empty() ? "" : not_read(files));
}

Words without(const Words& all, const Words& others) {
  Words left;
  std::set_difference(all.begin(), all.end(), others.begin(), others.end(), std::back_inserter(left));
  return left;
}

/// What every container has, by OCI's runtime specification; /dev/ptmx leads into the terminals' own file system.
bool is_default_device(const std::string& path) {
  constexpr std::string_view kDefaults[] = {"/dev/console", "/dev/full", "/dev/null",    "/dev/ptmx", "/dev/pts/ptmx",
                                            "/dev/random",  "/dev/tty",  "/dev/urandom", "/dev/zero"};
  return std::find(std::begin(kDefaults), std::end(kDefaults), path) != std::end(kDefaults);
}

Words without_defaults(Words devices) {
  std::erase_if(devices, is_default_device);
  return devices;
}

Finding cdi_isolates(const Node& node, const Expected&) {
  const CdiFiles files = read_cdi_files(node);
  if (files.paths.empty()) return skipped(kNoFile);
  if (files.devices.empty() && files.problems.empty()) return unmeasurable(not_read(files), joined(files.paths, ", "));
  const Container bare = run_container(node, {});
  Json measured = {{"without", bare.devices}}, due = Json::object();
  Words objections = files.problems;
  if (const std::string objection = run_objection(bare); !objection.empty()) objections.push_back(objection);
  if (const Words leaked = without_defaults(bare.devices); !leaked.empty())
    objections.push_back("a container that asked for none has " + joined(leaked, ", "));
  for (const CdiDevice& device : files.devices) {
    const Container container = run_container(node, {device.name});
    const Words added = without(container.devices, bare.devices), wanted = without_defaults(device.nodes);
    measured[device.name] = added;
    due[device.name] = wanted;
    if (const std::string objection = run_objection(container); !objection.empty())
      objections.push_back(device.name + ": " + objection);
    else if (added != wanted)
      objections.push_back(fmt::format("{} brings {} instead of {}", device.name,
                                       added.empty() ? "no node" : joined(added, ", "), joined(wanted, ", ")));
  }
  const std::string unknown = "ainode.dev/unknown=0";
  if (run_container(node, {unknown}).status == kSaidStatus)
    objections.push_back("a container starts with " + unknown + ", which nobody defined");
  return judged(std::move(measured), std::move(due), "podman run --device; " + joined(files.paths, ", "),
                joined(objections, "; "), files.unread.empty() ? "" : not_read(files));
}

}  // namespace

std::vector<Check> container_checks() {
  return {{"containers.runs",
           "the declared runtime runs a container, alone with itself, and gives its status back",
           {"declared:containers.runs"},
           When::booted,
           runs},
          {"containers.cdi-valid",
           "CDI files are well formed, name what is there, and define what is declared",
           {},
           When::booted,
           cdi_valid,
           "containers.cdi"},
          {"containers.cdi-isolates",
           "a container has the nodes of the CDI devices that it was given, and no other",
           {"declared:containers.runs"},
           When::booted,
           cdi_isolates,
           "containers.runs"}};
}

}  // namespace ainode::checks
