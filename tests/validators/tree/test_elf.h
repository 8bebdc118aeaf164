// SPDX-License-Identifier: Apache-2.0
// Small modules and kernels, written as ELF by hand: only what kernel_symbols reads.
#pragma once

#include <elf.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ainode::tree {

template <class T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

class TestElf {
 public:
  /// Its number, for symbols that lie in it.
  std::uint16_t add(const std::string& name, const std::string& content, std::uint64_t address = 0,
                    std::uint32_t type = SHT_PROGBITS) {
    sections_.push_back({name, content, address, type});
    return static_cast<std::uint16_t>(sections_.size());
  }
  void add_symbol(const std::string& name, std::uint16_t section, std::uint64_t value = 0,
                  unsigned char bind = STB_GLOBAL) {
    Elf64_Sym symbol{};
    symbol.st_name = static_cast<std::uint32_t>(names_.size());
    symbol.st_info = static_cast<unsigned char>(ELF64_ST_INFO(bind, STT_NOTYPE));
    symbol.st_shndx = section;
    symbol.st_value = value;
    names_ += name + '\0';
    symbols_ += bytes_of(symbol);
  }

  std::string write(bool with_symbols = true) {
    if (with_symbols) {
      add(".symtab", symbols_, 0, SHT_SYMTAB);
      add(".strtab", names_, 0, SHT_STRTAB);
    }
    std::string titles(1, '\0');
    std::vector<Elf64_Shdr> headers(1);
    std::string body;
    add(".shstrtab", "", 0, SHT_STRTAB);
    for (const Section& each : sections_) {
      Elf64_Shdr header{};
      header.sh_name = static_cast<std::uint32_t>(titles.size());
      titles += each.name + '\0';
      header.sh_type = each.type;
      header.sh_addr = each.address;
      headers.push_back(header);
    }
    for (std::size_t i = 0; i < sections_.size(); ++i) {
      const std::string& content = i + 1 == sections_.size() ? titles : sections_[i].content;
      Elf64_Shdr& header = headers[i + 1];
      header.sh_offset = sizeof(Elf64_Ehdr) + body.size();
      header.sh_size = content.size();
      header.sh_addralign = 1;
      if (header.sh_type == SHT_SYMTAB) {
        header.sh_entsize = sizeof(Elf64_Sym);
        header.sh_link = static_cast<std::uint32_t>(i + 2);
      }
      body += content;
      body.resize((body.size() + 7) / 8 * 8);
    }
    Elf64_Ehdr start{};
    start.e_ident[EI_MAG0] = ELFMAG0;
    start.e_ident[EI_MAG1] = ELFMAG1;
    start.e_ident[EI_MAG2] = ELFMAG2;
    start.e_ident[EI_MAG3] = ELFMAG3;
    start.e_ident[EI_CLASS] = ELFCLASS64;
    start.e_ident[EI_DATA] = ELFDATA2LSB;
    start.e_ident[EI_VERSION] = EV_CURRENT;
    start.e_type = ET_REL;
    start.e_machine = EM_X86_64;
    start.e_version = EV_CURRENT;
    start.e_ehsize = sizeof(Elf64_Ehdr);
    start.e_shentsize = sizeof(Elf64_Shdr);
    start.e_shoff = sizeof(Elf64_Ehdr) + body.size();
    start.e_shnum = static_cast<std::uint16_t>(headers.size());
    start.e_shstrndx = static_cast<std::uint16_t>(headers.size() - 1);
    std::string file = bytes_of(start) + body;
    for (const Elf64_Shdr& header : headers) file += bytes_of(header);
    return file;
  }

 private:
  struct Section {
    std::string name, content;
    std::uint64_t address;
    std::uint32_t type;
  };
  std::vector<Section> sections_;
  std::string names_ = std::string(1, '\0'), symbols_ = std::string(sizeof(Elf64_Sym), '\0');
};

