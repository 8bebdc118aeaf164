// SPDX-License-Identifier: Apache-2.0
// ELF is libelf's to read; here is what Linux put into it.
#include "validators/tree/kernel_symbols.h"

#include <fmt/format.h>
#include <gelf.h>

#include <cstring>

#include "base/archive.h"
#include "base/error.h"
#include "base/handle.h"

namespace ainode::tree {

namespace {

constexpr std::string_view kExportPrefix = "__ksymtab_";
constexpr std::uint64_t kKernelLimit = std::uint64_t{1} << 30;

[[noreturn]] void refuse(const std::string& origin, std::string_view problem) {
  throw Error(codes::image_malformed, fmt::format("{}: {}", origin, problem)).help("build the image again");
}

/// A little-endian integer; the caller knows that it lies inside.
template <class T>
T read_at(std::string_view bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

/// The text at `offset` up to its NUL; nothing where there is none.
std::optional<std::string_view> text_at(std::string_view bytes, std::uint64_t offset) {
  if (offset >= bytes.size()) return std::nullopt;
  const std::size_t end = bytes.find('\0', offset);
  return end == std::string_view::npos ? std::nullopt : std::optional(bytes.substr(offset, end - offset));
}

struct Section {
  std::string_view name, content;
  std::uint64_t address = 0;
};

class ElfFile {
 public:
  ElfFile(std::string_view bytes, const std::string& origin) : origin_(origin) {
    elf_version(EV_CURRENT);
    // libelf takes a mutable pointer and does not write through it as long as nothing is asked to be changed.
    elf_.reset(elf_memory(const_cast<char*>(bytes.data()), bytes.size()));
    std::size_t names = 0;
    if (!elf_ || elf_kind(elf_.get()) != ELF_K_ELF || gelf_getclass(elf_.get()) != ELFCLASS64 ||
        elf_getshdrstrndx(elf_.get(), &names) != 0)
      refuse(origin_, "is not a 64-bit ELF file");
    Elf_Scn* handle = nullptr;
    sections_.push_back({});  // number 0 is none
    while ((handle = elf_nextscn(elf_.get(), handle)) != nullptr) {
      GElf_Shdr header{};
      if (gelf_getshdr(handle, &header) == nullptr) refuse(origin_, elf_errmsg(-1));
      const char* name = elf_strptr(elf_.get(), names, header.sh_name);
      if (name == nullptr) refuse(origin_, elf_errmsg(-1));
      sections_.push_back({name, content_of(handle, header), header.sh_addr});
      if (header.sh_type == SHT_SYMTAB) symbol_table_ = {handle, header.sh_link};
    }
  }

  const std::vector<Section>& sections() const { return sections_; }
  std::string_view content(std::string_view name) const {
    for (const Section& each : sections_)
      if (each.name == name) return each.content;
    return {};
  }
  /// Calls `take` (name, symbol) for each.
  template <class Take>
  void each_symbol(const Take& take) const {
    Elf_Data* data = symbol_table_.handle == nullptr ? nullptr : elf_getdata(symbol_table_.handle, nullptr);
    if (data == nullptr) refuse(origin_, "has no symbol table");
    GElf_Sym symbol{};
    for (int i = 0; gelf_getsym(data, i, &symbol) != nullptr; ++i) {
      const char* name = elf_strptr(elf_.get(), symbol_table_.names, symbol.st_name);
      if (name == nullptr) refuse(origin_, elf_errmsg(-1));
      take(std::string_view(name), symbol);
    }
  }

 private:
  std::string_view content_of(Elf_Scn* handle, const GElf_Shdr& header) const {
    if (header.sh_type == SHT_NOBITS) return {};
    const Elf_Data* data = elf_rawdata(handle, nullptr);
    if (data == nullptr) refuse(origin_, elf_errmsg(-1));
    return {static_cast<const char*>(data->d_buf), data->d_size};
  }

  struct SymbolTable {
    Elf_Scn* handle = nullptr;
    std::size_t names = 0;
  };
  const std::string& origin_;
  Handle<Elf, elf_end> elf_;
  std::vector<Section> sections_;
  SymbolTable symbol_table_;
};

/// struct kernel_symbol with CONFIG_HAVE_ARCH_PREL32_RELOCATIONS: value, name, namespace, each relative to itself.
constexpr std::size_t kEntrySize = 12, kNameOffset = 4;

bool is_export_table(std::string_view section) {
  return section.starts_with("__ksymtab") && section != "__ksymtab_strings";
}

/// Tables of exports and of checksums are sorted alike: the n-th belongs to the n-th.
std::optional<std::uint32_t> checksum_of(const ElfFile& elf, std::string_view table, std::size_t number) {
  const std::string name = "__kcrctab" + std::string(table.substr(std::string_view("__ksymtab").size()));
  const std::string_view checksums = elf.content(name);
  if ((number + 1) * 4 > checksums.size()) return std::nullopt;
  return read_at<std::uint32_t>(checksums, number * 4);
}

std::optional<std::string_view> text_at_address(const ElfFile& elf, std::uint64_t address) {
  for (const Section& each : elf.sections())
    if (address >= each.address && address - each.address < each.content.size())
      return text_at(each.content, address - each.address);
  return std::nullopt;
}

/// __versions: an unsigned long and a name of 56 bytes each.
Symbols plain_versions(const ElfFile& elf) {
  constexpr std::size_t kSize = 64, kName = 8;
  const std::string_view rows = elf.content("__versions");
  Symbols versions;
  for (std::size_t at = 0; at + kSize <= rows.size(); at += kSize)
    if (const auto name = text_at(rows.substr(at, kSize), kName))
      versions[std::string(*name)] = read_at<std::uint32_t>(rows, at);
  return versions;
}

/// Since Linux 6.14, for long names: checksums in one section, names in the other.
void add_extended_versions(const ElfFile& elf, Symbols& versions) {
  const std::string_view checksums = elf.content("__version_ext_crcs"), names = elf.content("__version_ext_names");
  std::size_t at = 0;
  for (std::size_t i = 0; (i + 1) * 4 <= checksums.size(); ++i) {
    const auto name = text_at(names, at);
    if (!name) return;
    versions[std::string(*name)] = read_at<std::uint32_t>(checksums, i * 4);
    at += name->size() + 1;
  }
}

/// Offsets into the boot header, and its version that has them all.
constexpr std::size_t kSetupSectors = 0x1f1, kMagic = 0x202, kVersion = 0x206, kPayload = 0x248;
constexpr std::uint16_t kFirstWithPayload = 0x208;

void require_boot_image(std::string_view image, const std::string& origin) {
  if (image.size() < kPayload + 8 || image.substr(kMagic, 4) != "HdrS" ||
      read_at<std::uint16_t>(image, kVersion) < kFirstWithPayload)
    refuse(origin, "is not an x86 boot image");
}

}  // namespace

std::string unpack_kernel(std::string_view image, const std::string& origin) {
  constexpr std::size_t kSector = 512;
  require_boot_image(image, origin);
  const std::uint64_t sectors = static_cast<unsigned char>(image[kSetupSectors]);
  const std::uint64_t start = ((sectors == 0 ? 4 : sectors) + 1) * kSector + read_at<std::uint32_t>(image, kPayload);
  const std::uint64_t size = read_at<std::uint32_t>(image, kPayload + 4);
  // The payload's last four bytes are its unpacked size, which is no part of the stream.
  if (size < 4 || start + size > image.size()) refuse(origin, "its payload lies outside");
  return decompress(image.substr(start, size - 4), origin, kKernelLimit);
}

ModuleSymbols read_module(std::string_view bytes, const std::string& origin) {
  const ElfFile elf(bytes, origin);
  Symbols versions = plain_versions(elf);
  add_extended_versions(elf, versions);
  ModuleSymbols symbols;
  symbols.wanted = std::move(versions);  // among them module_layout, which no code refers to
  elf.each_symbol([&](std::string_view name, const GElf_Sym& symbol) {
    if (symbol.st_shndx == SHN_UNDEF) {
      if (!name.empty() && GELF_ST_BIND(symbol.st_info) != STB_WEAK) symbols.wanted.try_emplace(std::string(name));
    } else if (name.starts_with(kExportPrefix) && symbol.st_shndx < elf.sections().size()) {
      const std::string_view table = elf.sections()[symbol.st_shndx].name;
      if (!is_export_table(table)) return;
      symbols.exported[std::string(name.substr(kExportPrefix.size()))] =
          checksum_of(elf, table, symbol.st_value / kEntrySize);
    }
  });
  return symbols;
}

std::string kernel_release_of(std::string_view image, const std::string& origin) {
  constexpr std::size_t kPointer = 0x20e, kBase = 0x200;
  require_boot_image(image, origin);
  const auto text = text_at(image, read_at<std::uint16_t>(image, kPointer) + kBase);
  if (!text) refuse(origin, "does not say its release");
  return std::string(text->substr(0, text->find(' ')));
}

bool has_secure_boot_signature(std::string_view image) {
  constexpr std::size_t kPeOffset = 0x3c, kSignatureAndHeader = 24, kPe32Plus = 0x20b;
  constexpr std::size_t kDirectories = 112, kCertificates = 4 * 8;  // the fifth pair of offset and size
  if (image.size() < kPeOffset + 4 || !image.starts_with("MZ")) return false;
  const std::uint64_t pe = read_at<std::uint32_t>(image, kPeOffset), optional = pe + kSignatureAndHeader;
  if (optional + kDirectories + kCertificates + 8 > image.size() ||
      image.substr(pe, 4) != std::string_view("PE\0\0", 4))
    return false;
  if (read_at<std::uint16_t>(image, optional) != kPe32Plus) return false;
  const std::size_t entry = optional + kDirectories + kCertificates;
  const std::uint64_t offset = read_at<std::uint32_t>(image, entry), size = read_at<std::uint32_t>(image, entry + 4);
  return size > 0 && offset > 0 && offset + size <= image.size();
}

Symbols read_kernel_exports(std::string_view kernel, const std::string& origin) {
  const ElfFile elf(kernel, origin);
  Symbols exports;
  for (const Section& table : elf.sections()) {
    if (!is_export_table(table.name)) continue;
    for (std::size_t i = 0; (i + 1) * kEntrySize <= table.content.size(); ++i) {
      const std::size_t at = i * kEntrySize + kNameOffset;
      const auto distance = static_cast<std::uint64_t>(std::int64_t{read_at<std::int32_t>(table.content, at)});
      const auto name = text_at_address(elf, table.address + at + distance);
      if (!name) refuse(origin, fmt::format("entry {} of {} has no name", i, table.name));
      exports[std::string(*name)] = checksum_of(elf, table.name, i);
    }
  }
  if (exports.empty()) refuse(origin, "exports no symbol");
  return exports;
}

std::vector<std::string> module_info(std::string_view bytes, std::string_view key, const std::string& origin) {
  const ElfFile elf(bytes, origin);
  const std::string_view info = elf.content(".modinfo");
  std::vector<std::string> values;
  for (std::size_t at = 0; at < info.size();) {
    const std::string_view row = info.substr(at, info.find('\0', at) - at);
    if (row.size() > key.size() && row.starts_with(key) && row[key.size()] == '=')
      values.emplace_back(row.substr(key.size() + 1));
    at += row.size() + 1;
  }
  return values;
}

}  // namespace ainode::tree
