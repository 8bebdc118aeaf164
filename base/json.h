// SPDX-License-Identifier: Apache-2.0
// JSON values with keys in the order they were set, so that what we write is what we meant.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ainode {

using Json = nlohmann::ordered_json;

/// Parses strictly (no duplicate keys, no comments, at most 64 levels); throws `code` naming `origin`, with line and
/// column.
Json parse_json(std::string_view text, const std::string& origin, const ErrorCode& code);

/// Indented by one blank, with a final newline. Bytes that are not UTF-8 become U+FFFD.
std::string write_json(const Json& json);

/// Typed access to the members of one object that somebody else wrote. What is missing or of another type throws
/// `code` with the member's path: "lock.json: `packages[3].size` is missing". Keeps a reference to the JSON.
class JsonObject {
 public:
  /// `path` is this object's own place in the document; empty at the top.
  JsonObject(const Json& json, std::string origin, const ErrorCode& code, std::string path = "");

  bool has(const char* key) const;
  std::string text(const char* key) const;
  std::int64_t integer(const char* key) const;
  std::uint64_t size(const char* key) const;  ///< an integer that is not negative
  double number(const char* key) const;
  bool boolean(const char* key) const;
  const Json& value(const char* key) const;  ///< of any type
  JsonObject object(const char* key) const;
  std::vector<std::string> texts(const char* key) const;   ///< an array of strings
  std::vector<JsonObject> objects(const char* key) const;  ///< an array of objects
  std::string sha256(const char* key) const;               ///< 64 lower-case hexadecimal digits
  /// A plain file name: no slash, no control byte, not `.` or `..`; so that it cannot lead out of its directory.
  std::string file_name(const char* key) const;
  /// Throws saying that `key` `is`: "is not a number".
  [[noreturn]] void refuse(std::string_view key, std::string_view is) const;

 private:
  const Json& array(const char* key) const;
  const Json& json_;
  std::string origin_, path_;
  ErrorCode code_;
};

}  // namespace ainode
