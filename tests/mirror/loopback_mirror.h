// SPDX-License-Identifier: Apache-2.0
// Starts tests/mirror/make_mirror.py with its server and ends it with the test.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"

namespace ainode {

class LoopbackMirror {
 public:
  explicit LoopbackMirror(std::vector<std::string> arguments = {"--fault", "none"})
      : scratch_(fs::temp_directory_path(), "ainode-mirror-") {
    int to_child[2], from_child[2];
    if (pipe2(to_child, O_CLOEXEC) != 0 || pipe2(from_child, O_CLOEXEC) != 0) throw system_error("make a pipe", errno);
    std::vector<std::string> words = {"python3", AINODE_SOURCE_DIR "/tests/mirror/make_mirror.py",
                                      scratch_.path().string(), "--serve"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    child_ = fork();
    if (child_ == 0) {
      dup2(to_child[0], STDIN_FILENO);
      dup2(from_child[1], STDOUT_FILENO);
      execvp(argv[0], argv.data());
      _exit(127);
    }
    close(to_child[0]);
    close(from_child[1]);
    input_ = Descriptor(to_child[1]);
    const Descriptor output(from_child[0]);
    std::string line;
    for (char c = 0; read(output.get(), &c, 1) == 1 && c != '\n';) line += c;
    description_ = parse_json(line, "make_mirror.py", codes::process_failed);
  }

  ~LoopbackMirror() {
    input_.reset();  // the server ends when its standard input closes
    kill(child_, SIGTERM);
    waitpid(child_, nullptr, 0);
  }
  LoopbackMirror(const LoopbackMirror&) = delete;

  std::string uri(const std::string& fault, const std::string& archive) const {
    return description_["mirrors"][fault][archive].get<std::string>();
  }
  std::string keyring() const { return description_["keyring"].get<std::string>(); }
  std::string server() const { return description_["server"].get<std::string>(); }

 private:
  TemporaryDirectory scratch_;
  pid_t child_ = -1;
  Descriptor input_;
  Json description_;
};

}  // namespace ainode
