// SPDX-License-Identifier: Apache-2.0
// Declared is verified: a key of the recipe that shapes the running system has a check that holds the node to it, and
// each of its fields is in what that check is told.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "base/files.h"
#include "builder/recipe/language.h"
#include "builder/recipe/load_recipe.h"
#include "builder/stages/tune.h"
#include "validators/checks/catalog.h"

namespace ainode {
namespace {

using Visit = std::function<void(const std::string& name, const Shape& shape)>;

bool shapes_the_system(const std::string& name) {
  static const std::set<std::string> kParts = {"kernel", "initrd", "drivers", "tuning",   "containers", "systemd",
                                               "users",  "groups", "files",   "security", "disk"};
  return kParts.contains(name.substr(0, name.find('.')));
}

/// The rows below `shape` that are read by themselves: statements.
void each_statement(const Shape& shape, const std::string& path, const Visit& visit) {
  for (const Key& row : shape.keys) {
    const std::string name = path.empty() ? std::string(row.key) : fmt::format("{}.{}", path, row.key);
    if (row.presence == Presence::not_built_yet || !shapes_the_system(name)) continue;
    if (row.read) visit(name, *row.shape);
    if (!row.read && row.shape->kind == Shape::Kind::table) each_statement(*row.shape, name, visit);
  }
}

/// What a statement says by itself, or each field of the things that it lists.
void each_field(const std::string& name, const Shape& shape, const Visit& visit) {
  if (shape.item && shape.item->kind == Shape::Kind::table) return each_field(name, *shape.item, visit);
  if (shape.kind != Shape::Kind::table) return visit(name, shape);
  for (const Key& row : shape.keys)
    if (row.presence != Presence::not_built_yet) each_field(fmt::format("{}.{}", name, row.key), *row.shape, visit);
}

TEST(Statements, EachKeyThatShapesTheSystemHasACheck) {
  std::set<std::string> checks, keys;
  for (const checks::Check& check : checks::all_checks()) checks.emplace(check.id);
  for (const Statement& statement : statements()) {
    EXPECT_TRUE(checks.contains(std::string(statement.check)))
        << statement.key << " names no check: " << statement.check;
    keys.emplace(statement.key);
  }
  int count = 0;
  each_statement(recipe_shape(), "", [&](const std::string& name, const Shape&) {
    ++count;
    EXPECT_TRUE(keys.erase(name)) << "`" << name << "` of the recipe has no row in builder/stages/tune.cpp";
  });
  EXPECT_GT(count, 20);
  EXPECT_EQ(keys, std::set<std::string>{""}) << "rows for keys that the language does not have";
}

const char* const kEverything = R"(ainode: 1
name: everything
arch: [amd64]
repositories:
  - {id: main, distribution: debian, suite: trixie, components: [main]}
kernel:
  package: linux-image-cloud-amd64
  cmdline: [quiet]
  sysctl: {vm.swappiness: 7}
  modules: {load: [loop], deny: [dummy]}
  modprobe: {loop: {max_loop: 4}}
  extra-modules: [{name: own, sources: [own.c]}]
tuning:
  hugepages: {2M: {count: 64, per-node: even}}
  thp: madvise
  numa: {balancing: false, zone-reclaim: true}
  cpu: {governor: performance, isolate: "1-3", nohz-full: "1-2"}
  irq: {affinity: "0"}
  limits: {nofile: 1024}
  block: {"vd*": {scheduler: none, read-ahead: 256}}
  net: {"virtio_*": {mtu: 9000, queue-length: 5000}}
  profile: latency
containers: {runtime: podman, cdi: {devices: [{name: v.com/class=0, nodes: [/dev/x]}]}}
systemd: {default-target: multi-user.target, enable: [a.service], mask: [b.service], units: [own.service]}
users: [{name: node, uid: 950, group: kvm, groups: [adm], home: /srv/node, shell: /bin/sh}]
groups: [{name: models, gid: 951}]
files:
  - {path: /etc/said, text: "kept", mode: "0640", owner: root}
  - {path: /etc/copied, source: copied}
security: {lsm: [yama], lockdown: integrity, audit: true, ports: [22/tcp], setuid: [/usr/bin/su]}
disk:
  partitions:
    - {id: boot, type: esp, fs: vfat, size: 256M, mount: /efi}
    - {id: system, type: root, fs: ext4, size: 2G, mount: /}
)";

/// Another value of each field, as a change of kEverything.
struct OtherValue {
  const char *field, *said, *other;
};
const OtherValue kOtherValues[] = {
    {"kernel.cmdline", "cmdline: [quiet]", "cmdline: [debug]"},
    {"kernel.sysctl", "swappiness: 7", "swappiness: 8"},
    {"kernel.modules.load", "load: [loop]", "load: [tun]"},
    {"kernel.modules.deny", "deny: [dummy]", "deny: [tun]"},
    {"kernel.modprobe", "max_loop: 4", "max_loop: 5"},
    {"kernel.extra-modules.name", "name: own,", "name: mine,"},
    {"tuning.hugepages.count", "count: 64", "count: 66"},
    {"tuning.hugepages.per-node", ", per-node: even", ""},
    {"tuning.thp", "thp: madvise", "thp: never"},
    {"tuning.numa.balancing", "balancing: false", "balancing: true"},
    {"tuning.numa.zone-reclaim", "zone-reclaim: true", "zone-reclaim: false"},
    {"tuning.cpu.governor", "governor: performance", "governor: powersave"},
    {"tuning.cpu.isolate", "isolate: \"1-3\"", "isolate: \"1-4\""},
    {"tuning.cpu.nohz-full", "nohz-full: \"1-2\"", "nohz-full: \"1-3\""},
    {"tuning.irq.affinity", "affinity: \"0\"", "affinity: \"0-1\""},
    {"tuning.limits", "nofile: 1024", "nofile: 2048"},
    {"tuning.block.scheduler", "scheduler: none", "scheduler: bfq"},
    {"tuning.block.read-ahead", "read-ahead: 256", "read-ahead: 512"},
    {"tuning.net.mtu", "mtu: 9000", "mtu: 1500"},
    {"tuning.net.queue-length", "queue-length: 5000", "queue-length: 1000"},
    {"tuning.profile", "profile: latency", "profile: throughput"},
    {"containers.runtime", "runtime: podman, ", ""},
    {"containers.cdi.devices.name", "class=0", "class=1"},
    {"containers.cdi.devices.nodes", "/dev/x", "/dev/y"},
    {"systemd.default-target", "multi-user.target", "graphical.target"},
    {"systemd.enable", "enable: [a.service]", "enable: [c.service]"},
    {"systemd.mask", "mask: [b.service]", "mask: [c.service]"},
    {"systemd.units", "units: [own.service]", "units: [other.service]"},
    {"users.name", "name: node", "name: other"},
    {"users.uid", "uid: 950", "uid: 952"},
    {"users.group", "group: kvm, ", ""},
    {"users.groups", "groups: [adm]", "groups: [kvm]"},
    {"users.home", "home: /srv/node", "home: /srv/other"},
    {"users.shell", "shell: /bin/sh", "shell: /bin/false"},
    {"groups.name", "name: models", "name: weights"},
    {"groups.gid", "gid: 951", "gid: 952"},
    {"files.path", "/etc/said", "/etc/told"},
    {"files.text", "text: \"kept\"", "text: \"lost\""},
    {"files.source", "source: copied", "source: own.c"},
    {"files.mode", "mode: \"0640\"", "mode: \"0600\""},
    {"files.owner", "owner: root", "owner: node"},
    {"security.lsm", "lsm: [yama]", "lsm: [apparmor]"},
    {"security.lockdown", "lockdown: integrity", "lockdown: confidentiality"},
    {"security.audit", "audit: true", "audit: false"},
    {"security.ports", "ports: [22/tcp]", "ports: [23/tcp]"},
    {"security.setuid", "setuid: [/usr/bin/su]", "setuid: [/usr/bin/su, /usr/bin/crun]"},
    {"disk.partitions.id", "id: system", "id: nodes"},
    {"disk.partitions.size", "size: 2G", "size: 3G"},
    {"disk.partitions.mount", "mount: /efi", "mount: /boot/efi"},
};
/// Fields that no declaration holds, and where they are held instead.
const std::map<std::string, std::string> kElsewhere = {
    {"kernel.package", "the release that it resolves to is declared"},
    {"kernel.extra-modules.package", "where the sources come from: the module that they became is declared"},
    {"kernel.extra-modules.sources", "the same"},
    {"disk.partitions.type", "esp or root, one each: the file system and where it is mounted is declared"},
    {"disk.partitions.fs", "each type has only one; it is declared"},
};

class Promised : public testing::Test {
 protected:
  Promised() : scratch_(fs::temp_directory_path(), "ainode-promises-"), store_(scratch_.path() / "store") {}

