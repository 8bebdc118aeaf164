// SPDX-License-Identifier: Apache-2.0
// Stanzas and Packages indices: every view lies in the text, what was read means the same when written again, and a
// record that was accepted cannot lead out of the archive.
#include <string>

#include "builder/packages/deb822.h"
#include "builder/packages/index.h"
#include "tests/fuzz/promise.h"

namespace ainode::fuzz {
namespace {

void judge_field(const Deb822Field& field, std::string_view text) {
  promise(lies_in(field.name, text) && lies_in(field.value, text), "a field lies in the text");
  promise(!field.name.empty(), "a field has a name");
  promise(trim_blanks(field.value) == field.value, "a value is trimmed");
  for (const std::string_view word : split_words(field.value)) promise(lies_in(word, field.value), "a word lies there");
  for (const std::string_view line : split_lines(field.value)) promise(lies_in(line, field.value), "a line lies there");
}

void judge_rewritten(const Deb822Stanza& stanza) {
  std::string again;
  for (const Deb822Field& field : stanza.fields) again.append(field.name).append(": ").append(field.value).append("\n");
  Deb822Reader reader(again, "again");
  Deb822Stanza read;
  promise(reader.next(read), "a stanza can be read again");
  promise(read.fields.size() == stanza.fields.size(), "it keeps its fields");
  for (std::size_t i = 0; i < read.fields.size(); ++i) {
    promise(read.fields[i].name == stanza.fields[i].name, "a field keeps its name");
    promise(read.fields[i].value == stanza.fields[i].value, "a field keeps its value");
  }
  promise(!reader.next(read), "a stanza stays one");
}

void judge_stanzas(std::string_view text) {
  Deb822Reader reader(text, "fuzz");
  Deb822Stanza stanza;
  int line = 0;
  while (reader.next(stanza)) {
    promise(!stanza.fields.empty() && stanza.fields.size() <= Deb822Reader::kMostFields,
            "a stanza has 1 to 200 fields");
    promise(stanza.line > line, "lines go forward");
    for (const Deb822Field& field : stanza.fields) {
      judge_field(field, text);
      promise(field.line > line, "lines go forward");
      line = field.line;
      promise(stanza.find(field.name) == &field, "a field stands once");
    }
    judge_rewritten(stanza);
  }
}

void judge_record(const PackageRecord& record, std::string_view text) {
  for (const std::string_view view :
       {record.name, record.version, record.architecture, record.source, record.filename, record.sha256, record.depends,
        record.pre_depends, record.recommends, record.conflicts, record.breaks, record.provides})
    promise(lies_in(view, text), "a record lies in the text");
  promise(is_package_name(record.name) && is_version(record.version), "a record has a name and a version");
  promise(record.architecture == "amd64" || record.architecture == "all", "a record fits the architecture");
  promise(record.sha256.size() == 64 && record.size > 0, "a record has a digest and a size");
  promise(record.filename.front() != '/' && record.filename.find("..") != 0 &&
              record.filename.find("/../") == std::string_view::npos && !record.filename.ends_with("/.."),
          "a record stays in its archive");
}

}  // namespace

void judge_packages(std::string_view text) {
  const bool is_readable = accepts([&] { judge_stanzas(text); });
  std::vector<PackageRecord> packages;
  const bool is_index = accepts([&] { read_packages(text, "fuzz", "amd64", 0, packages); });
  promise(is_readable || !is_index, "an index is made of stanzas");
  for (const PackageRecord& record : packages) judge_record(record, text);
}

}  // namespace ainode::fuzz

AINODE_FUZZ_TARGET(text) {
  ainode::fuzz::judge_packages(text);
}
