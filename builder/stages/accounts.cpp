// SPDX-License-Identifier: Apache-2.0
// passwd(5), group(5), shadow(5), gshadow(5): lines of fields separated by colons.
#include "builder/stages/accounts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "builder/sandbox/in_root.h"

namespace ainode {

namespace {

constexpr int kFirstDynamic = 100, kLastDynamic = 999;  // Debian policy 9.2.2: made as packages ask for them
constexpr std::size_t kMostBytes = std::size_t{4} << 20;
constexpr std::array<const char*, 4> kFiles = {"passwd", "group", "shadow", "gshadow"};

std::vector<std::string> split(const std::string& line, char separator) {
  std::vector<std::string> fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, separator);) fields.push_back(field);
  return fields;
}

std::vector<std::string> lines_of(const std::string& text) {
  return split(text, '\n');
}

bool has_entry(const std::string& text, const std::string& name) {
  return text.rfind(name + ":", 0) == 0 || text.find("\n" + name + ":") != std::string::npos;
}

/// The third field of the entry: a uid or gid.
std::optional<int> number_of(const std::string& text, const std::string& name) {
  for (const std::string& line : lines_of(text)) {
    const std::vector<std::string> fields = split(line, ':');
    if (fields.size() > 2 && fields[0] == name) return std::atoi(fields[2].c_str());
  }
  return std::nullopt;
}

std::string name_of(const std::string& text, int number) {
  for (const std::string& line : lines_of(text)) {
    const std::vector<std::string> fields = split(line, ':');
    if (fields.size() > 2 && fields[2] == std::to_string(number)) return fields[0];
  }
  return "";
}

class Adding {
 public:
  explicit Adding(AccountFiles& files) : files_(files) {}

  void group(const std::string& name, int gid, const Place& place) {
    if (!is_new("group", "group", name, gid, place)) return;
    const bool is_shadowed = files_.count("gshadow") > 0;
    files_["group"] += fmt::format("{}:{}:{}:\n", name, is_shadowed ? "x" : "*", gid);
    if (is_shadowed) files_["gshadow"] += fmt::format("{}:!*::\n", name);
  }

  void user(const User& user) {
    const std::string& name = user.name.value;
    const int uid = user.uid->value;
    if (!is_new("passwd", "user", name, uid, user.uid->place)) {
      change_entry(user);
      return join_groups(user);
    }
    const auto value_or = [](const Text& text, const char* otherwise) {
      return text.value.empty() ? std::string(otherwise) : text.value;
    };
    const bool is_shadowed = files_.count("shadow") > 0;
    files_["passwd"] += fmt::format("{}:{}:{}:{}::{}:{}\n", name, is_shadowed ? "x" : "*", uid, first_group(user),
                                    value_or(user.home, "/nonexistent"), value_or(user.shell, "/usr/sbin/nologin"));
    if (is_shadowed) files_["shadow"] += fmt::format("{}:!*::0:99999:7:::\n", name);
    join_groups(user);
  }

 private:
  /// False when it is there with the same number.
  bool is_new(const char* file, const char* kind, const std::string& name, int number, const Place& place) const {
    const std::string& text = files_.at(file);
    if (const auto existing = number_of(text, name)) {
      if (*existing == number) return false;
      throw Error(codes::bad_value,
                  fmt::format("{} `{}` has the number {} in Debian, not {}", kind, name, *existing, number))
          .at(place)
          .help("leave it out: that number is the same in every image");
    }
    if (const std::string other = name_of(text, number); !other.empty())
      throw Error(codes::bad_value,
                  fmt::format("{} `{}` cannot have the number {}: `{}` has it", kind, name, number, other))
          .at(place)
          .help(number >= kFirstDynamic && number <= kLastDynamic
                    ? "choose a number outside 100 to 999: those are what packages take for themselves"
                    : "choose another number");
    return true;
  }

  /// What the recipe says of a user who is there already holds; the rest stays as Debian has it.
  void change_entry(const User& user) {
    std::string changed;
    for (std::string line : lines_of(files_["passwd"])) {
      if (line.rfind(user.name.value + ":", 0) == 0) {
        std::vector<std::string> fields = split(line, ':');
        fields.resize(7);
        if (!user.group.value.empty()) fields[3] = std::to_string(first_group(user));
        if (!user.home.value.empty()) fields[5] = user.home.value;
        if (!user.shell.value.empty()) fields[6] = user.shell.value;
        line = fmt::format("{}", fmt::join(fields, ":"));
      }
      changed += line + "\n";
    }
    files_["passwd"] = std::move(changed);
  }

