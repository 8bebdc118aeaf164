// SPDX-License-Identifier: Apache-2.0
// deb-systemd-helper: which links a unit's [Install] section asks for, which of them were made, and a record of both.
// Its reading of unit files is line by line and knows no sections, and so is this one.
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "builder/aids/aids.h"

namespace ainode::aids {

namespace {

namespace fs = std::filesystem;

/// Something that only the original does.
struct ForTheOriginal {};
/// A failure that was told; the exit status is 1.
struct Failed {};

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "deb-systemd-helper: error: %s\n", message.c_str());
  throw Failed{};
}

bool is_link(const std::string& path) {
  struct stat status = {};
  return lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
}
bool is_file(const std::string& path) {
  struct stat status = {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}
bool exists(const std::string& path) {
  struct stat status = {};
  return stat(path.c_str(), &status) == 0;
}
std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}
void make_directory_of(const std::string& path) {
  std::error_code failure;
  fs::create_directories(fs::path(path).parent_path(), failure);
  if (failure) fail("unable to make the directory of " + path);
}
void touch(const std::string& path) {
  make_directory_of(path);
  if (!std::ofstream(path, std::ios::app)) fail("Failed to create/touch " + path);
}

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

void write_lines(const std::string& path, const std::vector<std::string>& lines) {
  make_directory_of(path);
  const std::string temporary = path + ".tmp";
  unlink(temporary.c_str());
  {
    std::ofstream file(temporary, std::ios::trunc);
    for (const std::string& line : lines) file << line << '\n';
    if (!file.flush()) fail("unable to close " + temporary);
  }
  chmod(temporary.c_str(), 0644);  // whatever the script's umask
  if (rename(temporary.c_str(), path.c_str()) != 0) fail("Unable to move " + temporary + " to " + path);
}

struct Link {
  std::string destination, source;
};

constexpr const char* kSpace = " \t\r\f\v";

/// `KEY=VALUE` after optional space, the key in any case; the value is never empty.
bool split_setting(const std::string& line, std::string& key, std::string& value) {
  const std::size_t start = line.find_first_not_of(kSpace);
  const std::size_t equals = line.find('=');
  if (start == std::string::npos || equals == std::string::npos || equals + 1 == line.size() || equals < start)
    return false;
  key = line.substr(start, equals - start);
  value = line.substr(equals + 1);
  return true;
}

bool is_key(const std::string& key, const char* wanted) {
  return strcasecmp(key.c_str(), wanted) == 0;
}

/// What the original splits in ways of its own (quotes, space in front) is left to it.
std::vector<std::string> words_of(const std::string& value) {
  if (value.find_first_of("\"'") != std::string::npos || std::string(kSpace).find(value.front()) != std::string::npos)
    throw ForTheOriginal{};
  std::vector<std::string> words;
  for (std::size_t start = 0; start < value.size();) {
    const std::size_t end = std::min(value.find_first_of(kSpace, start), value.size());
    words.push_back(value.substr(start, end - start));
    start = std::min(value.find_first_not_of(kSpace, end), value.size());
  }
  return words;
}

class UnitHelper {
 public:
  explicit UnitHelper(std::string instance) : instance_(std::move(instance)) {
    const std::string user = instance_ == "user" ? "-user" : "";
    enabled_ = "/var/lib/systemd/deb-systemd" + user + "-helper-enabled";
    masked_ = "/var/lib/systemd/deb-systemd" + user + "-helper-masked";
    units_ = "/etc/systemd/" + instance_ + "/";
  }

  std::string find_unit(const std::string& name) const {
    for (const char* folder : {"/etc/systemd/", "/lib/systemd/", "/usr/lib/systemd/"}) {
      std::string path = folder + instance_ + "/" + name;
      if (is_file(path)) return path;
    }
    return name;
  }

  bool is_installed(const std::string& name) const { return is_file(record_of(name)); }

  bool was_enabled(const std::string& name) const {
    for (const std::string& link : lines_of(record_of(name)))
      if (!is_link(link)) return false;
    return true;
  }