  /// Everything that the checks are told of an image of this recipe.
  Json declared(const std::string& yaml) {
    const fs::path root = scratch_.path() / "recipes";
    make_directories(root);
    for (const char* name : {"own.c", "copied", "own.service", "other.service"})
      write_file(root / name, fmt::format("[Unit]\nDescription={}\n", name));
    write_file(root / "everything.yaml", yaml);
    const Recipe recipe = load_recipe((root / "everything.yaml").string(), {"amd64", root});
    Tree tree;
    Store::Transaction transaction(store_);
    const auto put = [&](const std::string& path, const std::string& text) {
      tree.put_file(path, store_.write_text(text), "a package");
    };
    put("usr/lib/modules/6/config", "CONFIG_HZ=250\n");
    for (const char* module : {"loop", "dummy", "tun"}) put(fmt::format("usr/lib/modules/6/kernel/{}.ko", module), "");
    for (const char* unit : {"a.service", "c.service"})
      put(fmt::format("usr/lib/systemd/system/{}", unit), "[Install]\nWantedBy=multi-user.target\n");
    for (const char* unit : {"b.service", "multi-user.target", "graphical.target"})
      put(fmt::format("usr/lib/systemd/system/{}", unit), "[Unit]\n");
    tree.put_file("usr/bin/su", store_.write_file({0, 0, 0104755, {}}, ""), "a package");
    put("usr/bin/podman", "");
    put("usr/bin/crun", "");
    put("etc/passwd", "root:x:0:0::/root:/bin/sh\nnode:x:950:107::/:/x\n");
    put("etc/group", "root:x:0:\nkvm:x:107:\n");
    transaction.commit();
    Json told = Json::array();
    for (const Declaration& one : tune(store_, tree, recipe, {"6", "", "", ""}))
      told.push_back({one.subject, one.expected});
    return told;
  }

