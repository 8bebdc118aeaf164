// SPDX-License-Identifier: Apache-2.0
// A small world of repositories and one goal, as a text:
//   repository NAME PRIORITY [allow GLOB…]
//   PACKAGE VERSION [FIELD: VALUE; …]        in the repository above it; `Content: X` gives it bytes of its own
//   install NAME | exclude NAME | pin NAME GLOB | recommends | base-system
#pragma once

#include <algorithm>
#include <sstream>
#include <string>

#include "base/crypto.h"
#include "builder/packages/candidates.h"

namespace ainode {

struct World {
  Candidates candidates;
  Goal goal;
};

class WorldReader {
 public:
  /// Places say `file` and the line of the text.
  World read(const std::string& text, const std::string& file) {
    world_.goal.image = "test";
    world_.goal.base_system = false;
    world_.candidates.data->architecture = "amd64";
    std::istringstream in(text);
    int number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      if (line.empty() || line[0] == '#') continue;
      std::istringstream words(line);
      std::string verb;
      words >> verb;
      place_ = {file, number, static_cast<int>(verb.size()) + 2, 1, ""};
      if (!read_goal(verb, words)) read_package(verb, words);
    }
    finish();
    return std::move(world_);
  }

 private:
  bool read_goal(const std::string& verb, std::istringstream& words) {
    std::string name, glob;
    Goal& goal = world_.goal;
    if (verb == "recommends") {
      goal.recommends = true;
    } else if (verb == "base-system") {
      goal.base_system = true;
    } else if (verb == "repository") {
      begin_repository(words);
    } else if (verb == "install" && words >> name) {
      goal.install.push_back({name, place_});
    } else if (verb == "exclude" && words >> name) {
      goal.exclude.push_back({name, place_});
    } else if (verb == "pin" && words >> name >> glob) {
      goal.pins[name] = {glob, place_};
    } else {
      return false;
    }
    return true;
  }

  void begin_repository(std::istringstream& words) {
    finish();
    RepositoryPolicy policy;
    words >> policy.id >> policy.priority;
    std::string glob;
    words >> glob;  // the word `allow`
    while (words >> glob) policy.allow.push_back({glob, place_});
    world_.candidates.data->policies.push_back(policy);
    world_.candidates.repositories.emplace_back().id = policy.id;
  }

  void read_package(const std::string& name, std::istringstream& words) {
    std::string version, fields, content;
    words >> version;
    std::getline(words, fields);
    std::string stanza = "Package: " + name + "\nVersion: " + version + "\nArchitecture: amd64\nFilename: pool/" +
                         name + "_" + version + "\n";
    std::istringstream split(fields);
    std::string size = "Size: 1\n";
    for (std::string field; std::getline(split, field, ';');) {
      const std::size_t start = field.find_first_not_of(' ');
      if (start == std::string::npos) continue;
      field = field.substr(start);
      if (field.starts_with("Content: ")) {
        content = field;
      } else if (field.starts_with("Size: ")) {
        size = field + "\n";
      } else {
        stanza += field + "\n";
      }
    }
    stanzas_.push_back(stanza + size + "SHA256: " + sha256_hex(name + version + content) + "\n\n");
  }

  /// The repository's index, read as one of an archive would be.
  void finish() {
    Candidates::Data& data = *world_.candidates.data;
    if (data.policies.empty()) return;
    std::string& text = data.texts.emplace_back();
    for (const std::string& stanza : stanzas_) text += stanza;
    stanzas_.clear();
    const auto number = static_cast<std::uint32_t>(data.policies.size() - 1);
    const std::size_t first = data.packages.size();
    read_packages(text, "Packages", "amd64", number, data.packages, number);
    hide_what_is_not_allowed(data.policies.back(), first, data.packages, data.hidden);
  }

  World world_;
  Place place_;
  std::vector<std::string> stanzas_;
};

inline World read_world(const std::string& text, const std::string& file = "r.yaml") {
  return WorldReader().read(text, file);
}

/// "app 1 from main", sorted or in configuration order.
inline std::vector<std::string> shown(const std::vector<LockedPackage>& packages) {
  std::vector<std::string> lines;
  for (const LockedPackage& package : packages) {
    lines.push_back(package.name + " " + package.version + " from " + package.repository);
  }
  return lines;
}

inline std::vector<std::string> solved(const std::string& text) {
  const World world = read_world(text);
  auto lines = shown(resolve(world.goal, world.candidates));
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace ainode
