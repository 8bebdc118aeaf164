// SPDX-License-Identifier: Apache-2.0
// Reading .deb containers by hand, byte by byte, and tars through libarchive, which is never asked to extract:
// it passes devices, setuid files and bombs, so entries are only reported and the policy is the caller's.
#include "base/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <cerrno>
#include <clocale>

#include <algorithm>
#include <array>
#include <exception>
#include <set>
#include <utility>

#include "base/decompress.h"
#include "base/error.h"
#include "base/handle.h"

namespace ainode {
namespace {

Error malformed(const std::string& origin, const std::string& what) {
  return Error(codes::deb_malformed, fmt::format("{}: {}", origin, what));
}

// ---- ar ----

constexpr std::string_view kArMagic = "!<arch>\n";
constexpr std::size_t kArHeader = 60;

std::string_view trimmed(std::string_view field) {
  return field.substr(0, field.find_last_not_of(' ') + 1);
}

std::uint64_t ar_size(std::string_view field, const std::string& name, const std::string& origin) {
  const std::string_view digits = trimmed(field);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos)
    throw malformed(origin, fmt::format("member `{}` has a malformed size `{}`", name, printable(digits)));
  std::uint64_t size = 0;  // ten digits cannot overflow
  for (const char digit : digits) size = size * 10 + static_cast<std::uint64_t>(digit - '0');
  return size;
}

ArMember take_ar_member(std::string_view& rest, const std::string& origin, const std::string& previous) {
  if (rest.size() < kArHeader)
    throw malformed(origin, previous.empty()
                                ? "truncated inside the header of its first member"
                                : fmt::format("{} trailing bytes after member `{}`", rest.size(), previous));
  const std::string_view header = rest.substr(0, kArHeader);
  if (header.substr(58) != "`\n")
    throw malformed(origin, previous.empty()
                                ? "the header of its first member lacks its end marker"
                                : fmt::format("what follows member `{}` is not a member header", previous));
  std::string_view name = trimmed(header.substr(0, 16));
  if (name.ends_with('/')) name.remove_suffix(1);
  ArMember member{printable(name), {}};
  const std::uint64_t size = ar_size(header.substr(48, 10), member.name, origin);
  rest.remove_prefix(kArHeader);
  if (size > rest.size())
    throw malformed(origin, fmt::format("member `{}` has {} bytes by its header, but only {} are left", member.name,
                                        size, rest.size()));
  member.data = rest.substr(0, size);
  rest.remove_prefix(size);
  if (size % 2 != 0) {
    if (!rest.starts_with('\n'))
      throw malformed(origin, fmt::format("member `{}` of odd size lacks its padding byte", member.name));
    rest.remove_prefix(1);
  }
  return member;
}

bool is_tar_member(std::string_view name, std::string_view stem) {
  if (!name.starts_with(stem)) return false;
  static constexpr std::array<std::string_view, 4> kEndings{"", ".gz", ".xz", ".zst"};
  return std::find(kEndings.begin(), kEndings.end(), name.substr(stem.size())) != kEndings.end();
}

void check_deb_layout(const std::vector<ArMember>& members, const std::string& origin) {
  std::set<std::string_view> seen;
  for (const ArMember& member : members) {
    const std::string_view stem = std::string_view(member.name).substr(0, member.name.find(".tar"));
    if (!seen.insert(stem).second) throw malformed(origin, fmt::format("member `{}` stands twice", member.name));
    if (member.name != "debian-binary" && !is_tar_member(member.name, "control.tar") &&
        !is_tar_member(member.name, "data.tar"))
      throw malformed(origin, fmt::format("unknown member `{}`", member.name));
  }
  if (members.front().name != "debian-binary")
    throw malformed(origin, fmt::format("its first member is `{}`, not `debian-binary`", members.front().name));
  if (members.front().data != "2.0\n")
    throw malformed(
        origin, fmt::format("its format version is `{}`, not `2.0`", printable(members.front().data.substr(0, 16))));
  for (std::size_t at = 1; at <= 2; ++at) {
    const std::string_view wanted = at == 1 ? "control.tar" : "data.tar";
    if (members.size() <= at) throw malformed(origin, fmt::format("it has no member `{}`", wanted));
    if (!is_tar_member(members[at].name, wanted))
      throw malformed(origin, fmt::format("member {} is `{}`, not `{}`", at + 1, members[at].name, wanted));
  }
}

// ---- tar ----

using EntryType = ArchiveEntry::Type;

// libarchive converts pax names from UTF-8 to the thread's locale, and to NFC when that is UTF-8 too. In the C locale
// the conversion fails for every name beyond ASCII, and then the stored bytes are given.
class PlainLocale {
 public:
  PlainLocale() : previous_(uselocale(plain())) {}
  ~PlainLocale() { uselocale(previous_); }
  PlainLocale(const PlainLocale&) = delete;

