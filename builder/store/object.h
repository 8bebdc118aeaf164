// SPDX-License-Identifier: Apache-2.0
// OSTree's object formats over GVariant, as our own code computes them (libostree hashes ten times slower).
// Source: ostree-core.h (OSTREE_FILE_HEADER_GVARIANT_FORMAT and its siblings).
#pragma once

#include <gio/gio.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "base/handle.h"
#include "builder/store/store.h"

namespace ainode {

using Variant = Handle<GVariant, g_variant_unref>;

/// Owns a GObject of a known type.
template <class T>
using GObjectHandle = Handle<T, g_object_unref>;

/// Takes a floating reference.
Variant sink(GVariant* floating);

Variant xattrs_variant(const Xattrs& xattrs);
Xattrs xattrs_from_variant(GVariant* variant);

/// Mode with the type bits as the content object has it.
std::uint32_t object_mode(const FileObject& file);

/// SHA-256 over the file header and the content (nothing for a symlink).
std::string content_checksum(const FileObject& file);
/// The same with all but a regular file's content, which is hashed behind it.
Sha256 hash_of_header(const FileObject& file);
/// Of a regular file's `user.ostreemeta`; nothing for a symlink's. Throws object_corrupt.
std::optional<Sha256> hash_of_header(std::string_view metadata, const std::string& checksum);

Variant directory_metadata_variant(const Ownership& ownership);

/// The `user.ostreemeta` of a bare-user object: (uuua(ayay)), big endian.
FileObject parse_bare_user_metadata(std::string_view bytes, const std::string& checksum);

/// Throws store_failed (disk_full for a full disk) from a GError, which it frees.
[[noreturn]] void throw_glib_error(GError* error, const std::string& action);

std::string hex_of_bytes_variant(GVariant* ay);

}  // namespace ainode
