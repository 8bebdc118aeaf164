// SPDX-License-Identifier: Apache-2.0
// Users and groups with the recipe's numbers, written before any script could choose others: adduser, useradd and
// systemd-sysusers keep an account that is there.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/recipe.h"

namespace ainode {

struct Accounts {
  std::vector<User> users;
  std::vector<Group> groups;
  bool empty() const { return users.empty() && groups.empty(); }
  /// Every name and number, for the key of what is made with them.
  std::string canonical() const;
};

/// /etc/passwd, group, shadow, gshadow by name; a file that is absent is not made.
using AccountFiles = std::map<std::string, std::string>;

/// Adds what is missing, in the recipe's order; an account that is there with another number, and a group that nobody
/// declares, throw bad_value with the recipe's place. Passwords are locked.
void add_accounts(AccountFiles& files, const Accounts& accounts);

/// The same on the files below `root`/etc.
void seed_accounts(const std::filesystem::path& root, const Accounts& accounts);

struct AccountIds {
  int uid = 0, gid = 0;
};
/// What passwd(5)'s text says of a user.
std::optional<AccountIds> find_account(const std::string& passwd, const std::string& name);

/// "NAME NUMBER" of each entry of passwd or group whose number (100 to 999) a package chose: it is not declared.
std::vector<std::string> undeclared_accounts(const std::string& text, const std::vector<std::string>& declared);

}  // namespace ainode
