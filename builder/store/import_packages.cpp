// SPDX-License-Identifier: Apache-2.0
// One .deb to one commit: the data archive as it is, the control archive as dpkg's database has it. Every entry passes
// a policy first; nothing is ever extracted to a file system here.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <stdexcept>

#include "base/archive.h"
#include "base/error.h"
#include "base/files.h"
#include "base/md5.h"
#include "base/parallel.h"
#include "builder/store/control.h"
#include "builder/store/entry_policy.h"
#include "builder/store/packages.h"

namespace ainode {

namespace {

// Raised whenever the commit of one and the same .deb changes.
constexpr int kImporterVersion = 3;
// Later than any clock of ours; a hostile time must not become the time of an image.
constexpr std::int64_t kLatestTime = std::int64_t{1} << 40;

std::string package_ref(const LockedPackage& package) {
  return fmt::format("deb/v{}/{}", kImporterVersion, package.sha256);
}

/// A file mapped for reading.
class MappedFile {
 public:
  explicit MappedFile(const fs::path& path) {
    const Descriptor file = open_file(path, O_RDONLY);
    struct stat status = {};
    if (fstat(file.get(), &status) != 0) throw system_error("read " + path.string(), errno);
    size_ = static_cast<std::size_t>(status.st_size);
    if (size_ == 0) return;
    data_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (data_ == MAP_FAILED) throw system_error("map " + path.string(), errno);
  }
  MappedFile(const MappedFile&) = delete;
  ~MappedFile() {
    if (data_) munmap(data_, size_);
  }
  std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Collects one package's tree.
class PackageImport {
 public:
  PackageImport(Store& store, const LockedPackage& package) : store_(store), package_(package) {}

  std::string run(std::string_view deb) {
    if (const std::string actual = sha256_hex(deb); actual != package_.sha256) {
      throw Error(codes::checksum_mismatch,
                  fmt::format("the .deb of {} has SHA-256 {}, not {}", package_.str(), actual, package_.sha256))
          .help("build again: it is fetched anew");
    }
    std::string_view control, data;
    for (const ArMember& member : read_ar(deb, package_.str())) {
      if (member.name.rfind("control.tar", 0) == 0) control = member.data;
      if (member.name.rfind("data.tar", 0) == 0) data = member.data;
    }
    read_control(control);
    require_control_matches(control_files_["control"].content, package_);
    for (const std::string& path : conffile_paths(control_files_)) conffiles_.insert(merged_path(path));
    needs_md5sums_ = !control_files_.count("md5sums");
    read_data(data);
    add_database();
    CommitOptions options;
    options.subject = package_.str();
    options.timestamp = newest_;
    return store_.write_commit(tree_, options);
  }

 private:
  void read_control(std::string_view archive) {
    TarReader tar(archive, package_.str() + ": control.tar", unpacked_limit(archive));
    while (const ArchiveEntry* entry = tar.next()) {
      const std::string name = plain_path(package_, entry->path);
      if (name.empty() && entry->type == ArchiveEntry::Type::directory) continue;
      if (entry->type != ArchiveEntry::Type::file || name.find('/') != std::string::npos) {
        refuse_entry(package_, "control.tar: " + name, "is not a plain file");
      }
      if (name == "list") refuse_entry(package_, "control.tar: list", "would take the place of dpkg's own");
      const bool is_new =
          control_files_.try_emplace(name, ControlFile{std::string(tar.content()), (entry->mode & 0111) != 0}).second;
      if (!is_new) refuse_entry(package_, "control.tar: " + name, "stands there twice");
    }
    if (!control_files_.count("control")) {
      throw Error(codes::deb_malformed, fmt::format("the .deb of {} has no control file", package_.str()));
    }
  }

  void read_data(std::string_view archive) {
    TarReader tar(archive, package_.str() + ": data.tar", unpacked_limit(archive));
    while (const ArchiveEntry* entry = tar.next()) add_entry(*entry, tar);
  }

  void add_entry(const ArchiveEntry& entry, TarReader& tar) {
    const std::string shipped = plain_path(package_, entry.path);
    if (entry.mtime <= kLatestTime) newest_ = std::max(newest_, entry.mtime);
    list_ += shipped.empty() ? "/.\n" : "/" + shipped + "\n";
    if (shipped.empty()) return;  // the root's owner and mode are ours to say
    require_allowed(package_, shipped, entry);
    const bool is_link_of_base = entry.type == ArchiveEntry::Type::symlink && shipped.find('/') == std::string::npos;
    const std::string path = is_link_of_base ? shipped : merged_path(shipped);
    require_directories_above(path);
    if (entry.type == ArchiveEntry::Type::directory)
      add_directory(path, entry);
    else
      add_file(path, entry, tar);
  }

  void require_directories_above(const std::string& path) {
    for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      if (tree_.file(std::string_view(path).substr(0, slash)))
        refuse_entry(package_, path, "lies below something that is not a directory");
    }
  }

  void add_directory(const std::string& path, const ArchiveEntry& entry) {
    if (tree_.file(path)) refuse_entry(package_, path, "is a directory and another thing too");
    tree_.make_directories(path).ownership = ownership_of(entry);
  }

