// SPDX-License-Identifier: Apache-2.0
// .modinfo is a row of NUL-terminated key=value strings; the key is looked for at the start of a string.
#include "validators/checks/module_version.h"

#include "validators/checks/unpack.h"

namespace ainode::checks {

namespace {

constexpr std::string_view kMagic("\177ELF", 4);
constexpr std::string_view kKey("\0vermagic=", 10);
constexpr std::size_t kLongest = 512;
constexpr std::size_t kLargest = std::size_t{256} << 20;  // the largest module there is has a tenth of that

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

/// Takes a module's bytes piece by piece until the value is there.
class Scan {
 public:
  /// False when no more is needed.
  bool take(std::string_view piece) {
    const std::size_t from = bytes_.size() > kLongest ? bytes_.size() - kLongest : 0;
    bytes_ += piece;
    const std::size_t key = bytes_.find(kKey, from);
    if (key == std::string::npos) return bytes_.size() < kLargest;
    const std::size_t start = key + kKey.size();
    const std::size_t end = bytes_.find('\0', start);
    if (end == std::string::npos) return bytes_.size() - start < kLongest;
    value_ = bytes_.substr(start, end - start);
    return false;
  }
  std::optional<std::string> value() const {
    return bytes_.compare(0, kMagic.size(), kMagic) == 0 ? value_ : std::nullopt;
  }

 private:
  std::string bytes_;
  std::optional<std::string> value_;
};

}  // namespace

bool is_module_file(std::string_view name) {
  return ends_with(name, ".ko") || ends_with(name, ".ko.xz");
}

std::optional<std::string> version_magic(std::string_view name, std::string_view content) {
  Scan scan;
  if (ends_with(name, ".xz")) {
    if (!unpack_xz(content, [&](std::string_view piece) { return scan.take(piece); })) return std::nullopt;
  } else {
    scan.take(content);
  }
  return scan.value();
}

}  // namespace ainode::checks