  bool is_enabled(const std::string& path) const {
    for (const Link& link : links_of(path, {}))
      if (!is_link(link.source)) return false;
    return true;
  }

  void update_state(const std::string& name, const std::string& path) const {
    std::vector<std::string> sources;
    for (const Link& link : links_of(path, {})) sources.push_back(link.source);
    write_lines(record_of(name), sources);
  }

  void enable(const std::string& name, const std::string& path) const {
    bool makes_links = true;
    if (access("/bin/systemctl", X_OK) == 0 || access("/usr/bin/systemctl", X_OK) == 0) {
      makes_links = is_installed(name) && has_a_link(path);
      if (!is_installed(name)) preset(name);
    }
    for (const Link& link : links_of(path, {})) make_link(name, link, makes_links);
  }

  void unmask(const std::string& path) const {
    const std::string link = units_ + base_name(path);
    if (!exists(link)) return;
    std::error_code none;
    if (!is_link(link) || fs::read_symlink(link, none) != "/dev/null") return;
    const std::string state = masked_ + "/" + base_name(path);
    if (!exists(state)) return;
    if (unlink(link.c_str()) != 0) fail("unable to remove " + link);
    unlink(state.c_str());
  }

  /// Tidies what unmasking left empty, for both instances.
  static void remove_empty_masks() {
    for (const char* folder :
         {"/var/lib/systemd/deb-systemd-helper-masked", "/var/lib/systemd/deb-systemd-user-helper-masked"})
      remove_if_empty(folder);
  }

 private:
  std::string record_of(const std::string& name) const { return enabled_ + "/" + base_name(name) + ".dsh-also"; }

  /// All links that enabling the unit asks for, those of the units that it names by Also= first.
  std::vector<Link> links_of(const std::string& path, std::vector<std::string> visited) const {
    std::ifstream file(path);
    if (!file) fail("unable to read " + path);
    const std::string unit = base_name(path);
    std::string target = unit;
    std::vector<Link> links;
    std::vector<std::string> wants;
    std::string key, value;
    for (std::string line; std::getline(file, line);) {
      if (!split_setting(line, key, value)) continue;
      if (is_key(key, "WantedBy") || is_key(key, "RequiredBy")) {
        const std::string suffix = key == "WantedBy" ? ".wants" : key == "RequiredBy" ? ".requires" : "";
        for (const std::string& word : words_of(value)) wants.push_back(units_ + word + suffix + "/");
      } else if (is_key(key, "Also")) {
        for (const std::string& word : words_of(value)) {
          if (word == unit || std::find(visited.begin(), visited.end(), word) != visited.end()) continue;
          visited.push_back(word);
          for (Link& link : links_of(find_unit(word), visited)) links.push_back(std::move(link));
        }
      } else if (is_key(key, "Alias")) {
        for (const std::string& word : words_of(value))
          if (word != unit) links.push_back({path, units_ + value});
      } else if (is_key(key, "DefaultInstance")) {
        target = with_instance(unit, value);
      }
    }
    for (const std::string& folder : wants) links.push_back({path, folder + target});
    return links;
  }

  static std::string with_instance(const std::string& unit, const std::string& value) {
    if (value.find_first_of("\"'") != std::string::npos) throw ForTheOriginal{};
    const std::size_t start = value.find_first_not_of(kSpace);
    if (start == std::string::npos) throw ForTheOriginal{};
    const std::size_t at = unit.rfind('@');
    const bool is_template = at != std::string::npos && at + 1 < unit.size() && unit[at + 1] == '.' &&
                             unit.find('.', at + 2) == std::string::npos && at + 2 < unit.size();
    return is_template ? unit.substr(0, at + 1) + value.substr(start) + unit.substr(at + 1) : unit;
  }

  bool has_a_link(const std::string& path) const {
    for (const Link& link : links_of(path, {}))
      if (is_link(link.source)) return true;
    return false;
  }

