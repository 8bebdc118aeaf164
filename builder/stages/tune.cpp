// SPDX-License-Identifier: Apache-2.0
// The kernel of a tree, and the recipe's system settings written into it, each with the promise that validation holds
// it to.
#include <fmt/format.h>

#include "base/error.h"
#include "builder/stages/stages.h"

namespace ainode {

namespace {

/// Who made a file that the recipe asks for: the line that does.
std::string asked_by(const std::string& key, const Place& place) {
  return place.str().empty() ? fmt::format("`{}` of the recipe", key) : fmt::format("`{}` at {}", key, place.str());
}

std::string config_path(const Tree& tree, const Kernel& kernel) {
  const std::string in_boot = "boot/config-" + kernel.release;
  return tree.file(in_boot) ? in_boot : "usr/lib/modules/" + kernel.release + "/config";
}

/// CONFIG_<option>'s value; "n" when it is not set.
std::string config_value(const std::string& config, const std::string& option) {
  const std::string key = "\nCONFIG_" + option + "=";
  const std::size_t found = ("\n" + config).find(key);
  if (found == std::string::npos) return "n";
  const std::size_t start = found + key.size() - 1;
  return config.substr(start, config.find('\n', start) - start);
}

/// What an image of ours needs of any kernel, so that it boots from OSTree, runs containers and can be judged. Several
/// values mean that any of them will do.
Declaration kernel_config_promise() {
  const Json built_in_or_module = {"y", "m"};
  Json expected = Json::object();
  for (const char* option : {"CGROUPS", "DEVTMPFS", "MODULES", "NAMESPACES", "NUMA", "SECCOMP", "TMPFS"})
    expected[option] = "y";
  for (const char* option : {"EROFS_FS", "OVERLAY_FS"}) expected[option] = built_in_or_module;
  return {"kernel.config", std::move(expected), ""};
}

Declaration set_default_target(Store& store, Tree& tree, const Text& target) {
  const std::string unit = "usr/lib/systemd/system/" + target.value;
  if (!tree.file(unit)) {
    throw Error(codes::bad_value, fmt::format("the image has no systemd unit `{}`", target.value))
        .at(target.place)
        .help("name a target that an included package ships, such as multi-user.target");
  }
  tree.put_file("etc/systemd/system/default.target", store.write_symlink("/" + unit),
                asked_by("systemd.default-target", target.place));
  return {"systemd.default-target", target.value, target.place.str()};
}

/// Partitions beside the root are mounted when they are first used; found by the name that the disk stage gives them.
void write_fstab(Store& store, Tree& tree, const Recipe& recipe) {
  std::string text;
  for (const Partition& partition : recipe.partitions) {
    if (partition.mount.value.empty() || partition.mount.value == "/") continue;
    const char* options =
        partition.filesystem.value == "vfat" ? "umask=0077,nofail,noauto,x-systemd.automount" : "nofail";
    text += fmt::format("PARTLABEL={} {} {} {} 0 2\n", partition.id.value, partition.mount.value,
                        partition.filesystem.value, options);
    tree.make_directories(std::string_view(partition.mount.value).substr(1));
  }
  if (!text.empty())
    tree.put_file("etc/fstab", store.write_text(text), asked_by("disk.partitions", recipe.partitions.front().id.place));
}

}  // namespace

Kernel find_kernel(const Tree& tree, const std::vector<LockedPackage>& packages) {
  const TreeDirectory* modules = tree.directory("usr/lib/modules");
  const std::size_t count = modules ? modules->directories.size() : 0;
  if (count != 1) {
    throw Error(codes::kernel_missing,
                fmt::format("the tree holds {} kernels under /usr/lib/modules; an image has one", count))
        .help("name one kernel package under `kernel: {package: …}` and exclude others");
  }
  Kernel kernel;
  kernel.release = modules->directories.begin()->first;
  kernel.image_path = "boot/vmlinuz-" + kernel.release;
  if (!tree.file(kernel.image_path)) kernel.image_path = "usr/lib/modules/" + kernel.release + "/vmlinuz";
  const TreeDirectory::File* image = tree.file(kernel.image_path);
  if (!image)
    throw Error(codes::kernel_missing,
                fmt::format("the tree has modules of kernel {}, but no kernel image", kernel.release));
  for (const LockedPackage& package : packages) {
    const bool is_kernel_package =
        package.name == "linux-image-" + kernel.release || package.name == "linux-binary-" + kernel.release;
    if (is_kernel_package) kernel.package = package.name, kernel.version = package.version;
  }
  return kernel;
}

std::vector<Declaration> tune(Store& store, Tree& tree, const Recipe& recipe, const Kernel& kernel) {
  Store::Transaction transaction(store);
  const std::string config = store.read_text(tree, config_path(tree, kernel));
  std::vector<Declaration> declared = {kernel_config_promise()};
  declared.push_back({"kernel.timer", std::stoi(config_value(config, "HZ")), ""});
  for (const Text& argument : recipe.kernel.cmdline)
    declared.push_back({"kernel.cmdline", argument.value, argument.place.str()});
  if (!recipe.default_target.value.empty()) declared.push_back(set_default_target(store, tree, recipe.default_target));
  write_fstab(store, tree, recipe);
  tree.put_file("etc/hostname", store.write_text(recipe.name.value + "\n"), asked_by("name", recipe.name.place));
  transaction.commit();
  return declared;
}

}  // namespace ainode
