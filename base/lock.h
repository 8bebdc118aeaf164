// SPDX-License-Identifier: Apache-2.0
// The lock: exactly which packages, by digest, an image and its tools tree are made of. It never names a host.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/recipe.h"

namespace ainode {

struct LockedPackage {
  std::string name, version, arch;
  std::string sha256;      ///< hex
  std::uint64_t size = 0;  ///< bytes of the .deb
  std::string path;        ///< in the repository's pool: pool/main/s/systemd/…
  std::string source;      ///< source package name
  std::string repository;  ///< a LockedRepository's id
  /// base: what every image of these repositories has; then a PackageLevel's name, in parts `NAME/2`; tools. The
  /// packages of a layer stand together, above those that they need.
  std::string layer;

  std::string str() const { return name + " " + version + " (" + arch + ")"; }
};

struct LockedRepository {
  std::string id, distribution, suite;
  std::vector<std::string> components;
  std::string origin, label, codename;
  std::string inrelease_sha256;
  std::string date;    ///< as in the InRelease file
  std::string signer;  ///< fingerprint of the primary key
  bool accepted_stale = false;
};

struct Lock {
  std::string recipe_name, variant, architecture;
  std::string recipe_digest;  ///< Recipe::digest
  std::string recipe_values;  ///< Recipe::values, so that a lock can say how it differs from a recipe
  std::string builder_version;
  std::int64_t epoch = 0;  ///< SOURCE_DATE_EPOCH of the build: the newest InRelease Date
  std::vector<LockedRepository> repositories;
  std::vector<LockedPackage> packages;  ///< in configuration order (dependencies before dependants)
  std::vector<LockedPackage> tools;     ///< the tools tree, in configuration order
  /// What `kernel.extra-modules` are compiled in: compiler, the kernel's headers, sources. Empty without such modules.
  std::vector<LockedPackage> module_build;
};

/// Canonical text: keys in a fixed order, one package a line, sorted by name; "order" keeps the configuration order.
/// Its last key is the SHA-256 of all before it.
std::string write_lock(const Lock& lock);
/// Throws lock_malformed naming `origin` for anything that write_lock would not have written.
Lock read_lock(std::string_view text, const std::string& origin);

}  // namespace ainode
