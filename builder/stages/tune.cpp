// SPDX-License-Identifier: Apache-2.0
// The table of statements, and what every image has without asking.
#include "builder/stages/tune.h"

#include <fmt/format.h>

namespace ainode {

namespace {

/// Who made a file that the recipe asks for: the line that does.
std::string asked_by(std::string_view key, const Place& place) {
  return place.str().empty() ? fmt::format("`{}` of the recipe", key) : fmt::format("`{}` at {}", key, place.str());
}

/// Partitions beside the root are mounted when they are first used; found by the name that the disk stage gives them.
void write_partitions(Tuning& tuning) {
  ConfigurationFile fstab;
  for (const Partition& partition : tuning.recipe.partitions) {
    const std::string &id = partition.id.value, &filesystem = partition.filesystem.value,
                      &mount = partition.mount.value;
    tuning.declare("storage.mounts",
                   {{"id", id}, {"fs", filesystem}, {"bytes", partition.size.value}, {"mount", mount}},
                   partition.id.place);
    if (mount.empty() || mount == "/") continue;
    const char* options = filesystem == "vfat" ? "umask=0077,nofail,noauto,x-systemd.automount" : "nofail";
    fstab.add(fmt::format("PARTLABEL={} {} {} {} 0 2", id, mount, filesystem, options), "disk.partitions",
              partition.id.place);
    tuning.tree.make_directories(std::string_view(mount).substr(1));
  }
  fstab.put(tuning, "etc/fstab");
}

// In the order in which they are written: files last, so that the recipe has the last word.
constexpr Statement kStatements[] = {
    {"", "kernel.config", promise_configuration},
    {"", "kernel.timer", promise_timer},
    {"kernel.package", "kernel.release", promise_kernel},
    {"kernel.cmdline", "kernel.cmdline", promise_command_line},
    {"kernel.sysctl", "kernel.sysctl", write_sysctls},
    {"kernel.modules.load", "kernel.modules", write_modules},
    {"kernel.modules.deny", "kernel.modules", nullptr},
    {"kernel.modprobe", "kernel.module-parameters", write_module_parameters},
    {"kernel.extra-modules", "driver.extra-modules", promise_extra_modules},
    {"tuning.hugepages", "mem.hugepages", promise_huge_pages},
    {"tuning.thp", "mem.thp", promise_transparent_huge_pages},
    {"tuning.numa.balancing", "numa.balancing", promise_numa_balancing},
    {"tuning.numa.zone-reclaim", "numa.reclaim", promise_zone_reclaim},
    {"tuning.cpu.governor", "cpu.governor", promise_governor},
    {"tuning.cpu.isolate", "cpu.isolated", promise_isolated_processors},
    {"tuning.cpu.nohz-full", "cpu.tickless", promise_tickless_processors},
    {"tuning.irq.affinity", "cpu.interrupts", promise_interrupt_affinity},
    {"tuning.limits", "system.limits", write_resource_limits},
    {"tuning.block", "storage.scheduler", write_block_settings},
    {"tuning.net", "net.settings", write_net_settings},
    {"tuning.profile", "kernel.sysctl", nullptr},
    {"systemd.units", "image.files", write_units},
    {"systemd.enable", "system.enabled", enable_units},
    {"systemd.mask", "system.masked", mask_units},
    {"systemd.default-target", "system.units", write_default_target},
    {"users", "system.accounts", promise_accounts},
    {"groups", "system.accounts", nullptr},
    {"containers.runtime", "containers.runs", promise_container_runtime},
    {"containers.cdi.devices", "containers.cdi-valid", write_container_devices},
    {"security.audit", "security.audit", promise_audit},
    {"security.lsm", "security.lsm", promise_security_modules},
    {"security.lockdown", "security.lockdown", promise_lockdown},
    {"security.ports", "security.listening-ports", promise_ports},
    {"disk.partitions", "storage.mounts", write_partitions},
    {"files", "image.files", write_files},
    {"security.setuid", "security.setuid-list", promise_setuid_files},
};

}  // namespace

void Tuning::declare(std::string subject, Json expected, const Place& place) {
  declared.push_back({std::move(subject), std::move(expected), place.str()});
}

void Tuning::declare_text(std::string subject, const Text& text) {
  if (!text.value.empty()) declare(std::move(subject), text.value, text.place);
}

void Tuning::put(const std::string& path, std::string_view text, std::string_view key, const Place& place) {
  tree.put_file(path, store.write_text(text), asked_by(key, place));
}

void Tuning::link(const std::string& path, const std::string& target, std::string_view key, const Place& place) {
  tree.put_file(path, store.write_symlink(target), asked_by(key, place));
}

void ConfigurationFile::add(std::string_view line, std::string_view key, const Place& place) {
  if (text_.empty()) key_ = key, place_ = place;
  text_ += fmt::format("{}\n", line);
}

void ConfigurationFile::put(Tuning& tuning, const std::string& path, std::string_view heading) const {
  if (!text_.empty()) tuning.put(path, std::string(heading) + text_, key_, place_);
}

std::span<const Statement> statements() {
  return kStatements;
}

std::vector<Declaration> tune(Store& store, Tree& tree, const Recipe& recipe, const Kernel& kernel) {
  Store::Transaction transaction(store);
  Tuning tuning(store, tree, recipe, kernel);
  tuning.put("etc/hostname", recipe.name.value + "\n", "name", recipe.name.place);
  for (const Statement& statement : kStatements)
    if (statement.write) statement.write(tuning);
  transaction.commit();
  return std::move(tuning.declared);
}

}  // namespace ainode
