// SPDX-License-Identifier: Apache-2.0
// manifest.json: the one file in which builder and validators meet.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"

namespace ainode {

/// One statement of the recipe and what it must look like in the booted image.
struct Declaration {
  std::string subject;  ///< "kernel.cmdline", "systemd.default-target"
  Json expected;
  std::string place;  ///< file:line:column of the recipe; empty when it is the builder's own promise
};

struct OutputFile {
  std::string name;  ///< relative to the image directory
  std::string kind;  ///< "qcow2"
  std::uint64_t size = 0;
  std::string sha256;
};

struct Manifest {
  std::string name, architecture, commit, ref;
  std::string recipe, recipe_digest;
  std::string lock;  ///< file name in the image directory
  std::string lock_sha256;
  std::string builder_version;
  std::int64_t epoch = 0;
  std::string kernel_release;  ///< uname -r
  std::string kernel_package, kernel_version;
  std::vector<std::string> kernel_cmdline;  ///< as the BLS entry has it, without `ostree=`
  std::vector<std::string> initrd_modules;
  std::vector<std::string> profiles;
  std::vector<std::string> openpgp_fingerprints;
  std::string openpgp_public;  ///< armoured
  std::string ed25519_public;  ///< base64 of 32 bytes
  std::vector<Declaration> declared;
  std::vector<OutputFile> outputs;

  Json to_json() const;
  static Manifest from_json(const Json& json, const std::string& origin);  ///< throws image_malformed
};

void write_manifest(const Manifest& manifest, const std::filesystem::path& image_directory);
/// Throws image_not_found or image_malformed.
Manifest read_manifest(const std::filesystem::path& image_directory);
/// Throws output_corrupt unless the file is byte for byte what was written.
void require_unchanged_manifest(const std::filesystem::path& image_directory);

}  // namespace ainode
