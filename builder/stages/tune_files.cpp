// SPDX-License-Identifier: Apache-2.0
// Accounts, files, and who may have more rights than who starts them.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/crypto.h"
#include "base/error.h"
#include "builder/stages/accounts.h"
#include "builder/stages/tune.h"

namespace ainode {

namespace {

constexpr std::uint32_t kSetuid = 04000, kSetgid = 02000;

Error refusal(std::string message, const Place& place, std::string help) {
  Error error(codes::bad_value, std::move(message));
  error.at(place).help(std::move(help));
  return error;
}

Ownership ownership_of(const Tuning& tuning, const PlacedFile& file) {
  Ownership ownership;
  ownership.mode = file.mode.value.empty() ? 0644 : static_cast<std::uint32_t>(std::stoul(file.mode.value, nullptr, 8));
  if (file.owner.value.empty()) return ownership;
  const auto account = find_account(tuning.store.read_text(tuning.tree, "etc/passwd"), file.owner.value);
  if (!account)
    throw refusal(fmt::format("the image has no user `{}`", file.owner.value), file.owner.place,
                  "declare it under `users`, or include the package that makes it");
  ownership.uid = static_cast<std::uint32_t>(account->uid);
  ownership.gid = static_cast<std::uint32_t>(account->gid);
  return ownership;
}

/// A path below a link or a file would replace that by a directory.
void require_plain_parents(const Tuning& tuning, const PlacedFile& file) {
  const std::string& path = file.path.value;
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string parent = path.substr(0, slash);
    if (tuning.tree.file(std::string_view(parent).substr(1)))
      throw refusal(fmt::format("{} is not a directory in the image", parent), file.path.place,
                    "name the place that a link leads to");
  }
  if (tuning.tree.directory(std::string_view(path).substr(1)))
    throw refusal(fmt::format("{} is a directory in the image", path), file.path.place, "name a file");
}

}  // namespace

/// They are in the tree since it was configured (accounts.h).
void promise_accounts(Tuning& tuning) {
  for (const User& user : tuning.recipe.users) {
    Json promise = {{"user", user.name.value}, {"id", user.uid->value}};
    Json groups = Json::array();
    for (const Text& group : user.groups) groups.push_back(group.value);
    if (!groups.empty()) promise["groups"] = std::move(groups);
    for (const auto& [key, text] : {std::pair{"group", &user.group}, {"home", &user.home}, {"shell", &user.shell}})
      if (!text->value.empty()) promise[key] = text->value;
    tuning.declare("system.accounts", std::move(promise), user.name.place);
  }
  for (const Group& group : tuning.recipe.groups)
    tuning.declare("system.accounts", {{"group", group.name.value}, {"id", group.gid->value}}, group.name.place);
}

void write_files(Tuning& tuning) {
  for (const PlacedFile& file : tuning.recipe.files) {
    require_plain_parents(tuning, file);
    const Ownership ownership = ownership_of(tuning, file);
    const std::string path = file.path.value.substr(1);
    tuning.tree.put_file(
        path, tuning.store.write_file(ownership, *file.content),
        file.path.place.str().empty() ? "`files` of the recipe" : fmt::format("`files` at {}", file.path.place.str()));
    tuning.declare("image.files",
                   {{"path", file.path.value},
                    {"sha256", sha256_hex(*file.content)},
                    {"mode", fmt::format("{:04o}", ownership.mode)},
                    {"uid", ownership.uid},
                    {"gid", ownership.gid}},
                   file.path.place);
  }
}

void promise_container_runtime(Tuning& tuning) {
  const Text& runtime = tuning.recipe.container_runtime;
  if (runtime.value.empty()) return;
  const auto has = [&](std::string_view program) { return tuning.tree.file(fmt::format("usr/bin/{}", program)); };
  if (!has(runtime.value))
    throw refusal(fmt::format("the image has no /usr/bin/{}", runtime.value), runtime.place,
                  fmt::format("add `{}` to `packages.include`", runtime.value));
  if (!has("crun") && !has("runc"))
    throw refusal(fmt::format("{} finds neither crun nor runc in the image", runtime.value), runtime.place,
                  "add `crun` to `packages.include`");
  tuning.declare("containers.runs", {{"runtime", runtime.value}}, runtime.place);
}

