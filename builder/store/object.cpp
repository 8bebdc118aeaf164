// SPDX-License-Identifier: Apache-2.0
// Serialised forms of OSTree's objects.
#include "builder/store/object.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace ainode {

Variant sink(GVariant* floating) {
  return Variant(g_variant_ref_sink(floating));
}

Variant xattrs_variant(const Xattrs& xattrs) {
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ayay)"));
  for (const auto& [name, value] : xattrs) {
    g_variant_builder_add(&builder, "(@ay@ay)", g_variant_new_bytestring(name.c_str()),
                          g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, value.data(), value.size(), 1));
  }
  return sink(g_variant_builder_end(&builder));
}

Xattrs xattrs_from_variant(GVariant* variant) {
  Xattrs xattrs;
  for (gsize i = 0; i < g_variant_n_children(variant); ++i) {
    const Variant pair(g_variant_get_child_value(variant, i));
    const Variant name(g_variant_get_child_value(pair.get(), 0)), value(g_variant_get_child_value(pair.get(), 1));
    gsize size = 0;
    const auto* bytes = static_cast<const char*>(g_variant_get_fixed_array(value.get(), &size, 1));
    xattrs[g_variant_get_bytestring(name.get())] = std::string(bytes ? bytes : "", size);
  }
  return xattrs;
}

std::uint32_t object_mode(const FileObject& file) {
  return file.is_symlink ? (S_IFLNK | 0777u) : (S_IFREG | file.ownership.mode);
}

Sha256 hash_of_header(const FileObject& file) {
  const Variant header =
      sink(g_variant_new("(uuuus@a(ayay))", GUINT32_TO_BE(file.ownership.uid), GUINT32_TO_BE(file.ownership.gid),
                         GUINT32_TO_BE(object_mode(file)), 0u, file.is_symlink ? file.content.c_str() : "",
                         xattrs_variant(file.ownership.xattrs).get()));
  const gsize size = g_variant_get_size(header.get());
  const std::array<std::uint32_t, 2> prefix = {GUINT32_TO_BE(static_cast<std::uint32_t>(size)), 0};
  Sha256 hash;
  hash.update({reinterpret_cast<const char*>(prefix.data()), sizeof prefix});
  hash.update({static_cast<const char*>(g_variant_get_data(header.get())), size});
  return hash;
}

std::string content_checksum(const FileObject& file) {
  Sha256 hash = hash_of_header(file);
  if (!file.is_symlink) hash.update(file.content);
  return hash.finish_hex();
}

std::optional<Sha256> hash_of_header(std::string_view metadata, const std::string& checksum) {
  // (uuua(ayay)) without attributes is three numbers alone, and the header follows from them; all but a few objects of
  // a system are like that, and GVariant would take a tenth of the time that hashing them takes.
  constexpr std::size_t kPlain = 12;
  if (metadata.size() != kPlain) {
    const FileObject file = parse_bare_user_metadata(metadata, checksum);
    return file.is_symlink ? std::nullopt : std::optional<Sha256>(hash_of_header(file));
  }
  if (S_ISLNK(static_cast<std::uint32_t>(static_cast<unsigned char>(metadata[10])) << 8)) return std::nullopt;
  // rdev, an empty target with its NUL, no attributes, where the target ends
  constexpr std::string_view kRest("\0\0\0\0\0\x11", 6);
  constexpr std::string_view kPrefix("\0\0\0\x12\0\0\0\0", 8);
  Sha256 hash;
  hash.update(kPrefix).update(metadata).update(kRest);
  return hash;
}

Variant directory_metadata_variant(const Ownership& ownership) {
  return sink(g_variant_new("(uuu@a(ayay))", GUINT32_TO_BE(ownership.uid), GUINT32_TO_BE(ownership.gid),
                            GUINT32_TO_BE(S_IFDIR | ownership.mode), xattrs_variant(ownership.xattrs).get()));
}

FileObject parse_bare_user_metadata(std::string_view bytes, const std::string& checksum) {
  const Variant variant = sink(
      g_variant_new_from_data(G_VARIANT_TYPE("(uuua(ayay))"), bytes.data(), bytes.size(), FALSE, nullptr, nullptr));
  if (!g_variant_is_normal_form(variant.get())) {
    throw Error(codes::object_corrupt, fmt::format("object {} has malformed metadata", checksum));
  }
  std::uint32_t uid = 0, gid = 0, mode = 0;
  GVariant* xattrs = nullptr;
  g_variant_get(variant.get(), "(uuu@a(ayay))", &uid, &gid, &mode, &xattrs);
  const Variant owned_xattrs(xattrs);
  FileObject file;
  mode = GUINT32_FROM_BE(mode);
  file.is_symlink = S_ISLNK(mode);
  file.ownership = {GUINT32_FROM_BE(uid), GUINT32_FROM_BE(gid), mode & 07777u, xattrs_from_variant(xattrs)};
  return file;
}

void throw_glib_error(GError* error, const std::string& action) {
  const int number = errno;  // libostree fails without an error where its `transaction` mark cannot be removed
  const Handle<GError, g_error_free> owned(error);
  const bool is_full = g_error_matches(error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  const char* reason = error ? error->message : number ? std::strerror(number) : "libostree gives no reason";
  throw Error(is_full ? codes::disk_full : codes::store_failed, fmt::format("cannot {}: {}", action, reason));
}

std::string hex_of_bytes_variant(GVariant* ay) {
  gsize size = 0;
  const auto* bytes = static_cast<const char*>(g_variant_get_fixed_array(ay, &size, 1));
  return to_hex(std::string_view(bytes ? bytes : "", size));
}

}  // namespace ainode
