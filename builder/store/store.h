// SPDX-License-Identifier: Apache-2.0
// The content-addressed store: an OSTree repository of mode bare-user, where every package becomes a commit once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/steps.h"
#include "builder/store/tree.h"

namespace ainode {

/// A content object's own data.
struct FileObject {
  bool is_symlink = false;
  Ownership ownership;  ///< a symlink's mode is 0777
  std::string content;  ///< or the symlink's target
};

struct CommitOptions {
  std::string ref;
  std::string subject;
  std::int64_t timestamp = 0;
  std::map<std::string, std::string> metadata;  ///< string values, beside ostree's own bindings
  bool bootable = false;
};

/// Threading: one Store per process; write_file and read_file may be called from several threads at once inside a
/// Transaction. Any number of processes share one directory. Every object is held to its checksum when it is read.
/// Errors: store_failed, disk_full, space_needed, object_corrupt.
class Store {
 public:
  /// Opens or creates the repository below `directory` (also holds locks and step results). Repairs what a killed run
  /// left, unless another process has the store open.
  explicit Store(const std::filesystem::path& directory);
  /// Like the constructor, but waits until no other process has the store open, and keeps others out as long as it is:
  /// for what removes things.
  static Store open_alone(RunContext& run, const std::filesystem::path& directory);
  /// For reading only: `directory` holds `repo`, such as an image directory; nothing is locked or created.
  static Store read_only(const std::filesystem::path& directory);
  ~Store();
  Store(const Store&) = delete;
  Store(Store&&) noexcept;

  const std::filesystem::path& directory() const;
  std::filesystem::path repository_path() const;
  std::filesystem::path work_directory()
      const;  ///< scratch on the store's file system; emptied at start-up when unused

  /// Throws space_needed unless so many bytes can be written and 3 % of the disk, at least 512 MiB, stay free.
  void require_space(std::uint64_t bytes) const;

  /// Everything written between begin and commit appears together; a dropped transaction leaves nothing. Throws
  /// space_needed, here and from what is written within it.
  class Transaction {
   public:
    explicit Transaction(Store& store);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    void set_ref(const std::string& ref, const std::string& commit);
    void commit();

   private:
    Store& store_;
    std::map<std::string, std::string> refs_;
    bool open_ = true;
  };

  std::string write_file(const FileObject& file);  ///< its checksum; hashed by us; no work when present
  std::string write_file(const Ownership& ownership, std::string_view content);  ///< a regular file
  std::string write_text(std::string_view text, std::uint32_t mode = 0644);      ///< root-owned regular file
  std::string write_symlink(const std::string& target);
  FileObject read_file(const std::string& checksum) const;
  std::string read_text(const Tree& tree,
                        std::string_view path) const;  ///< a regular file's content; throws tree_malformed if absent
  /// The object's file on disk, for hard links, and its ownership, without reading the content.
  std::filesystem::path object_path(const std::string& checksum) const;
  FileObject read_metadata(const std::string& checksum) const;  ///< content empty, except a symlink's target
  /// Throws object_corrupt unless the content object has its own hash; each is read once by a process.
  void require_sound(const std::string& checksum) const;
  bool is_sound(const std::string& checksum) const;  ///< the same as a value

  std::string write_commit(const Tree& tree, const CommitOptions& options);  ///< within a Transaction; its checksum
  Tree read_tree(const std::string& commit) const;
  std::int64_t commit_time(const std::string& commit) const;  ///< its timestamp, seconds since 1970
  std::string commit_bytes(const std::string& commit) const;  ///< the raw .commit object
  std::string commit_subject(const std::string& commit) const;
  std::optional<std::string> resolve(const std::string& ref) const;

  /// Detached metadata: keys such as "ostree.gpgsigs" and "ostree.sign.ed25519", each a list of byte strings (aay).
  void write_signatures(const std::string& commit, const std::map<std::string, std::vector<std::string>>& signatures);
  std::map<std::string, std::vector<std::string>> read_signatures(const std::string& commit) const;
  std::string detached_metadata_bytes(
      const std::string& commit) const;  ///< the raw .commitmeta object; empty when none

  /// Names every object that the commit reaches: (checksum, type), type one of "commit", "dirtree", "dirmeta", "file".
  void for_each_object(const std::string& commit,
                       const std::function<void(const std::string& checksum, const std::string& type)>& visit) const;
  /// Raw bytes of a metadata object (commit, dirtree, dirmeta).
  std::string metadata_bytes(const std::string& checksum, const std::string& type) const;
  /// Re-hashes every object that the commit reaches, on all cores, but for contents that this process has read and
  /// held to their hash already; throws object_corrupt naming the first that is wrong.
  void verify_objects(RunContext& run, const std::string& commit) const;

  /// What a repository's file `config` holds; libostree trusts it, and no checksum covers it.
  static constexpr std::string_view kRepositoryConfig = "[core]\nrepo_version=1\nmode=bare-user\n";
  /// An empty repository of mode bare-user; completes one whose creation was interrupted.
  static void create_repository(const std::filesystem::path& path);

  /// Small results of steps, by key; they survive until the cache is cleaned. A damaged one is as good as none.
  std::optional<std::string> recall(const StepKey& key) const;
  void remember(const StepKey& key, const std::string& value);

  /// Whether the file of results/NAME holds what was remembered there.
  bool is_sound_result(const std::string& name) const;

  /// One maker for each key, over all processes: who comes second waits, and finds the first one's result. `what`
  /// names the thing when the wait is announced: "the tools tree". Gone with its process.
  [[nodiscard]] FileLock lock_maker(RunContext& run, const StepKey& key, const std::string& what) const;
  /// recall()'s value (an optional), else make()'s. While it is made, nobody else makes it; what another process made
  /// meanwhile is recalled.
  template <class Recall, class Make>
  auto make_once(RunContext& run, const StepKey& key, const std::string& what, const Recall& recall,
                 const Make& make) const -> decltype(make()) {
    if (auto known = recall()) return *std::move(known);
    const FileLock maker = lock_maker(run, key, what);
    if (auto known = recall()) return *std::move(known);
    return make();
  }

  struct State;
  State& state() const { return *state_; }

 private:
  Store();
  std::string write_object(const FileObject& file, std::string_view content);
  std::string hash_on_disk(const std::string& checksum) const;
  void open(const std::filesystem::path& directory, bool is_alone);
  std::unique_ptr<State> state_;
};

/// Copies a commit with everything it reaches and its signatures into a repository of its own at `destination`
/// (replaced when it exists), under `ref`: mode bare-user, as stock ostree reads it. Nothing is shared with the store.
void export_repository(const Store& store, const std::string& commit, const std::string& ref,
                       const std::filesystem::path& destination);

}  // namespace ainode
