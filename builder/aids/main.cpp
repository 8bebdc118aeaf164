// SPDX-License-Identifier: Apache-2.0
// Chooses what to stand in for by the name it was called under.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "builder/aids/aids.h"

namespace ainode::aids {

namespace {

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

bool is_maintainer_script(const std::string& name) {
  for (const char* kind : {".preinst", ".postinst"})
    if (name.ends_with(kind)) return true;
  return false;
}

int stand_in(const std::string& called_as, const Arguments& arguments) {
  const std::string name = base_name(called_as);
  if (is_maintainer_script(name)) return run_maintainer_script(called_as, arguments);
  if (name == "deb-systemd-helper") return helper_for_units(arguments);
  if (name == "deb-systemd-invoke") return invoke_nothing(arguments);
  return defer_call(name, arguments);
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string out;
  for (const char byte : text) {
    if (byte == '\t')
      out += "\\t";
    else if (byte == '\n')
      out += "\\n";
    else if (byte == '\\')
      out += "\\\\";
    else
      out += byte;
  }
  return out;
}

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

/// A question, or work on another tree than this one.
bool is_for_now(const std::string& argument) {
  for (const char* word : {"--version", "-V", "--help", "-h", "-b", "--basedir", "--root", "-r", "query", "--certsdir",
                           "--etccertsdir", "--localcertsdir", "--targetdir"})
    if (argument == word || argument.rfind(std::string(word) + "=", 0) == 0) return true;
  return false;
}

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

int main(int count, char** words) {
  if (count < 1) return 125;
  return ainode::aids::stand_in(words[0], {words + 1, words + count});
}
