// SPDX-License-Identifier: Apache-2.0
// Counted arrays in, counted arrays out; each starts at a multiple of eight bytes.
#include "builder/packages/pool_cache.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/steps.h"
#include "builder/packages/pool.h"

extern "C" {
#include <solv/solvversion.h>
}

namespace ainode {

namespace {

constexpr int kFormat = 1;  // raised with every change of the format, and of what decides a pool's content
constexpr std::string_view kMagic = "ainode pool 1\n";
constexpr std::size_t kHexDigits = 64, kHeader = kMagic.size() + 2 * (kHexDigits + 1), kAlignment = 8;
static_assert(kHeader % kAlignment == 0, "arrays are read where they lie");
constexpr std::size_t kNameDigits = 32;
constexpr std::size_t kMostFiles = 6;  // some 30 MB each
constexpr std::size_t kMostBytes = std::size_t{1} << 30;

/// A record's numbers, and the lengths of its texts, which follow one another in the text part.
struct StoredRecord {
  std::uint64_t size;
  std::uint32_t text, repository;
  std::uint16_t name, version, architecture, source, filename, sha256;
  std::uint8_t priority, is_essential, is_protected, allows_foreign;
};

class Writer {
 public:
  template <class T>
  void add(std::span<const T> items) {
    const std::uint64_t count = items.size();
    append(&count, sizeof count);
    append(items.data(), items.size_bytes());
  }
  std::string bytes;

 private:
  void append(const void* from, std::size_t size) {
    bytes.append(static_cast<const char*>(from), size);
    bytes.resize((bytes.size() + kAlignment - 1) / kAlignment * kAlignment, '\0');
  }
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  /// A view into the bytes; empty once anything did not fit.
  template <class T>
  std::span<const T> next() {
    std::uint64_t count = 0;
    if (rest_.size() < sizeof count) return fail<T>();
    std::memcpy(&count, rest_.data(), sizeof count);
    rest_.remove_prefix(sizeof count);
    if (count > rest_.size() / sizeof(T)) return fail<T>();
    const std::size_t size = count * sizeof(T);
    const std::size_t padded = (size + kAlignment - 1) / kAlignment * kAlignment;
    if (padded > rest_.size()) return fail<T>();
    const std::span<const T> items(reinterpret_cast<const T*>(rest_.data()), count);
    rest_.remove_prefix(padded);
    return items;
  }
  bool is_done() const { return fits_ && rest_.empty(); }

 private:
  template <class T>
  std::span<const T> fail() {
    fits_ = false;
    rest_ = {};
    return {};
  }

  std::string_view rest_;
  bool fits_ = true;
};

StoredRecord store(const PackageRecord& record, std::string& text) {
  StoredRecord stored{};
  stored.size = record.size;
  stored.text = static_cast<std::uint32_t>(text.size());
  stored.repository = record.repository;
  const auto add = [&](std::string_view part) {
    text += part;
    return static_cast<std::uint16_t>(part.size());
  };
  stored.name = add(record.name);
  stored.version = add(record.version);
  stored.architecture = add(record.architecture);
  stored.source = add(record.source);
  stored.filename = add(record.filename);
  stored.sha256 = add(record.sha256);
  stored.priority = record.priority;
  stored.is_essential = record.is_essential;
  stored.is_protected = record.is_protected;
  stored.allows_foreign = record.allows_foreign;
  return stored;
}

/// A text of more than 64 KiB has no place in the format.
bool can_store(const PackageRecord& record) {
  constexpr std::size_t kMost = UINT16_MAX;
  return record.name.size() <= kMost && record.version.size() <= kMost && record.architecture.size() <= kMost &&
         record.source.size() <= kMost && record.filename.size() <= kMost;
}

std::vector<PackageRecord> restore(std::span<const StoredRecord> stored, std::string_view text) {
  std::vector<PackageRecord> records(stored.size());
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const StoredRecord& from = stored[i];
    PackageRecord& record = records[i];
    std::string_view rest = text.substr(from.text);
    const auto take = [&](std::uint16_t size) {
      const std::string_view part = rest.substr(0, size);
      rest.remove_prefix(size);
      return part;
    };
    record.name = take(from.name);
    record.version = take(from.version);
    record.architecture = take(from.architecture);
    record.source = take(from.source);
    record.filename = take(from.filename);
    record.sha256 = take(from.sha256);
    record.size = from.size;
    record.repository = from.repository;
    record.priority = from.priority;
    record.is_essential = from.is_essential != 0;
    record.is_protected = from.is_protected != 0;
    record.allows_foreign = from.allows_foreign != 0;
  }
  return records;
}

/// Another build may be reading here: a file that vanishes under it is one that it does without.
void drop_oldest(const fs::path& directory) {
  std::error_code ignored;
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    files.emplace_back(entry.last_write_time(ignored), entry.path());
  }
  if (files.size() <= kMostFiles) return;
  std::sort(files.begin(), files.end(), std::greater<>());
  for (std::size_t i = kMostFiles; i < files.size(); ++i) fs::remove(files[i].second, ignored);
}

