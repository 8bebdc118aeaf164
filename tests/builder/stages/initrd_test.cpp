// SPDX-License-Identifier: Apache-2.0
// The initrd of a tiny tree: ELF files with nothing but their tables, modules with nothing but .modinfo.
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "base/archive.h"
#include "base/files.h"
#include "base/process.h"
#include "builder/stages/elf.h"
#include "builder/stages/initrd_archive.h"
#include "builder/stages/initrd_modules.h"
#include "builder/stages/initrd_script.h"

namespace ainode {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <class T>
void append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

Elf64_Ehdr elf_header() {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_shentsize = sizeof(Elf64_Shdr);
  return header;
}

/// A dynamic program or library: one PT_LOAD over the whole file at address 0x1000, PT_DYNAMIC, PT_INTERP.
std::string dynamic_elf(const std::vector<std::string>& libraries, const std::string& interpreter = "",
                        const std::string& run_path = "") {
  std::string strings(1, '\0');
  std::vector<Elf64_Dyn> dynamic;
  const auto name = [&](Elf64_Sxword tag, const std::string& text) {
    Elf64_Dyn entry{};
    entry.d_tag = tag;
    entry.d_un.d_val = strings.size();
    dynamic.push_back(entry);
    strings += text + '\0';
  };
  for (const std::string& library : libraries) name(DT_NEEDED, library);
  if (!run_path.empty()) name(DT_RUNPATH, run_path);
  const std::uint64_t after_headers = sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr);
  const std::uint64_t dynamic_size = (dynamic.size() + 2) * sizeof(Elf64_Dyn);
  const std::uint64_t strings_at = after_headers + dynamic_size, interpreter_at = strings_at + strings.size();
  Elf64_Dyn table{}, end{};
  table.d_tag = DT_STRTAB;
  table.d_un.d_ptr = 0x1000 + strings_at;
  dynamic.push_back(table);
  dynamic.push_back(end);

  Elf64_Ehdr header = elf_header();
  header.e_phoff = sizeof(Elf64_Ehdr);
  header.e_phnum = 3;
  const auto segment = [](std::uint32_t type, std::uint64_t offset, std::uint64_t size) {
    Elf64_Phdr result{};
    result.p_type = type;
    result.p_offset = offset;
    result.p_vaddr = 0x1000 + offset;
    result.p_filesz = size;
    return result;
  };
  std::string bytes;
  append(bytes, header);
  append(bytes, segment(PT_LOAD, 0, interpreter_at + interpreter.size() + 1));
  append(bytes, segment(PT_DYNAMIC, after_headers, dynamic_size));
  append(bytes, segment(interpreter.empty() ? PT_NULL : PT_INTERP, interpreter_at, interpreter.size() + 1));
  for (const Elf64_Dyn& entry : dynamic) append(bytes, entry);
  return bytes + strings + interpreter + '\0';
}

/// A kernel module: sections "", .modinfo and .shstrtab.
std::string module_elf(const std::vector<std::string>& lines) {
  std::string info;
  for (const std::string& line : lines) info += line + '\0';
  const std::string names("\0.modinfo\0.shstrtab\0", 20);
  Elf64_Ehdr header = elf_header();
  header.e_shoff = sizeof(Elf64_Ehdr);
  header.e_shnum = 3;
  header.e_shstrndx = 2;
  const std::uint64_t info_at = sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Shdr);
  const auto section = [](std::uint32_t name, std::uint32_t type, std::uint64_t offset, std::uint64_t size) {
    Elf64_Shdr result{};
    result.sh_name = name;
    result.sh_type = type;
    result.sh_offset = offset;
    result.sh_size = size;
    return result;
  };
  std::string bytes;
  append(bytes, header);
  append(bytes, Elf64_Shdr{});
  append(bytes, section(1, SHT_PROGBITS, info_at, info.size()));
  append(bytes, section(10, SHT_STRTAB, info_at + info.size(), names.size()));
  return bytes + info + names;
}

/// A store and a tree; files are written as they are put.
struct World {
  TemporaryDirectory directory{fs::temp_directory_path()};
  Store store{directory.path() / "store"};
  Store::Transaction transaction{store};
  Tree tree;

  void put(const std::string& path, const std::string& content) {
    tree.put_file(path, store.write_text(content), "test");
  }
  void link(const std::string& path, const std::string& target) {
    tree.put_file(path, store.write_symlink(target), "test");
  }
  void module(const std::string& path, const std::vector<std::string>& lines) {
    put("usr/lib/modules/6.1/kernel/" + path, module_elf(lines));
  }
  std::vector<std::string> selected(const std::vector<std::string>& wanted) {
    std::vector<std::string> names;
    for (const KernelModule& module : select_modules(store, tree, "6.1", wanted)) names.push_back(module.name);
    return names;
  }
};