  int first_group(const User& user) {
    const Text& name = user.group.value.empty() ? user.name : user.group;
    if (const auto gid = number_of(files_.at("group"), name.value)) return *gid;
    if (!user.group.value.empty()) throw unknown_group(name);
    group(name.value, user.uid->value, user.uid->place);
    return user.uid->value;
  }

  void join_groups(const User& user) {
    for (const Text& name : user.groups) {
      if (!has_entry(files_.at("group"), name.value)) throw unknown_group(name);
      for (const char* file : {"group", "gshadow"})
        if (files_.count(file)) add_member(files_[file], name.value, user.name.value);
    }
  }

  static void add_member(std::string& text, const std::string& group, const std::string& user) {
    std::string changed;
    for (std::string line : lines_of(text)) {
      if (line.rfind(group + ":", 0) == 0) {
        const std::vector<std::string> members = split(line.substr(line.rfind(':') + 1), ',');
        if (std::find(members.begin(), members.end(), user) == members.end())
          line += (members.empty() ? "" : ",") + user;
      }
      changed += line + "\n";
    }
    text = changed;
  }

  static Error unknown_group(const Text& name) {
    return Error(codes::bad_value, fmt::format("no group is named `{}` yet", name.value))
        .at(name.place)
        .help("declare it under `groups` with a number");
  }

  AccountFiles& files_;
};

}  // namespace

std::string Accounts::canonical() const {
  std::string text;
  for (const Group& group : groups) text += fmt::format("group {} {}\n", group.name.value, group.gid->value);
  for (const User& user : users) {
    text += fmt::format("user {} {} {} {} {}", user.name.value, user.uid->value, user.group.value, user.home.value,
                        user.shell.value);
    for (const Text& group : user.groups) text += " +" + group.value;
    text += "\n";
  }
  return text;
}

void add_accounts(AccountFiles& files, const Accounts& accounts) {
  for (auto& [name, text] : files)
    if (!text.empty() && text.back() != '\n') text += '\n';
  Adding adding(files);
  for (const Group& group : accounts.groups) adding.group(group.name.value, group.gid->value, group.gid->place);
  for (const User& user : accounts.users) adding.user(user);
}

void seed_accounts(const fs::path& root, const Accounts& accounts) {
  if (accounts.empty()) return;
  AccountFiles files;
  for (const char* name : kFiles)
    if (auto text = read_in_root(root, fmt::format("etc/{}", name), kMostBytes)) files[name] = std::move(*text);
  for (const char* name : {"passwd", "group"})
    if (!files.count(name)) throw Error(codes::tree_malformed, fmt::format("the tree has no /etc/{}", name));
  const AccountFiles before = files;
  add_accounts(files, accounts);
  for (const auto& [name, text] : files) {
    if (before.at(name) == text) continue;
    // In place: owner and mode stay as base-passwd made them.
    const std::string path = "etc/" + name;
    const Descriptor file = open_in_root(root, path, O_WRONLY);
    if (!file.is_open() || ftruncate(file.get(), 0) != 0) throw system_error("empty /" + path, errno);
    write_all(file.get(), text, root / path);
  }
}

std::optional<AccountIds> find_account(const std::string& passwd, const std::string& name) {
  for (const std::string& line : lines_of(passwd)) {
    const std::vector<std::string> fields = split(line, ':');
    if (fields.size() > 3 && fields[0] == name)
      return AccountIds{std::atoi(fields[2].c_str()), std::atoi(fields[3].c_str())};
  }
  return std::nullopt;
}

std::vector<std::string> undeclared_accounts(const std::string& text, const std::vector<std::string>& declared) {
  std::vector<std::string> names;
  for (const std::string& line : lines_of(text)) {
    const std::vector<std::string> fields = split(line, ':');
    if (fields.size() < 3) continue;
    const int number = std::atoi(fields[2].c_str());
    const bool is_declared = std::find(declared.begin(), declared.end(), fields[0]) != declared.end();
    if (number >= kFirstDynamic && number <= kLastDynamic && !is_declared) names.push_back(fields[0] + " " + fields[2]);
  }
  return names;
}

}  // namespace ainode