std::string header(const std::string& key, std::string_view payload) {
  return std::string(kMagic) + key + "\n" + sha256_hex(payload) + "\n";
}

}  // namespace

std::string pool_cache_key(const std::string& architecture, const std::vector<RepositoryPolicy>& policies,
                           const std::vector<PoolIndex>& indices) {
  StepKey key("pool", kFormat);
  key.add(solv_version).add(architecture);
  for (const RepositoryPolicy& policy : policies) {
    key.add("repository").add(policy.id).add(std::to_string(policy.priority));
    for (const Text& glob : policy.allow) key.add("allow").add(glob.value);
  }
  for (const PoolIndex& index : indices) key.add("index").add(std::to_string(index.repository)).add(index.sha256);
  return key.hex();
}

PoolCache::PoolCache(fs::path directory, std::string key)
    : directory_(std::move(directory)), file_(directory_ / key.substr(0, kNameDigits)), key_(std::move(key)) {}

bool PoolCache::recall(Candidates::Data& data) const {
  std::optional<std::string> text;
  try {
    text = read_file_if_any(file_, kMostBytes);
  } catch (const Error&) {
    return false;  // whatever lies there is not what was kept
  }
  if (!text || text->size() < kHeader) return false;
  const std::string& bytes = data.texts.emplace_back(*std::move(text));
  const std::string_view payload = std::string_view(bytes).substr(kHeader);
  Reader reader(payload);
  const auto read_all = [&] {
    if (std::string_view(bytes).substr(0, kHeader) != header(key_, payload)) return false;
    const auto visible = reader.next<StoredRecord>(), hidden = reader.next<StoredRecord>();
    const auto part = reader.next<char>();
    PoolArrays arrays;
    arrays.strings = reader.next<Offset>();
    arrays.string_space = reader.next<char>();
    arrays.relations = reader.next<Reldep>();
    arrays.lists = reader.next<Id>();
    arrays.packages = reader.next<PooledPackage>();
    if (!reader.is_done() || arrays.packages.size() != visible.size()) return false;
    const std::string_view records_text(part.data(), part.size());
    data.packages = restore(visible, records_text);
    data.hidden = restore(hidden, records_text);
    data.pool = std::make_unique<PackagePool>(data.packages, data.policies, data.architecture, arrays);
    return true;
  };
  if (read_all()) {
    mark_used(file_);
    return true;
  }
  data.texts.pop_back();
  return false;
}

bool is_sound_pool(const fs::path& file) {
  const std::string bytes = read_file(file, kMostBytes);
  if (bytes.size() < kHeader) return false;
  const std::string key = bytes.substr(kMagic.size(), kHexDigits);
  return bytes.starts_with(header(key, std::string_view(bytes).substr(kHeader))) &&
         file.filename() == key.substr(0, kNameDigits);
}

void PoolCache::keep(const Candidates::Data& data) const {
  std::string text;
  std::vector<StoredRecord> visible, hidden;
  for (const auto& [from, to] : {std::pair{&data.packages, &visible}, std::pair{&data.hidden, &hidden}}) {
    to->reserve(from->size());
    for (const PackageRecord& record : *from) {
      if (!can_store(record)) return;
      to->push_back(store(record, text));
    }
  }
  std::vector<PooledPackage> packages;
  const PoolArrays arrays = data.pool->arrays(packages);
  Writer writer;
  writer.bytes.reserve((visible.size() + hidden.size()) * sizeof(StoredRecord) + text.size() +
                       arrays.strings.size_bytes() + arrays.string_space.size_bytes() + arrays.relations.size_bytes() +
                       arrays.lists.size_bytes() + arrays.packages.size_bytes() + 32 * kAlignment);
  writer.add(std::span<const StoredRecord>(visible));
  writer.add(std::span<const StoredRecord>(hidden));
  writer.add(std::span<const char>(text));
  writer.add(arrays.strings);
  writer.add(arrays.string_space);
  writer.add(arrays.relations);
  writer.add(arrays.lists);
  writer.add(arrays.packages);
  try {
    make_directories(directory_);
    AtomicFile kept(file_);
    kept.write(header(key_, writer.bytes));
    kept.write(writer.bytes);
    kept.commit(false);  // lost in a power cut, it is made anew
    drop_oldest(directory_);
  } catch (const Error&) {
    return;
  }
}

}  // namespace ainode