/// A tree whose ostree-prepare-root needs two libraries, one through the other, found through Debian's links.
void put_prepare_root(World& world) {
  world.put("usr/lib/ostree/ostree-prepare-root", dynamic_elf({"liba.so.1"}, "/lib64/ld-linux-x86-64.so.2"));
  world.link("lib64", "usr/lib64");
  world.link("usr/lib64/ld-linux-x86-64.so.2", "../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2");
  world.put("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", dynamic_elf({}));
  world.link("usr/lib/x86_64-linux-gnu/liba.so.1", "liba.so.1.2.3");
  world.put("usr/lib/x86_64-linux-gnu/liba.so.1.2.3", dynamic_elf({"libb.so.2"}));
  world.put("usr/lib/x86_64-linux-gnu/libb.so.2", dynamic_elf({"ld-linux-x86-64.so.2"}));
  world.module("fs/overlayfs/overlay.ko", {"license=GPL", "depends="});
}

struct Member {
  char type;
  std::string content;
};
/// The archive's members by name, read field by field; owners and times must be 0.
std::map<std::string, Member> members(const std::string& newc) {
  std::map<std::string, Member> result;
  for (std::size_t at = 0;;) {
    const auto field = [&](std::size_t index) { return std::stoul(newc.substr(at + 6 + 8 * index, 8), nullptr, 16); };
    EXPECT_EQ(newc.substr(at, 6), "070701");
    const std::size_t size = field(6), name_size = field(11);
    const std::string name = newc.substr(at + 110, name_size - 1);
    const std::size_t data = (at + 110 + name_size + 3) / 4 * 4;
    if (name == "TRAILER!!!") return result;
    EXPECT_EQ(field(2) + field(3) + field(5), 0u) << name;
    const unsigned long type = field(1) & 0170000;
    result[name] = {type == 0040000 ? 'd' : type == 0120000 ? 'l' : 'f', newc.substr(data, size)};
    at = (data + size + 3) / 4 * 4;
  }
}

TEST(Initrd, HoldsEveryLibraryWhereTheLoaderLooks) {
  World world;
  put_prepare_root(world);
  const auto files = members(make_initrd_archive(world.store, world.tree, "6.1", "busybox bytes").newc);
  for (const char* path : {"usr/lib/ostree/ostree-prepare-root", "usr/lib64/ld-linux-x86-64.so.2",
                           "usr/lib/x86_64-linux-gnu/liba.so.1", "usr/lib/x86_64-linux-gnu/libb.so.2"})
    EXPECT_EQ(files.at(path).type, 'f') << path;
  EXPECT_EQ(files.at("lib64").content, "usr/lib64");
  EXPECT_EQ(files.at("usr/bin/busybox").content, "busybox bytes");
  EXPECT_EQ(files.at("sysroot").type, 'd');
}

TEST(Initrd, LoadsItsModulesFromInit) {
  World world;
  put_prepare_root(world);
  const InitrdArchive archive = make_initrd_archive(world.store, world.tree, "6.1", "");
  const auto files = members(archive.newc);
  EXPECT_THAT(archive.modules, ElementsAre("overlay"));
  EXPECT_THAT(files.at("init").content, HasSubstr("\nfor module in overlay; do\n"));
  EXPECT_EQ(files.at("usr/lib/modules/overlay.ko").content, module_elf({"license=GPL", "depends="}));
}

TEST(Initrd, MakesSysrootReadOnlyUnlessTheTreeSaysOtherwise) {
  World world;
  put_prepare_root(world);
  const std::string path = "usr/lib/ostree/prepare-root.conf";
  const auto without = members(make_initrd_archive(world.store, world.tree, "6.1", "").newc);
  EXPECT_EQ(without.at(path).content, "[sysroot]\nreadonly = true\n");
  world.put(path, "[composefs]\nenabled = no\n");
  const auto with = members(make_initrd_archive(world.store, world.tree, "6.1", "").newc);
  EXPECT_EQ(with.at(path).content, "[composefs]\nenabled = no\n");
}

TEST(Initrd, IsTheSameTwice) {
  World world;
  put_prepare_root(world);
  EXPECT_EQ(make_initrd_archive(world.store, world.tree, "6.1", "b").newc,
            make_initrd_archive(world.store, world.tree, "6.1", "b").newc);
}

template <class Body>
std::string refusal(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.code().id, codes::tree_malformed.id);
    return error.message();
  }
  return "accepted";
}

TEST(Initrd, NamesALibraryThatIsMissing) {
  World world;
  put_prepare_root(world);
  world.tree.remove("usr/lib/x86_64-linux-gnu/libb.so.2");
  EXPECT_EQ(refusal([&] { make_initrd_archive(world.store, world.tree, "6.1", ""); }),
            "the tree has no libb.so.2, which /usr/lib/x86_64-linux-gnu/liba.so.1 needs");
}

