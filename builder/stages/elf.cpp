// SPDX-License-Identifier: Apache-2.0
// A bounds-checked view of an ELF file: packages are signed, but a reader that trusts offsets is still a bad reader.
#include "builder/stages/elf.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/error.h"

namespace ainode {

namespace {

class ElfFile {
 public:
  ElfFile(std::string_view bytes, const std::string& origin) : bytes_(bytes), origin_(origin) {
    header_ = at<Elf64_Ehdr>(0);
    const unsigned char* ident = header_.e_ident;
    if (std::memcmp(ident, ELFMAG, SELFMAG) != 0) fail("it is not an ELF file");
    if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB) fail("it is not 64-bit little-endian");
  }

  std::vector<Elf64_Phdr> segments() const {
    if (header_.e_phnum && header_.e_phentsize != sizeof(Elf64_Phdr)) fail("its program headers have an odd size");
    return table<Elf64_Phdr>(header_.e_phoff, header_.e_phnum);
  }
  std::vector<Elf64_Shdr> sections() const {
    if (header_.e_shnum && header_.e_shentsize != sizeof(Elf64_Shdr)) fail("its section headers have an odd size");
    return table<Elf64_Shdr>(header_.e_shoff, header_.e_shnum);
  }
  std::size_t section_names() const { return header_.e_shstrndx; }

  std::string_view range(std::uint64_t offset, std::uint64_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) fail("it ends before its own tables say");
    return bytes_.substr(offset, size);
  }
  /// The string that starts at `offset` of `strings`.
  std::string text(std::string_view strings, std::uint64_t offset) const {
    if (offset >= strings.size()) fail("a name lies outside its string table");
    const std::string_view rest = strings.substr(offset);
    return std::string(rest.substr(0, rest.find('\0')));
  }
  template <class T>
  T at(std::uint64_t offset) const {
    T value;
    std::memcpy(&value, range(offset, sizeof(T)).data(), sizeof(T));
    return value;
  }
  template <class T>
  std::vector<T> table(std::uint64_t offset, std::uint64_t count) const {
    range(offset, count * sizeof(T));
    std::vector<T> rows(count);
    for (std::uint64_t i = 0; i < count; ++i) rows[i] = at<T>(offset + i * sizeof(T));
    return rows;
  }
  [[noreturn]] void fail(std::string_view why) const {
    throw Error(codes::tree_malformed, fmt::format("`{}` cannot go into the initrd: {}", printable(origin_), why));
  }

 private:
  std::string_view bytes_;
  const std::string& origin_;
  Elf64_Ehdr header_{};
};

/// Where the file holds what the loader would place at `address`, to the end of that segment.
std::string_view mapped_from(const ElfFile& file, const std::vector<Elf64_Phdr>& segments, std::uint64_t address) {
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_LOAD || address < segment.p_vaddr || address - segment.p_vaddr >= segment.p_filesz)
      continue;
    return file.range(segment.p_offset, segment.p_filesz).substr(address - segment.p_vaddr);
  }
  file.fail("its string table is not loaded");
}

void split(const std::string& text, char separator, std::vector<std::string>& into) {
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(separator, start), text.size());
    if (end > start) into.push_back(text.substr(start, end - start));
    start = end + 1;
  }
}

}  // namespace

DynamicNeeds read_dynamic_needs(std::string_view elf, const std::string& origin) {
  const ElfFile file(elf, origin);
  const std::vector<Elf64_Phdr> segments = file.segments();
  DynamicNeeds needs;
  std::vector<Elf64_Dyn> entries;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type == PT_INTERP) needs.interpreter = file.text(file.range(segment.p_offset, segment.p_filesz), 0);
    if (segment.p_type == PT_DYNAMIC)
      entries = file.table<Elf64_Dyn>(segment.p_offset, segment.p_filesz / sizeof(Elf64_Dyn));
  }
  const auto end = std::find_if(entries.begin(), entries.end(), [](const Elf64_Dyn& e) { return e.d_tag == DT_NULL; });
  entries.erase(end, entries.end());
  const auto table =
      std::find_if(entries.begin(), entries.end(), [](const Elf64_Dyn& e) { return e.d_tag == DT_STRTAB; });
  if (table == entries.end()) return needs;
  const std::string_view strings = mapped_from(file, segments, table->d_un.d_ptr);
  for (const Elf64_Dyn& entry : entries) {
    if (entry.d_tag == DT_NEEDED) needs.libraries.push_back(file.text(strings, entry.d_un.d_val));
    if (entry.d_tag == DT_RUNPATH || entry.d_tag == DT_RPATH)
      split(file.text(strings, entry.d_un.d_val), ':', needs.run_paths);
  }
  return needs;
}

std::vector<std::string> read_module_info(std::string_view elf, const std::string& origin) {
  const ElfFile file(elf, origin);
  const std::vector<Elf64_Shdr> sections = file.sections();
  if (file.section_names() >= sections.size()) file.fail("it has no section names");
  const Elf64_Shdr& names = sections[file.section_names()];
  const std::string_view name_bytes = file.range(names.sh_offset, names.sh_size);
  std::vector<std::string> info;
  for (const Elf64_Shdr& section : sections)
    if (section.sh_type == SHT_PROGBITS && file.text(name_bytes, section.sh_name) == ".modinfo")
      split(std::string(file.range(section.sh_offset, section.sh_size)), '\0', info);
  if (info.empty()) file.fail("it has no .modinfo section");
  return info;
}

}  // namespace ainode