  TemporaryDirectory scratch_;
  Store store_;
};

TEST_F(Promised, OfEachFieldThatShapesTheSystem) {
  const Json of_everything = declared(kEverything);
  std::map<std::string, OtherValue> others;
  std::map<std::string, std::string> elsewhere = kElsewhere;
  for (const OtherValue& other : kOtherValues) others[other.field] = other;
  each_statement(recipe_shape(), "", [&](const std::string& statement, const Shape& shape) {
    each_field(statement, shape, [&](const std::string& field, const Shape&) {
      if (elsewhere.erase(field)) return;
      const auto row = others.find(field);
      ASSERT_NE(row, others.end()) << "no other value of " << field << " is tried";
      std::string changed = kEverything;
      const std::size_t place = changed.find(row->second.said);
      ASSERT_NE(place, std::string::npos) << field;
      changed.replace(place, std::string_view(row->second.said).size(), row->second.other);
      EXPECT_NE(declared(changed), of_everything) << field << " may be anything: no check is told of it";
      others.erase(row);
    });
  });
  for (const auto& [field, other] : others) ADD_FAILURE() << field << " is no field of the language";
  for (const auto& [field, reason] : elsewhere) ADD_FAILURE() << field << " is no field of the language";
}

/// Whether the document states this key: "tuning.numa.balancing".
bool states(const YamlNode& document, std::string_view key) {
  const std::size_t dot = key.find('.');
  const YamlNode* value = document.find(key.substr(0, dot));
  return value && (dot == std::string_view::npos || states(*value, key.substr(dot + 1)));
}

TEST(Statements, EachIsMadeByAnImageThatTheTestsBoot) {
  const fs::path source = AINODE_SOURCE_DIR;
  TemporaryDirectory scratch(fs::temp_directory_path(), "ainode-promises-");
  fs::copy(source / "tests/end_to_end/statements", scratch.path() / "images", fs::copy_options::recursive);
  for (const char* folder : {"images", "recipes"})
    fs::copy(source / folder, scratch.path() / folder, fs::copy_options::recursive);
  std::vector<YamlNode> documents;
  for (const char* name : {"statements", "conformance", "cpu-llm"})
    documents.push_back(load_effective_recipe(name, {"amd64", scratch.path()}).tree);
  for (const Statement& statement : statements()) {
    if (statement.key.empty()) continue;
    EXPECT_TRUE(std::any_of(documents.begin(), documents.end(),
                            [&](const YamlNode& document) { return states(document, statement.key); }))
        << "no image that is booted states `" << statement.key << "`";
  }
}

}  // namespace
}  // namespace ainode
