// SPDX-License-Identifier: Apache-2.0
// dpkg-maintscript-helper(1) mends what an older version of a package left. Where none was installed it checks its
// arguments and goes: five processes for nothing, and packages call it by the hundred.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "builder/aids/aids.h"

namespace ainode::aids {

namespace {

constexpr const char* kName = "dpkg-maintscript-helper";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// Plain enough that dpkg --validate-version would not refuse it.
bool is_plain_version(const std::string& version) {
  if (version.empty()) return true;
  const auto is_plain = [](char letter) {
    return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           letter == '.' || letter == '+' || letter == '~' || letter == '-';
  };
  return version[0] >= '0' && version[0] <= '9' && version.back() != '-' &&
         std::all_of(version.begin(), version.end(), is_plain);
}

bool is_path(const std::string& text) {
  return text.size() > 1 && text.front() == '/' && text.back() != '/';
}

bool is_absent(const std::string& path) {
  struct stat status = {};
  return lstat(path.c_str(), &status) != 0 && errno == ENOENT;
}

}  // namespace

bool is_nothing_to_mend(const Arguments& arguments, const std::string& script) {
  const auto separator = std::find(arguments.begin(), arguments.end(), "--");
  if (arguments.empty() || separator == arguments.end()) return false;
  const std::string& command = arguments[0];
  const bool takes_two = command == "mv_conffile" || command == "symlink_to_dir" || command == "dir_to_symlink";
  if (!takes_two && command != "rm_conffile") return false;
  const Arguments own(arguments.begin() + 1, separator), called_with(separator + 1, arguments.end());
  const std::size_t paths = takes_two ? 2 : 1;
  if (own.size() < paths || own.size() > paths + 2 || !is_path(own[0])) return false;
  if (command == "mv_conffile" ? !is_path(own[1]) : takes_two && own[1].empty()) return false;
  if (own.size() > paths && !is_plain_version(own[paths])) return false;
  // The second parameter is the older version.
  if (called_with.empty() || (called_with.size() > 1 && !called_with[1].empty())) return false;
  if (script == "preinst") return called_with[0] == "install";
  if (script != "postinst" || called_with[0] != "configure") return false;
  return command.ends_with("_conffile") || is_absent(own[0] + ".dpkg-backup");
}

int mend_what_older_versions_left(const Arguments& arguments) {
  const bool is_known =
      !variable("DPKG_MAINTSCRIPT_PACKAGE").empty() && variable("DPKG_ROOT").empty() && variable("DPKG_DEBUG").empty();
  if (is_known && is_nothing_to_mend(arguments, variable("DPKG_MAINTSCRIPT_NAME"))) return 0;
  run_original(kName, arguments);
}

}  // namespace ainode::aids
