// SPDX-License-Identifier: Apache-2.0
// A stanza becomes a record, or an error that names its line: libsolv and the downloader get only what passed here.
#include "builder/packages/index.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "builder/packages/deb822.h"

namespace ainode {

namespace {

constexpr std::size_t kMostAlternatives = 2000;
constexpr std::uint64_t kMostDebBytes = std::uint64_t{16} << 30;

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_version_byte(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '+' || c == '-' || c == '~' || c == ':';
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::uint8_t priority_rank(std::string_view text) {
  if (text == "required") return 1;
  if (text == "important") return 2;
  if (text == "standard") return 3;
  return text == "optional" ? 4 : 5;
}

/// One stanza on its way to a record.
class StanzaReader {
 public:
  StanzaReader(const Deb822Reader& reader, const Deb822Stanza& stanza) : reader_(reader), stanza_(stanza) {}

  std::string_view optional(std::string_view name) const { return stanza_.value(name); }

  const Deb822Field& required(std::string_view name) const {
    const Deb822Field* field = stanza_.find(name);
    if (!field || field->value.empty()) {
      throw reader_.error(stanza_.line, fmt::format("package `{}` has no `{}`", stanza_.value("Package"), name));
    }
    return *field;
  }

  std::string_view checked(std::string_view name, bool (*is_valid)(std::string_view)) const {
    const Deb822Field& field = required(name);
    if (!is_valid(field.value)) throw bad(field);
    return field.value;
  }

  std::uint64_t size() const {
    const Deb822Field& field = required("Size");
    std::uint64_t number = 0;
    const char* end = field.value.data() + field.value.size();
    const auto [stop, error] = std::from_chars(field.value.data(), end, number);
    if (error != std::errc() || stop != end || number == 0 || number > kMostDebBytes) throw bad(field);
    return number;
  }

  /// A dependency field: its clauses' length is bounded here, since libsolv builds each as a nested relation.
  std::string_view relations(std::string_view name) const {
    const Deb822Field* field = stanza_.find(name);
    if (!field) return {};
    std::size_t alternatives = 1;
    for (const char c : field->value) {
      alternatives = c == ',' ? 1 : alternatives + (c == '|' ? 1 : 0);
      if (alternatives > kMostAlternatives) {
        throw reader_.error(field->line, fmt::format("`{}` of package `{}` has more than {} alternatives in one clause",
                                                     name, stanza_.value("Package"), kMostAlternatives));
      }
    }
    return field->value;
  }

 private:
  Error bad(const Deb822Field& field) const {
    constexpr std::size_t kShown = 100;
    return reader_.error(field.line, fmt::format("`{}` of package `{}` is wrong: {}", field.name,
                                                 stanza_.value("Package"), field.value.substr(0, kShown)));
  }

  const Deb822Reader& reader_;
  const Deb822Stanza& stanza_;
};

/// "Source: systemd (257.1)" names the source package only where it differs from the binary's.
std::string_view source_name(std::string_view field, std::string_view package) {
  return field.empty() ? package : field.substr(0, field.find(' '));
}

PackageRecord read_record(const StanzaReader& stanza) {
  PackageRecord record;
  record.name = stanza.checked("Package", is_package_name);
  record.version = stanza.checked("Version", is_version);
  record.architecture = stanza.required("Architecture").value;
  record.filename = stanza.checked("Filename", is_pool_path);
  record.sha256 = stanza.checked("SHA256", is_sha256);
  record.size = stanza.size();
  record.source = source_name(stanza.optional("Source"), record.name);
  record.depends = stanza.relations("Depends");
  record.pre_depends = stanza.relations("Pre-Depends");
  record.recommends = stanza.relations("Recommends");
  record.conflicts = stanza.relations("Conflicts");
  record.breaks = stanza.relations("Breaks");
  record.provides = stanza.relations("Provides");
  record.suggests = stanza.optional("Suggests");
  record.replaces = stanza.optional("Replaces");
  record.enhances = stanza.optional("Enhances");
  record.priority = priority_rank(stanza.optional("Priority"));
  record.is_essential = stanza.optional("Essential") == "yes";
  record.is_protected = stanza.optional("Protected") == "yes" || stanza.optional("Important") == "yes";
  record.allows_foreign = stanza.optional("Multi-Arch") == "allowed";
  return record;
}

}  // namespace

bool is_package_name(std::string_view name) {
  return name.size() >= 2 && is_lower_or_digit(name[0]) && std::all_of(name.begin(), name.end(), [](char c) {
           return is_lower_or_digit(c) || c == '+' || c == '-' || c == '.';
         });
}

bool is_version(std::string_view version) {
  return !version.empty() && version[0] >= '0' && version[0] <= '9' &&
         std::all_of(version.begin(), version.end(), is_version_byte);
}

bool is_pool_path(std::string_view path) {
  if (path.empty() || path.find(':') != std::string_view::npos || path.find('\\') != std::string_view::npos ||
      !std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c < 0x7F; })) {
    return false;
  }
  for (;;) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

void read_packages(std::string_view text, const std::string& subject, std::string_view architecture,
                   std::uint32_t repository, std::vector<PackageRecord>& packages, std::uint32_t index) {
  Deb822Reader reader(text, subject);
  Deb822Stanza stanza;
  while (reader.next(stanza)) {
    PackageRecord record = read_record(StanzaReader(reader, stanza));
    if (record.architecture != architecture && record.architecture != "all") continue;
    record.repository = repository;
    record.index = index;
    packages.push_back(record);
  }
}

}  // namespace ainode