  void preset(const std::string& name) const {
    const std::string scope = instance_ == "user" ? "--global" : "--system";
    const pid_t child = fork();
    if (child == 0) {
      execlp("systemctl", "systemctl", "--root=/", scope.c_str(), "--preset-mode=enable-only", "preset", name.c_str(),
             nullptr);
      _exit(127);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) fail("systemctl preset failed on " + name);
  }

  void make_link(const std::string& name, const Link& link, bool makes_links) const {
    const std::string record = record_of(name);
    std::vector<std::string> known = lines_of(record);
    if (std::find(known.begin(), known.end(), link.source) == known.end()) known.push_back(link.source);
    write_lines(record, known);
    const std::string state = enabled_ + "/" + link.source.substr(units_.size());
    if (exists(state)) return;
    if (makes_links && !is_link(link.source)) {
      make_directory_of(link.source);
      if (symlink(link.destination.c_str(), link.source.c_str()) != 0)
        fail("unable to link " + link.source + " to " + link.destination);
    }
    touch(state);
  }

  static void remove_if_empty(const fs::path& folder) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder, none))
      if (entry.is_directory(none)) remove_if_empty(entry.path());
    rmdir(folder.c_str());
  }

  std::string instance_, enabled_, masked_, units_;
};

struct Request {
  std::string instance = "system", action;
  bool is_quiet = false;
  std::vector<std::string> units;
};

Request read_request(const Arguments& arguments) {
  Request request;
  for (const std::string& argument : arguments) {
    if (argument == "--quiet")
      request.is_quiet = true;
    else if (argument == "--user" || argument == "--system")
      request.instance = argument.substr(2);
    else if (argument.rfind('-', 0) == 0)
      throw ForTheOriginal{};
    else if (request.action.empty())
      request.action = argument;
    else
      request.units.push_back(argument);
  }
  if (request.action.empty()) throw ForTheOriginal{};
  return request;
}

int answer(const Request& request, bool yes, const char* if_yes, const char* if_no) {
  if (!request.is_quiet && if_yes) std::fprintf(stderr, "%s\n", yes ? if_yes : if_no);
  return yes ? 0 : 1;
}

int carry_out(const Request& request) {
  const UnitHelper helper(request.instance);
  const bool asks =
      request.action == "is-enabled" || request.action == "was-enabled" || request.action == "debian-installed";
  int status = asks ? 1 : 0;
  for (const std::string& name : request.units) {
    const std::string path = helper.find_unit(name);
    if (request.action == "is-enabled") {
      if (answer(request, helper.is_enabled(path), "enabled", "disabled") == 0) status = 0;
    } else if (request.action == "was-enabled") {
      if (answer(request, helper.was_enabled(name), "enabled", "disabled") == 0) status = 0;
    } else if (request.action == "debian-installed") {
      if (helper.is_installed(name)) status = 0;
    } else if (request.action == "update-state") {
      helper.update_state(name, path);
    } else if (request.action == "enable") {
      helper.enable(name, path);
    } else if (request.action == "unmask") {
      helper.unmask(path);
      UnitHelper::remove_empty_masks();
    } else {
      throw ForTheOriginal{};
    }
  }
  return status;
}

}  // namespace

int helper_for_units(const Arguments& arguments) {
  try {
    const char* package = std::getenv("DPKG_MAINTSCRIPT_PACKAGE");
    const bool is_usual = package && *package && !arguments.empty() && !std::getenv("_DEB_SYSTEMD_HELPER_DEBUG") &&
                          !std::getenv("_DEB_SYSTEMD_HELPER_PURGE") && !fs::exists("/run/systemd/system");
    const char* other_root = std::getenv("DPKG_ROOT");
    if (!is_usual || (other_root && *other_root)) throw ForTheOriginal{};
    return carry_out(read_request(arguments));
  } catch (const ForTheOriginal&) {
    run_original("deb-systemd-helper", arguments);
  } catch (const Failed&) {
    return 1;
  }
}

}  // namespace ainode::aids
