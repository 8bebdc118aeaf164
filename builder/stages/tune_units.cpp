// SPDX-License-Identifier: Apache-2.0
// systemd's units as `systemctl enable` and `mask` leave them: links below /etc/systemd/system. systemd.unit(5) says
// what [Install] means.
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "base/crypto.h"
#include "base/error.h"
#include "builder/stages/tune.h"

namespace ainode {

namespace {

constexpr const char* kShipped = "usr/lib/systemd/system/";
constexpr const char* kLocal = "etc/systemd/system/";

/// [Install]'s lines by their key.
using Install = std::map<std::string, std::vector<std::string>>;

Install read_install(const std::string& text) {
  Install install;
  std::istringstream lines(text);
  bool is_inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('[')) is_inside = line == "[Install]";
    const std::size_t equals = line.find('=');
    if (!is_inside || equals == std::string::npos || line.starts_with('#') || line.starts_with(';')) continue;
    std::istringstream words(line.substr(equals + 1));
    const std::string key = line.substr(0, line.find_last_not_of(' ', equals - 1) + 1);
    for (std::string word; words >> word;) install[key].push_back(word);
  }
  return install;
}

/// "getty@tty2.service": template "getty@.service", prefix "getty", instance "tty2".
struct UnitName {
  explicit UnitName(std::string name) : full(std::move(name)) {
    const std::size_t at = full.find('@'), dot = full.rfind('.');
    prefix = full.substr(0, std::min(at, dot));
    if (at == std::string::npos || at > dot) return;
    instance = full.substr(at + 1, dot - at - 1);
    template_name = full.substr(0, at + 1) + full.substr(dot);
  }
  std::string full, prefix, instance, template_name;
};

/// Where a unit's file lies; empty when there is none.
std::string find_unit(const Tree& tree, const UnitName& name) {
  for (const std::string& file : {name.full, name.template_name})
    for (const char* folder : {kLocal, kShipped})
      if (!file.empty() && tree.file(folder + file)) return folder + file;
  return "";
}

class Enabling {
 public:
  Enabling(Tuning& tuning, const Text& wish) : tuning_(tuning), wish_(wish) {}

  void enable(const UnitName& name, bool is_wish) {
    if (!seen_.insert(name.full).second) return;
    const std::string file = find_unit(tuning_.tree, name);
    if (file.empty())
      throw refusal(fmt::format("the image has no systemd unit `{}`", name.full),
                    "name a unit that an included package ships, or bring it by `systemd.units`");
    const FileObject object = tuning_.store.read_file(tuning_.tree.file(file)->checksum);
    if (object.is_symlink)
      throw refusal(fmt::format("unit `{}` is another name of {}", name.full, object.content), "enable that one");
    const Install install = read_install(object.content);
    if (install.empty() && is_wish)
      throw refusal(fmt::format("unit `{}` has no [Install] section: nothing says when it starts", name.full),
                    "it starts when another unit asks for it; enable that one");
    link_all(name, file, install);
  }

 private:
  Error refusal(std::string message, std::string help) const {
    Error error(codes::bad_value, std::move(message));
    error.at(wish_.place).help(std::move(help));
    return error;
  }

  void link_all(const UnitName& name, const std::string& file, const Install& install) {
    const auto values = [&](const char* key) {
      const auto found = install.find(key);
      return found == install.end() ? std::vector<std::string>() : found->second;
    };
    UnitName linked = name;
    if (const auto instances = values("DefaultInstance"); name.full == name.template_name && !instances.empty())
      linked = UnitName(name.prefix + "@" + instances.front() + name.full.substr(name.full.rfind('.')));
    if (linked.full == linked.template_name && !install.empty())
      throw refusal(fmt::format("unit `{}` is a template", name.full),
                    fmt::format("name an instance: {}@NAME{}", name.prefix, name.full.substr(name.full.rfind('.'))));
    for (const auto& [key, suffix] :
         {std::pair("WantedBy", ".wants"), std::pair("RequiredBy", ".requires"), std::pair("UpheldBy", ".upholds")})
      for (const std::string& target : values(key)) link(expanded(target, linked) + suffix + "/" + linked.full, file);
    for (const std::string& alias : values("Alias")) link(expanded(alias, linked), file);
    for (const std::string& also : values("Also")) enable(UnitName(expanded(also, linked)), false);
  }

  void link(const std::string& path, const std::string& file) {
    tuning_.link(kLocal + path, "/" + file, "systemd.enable", wish_.place);
  }

  /// The specifiers that [Install] sections use.
  std::string expanded(const std::string& text, const UnitName& name) const {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '%' || i + 1 == text.size()) {
        result += text[i];
        continue;
      }
      const char specifier = text[++i];
      if (specifier == 'i')
        result += name.instance;
      else if (specifier == 'p')
        result += name.prefix;
      else if (specifier == 'n')
        result += name.full;
      else if (specifier == '%')
        result += '%';
      else
        throw refusal(fmt::format("unit `{}` says `{}` in its [Install] section", name.full, text),
                      "only %i, %p and %n are known at build time: bring a unit of your own by `systemd.units`");
    }
    return result;
  }

  Tuning& tuning_;
  const Text& wish_;
  std::set<std::string> seen_;
};

}  // namespace

void write_units(Tuning& tuning) {
  for (const PlacedFile& unit : tuning.recipe.systemd.units) {
    const std::string path = kShipped + std::filesystem::path(unit.source.value).filename().string();
    if (tuning.tree.file(path))
      throw Error(codes::bad_value, fmt::format("a package ships /{} already", path))
          .at(unit.source.place)
          .help("change it by a drop-in below /etc/systemd/system, with `files`");
    tuning.put(path, unit.content.value_or(""), "systemd.units", unit.source.place);
    tuning.declare("image.files",
                   {{"path", "/" + path},
                    {"sha256", sha256_hex(unit.content.value_or(""))},
                    {"mode", "0644"},
                    {"uid", 0},
                    {"gid", 0}},
                   unit.source.place);
  }
}

void enable_units(Tuning& tuning) {
  for (const Text& unit : tuning.recipe.systemd.enable) {
    Enabling(tuning, unit).enable(UnitName(unit.value), true);
    tuning.declare("system.enabled", unit.value, unit.place);
  }
}

void mask_units(Tuning& tuning) {
  for (const Text& unit : tuning.recipe.systemd.mask) {
    const std::string path = kLocal + unit.value;
    const TreeDirectory::File* file = tuning.tree.file(path);
    if (file && !tuning.store.read_metadata(file->checksum).is_symlink)
      throw Error(codes::bad_value, fmt::format("/{} is a file of its own: it cannot be masked", path))
          .at(unit.place)
          .help("take out what puts it there");
    tuning.link(path, "/dev/null", "systemd.mask", unit.place);
    tuning.declare("system.masked", unit.value, unit.place);
  }
}

void write_default_target(Tuning& tuning) {
  const Text& target = tuning.recipe.systemd.default_target;
  if (target.value.empty()) return;
  const std::string unit = kShipped + target.value;
  if (!tuning.tree.file(unit))
    throw Error(codes::bad_value, fmt::format("the image has no systemd unit `{}`", target.value))
        .at(target.place)
        .help("name a target that an included package ships, such as multi-user.target");
  tuning.link(std::string(kLocal) + "default.target", "/" + unit, "systemd.default-target", target.place);
  tuning.declare("systemd.default-target", target.value, target.place);
}

}  // namespace ainode
