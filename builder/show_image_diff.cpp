// SPDX-License-Identifier: Apache-2.0
// A diff of images for people, and the same for programs.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "builder/diff_images.h"

namespace ainode {

namespace {

using Lines = std::vector<std::string>;

/// Sections of at most so many lines each; an empty one is left out.
class Report {
 public:
  explicit Report(std::size_t most_lines) : most_lines_(most_lines) {}

  void section(const std::string& title, const Lines& lines, bool is_worth_a_title = false) {
    if (lines.empty() && !is_worth_a_title) return;
    text_ += title + "\n";
    const std::size_t shown = most_lines_ == 0 ? lines.size() : std::min(most_lines_, lines.size());
    for (std::size_t i = 0; i < shown; ++i) text_ += "  " + lines[i] + "\n";
    if (shown < lines.size()) text_ += fmt::format("  … and {} more; --all shows them\n", lines.size() - shown);
  }
  const std::string& text() const { return text_; }

 private:
  std::size_t most_lines_;
  std::string text_;
};

char mark_of(bool has_before, bool has_after) {
  return !has_before ? '+' : has_after ? '~' : '-';
}

std::string size_text(std::uint64_t bytes) {
  const double size = static_cast<double>(bytes);
  if (bytes >= 1'000'000) return fmt::format("{:.1f} MB", size / 1e6);
  return bytes >= 1'000 ? fmt::format("{:.1f} kB", size / 1e3) : fmt::format("{} B", bytes);
}

std::string growth(std::uint64_t before, std::uint64_t after) {
  return signed_size(static_cast<std::int64_t>(after) - static_cast<std::int64_t>(before));
}

std::string plural(std::size_t count, const char* one, const char* several) {
  return fmt::format("{} {}", count, count == 1 ? one : several);
}

Lines changed_values(const std::vector<ValueChange>& changes) {
  Lines lines;
  for (const ValueChange& change : changes) {
    const char mark = mark_of(!change.before.empty(), !change.after.empty());
    const char* arrow = mark == '~' ? " → " : "";
    lines.push_back(
        fmt::format("{} {}: {}{}{}", mark, change.subject, printable(change.before), arrow, printable(change.after)));
  }
  return lines;
}

Lines added_and_removed(const Lines& added, const Lines& removed) {
  Lines lines;
  for (const std::string& item : added) lines.push_back("+ " + printable(item));
  for (const std::string& item : removed) lines.push_back("- " + printable(item));
  return lines;
}

std::string file_line(const FileChange& change) {
  const bool has_before = change.kind != FileChange::Kind::added, has_after = change.kind != FileChange::Kind::removed;
  Lines details;
  for (const std::string& what : change.what) details.push_back(what);
  if (change.size_before && change.size_after) {
    if (change.size_before != change.size_after) details.push_back(growth(*change.size_before, *change.size_after));
  } else if (change.size_before || change.size_after) {
    details.push_back(size_text(change.size_before ? *change.size_before : *change.size_after));
  }
  if (change.files_within > 0) details.push_back(plural(change.files_within, "file in it", "files in it"));
  std::string line = fmt::format("{} {}", mark_of(has_before, has_after), printable(change.path));
  if (!details.empty()) line += fmt::format("  {}", fmt::join(details, ", "));
  return line;
}

/// Files that came and went are counted one by one, whole directories' too.
std::string file_title(const ImageDiff& diff) {
  std::size_t added = 0, removed = 0, changed = 0;
  for (const FileChange& change : diff.files) {
    if (change.kind == FileChange::Kind::changed) {
      ++changed;
    } else if (!change.path.ends_with('/')) {
      ++(change.kind == FileChange::Kind::added ? added : removed);
    }
  }
  return fmt::format("files: {} added, {} removed, {} changed", added, removed, changed);
}

void show_files(Report& report, const ImageDiff& diff, bool all) {
  Lines lines;
  for (const FileChange& change : diff.files)
    if (all || !change.is_within) lines.push_back(file_line(change));
  report.section(file_title(diff), lines);
}

void show_packages(Report& report, const LockDiff& lock) {
  Lines lines;
  std::size_t added = 0, removed = 0, changed = 0;
  for (const PackageChange& change : lock.changes) {
    ++(!change.before ? added : change.after ? changed : removed);
    lines.push_back(show_change(change));
  }
  report.section(fmt::format("packages: {} added, {} removed, {} changed; {} to fetch", added, removed, changed,
                             growth(lock.bytes_before, lock.bytes_after)),
                 lines);
}

void show_kernel(Report& report, const LockDiff& lock) {
  const bool is_other = lock.kernel_before != lock.kernel_after;
  std::string title = "kernel " + printable(lock.kernel_before);
  if (is_other) title += " → " + printable(lock.kernel_after);
  title += fmt::format(": {} of its configuration", plural(lock.kernel_options.size(), "option", "options"));
  title += lock.kernel_options.size() == 1 ? " differs" : " differ";
  Lines lines;
  for (const OptionChange& option : lock.kernel_options)
    lines.push_back(printable(fmt::format("{}: {} → {}", option.option, option.before, option.after)));
  report.section(title, lines, is_other);
}

void show_sizes(Report& report, const ImageDiff& diff) {
  Lines lines;
  if (diff.installed_before != diff.installed_after)
    lines.push_back(fmt::format("installed: {} → {}, {}", size_text(diff.installed_before),
                                size_text(diff.installed_after), growth(diff.installed_before, diff.installed_after)));
  for (const OutputChange& change : diff.outputs) {
    const std::string name = printable((change.after ? change.after : change.before)->name);
    if (!change.before || !change.after) {
      const OutputFile& file = change.after ? *change.after : *change.before;
      lines.push_back(fmt::format("{} {}: {}", mark_of(change.before.has_value(), change.after.has_value()), name,
                                  size_text(file.size)));
    } else if (change.before->size == change.after->size) {
      lines.push_back(fmt::format("{}: {}, other bytes", name, size_text(change.after->size)));
    } else {
      lines.push_back(fmt::format("{}: {} → {}, {}", name, size_text(change.before->size),
                                  size_text(change.after->size), growth(change.before->size, change.after->size)));
    }
  }
  report.section("sizes", lines);
}

Json values_json(const std::vector<ValueChange>& changes) {
  Json list = Json::array();
  for (const ValueChange& change : changes)
    list.push_back({{"subject", change.subject}, {"before", change.before}, {"after", change.after}});
  return list;
}

template <class Value>
Json or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json files_json(const std::vector<FileChange>& changes) {
  constexpr const char* kKinds[] = {"added", "removed", "changed"};
  Json list = Json::array();
  for (const FileChange& change : changes)
    list.push_back({{"path", change.path},
                    {"change", kKinds[static_cast<int>(change.kind)]},
                    {"what", change.what},
                    {"size_before", or_null(change.size_before)},
                    {"size_after", or_null(change.size_after)}});
  return list;
}

Json sizes_json(const ImageDiff& diff) {
  Json outputs = Json::array();
  for (const OutputChange& change : diff.outputs) {
    Json output = {{"name", (change.after ? change.after : change.before)->name}};
    for (const auto& [key, side] : {std::pair{"before", &change.before}, {"after", &change.after}})
      output[key] = *side ? Json{{"size", (*side)->size}, {"sha256", (*side)->sha256}} : Json(nullptr);
    outputs.push_back(std::move(output));
  }
  return {{"installed_before", diff.installed_before},
          {"installed_after", diff.installed_after},
          {"outputs", std::move(outputs)}};
}

Json image_json(const Manifest& manifest) {
  return {{"name", manifest.name}, {"commit", manifest.commit}, {"kernel", manifest.kernel_release}};
}

}  // namespace

std::string show_image_diff(const ImageDiff& diff, std::size_t most_lines) {
  Report report(most_lines);
  report.section(fmt::format("commit {}\n     → {}", diff.before.commit, diff.after.commit), {}, !diff.empty());
  report.section("image", changed_values(diff.identity));
  report.section("recipe", diff.lock.recipe);
  report.section("repositories", diff.lock.repositories);
  if (!diff.lock.changes.empty()) show_packages(report, diff.lock);
  if (!diff.files.empty()) show_files(report, diff, most_lines == 0);
  if (diff.lock.kernel_before != diff.lock.kernel_after || !diff.lock.kernel_options.empty())
    show_kernel(report, diff.lock);
  report.section(fmt::format("modules: {} added, {} removed", diff.modules_added.size(), diff.modules_removed.size()),
                 added_and_removed(diff.modules_added, diff.modules_removed));
  report.section("kernel command line", diff.arguments_reordered
                                            ? Lines{"the same arguments in another order"}
                                            : added_and_removed(diff.arguments_added, diff.arguments_removed));
  report.section("settings", changed_values(diff.settings));
  show_sizes(report, diff);
  report.section("not compared", diff.lock.unknown);
  return diff.empty() ? report.text() + "no difference\n" : report.text();
}

Json image_diff_json(const ImageDiff& diff) {
  Json json = {{"different", !diff.empty()}, {"before", image_json(diff.before)}, {"after", image_json(diff.after)}};
  json["identity"] = values_json(diff.identity);
  json.update(diff_json(diff.lock));
  json["kernel"]["modules_added"] = diff.modules_added;
  json["kernel"]["modules_removed"] = diff.modules_removed;
  json["kernel"]["arguments_added"] = diff.arguments_added;
  json["kernel"]["arguments_removed"] = diff.arguments_removed;
  json["kernel"]["arguments_reordered"] = diff.arguments_reordered;
  json["files"] = files_json(diff.files);
  json["settings"] = values_json(diff.settings);
  json["sizes"] = sizes_json(diff);
  return json;
}

}  // namespace ainode
