// SPDX-License-Identifier: Apache-2.0
// What dpkg would have written when it unpacked a package (deb-conffiles(5), deb-triggers(5), dpkg's status file).
#include "builder/store/control.h"

#include <fmt/format.h>

#include <sstream>

#include "base/error.h"

namespace ainode {

namespace {

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

template <class Visit>
void for_each_line(std::string_view text, const Visit& visit) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    visit(std::string(text.substr(0, end)));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
}

std::string_view content_of(const ControlFiles& files, const std::string& name) {
  const auto file = files.find(name);
  return file == files.end() ? std::string_view() : std::string_view(file->second.content);
}

std::string conffile_line(const std::string& line, const std::map<std::string, std::string>& digests) {
  const std::vector<std::string> words = words_of(line);
  if (words.empty()) return "";
  const bool is_flagged = words[0] == "remove-on-upgrade" && words.size() == 2;
  const std::string& path = is_flagged ? words[1] : words[0];
  const auto digest = digests.find(path.substr(path.rfind('/', 0) == 0 ? 1 : 0));
  return fmt::format(" {} {}{}\n", path, digest == digests.end() ? "newconffile" : digest->second,
                     is_flagged ? " remove-on-upgrade" : "");
}

}  // namespace

std::string control_field(std::string_view stanza, std::string_view name) {
  std::string value;
  bool is_inside = false;
  for_each_line(stanza, [&](const std::string& line) {
    if (is_inside && !line.empty() && (line[0] == ' ' || line[0] == '\t')) {
      value += "\n" + line;
      return;
    }
    is_inside = line.size() > name.size() && line.compare(0, name.size(), name) == 0 && line[name.size()] == ':';
    if (is_inside) value = line.substr(std::min(line.find_first_not_of(" \t", name.size() + 1), line.size()));
  });
  return value;
}

std::string info_name(std::string_view control) {
  const std::string name = control_field(control, "Package");
  return control_field(control, "Multi-Arch") == "same" ? name + ":" + control_field(control, "Architecture") : name;
}

std::vector<std::string> conffile_paths(const ControlFiles& files) {
  std::vector<std::string> paths;
  for_each_line(content_of(files, "conffiles"), [&](const std::string& line) {
    const std::vector<std::string> words = words_of(line);
    if (words.size() == 1 && words[0].front() == '/') paths.push_back(words[0].substr(1));
  });
  return paths;
}

std::string status_stanza(const ControlFiles& files, const std::map<std::string, std::string>& conffile_digests) {
  const std::string control(content_of(files, "control"));
  std::string stanza = fmt::format("Package: {}\nStatus: install ok unpacked\n", control_field(control, "Package"));
  for_each_line(control, [&](const std::string& line) {
    if (!line.empty() && line.rfind("Package:", 0) != 0) stanza += line + "\n";
  });
  std::string conffiles;
  for_each_line(content_of(files, "conffiles"),
                [&](const std::string& line) { conffiles += conffile_line(line, conffile_digests); });
  if (!conffiles.empty()) stanza += "Conffiles:\n" + conffiles;
  return stanza + "\n";
}

void require_control_matches(std::string_view control, const LockedPackage& package) {
  const auto require = [&](const char* field, const std::string& expected) {
    const std::string actual = control_field(control, field);
    if (actual == expected) return;
    throw Error(codes::deb_mismatch, fmt::format("the .deb of {} says `{}: {}`, but its index says `{}`", package.str(),
                                                 field, actual, expected))
        .help("the archive is inconsistent; do not use it");
  };
  require("Package", package.name);
  require("Version", package.version);
  require("Architecture", package.arch);
}

void add_triggers(TriggerFiles& into, const std::string& info_name, std::string_view triggers) {
  for_each_line(triggers, [&](const std::string& line) {
    const std::vector<std::string> words = words_of(line.substr(0, line.find('#')));
    if (words.size() != 2 || words[0].rfind("interest", 0) != 0) return;
    const bool is_noawait = words[0] == "interest-noawait";
    const std::string subscriber = info_name + (is_noawait ? "/noawait" : "");
    if (words[1].front() == '/')
      into["File"] += words[1] + " " + subscriber + "\n";
    else
      into[words[1]] += subscriber + "\n";
  });
}

}  // namespace ainode