  void add_file(const std::string& path, const ArchiveEntry& entry, TarReader& tar) {
    if (path.rfind("var/lib/dpkg/", 0) == 0) refuse_entry(package_, path, "is a file of dpkg's own database");
    if (tree_.exists(path)) refuse_entry(package_, path, "stands there twice");
    tree_.put_file(path, object_of(path, entry, tar), package_.name);
  }

  std::string object_of(const std::string& path, const ArchiveEntry& entry, TarReader& tar) {
    switch (entry.type) {
      case ArchiveEntry::Type::symlink:
        return store_.write_file({true, {entry_uid(entry), entry_gid(entry), 0777, {}}, entry.target});
      case ArchiveEntry::Type::hardlink: {
        const TreeDirectory::File* target = tree_.file(merged_path(plain_path(package_, entry.target)));
        if (!target)
          refuse_entry(package_, path,
                       fmt::format("is a hard link to `{}`, which the package does not hold", entry.target));
        return target->checksum;
      }
      case ArchiveEntry::Type::file: {
        const std::string_view content = tar.content();
        note_digest(path, entry.path, content);
        return store_.write_file(ownership_of(entry), content);
      }
      default:
        throw std::logic_error("an entry that the policy must have refused");
    }
  }

  /// dpkg keeps the MD5 of configuration files in its status, and that of every file where the package brings none.
  void note_digest(const std::string& path, const std::string& raw, std::string_view content) {
    const bool is_conffile = conffiles_.count(path) > 0;
    if (!is_conffile && !needs_md5sums_) return;
    const std::string digest = md5_hex(content);
    if (is_conffile) digests_[path] = digest;
    if (needs_md5sums_) md5sums_ += digest + "  " + plain_path(package_, raw) + "\n";
  }

  static std::uint32_t entry_uid(const ArchiveEntry& entry) { return static_cast<std::uint32_t>(entry.uid); }
  static std::uint32_t entry_gid(const ArchiveEntry& entry) { return static_cast<std::uint32_t>(entry.gid); }
  static Ownership ownership_of(const ArchiveEntry& entry) {
    return {entry_uid(entry), entry_gid(entry), entry.mode & 07777u, {}};
  }

  void add_database() {
    static const std::set<std::string> scripts = {"preinst", "postinst", "prerm", "postrm", "config"};
    const std::string& control = control_files_["control"].content;
    const std::string prefix = "var/lib/dpkg/info/" + info_name(control) + ".";
    tree_.put_file(prefix + "list", store_.write_text(list_), package_.name);
    if (needs_md5sums_) tree_.put_file(prefix + "md5sums", store_.write_text(md5sums_), package_.name);
    for (const auto& [name, file] : control_files_) {
      if (name == "control") continue;
      tree_.put_file(prefix + name, store_.write_text(file.content, scripts.count(name) ? 0755 : 0644), package_.name);
    }
    tree_.put_file("var/lib/dpkg/ainode-status.d/" + package_.name,
                   store_.write_text(status_stanza(control_files_, digests_)), package_.name);
  }

  Store& store_;
  const LockedPackage& package_;
  Tree tree_;
  ControlFiles control_files_;
  std::string list_;
  std::int64_t newest_ = 0;
  std::set<std::string> conffiles_;
  std::map<std::string, std::string> digests_;  ///< of configuration files, by path
  bool needs_md5sums_ = false;
  std::string md5sums_;
};

}  // namespace

std::string package_commit(const Store& store, const LockedPackage& package) {
  const auto commit = store.resolve(package_ref(package));
  if (!commit) throw Error(codes::store_failed, fmt::format("the store has no commit of {}", package.str()));
  return *commit;
}

std::int64_t package_time(const Store& store, const LockedPackage& package) {
  return store.commit_time(package_commit(store, package));
}

std::vector<LockedPackage> packages_to_import(const Store& store, const std::vector<LockedPackage>& packages) {
  std::vector<LockedPackage> missing;
  for (const LockedPackage& package : packages) {
    if (!store.resolve(package_ref(package))) missing.push_back(package);
  }
  return missing;
}

void import_packages(RunContext& run, Store& store, const std::vector<LockedPackage>& packages,
                     const std::map<std::string, fs::path>& debs) {
  std::vector<LockedPackage> largest_first = packages;
  std::stable_sort(largest_first.begin(), largest_first.end(),
                   [](const auto& a, const auto& b) { return a.size > b.size; });
  std::uint64_t total = 0;
  for (const LockedPackage& package : packages) total += package.size;

  Store::Transaction transaction(store);
  std::vector<std::string> commits(largest_first.size());
  std::atomic<std::uint64_t> done{0};
  parallel_for(run.jobs, largest_first.size(), [&](std::size_t i) {
    const LockedPackage& package = largest_first[i];
    const MappedFile deb(debs.at(package.sha256));
    commits[i] = PackageImport(store, package).run(deb.bytes());
    run.events.progress("import", done += package.size, total, "B");
  });
  for (std::size_t i = 0; i < commits.size(); ++i) transaction.set_ref(package_ref(largest_first[i]), commits[i]);
  transaction.commit();
}

}  // namespace ainode
