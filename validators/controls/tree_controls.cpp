// SPDX-License-Identifier: Apache-2.0
// The table of defects that are planted in an image that is not booted: other bytes in the files of its commit. What a
// defect needs is looked for in the image, so the controls hold for any.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/archive.h"
#include "base/compress.h"
#include "validators/checks/text.h"
#include "validators/controls/control.h"
#include "validators/tree/driver_versions.h"
#include "validators/tree/module_files.h"

namespace ainode::controls {

namespace {

using checks::Expected;
using checks::Node;

constexpr std::uint64_t kModuleLimit = std::uint64_t{64} << 20;

struct Module {
  std::string path, content;  ///< unpacked
};

std::string modules_of(const Node& tree) {
  return "/usr/lib/modules/" + tree.kernel_release();
}

/// A module that the initrd loads and that holds `needle`.
std::optional<Module> module_with(const Node& tree, const Expected& expected, std::string_view needle) {
  for (const std::string& line : checks::split_lines(tree.read_file(modules_of(tree) + "/modules.dep").value_or(""))) {
    std::string name = line.substr(0, line.find(':'));
    const std::string path = modules_of(tree) + "/" + name;
    name = name.substr(name.rfind('/') + 1);
    name = name.substr(0, name.find(".ko"));
    std::replace(name.begin(), name.end(), '-', '_');
    const auto& wanted = expected.initrd_modules;
    if (std::find(wanted.begin(), wanted.end(), name) == wanted.end()) continue;
    Module module = {path, decompress(tree.read_file(path).value_or(""), path, kModuleLimit)};
    if (module.content.find(needle) != std::string::npos) return module;
  }
  return std::nullopt;
}

PlantedFiles packed(const Module& module) {
  return {{module.path, {module.path.ends_with(".xz") ? to_xz(module.content) : module.content}}};
}

/// A module in which `there` stands in the place of `here`, which has the same length.
PlantedFiles replaced(const Node& tree, const Expected& expected, std::string_view here, std::string_view there) {
  auto module = module_with(tree, expected, here);
  if (!module) return {};
  module->content.replace(module->content.find(here), here.size(), there);
  return packed(*module);
}

PlantedFiles other_release_of_module(const Node& tree, const Expected& expected) {
  const std::string& release = tree.kernel_release();
  return replaced(tree, expected, "vermagic=" + release, "vermagic=" + std::string(release.size(), '0'));
}

/// struct modversion_info of Linux' include/linux/module.h: a checksum of eight bytes before each wanted name of 56.
PlantedFiles other_type_of_symbol(const Node& tree, const Expected& expected) {
  const std::string row = std::string("module_layout") + std::string(43, '\0');
  auto module = module_with(tree, expected, row);
  const std::size_t place = module ? module->content.find(row) : 0;
  if (place < 8) return {};
  module->content[place - 8] = static_cast<char>(module->content[place - 8] ^ 1);
  return packed(*module);
}

/// The name stands in .strtab, between two others.
PlantedFiles no_exporter(const Node& tree, const Expected& expected) {
  return replaced(tree, expected, std::string_view("\0kfree\0", 7), std::string_view("\0Kfree\0", 7));
}

/// The first digit of its version, which its libraries then do not have.
PlantedFiles other_driver(const Node& tree, const Expected&) {
  constexpr std::string_view kVersion("\0version=", 9);
  for (const std::string& path : tree::driver_modules(tree)) {
    Module module = {path, tree::read_unpacked(tree, path)};
    const std::size_t place = module.content.find(kVersion);
    if (place == std::string::npos || place + kVersion.size() == module.content.size()) continue;
    char& digit = module.content[place + kVersion.size()];
    digit = digit == '9' ? '8' : '9';
    return packed(module);
  }
  return {};
}

PlantedFiles wish_for_firmware(const Node& tree, const Expected& expected) {
  return replaced(tree, expected, std::string_view("\0license=GPL", 12), std::string_view("\0firmware=no", 12));
}

constexpr std::string_view kSigned = "~Module signature appended~\n";

/// Without what Linux' scripts/sign-file.c appends: a message, a trailer of 12 bytes that ends with the message's
/// length, a line.
PlantedFiles no_signature(const Node& tree, const Expected& expected) {
  auto module = module_with(tree, expected, kSigned);
  if (!module || !module->content.ends_with(kSigned)) return {};
  const std::size_t end = module->content.size() - kSigned.size();
  std::size_t length = 12;
  for (std::size_t i = 0, size = 0; i < 4; ++i) {
    size = size << 8 | static_cast<unsigned char>(module->content[end - 4 + i]);
    if (i == 3) length += size;
  }
  if (length > end) return {};
  module->content.resize(end - length);
  return packed(*module);
}

PlantedFiles changed_module(const Node& tree, const Expected& expected) {
  return replaced(tree, expected, std::string_view("\0license=GPL", 12), std::string_view("\0license=BSD", 12));
}

/// One bit of the certificate's serial number, which stands behind its issuer's name.
PlantedFiles other_signer(const Node& tree, const Expected& expected) {
  constexpr std::string_view kIssuer = "kernel key";
  auto module = module_with(tree, expected, kSigned);
  const std::size_t issuer = module ? module->content.rfind(kIssuer) : std::string::npos;
  if (issuer == std::string::npos) return {};
  char& byte = module->content[issuer + kIssuer.size() + 6];
  byte = static_cast<char>(byte ^ 1);
  return packed(*module);
}

PlantedFiles unlisted_extra_module(const Node& tree, const Expected& expected) {
  const Declaration* declaration = expected.declaration("driver.extra-modules");
  if (!declaration) return {};
  const std::string path = modules_of(tree) + "/modules.dep";
  const auto file = declaration->expected.at("file").get<std::string>();
  const std::string name = file.substr(modules_of(tree).size() + 1);
  std::string lines = tree.read_file(path).value_or("");
  const std::size_t at = lines.find(name + ":");
  if (at == std::string::npos) return {};
  return {{path, {lines.erase(at, lines.find('\n', at) - at + 1)}}};
}

PlantedFiles other_configuration(const Node& tree, const Expected& expected) {
  const std::string path = modules_of(tree) + "/config";
  const Declaration* declaration = expected.declaration("kernel.config");
  const auto config = tree.read_file(path);
  if (!declaration || !config) return {};
  return {{path, {*config + fmt::format("CONFIG_{}=defect\n", declaration->expected.items().begin().key())}}};
}

/// Where the recipe compiles what needs it.
PlantedFiles no_device_memory(const Node& tree, const Expected& expected) {
  constexpr std::string_view kOption = "CONFIG_DEVICE_PRIVATE=y\n";
  const std::string path = modules_of(tree) + "/config";
  std::string config = tree.read_file(path).value_or("");
  const std::size_t place = config.find(kOption);
  const bool is_needed = std::any_of(expected.declared.begin(), expected.declared.end(), [](const Declaration& each) {
    return each.subject == "driver.extra-modules" && each.expected.at("module") == "test_hmm";
  });
  if (!is_needed || place == std::string::npos) return {};
  return {{path, {config.erase(place, kOption.size())}}};
}

/// linux/Documentation/arch/x86/boot.rst: at 0x20e stands where its version is, less 0x200.
PlantedFiles other_release(const Node& tree, const Expected&) {
  const auto path = tree::find_kernel(tree);
  if (!path) return {};
  std::string kernel = tree.read_file(*path).value_or("");
  if (kernel.size() < 0x210) return {};
  const std::size_t place = 0x200 + static_cast<unsigned char>(kernel[0x20e]) +
                            (static_cast<std::size_t>(static_cast<unsigned char>(kernel[0x20f])) << 8);
  if (place >= kernel.size()) return {};
  kernel[place] = kernel[place] == '0' ? '1' : '0';
  return {{*path, {kernel}}};
}

PlantedFiles other_account(const Node& tree, const Expected& expected) {
  for (const Declaration& declaration : expected.declared) {
    if (declaration.subject != "system.accounts") continue;
    const bool is_user = declaration.expected.contains("user");
    const std::string path = is_user ? "/etc/passwd" : "/etc/group";
    const std::string name = declaration.expected.at(is_user ? "user" : "group").get<std::string>();
    std::string lines = tree.read_file(path).value_or("");
    const std::size_t place = ("\n" + lines).find("\n" + name + ":x:");
    if (place == std::string::npos) continue;
    lines.insert(place + name.size() + 3, "9");
    return {{path, {lines}}};
  }
  return {};
}

PlantedFiles changed_file(const Node& tree, const Expected& expected) {
  const Declaration* declaration = expected.declaration("image.files");
  if (!declaration) return {};
  const auto path = declaration->expected.at("path").get<std::string>();
  return {{path, {tree.read_file(path).value_or("") + "\n"}}};
}

PlantedFiles new_setuid_file(const Node&, const Expected&) {
  return {{"/usr/bin/true", {std::nullopt, true}}};
}

}  // namespace

const std::vector<TreeControl>& tree_controls() {
  static const std::vector<TreeControl> all = {
      {{"other-release",
        "the kernel is another one",
        {"kernel.release"},
        {"kernel.config", "driver.vermagic", "driver.firmware-present", "driver.symbols", "driver.signed",
         "driver.extra-modules"}},
       other_release},
      {{"other-config", "the kernel was configured otherwise", {"kernel.config"}}, other_configuration},
      {{"no-device-memory", "the kernel has no memory of devices", {"mem.hmm"}, {"kernel.config"}}, no_device_memory},
      {{"foreign-module", "a module was made for another kernel", {"driver.vermagic", "driver.signed"}},
       other_release_of_module},
      {{"other-type", "a module was compiled for another type of a symbol", {"driver.symbols", "driver.signed"}},
       other_type_of_symbol},
      {{"no-exporter", "a module wants a symbol that nobody exports", {"driver.symbols", "driver.signed"}},
       no_exporter},
      {{"no-firmware",
        "a module that loads at boot asks for firmware that is not there",
        {"driver.firmware-present", "driver.signed"}},
       wish_for_firmware},
      {{"other-driver",
        "a driver's module is of another version than its libraries",
        {"driver.userspace-match"},
        {"driver.signed"}},
       other_driver},
      {{"no-signature", "a module is not signed", {"driver.signed"}}, no_signature},
      {{"changed-module", "a module is not what was signed", {"driver.signed"}}, changed_module},
      {{"other-signer", "a module is signed with a key that the kernel does not know", {"driver.signed"}},
       other_signer},
      {{"unlisted-module", "modprobe does not find a module of the recipe's", {"driver.extra-modules"}},
       unlisted_extra_module},
      {{"other-account", "an account has another number", {"system.accounts"}}, other_account},
      {{"changed-file", "a file of the recipe has another content", {"image.files"}}, changed_file},
      {{"new-setuid-file", "a file more runs with its owner's rights", {"security.setuid-list"}}, new_setuid_file},
  };
  return all;
}

}  // namespace ainode::controls
