// SPDX-License-Identifier: Apache-2.0
// Exports and wants as Linux writes them, and files that are not what they seem.
#include "validators/tree/kernel_symbols.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/validators/tree/test_elf.h"

namespace ainode::tree {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

template <class Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.message();
  }
  return "nothing refused";
}

TEST(ModuleSymbols, AreExportsAndWantsWithTheirChecksums) {
  const ModuleSymbols symbols =
      read_module(make_module({{{"own_b", 7}, {"own_a", 8}}, {{"printk", 0x11223344}, {"module_layout", 5}}}), "m.ko");
  EXPECT_THAT(symbols.exported, ElementsAre(Pair("own_a", 8u), Pair("own_b", 7u)));
  EXPECT_THAT(symbols.wanted, ElementsAre(Pair("module_layout", 5u), Pair("printk", 0x11223344u)));
}

TEST(ModuleSymbols, LeaveOutWeakOnesAndTakeThoseWithoutChecksum) {
  TestElf elf;
  elf.add_symbol("may_be_missing", SHN_UNDEF, 0, STB_WEAK);
  elf.add_symbol("no_checksum", SHN_UNDEF);
  elf.add_symbol("", SHN_UNDEF);
  EXPECT_THAT(read_module(elf.write(), "m.ko").wanted, ElementsAre(Pair("no_checksum", std::nullopt)));
}

TEST(ModuleSymbols, TakeTheLongNamesOfTheExtendedTable) {
  const std::string longest(100, 'r');
  TestElf elf;
  elf.add("__version_ext_crcs", bytes_of(std::uint32_t{3}) + bytes_of(std::uint32_t{4}));
  elf.add("__version_ext_names", longest + '\0' + "short" + '\0');
  elf.add_symbol(longest, SHN_UNDEF);
  EXPECT_THAT(read_module(elf.write(), "m.ko").wanted, ElementsAre(Pair(longest, 3u), Pair("short", 4u)));
}

TEST(ModuleSymbols, OfWhatIsNoModuleAreRefused) {
  for (const std::string& content : {std::string(), std::string("\177ELF"), std::string(4096, 'x')})
    EXPECT_THAT(refusal([&] { read_module(content, "m.ko"); }), HasSubstr("m.ko: "));
  EXPECT_THAT(refusal([] { read_module(make_vmlinux({{"a", 1}}), "m.ko"); }), HasSubstr("has no symbol table"));
}

TEST(ModuleSymbols, OfAModuleCutOffAnywhereAreRefusedOrRead) {
  const std::string whole = make_module({{{"own", 7}}, {{"printk", 1}}, {"firmware=a.bin"}});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    try {
      read_module(std::string_view(whole).substr(0, size), "m.ko");
    } catch (const Error& error) {
      EXPECT_EQ(error.code().id, codes::image_malformed.id);
    }
  }
}

Symbols exports_of(std::string_view boot_image) {
  return read_kernel_exports(unpack_kernel(boot_image, "vmlinuz"), "vmlinuz");
}

TEST(KernelExports, AreFoundByTheirDistances) {
  const std::string image = make_boot_image("6.12.1-test", make_vmlinux({{"alloc", 21}, {"printk", 22}}));
  EXPECT_THAT(exports_of(image), ElementsAre(Pair("alloc", 21u), Pair("printk", 22u)));
  EXPECT_EQ(kernel_release_of(image, "vmlinuz"), "6.12.1-test");
}

TEST(KernelExports, OfWhatIsNoBootImageAreRefused) {
  const std::string image = make_boot_image("6.12.1-test", make_vmlinux({{"alloc", 21}}));
  EXPECT_THAT(refusal([&] { exports_of(image.substr(0, 500)); }), HasSubstr("is not an x86 boot image"));
  EXPECT_THAT(refusal([&] { exports_of(image.substr(0, image.size() - 9)); }), HasSubstr("its payload lies outside"));
  EXPECT_THAT(refusal([&] { exports_of(std::string(4096, 'x')); }), HasSubstr("is not an x86 boot image"));
  EXPECT_THAT(refusal([&] { exports_of(make_boot_image("x", make_vmlinux({}))); }), HasSubstr("exports no symbol"));
}

TEST(ModuleInfo, GivesEachValueOfItsKeyAndOfNoOther) {
  const std::string module =
      make_module({{}, {}, {"firmware=a.bin", "firmware_class=x", "license=GPL", "firmware=b/c.bin", "firmware"}});
  EXPECT_THAT(module_info(module, "firmware", "m.ko"), ElementsAre("a.bin", "b/c.bin"));
}

TEST(SecureBootSignature, IsATableInsideTheImage) {
  std::string image = make_boot_image("6.12", "payload");
  EXPECT_FALSE(has_secure_boot_signature(image));
  sign_for_secure_boot(image);
  EXPECT_TRUE(has_secure_boot_signature(image));
  for (std::size_t size : {std::size_t{0}, std::size_t{2}, std::size_t{0x40}, std::size_t{0xf0}, image.size() - 1})
    EXPECT_FALSE(has_secure_boot_signature(image.substr(0, size))) << size;
  image.replace(0x3c, 4, "\xff\xff\xff\xff");
  EXPECT_FALSE(has_secure_boot_signature(image));
}

}  // namespace
}  // namespace ainode::tree
