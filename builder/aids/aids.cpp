// SPDX-License-Identifier: Apache-2.0
#include "builder/aids/aids.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "builder/aids/record.h"

namespace ainode::aids {

void note(const std::string& file, const std::vector<std::string>& fields) {
  std::string line;
  for (const std::string& field : fields) line += (line.empty() ? "" : "\t") + field;
  line += '\n';
  const std::string path = kAidDirectory + "/notes/" + file;
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0 || write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    dprintf(2, "ainode: cannot note in %s: %s\n", path.c_str(), std::strerror(errno));
    _exit(125);
  }
  close(fd);
}

void run_original(const std::string& name, const Arguments& arguments) {
  const std::string path = kAidDirectory + "/original/" + name;
  std::vector<char*> words = {const_cast<char*>(path.c_str())};
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  execv(path.c_str(), words.data());
  dprintf(2, "ainode: cannot run %s: %s\n", path.c_str(), std::strerror(errno));
  _exit(126);
}

namespace {

/// A question, or work on another tree than this one.
bool is_for_now(const std::string& argument) {
  for (const char* word : {"--version", "-V", "--help", "-h", "-b", "--basedir", "--root", "-r", "query", "--certsdir",
                           "--etccertsdir", "--localcertsdir", "--targetdir"})
    if (argument == word || argument.rfind(std::string(word) + "=", 0) == 0) return true;
  return false;
}

}  // namespace

int defer_call(const std::string& program, const Arguments& arguments) {
  if (std::any_of(arguments.begin(), arguments.end(), is_for_now)) run_original(program, arguments);
  std::vector<std::string> fields = {program};
  for (const std::string& argument : arguments) fields.push_back(escaped(argument));
  note("calls", fields);
  return 0;
}

int invoke_nothing(const Arguments& arguments) {
  std::string words;
  std::size_t plain = 0;
  for (const std::string& argument : arguments) {
    words += (words.empty() ? "" : " ") + argument;
    plain += argument.rfind("--", 0) != 0;
  }
  // The action alone is for no unit, so policy-rc.d has no say.
  if (plain < 2) run_original("deb-systemd-invoke", arguments);
  dprintf(2, "/usr/sbin/policy-rc.d returned 101, not running '%s'\n", words.c_str());
  return 0;
}

}  // namespace ainode::aids