 private:
  static locale_t plain() {
    static const locale_t locale = newlocale(LC_ALL_MASK, "C", nullptr);
    return locale;
  }
  locale_t previous_;
};

EntryType type_of(::archive_entry* entry, const std::string& origin) {
  if (archive_entry_hardlink(entry)) return EntryType::hardlink;
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
      return EntryType::file;
    case AE_IFDIR:
      return EntryType::directory;
    case AE_IFLNK:
      return EntryType::symlink;
    case AE_IFCHR:
      return EntryType::character_device;
    case AE_IFBLK:
      return EntryType::block_device;
    case AE_IFIFO:
      return EntryType::fifo;
    case AE_IFSOCK:
      return EntryType::socket;
    default:
      throw malformed(origin, "an entry of unknown type");
  }
}

std::string text_or_empty(const char* text) {
  return text ? text : "";
}

ArchiveEntry convert(::archive_entry* entry, const std::string& origin) {
  ArchiveEntry result;
  result.path = text_or_empty(archive_entry_pathname(entry));
  if (result.path.empty()) throw malformed(origin, "an entry without a name");
  result.type = type_of(entry, origin);
  result.mode = archive_entry_perm(entry) & 07777;
  result.uid = archive_entry_uid(entry);
  result.gid = archive_entry_gid(entry);
  result.mtime = archive_entry_mtime(entry);
  if (result.type == EntryType::file) result.size = static_cast<std::uint64_t>(archive_entry_size(entry));
  if (result.type == EntryType::hardlink) result.target = text_or_empty(archive_entry_hardlink(entry));
  if (result.type == EntryType::symlink) result.target = text_or_empty(archive_entry_symlink(entry));
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  archive_entry_xattr_reset(entry);
  while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
    result.xattrs[name] = {static_cast<const char*>(value), size};
  if (archive_entry_sparse_reset(entry) > 0)
    throw malformed(origin, fmt::format("`{}` is a sparse file", printable(result.path)));
  return result;
}

}  // namespace

std::vector<ArMember> read_ar(std::string_view archive, const std::string& origin) {
  if (!archive.starts_with(kArMagic)) throw malformed(origin, "not a .deb: it does not start with `!<arch>`");
  std::string_view rest = archive.substr(kArMagic.size());
  if (rest.empty()) throw malformed(origin, "a .deb without members");
  std::vector<ArMember> members;
  while (!rest.empty()) {
    members.push_back(take_ar_member(rest, origin, members.empty() ? "" : members.back().name));
    if (members.size() > 3) break;  // a fourth is unknown or stands twice, whatever follows
  }
  check_deb_layout(members, origin);
  return members;
}

struct TarReader::State {
  State(std::string_view bytes, std::string name, std::uint64_t limit)
      : origin(std::move(name)),
        size_limit(limit),
        source(open_bytes(bytes, origin, limit)),
        archive(archive_read_new()) {
    if (!archive) throw std::bad_alloc();
    check(archive_read_support_format_tar(archive.get()));
    check(archive_read_open(archive.get(), this, nullptr, &State::read, nullptr));
  }