struct TestSymbol {
  std::string name;
  std::uint32_t checksum = 0;
};

/// A row of __versions.
inline std::string version_row(const TestSymbol& symbol) {
  std::string row = bytes_of(std::uint64_t{symbol.checksum}) + symbol.name;
  row.resize(64);
  return row;
}

struct TestModule {
  std::vector<TestSymbol> exported, wanted;
  std::vector<std::string> info = {};  ///< "firmware=a.bin"
};

inline std::string make_module(const TestModule& module) {
  TestElf elf;
  std::string versions, checksums, info;
  for (const TestSymbol& each : module.wanted) {
    versions += version_row(each);
    elf.add_symbol(each.name, SHN_UNDEF);
  }
  for (const std::string& each : module.info) info += each + '\0';
  elf.add("__versions", versions);
  elf.add(".modinfo", info);
  const std::uint16_t table = elf.add("__ksymtab_gpl", std::string(12 * module.exported.size(), '\0'));
  for (std::size_t i = 0; i < module.exported.size(); ++i) {
    elf.add_symbol("__ksymtab_" + module.exported[i].name, table, 12 * i, STB_LOCAL);
    checksums += bytes_of(module.exported[i].checksum);
  }
  elf.add("__kcrctab_gpl", checksums);
  return elf.write();
}

/// vmlinux: no symbol table, names found by distances.
inline std::string make_vmlinux(const std::vector<TestSymbol>& exported) {
  constexpr std::uint64_t kTable = 0xffffffff82000000, kNames = 0xffffffff82100000;
  std::string rows, names, checksums;
  for (std::size_t i = 0; i < exported.size(); ++i) {
    const std::uint64_t here = kTable + 12 * i + 4;
    rows += bytes_of(std::int32_t{0}) + bytes_of(static_cast<std::int32_t>(kNames + names.size() - here)) +
            bytes_of(std::int32_t{0});
    names += exported[i].name + '\0';
    checksums += bytes_of(exported[i].checksum);
  }
  TestElf elf;
  elf.add("__ksymtab", rows, kTable);
  elf.add("__kcrctab", checksums, kTable + 0x80000);
  elf.add("__ksymtab_strings", names, kNames);
  return elf.write(false);
}

/// The payload is packed or not: what is no compressed stream passes through.
inline std::string make_boot_image(const std::string& release, const std::string& payload) {
  std::string image(1024, '\0');
  const auto put = [&](std::size_t at, const std::string& bytes) { image.replace(at, bytes.size(), bytes); };
  put(0x1f1, std::string(1, '\1'));  // one sector of setup code behind the boot sector
  put(0x202, "HdrS");
  put(0x206, bytes_of(std::uint16_t{0x20f}));
  put(0x20e, bytes_of(std::uint16_t{0x100}));
  put(0x300, release + " (somebody) #1 SMP");
  put(0x248, bytes_of(std::uint32_t{0}));
  put(0x24c, bytes_of(static_cast<std::uint32_t>(payload.size() + 4)));
  return image + payload + bytes_of(static_cast<std::uint32_t>(payload.size()));
}

/// Makes it a PE file whose certificate table stands at its end; what that holds nobody looks at.
inline void sign_for_secure_boot(std::string& image) {
  constexpr std::size_t kPe = 0x40, kOptional = kPe + 24, kEntry = kOptional + 112 + 4 * 8;
  const auto put = [&](std::size_t at, const std::string& bytes) { image.replace(at, bytes.size(), bytes); };
  put(0, "MZ");
  put(0x3c, bytes_of(static_cast<std::uint32_t>(kPe)));
  put(kPe, std::string("PE\0\0", 4));
  put(kOptional, bytes_of(std::uint16_t{0x20b}));
  put(kEntry, bytes_of(static_cast<std::uint32_t>(image.size())));
  put(kEntry + 4, bytes_of(std::uint32_t{8}));
  image += "a table.";
}

}  // namespace ainode::tree
