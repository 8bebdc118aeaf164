// SPDX-License-Identifier: Apache-2.0
// A recording is foreign bytes, wherever it lies: plain files only, counted and measured before they are believed.
#include "validators/recording_files.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"

namespace ainode {

namespace {

constexpr const char* kExpectedName = "expected.json";
constexpr const char* kReportName = "report.json";
constexpr const char* kCure = "make it again: ainode record IMAGE --out DIR";

void write_plain(const fs::path& path, std::string_view content) {
  if (content.size() > checks::kRecordedProbes) {  // no reader would take it
    throw Error(codes::recording_malformed,
                fmt::format("{} would have {} bytes, and a recording's file has {} at most", path.filename().string(),
                            content.size(), checks::kRecordedProbes))
        .help("record what is quick: a machine that says so much in its logs has a fault to mend first");
  }
  const Descriptor file = open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
  write_all(file.get(), content, path);
}

Error malformed(const ErrorCode& code, const std::string& origin, const std::string& is) {
  return std::move(Error(code, fmt::format("{}: {}", printable(origin), is)).help(kCure));
}

Json parse_part(const std::string& text, const fs::path& path, const ErrorCode& code) {
  try {
    return parse_json(text, path.string(), code);
  } catch (Error& error) {
    error.help(kCure);
    throw;
  }
}

[[noreturn]] void refuse(const fs::path& path, const std::string& is) {
  throw malformed(codes::recording_malformed, path.string(), is);
}

std::string read_part(const fs::path& directory, const char* name, std::size_t limit) {
  const fs::path path = directory / name;
  const fs::file_status status = fs::symlink_status(path);
  if (!fs::exists(status)) refuse(directory, fmt::format("{} is missing", name));
  if (!fs::is_regular_file(status)) refuse(path, "is no plain file");
  if (fs::file_size(path) > limit) refuse(path, fmt::format("has more than {} bytes", limit));
  return read_file(path, limit);
}

/// Every file below root/, by its name in the recording.
RecordedFiles read_tree(const fs::path& directory) {
  RecordedFiles files;
  std::size_t bytes = 0;
  const fs::path root = directory / checks::kRootName;
  if (!fs::is_directory(fs::symlink_status(root))) refuse(directory, "has no directory root/");
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
    const fs::file_status status = entry.symlink_status();
    if (fs::is_directory(status)) continue;
    if (fs::is_symlink(status)) refuse(entry.path(), "is a link, and a recording has none: it could lead out of it");
    if (!fs::is_regular_file(status)) refuse(entry.path(), "is no plain file");
    const std::string name = entry.path().lexically_relative(directory).string();
    if (!checks::is_recorded_name(name)) refuse(entry.path(), "has a name that no recorded file has");
    bytes += entry.file_size();
    if (bytes > checks::kRecordedTotal) refuse(root, fmt::format("has more than {} bytes", checks::kRecordedTotal));
    if (files.size() >= checks::kRecordedCount)
      refuse(root, fmt::format("has more than {} files", checks::kRecordedCount));
    files[name] = read_file(entry.path(), checks::kRecordedTotal);
  }
  return files;
}

Report read_report(const fs::path& path, const std::string& text) {
  const Json json = parse_part(text, path, codes::recording_malformed);
  try {
    return Report::from_json(json, path.string());
  } catch (const Error& error) {
    throw Error(codes::recording_malformed, error.message()).help(kCure);
  }
}

}  // namespace

checks::Recording recording_of(RecordedFiles files, const std::string& origin, const ErrorCode& code) {
  const auto probes = files.extract(std::string(checks::kProbesName));
  if (probes.empty()) throw malformed(code, origin, fmt::format("{} is missing", checks::kProbesName));
  const std::string path = fmt::format("{}/{}", origin, checks::kProbesName);
  checks::ReadAnswers answers = checks::read_probes(parse_part(probes.mapped(), path, code));
  if (!answers.value) throw malformed(code, path, printable(answers.problem));
  checks::Recording recording;
  recording.answers = std::move(*answers.value);
  for (auto& [name, content] : files) {
    for (fs::path parent = fs::path(name).parent_path(); !parent.empty(); parent = parent.parent_path())
      if (files.contains(parent.string()))
        throw malformed(code, origin, fmt::format("{} is a file and a directory", parent.string()));
    recording.bytes += content.size();
    recording.files[name.substr(checks::kRootName.size())] = std::move(content);
  }
  return recording;
}

void require_new(const fs::path& out) {
  if (!fs::exists(fs::symlink_status(out)) || (fs::is_directory(out) && fs::is_empty(out))) return;
  throw Error(codes::out_not_empty, fmt::format("{} is not empty", out.string()))
      .help("name a directory that is new or empty");
}

void write_recording(const KeptRecording& kept, const fs::path& out) {
  const fs::path parent = fs::absolute(out).lexically_normal().parent_path();
  make_directories(parent);
  const TemporaryDirectory work(parent, ".recording-");
  const fs::path whole = work.path() / "recording";
  make_directories(whole / checks::kRootName);
  checks::each_recorded(kept.recording, [&](const std::string& name, const std::string& content) {
    make_directories((whole / name).parent_path());
    write_plain(whole / name, content);
  });
  checks::Expected expected = kept.expected;
  expected.nonce.clear();
  write_plain(whole / kExpectedName, checks::write_expected(expected));
  write_plain(whole / kReportName, write_json(kept.report.to_json()));
  fs::permissions(whole, fs::perms::owner_all);
  require_new(out);  // somebody may have written there meanwhile
  fs::rename(whole, out);
}

KeptRecording read_recording(const fs::path& directory) {
  if (!fs::exists(directory / checks::kProbesName) && !fs::exists(directory / checks::kRootName))
    throw Error(codes::recording_not_found, fmt::format("{} holds no recording", directory.string())).help(kCure);
  RecordedFiles files = read_tree(directory);
  const std::string probes(checks::kProbesName);
  files[probes] = read_part(directory, probes.c_str(), checks::kRecordedProbes);
  KeptRecording kept;
  kept.recording = recording_of(std::move(files), directory.string(), codes::recording_malformed);
  const std::string text = read_part(directory, kExpectedName, checks::kRecordedProbes);
  parse_part(text, directory / kExpectedName, codes::recording_malformed);  // tells line and column
  checks::ReadExpected expected = checks::read_expected(text);
  if (!expected.value) refuse(directory, printable(expected.problem));
  kept.expected = std::move(*expected.value);
  kept.report = read_report(directory / kReportName, read_part(directory, kReportName, checks::kRecordedProbes));
  return kept;
}

}  // namespace ainode
