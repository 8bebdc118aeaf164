// SPDX-License-Identifier: Apache-2.0
// What a kernel and its modules give to each other: exported and wanted symbols with the checksums of their types.
// Formats: Linux's Documentation/kbuild/modules.rst, include/linux/export-internal.h, kernel/module/version.c;
// the boot header: Documentation/arch/x86/boot.rst.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ainode::tree {

/// Symbol → the checksum of its type; nothing where the kernel was built without CONFIG_MODVERSIONS.
using Symbols = std::map<std::string, std::optional<std::uint32_t>>;

struct ModuleSymbols {
  Symbols exported;
  Symbols wanted;  ///< undefined in it, and module_layout; weak ones, which may stay undefined, left out
};

/// Of an unpacked module. Throws Error image_malformed naming `origin`.
ModuleSymbols read_module(std::string_view elf, const std::string& origin);

/// An x86 boot image's payload: an ELF file. Throws Error image_malformed naming `origin`.
std::string unpack_kernel(std::string_view boot_image, const std::string& origin);

/// What an unpacked kernel exports. Throws Error image_malformed naming `origin`.
Symbols read_kernel_exports(std::string_view kernel, const std::string& origin);

/// "6.12.30-amd64", as the boot header says it. Throws Error image_malformed naming `origin`.
std::string kernel_release_of(std::string_view boot_image, const std::string& origin);

/// The image carries a signature that firmware checks: it is a PE file with a certificate table (PE Format, "The
/// Attribute Certificate Table"). Whether it holds is the firmware's to say.
bool has_secure_boot_signature(std::string_view boot_image);

/// Values of a key of .modinfo, in order: `firmware`, `depends`.
std::vector<std::string> module_info(std::string_view elf, std::string_view key, const std::string& origin);

}  // namespace ainode::tree