/// One file a kind, as the specification wants it; their names end with ".CLASS.json", so none has two meanings.
void write_container_devices(Tuning& tuning) {
  struct Kind {
    Json devices = Json::array();
    Place place;
  };
  std::map<std::string, Kind> kinds;
  for (const ContainerDevice& device : tuning.recipe.container_devices) {
    const std::string& name = device.name.value;
    const std::size_t equals = name.find('=');
    Kind& kind = kinds[name.substr(0, equals)];
    if (kind.devices.empty()) kind.place = device.name.place;
    Json nodes = Json::array();
    for (const Text& node : device.nodes) {
      const std::string host = node.value.substr(0, node.value.find(':'));
      nodes.push_back({{"path", node.value.substr(node.value.find(':') + 1)}, {"hostPath", host}});
    }
    tuning.declare("containers.cdi", {{"device", name}, {"nodes", nodes}}, device.name.place);
    kind.devices.push_back({{"name", name.substr(equals + 1)}, {"containerEdits", {{"deviceNodes", nodes}}}});
  }
  for (const auto& [name, kind] : kinds) {
    std::string file = name;
    std::replace(file.begin(), file.end(), '/', '.');
    tuning.put(fmt::format("etc/cdi/{}.json", file),
               Json{{"cdiVersion", "0.6.0"}, {"kind", name}, {"devices", kind.devices}}.dump(2) + "\n",
               "containers.cdi", kind.place);
  }
}

void promise_audit(Tuning& tuning) {
  if (const auto& audit = tuning.recipe.security.audit) tuning.declare("security.audit", audit->value, audit->place);
}

void promise_security_modules(Tuning& tuning) {
  const std::vector<Text>& modules = tuning.recipe.security.lsm;
  if (modules.empty()) return;
  Json names = Json::array();
  for (const Text& module : modules) names.push_back(module.value);
  tuning.declare("security.lsm", std::move(names), modules.front().place);
}

void promise_lockdown(Tuning& tuning) {
  tuning.declare_text("security.lockdown", tuning.recipe.security.lockdown);
}

void promise_ports(Tuning& tuning) {
  const SecurityWishes& wishes = tuning.recipe.security;
  if (!wishes.ports) return;
  Json ports = Json::array();
  for (const Text& port : *wishes.ports) ports.push_back(port.value);
  tuning.declare("security.listening-ports", std::move(ports), wishes.ports_place);
}

/// The list is whole: what has more rights and does not stand there fails the build, and what stands there is there.
void promise_setuid_files(Tuning& tuning) {
  const SecurityWishes& wishes = tuning.recipe.security;
  if (!wishes.setuid) return;
  std::vector<std::string> allowed, others;
  for (const Text& path : *wishes.setuid) allowed.push_back(path.value);
  tuning.tree.for_each_file([&](const std::string& path, const TreeDirectory::File& file) {
    const FileObject object = tuning.store.read_metadata(file.checksum);
    const bool has_bit = !object.is_symlink && (object.ownership.mode & (kSetuid | kSetgid)) != 0;
    if (!has_bit && !object.ownership.xattrs.contains("security.capability")) return;
    if (std::find(allowed.begin(), allowed.end(), "/" + path) != allowed.end()) return;
    others.push_back(fmt::format("/{} ({}, {})", path, file.owner,
                                 has_bit ? fmt::format("{:04o}", object.ownership.mode) : "capabilities"));
  });
  if (!others.empty())
    throw refusal(fmt::format("`security.setuid` does not list {} more rights than who starts them: {}",
                              others.size() == 1 ? "1 file that has" : fmt::format("{} files that have", others.size()),
                              fmt::join(others, ", ")),
                  wishes.setuid_place, "list them, or exclude the packages that ship them");
  for (const Text& path : *wishes.setuid)
    if (!tuning.tree.file(std::string_view(path.value).substr(1)))
      throw refusal(fmt::format("the image has no file {}", path.value), path.place, "take it off the list");
  tuning.declare("security.setuid-list", allowed, wishes.setuid_place);
}

}  // namespace ainode