  // libarchive calls this; no exception may cross it, so it waits in `failure` until C has returned.
  static la_ssize_t read(::archive*, void* self, const void** buffer) noexcept {
    auto& state = *static_cast<State*>(self);
    try {
      const std::string_view chunk = state.feed();
      *buffer = chunk.data();
      return static_cast<la_ssize_t>(chunk.size());
    } catch (...) {
      state.failure = std::current_exception();
      return ARCHIVE_FATAL;
    }
  }

  std::string_view feed() {
    const std::string_view chunk = source->next_chunk();
    const std::size_t last = chunk.find_last_not_of('\0');
    if (last != std::string_view::npos) used_end = fed + last + 1;
    fed += chunk.size();
    return chunk;
  }

  void check(int status) {
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
    // A warning of this kind is a name that is not ASCII, which we want as it is.
    if (status == ARCHIVE_WARN && archive_errno(archive.get()) == EILSEQ) return;
    if (status == ARCHIVE_OK || status == ARCHIVE_EOF) return;
    const char* reason = archive_error_string(archive.get());
    throw malformed(origin, fmt::format("corrupt or truncated tar ({})", printable(reason ? reason : "no reason")));
  }

  std::uint64_t position() const { return static_cast<std::uint64_t>(archive_filter_bytes(archive.get(), -1)); }

  void check_end(std::uint64_t entries_end) {
    const std::uint64_t end = position();
    if (end < entries_end + 1024) throw malformed(origin, "truncated tar: its end marker is missing");
    while (!feed().empty()) {
    }
    if (used_end > end) throw malformed(origin, fmt::format("{} bytes follow the end of the tar", used_end - end));
  }

  std::string origin;
  std::uint64_t size_limit;
  std::unique_ptr<ByteSource> source;
  std::exception_ptr failure;
  std::uint64_t fed = 0, used_end = 0;  // used_end: just behind the last byte that is not NUL
  Handle<::archive, archive_read_free> archive;
  ArchiveEntry entry;
  std::string buffer;
  std::string_view content;
  bool has_content = false, started = false, ended = false;
};

TarReader::TarReader(std::string_view archive, std::string origin, std::uint64_t size_limit)
    : state_(std::make_unique<State>(archive, std::move(origin), size_limit)) {}
TarReader::~TarReader() = default;

const ArchiveEntry* TarReader::next() {
  State& state = *state_;
  if (state.ended) return nullptr;
  const PlainLocale plain_names;
  if (std::exchange(state.started, true)) state.check(archive_read_data_skip(state.archive.get()));
  const std::uint64_t entries_end = state.position();
  ::archive_entry* entry = nullptr;
  const int status = archive_read_next_header(state.archive.get(), &entry);
  state.check(status);
  if (status == ARCHIVE_EOF) {
    state.ended = true;
    state.check_end(entries_end);
    return nullptr;
  }
  state.entry = convert(entry, state.origin);
  if (state.entry.size > state.size_limit)
    throw malformed(state.origin, fmt::format("`{}` has {} bytes, more than the {} bytes allowed",
                                              printable(state.entry.path), state.entry.size, state.size_limit));
  state.has_content = false;
  return &state.entry;
}

std::string_view TarReader::content() {
  State& state = *state_;
  if (state.entry.type != EntryType::file || state.ended) return {};
  if (std::exchange(state.has_content, true)) return state.content;
  state.buffer.clear();
  for (;;) {
    const void* data = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int status = archive_read_data_block(state.archive.get(), &data, &size, &offset);
    state.check(status);
    if (status == ARCHIVE_EOF) return state.content = state.buffer;
    const std::string_view block(static_cast<const char*>(data), size);
    // Most files lie whole in one chunk: then no copy is made.
    if (offset == 0 && block.size() == state.entry.size) return state.content = block;
    if (state.buffer.empty()) state.buffer.reserve(state.entry.size);
    state.buffer += block;
  }
}

}  // namespace ainode