TEST(Initrd, RefusesLinksThatGoInCircles) {
  World world;
  put_prepare_root(world);
  world.link("usr/lib/x86_64-linux-gnu/liba.so.1", "liba.so.2");
  world.link("usr/lib/x86_64-linux-gnu/liba.so.2", "liba.so.1");
  EXPECT_EQ(refusal([&] { make_initrd_archive(world.store, world.tree, "6.1", ""); }),
            "the tree has no liba.so.1, which /usr/lib/ostree/ostree-prepare-root needs");
}

TEST(Initrd, NeedsOstreePrepareRoot) {
  World world;
  EXPECT_EQ(refusal([&] { make_initrd_archive(world.store, world.tree, "6.1", ""); }),
            "the tree has no /usr/lib/ostree/ostree-prepare-root, which the initrd needs");
}

TEST(Initrd, ScriptIsValidShell) {
  Command command;
  command.argv = {"sh", "-n"};
  command.input = initrd_script({"virtio_blk", "overlay"});
  EXPECT_EQ(run_or_throw(command), "");
}

TEST(Modules, LoadDependenciesFirst) {
  World world;
  world.module("a/ext4.ko", {"depends=jbd2,mb-cache", "softdep=pre: crc32c post: later"});
  world.module("b/jbd2.ko", {"depends="});
  world.module("b/mb-cache.ko", {"depends=jbd2"});
  world.module("c/crc32c.ko", {"depends="});
  world.module("c/later.ko", {"depends="});
  EXPECT_THAT(world.selected({"ext4"}), ElementsAre("crc32c", "jbd2", "mb_cache", "ext4"));
}

TEST(Modules, LeaveOutWhatIsBuiltInOrUnknown) {
  World world;
  world.put("usr/lib/modules/6.1/modules.builtin", "kernel/lib/crc16.ko\nkernel/fs/ext4/ext4.ko\n");
  world.module("virtio_blk.ko", {"depends=crc16", "softdep=pre: nowhere"});
  EXPECT_THAT(world.selected({"ext4", "virtio_blk", "imaginary"}), ElementsAre("virtio_blk"));
}

TEST(Modules, TakeEachOnceEvenInACircle) {
  World world;
  world.module("a.ko", {"depends=b"});
  world.module("b.ko", {"depends=", "softdep=pre: a"});
  EXPECT_THAT(world.selected({"a", "b"}), ElementsAre("b", "a"));
}

TEST(Modules, NameADependencyThatIsMissing) {
  World world;
  world.module("virtio_scsi.ko", {"depends=scsi_mod"});
  EXPECT_EQ(refusal([&] { world.selected({"virtio_scsi"}); }),
            "kernel module virtio_scsi depends on scsi_mod, which kernel 6.1 does not have");
}

TEST(Modules, RefuseAFileThatIsNoModule) {
  World world;
  world.put("usr/lib/modules/6.1/kernel/overlay.ko", "text, long enough to hold a header: " + std::string(64, 'x'));
  EXPECT_EQ(refusal([&] { world.selected({"overlay"}); }),
            "`usr/lib/modules/6.1/kernel/overlay.ko` cannot go into the initrd: it is not an ELF file");
}

TEST(Elf, ReadsItsNeeds) {
  const DynamicNeeds needs = read_dynamic_needs(dynamic_elf({"liba.so", "libb.so"}, "/lib/ld.so", "/x:/y"), "program");
  EXPECT_EQ(needs.interpreter, "/lib/ld.so");
  EXPECT_THAT(needs.libraries, ElementsAre("liba.so", "libb.so"));
  EXPECT_THAT(needs.run_paths, ElementsAre("/x", "/y"));
}

TEST(Elf, RefusesEveryTruncation) {
  const std::string program = dynamic_elf({"liba.so"}, "/lib/ld.so");
  for (std::size_t length = 0; length < program.size(); ++length)
    EXPECT_THROW(read_dynamic_needs(program.substr(0, length), "program"), Error) << length;
  const std::string module = module_elf({"depends="});
  for (std::size_t length = 0; length < module.size(); ++length)
    EXPECT_THROW(read_module_info(module.substr(0, length), "module"), Error) << length;
}

TEST(Elf, SurvivesEveryChangedByte) {
  // Whatever a byte says, the reader answers or throws its own error; the sanitizers watch the rest.
  const std::string program = dynamic_elf({"liba.so"}, "/lib/ld.so"), module = module_elf({"depends=a"});
  int refused = 0;
  for (const char value : {'\0', '\x7f', '\xff'}) {
    for (std::size_t at = 0; at < program.size(); ++at) {
      std::string changed = program;
      changed[at] = value;
      try {
        read_dynamic_needs(changed, "program");
      } catch (const Error&) {
        ++refused;
      }
    }
    for (std::size_t at = 0; at < module.size(); ++at) {
      std::string changed = module;
      changed[at] = value;
      try {
        read_module_info(changed, "module");
      } catch (const Error&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 50);
}

}  // namespace
}  // namespace ainode
