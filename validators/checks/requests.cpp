// SPDX-License-Identifier: Apache-2.0
#include "validators/checks/requests.h"

#include <fmt/format.h>

#include "validators/checks/base64.h"

namespace ainode::checks {

namespace {

std::string key_of_requests(const std::string& nonce) {
  return nonce + "/requests";
}

std::string joined(const std::vector<std::string>& words) {
  std::string bytes;
  for (const std::string& word : words) bytes += word + '\0';
  return bytes;
}

std::vector<std::string> separated(const std::string& bytes) {
  std::vector<std::string> words;
  for (std::size_t start = 0; start < bytes.size();) {
    const std::size_t end = bytes.find('\0', start);
    if (end == std::string::npos) throw BadLine("`argv` has a word without an end");
    words.push_back(bytes.substr(start, end - start));
    start = end + 1;
  }
  if (words.empty()) throw BadLine("`argv` is empty");
  return words;
}

Request check_of(const Json& object) {
  Request request;
  request.profiles = texts_of(object, "profiles");
  request.only = texts_of(object, "only");
  request.elsewhere = texts_of(object, "elsewhere");
  const auto level = level_named(text_of(object, "level"));
  if (!level) throw BadLine("an unknown level");
  request.level = *level;
  return request;
}

Request run_of(const Json& object) {
  Request request;
  request.type = Request::Type::run;
  request.argv = separated(bytes_of(object, "argv"));
  const std::chrono::duration<std::uint64_t> seconds(count_of(object, "seconds"));
  if (seconds > kLongestPatience) throw BadLine("`seconds` is too large");
  request.patience = seconds;
  return request;
}

}  // namespace

RequestWriter::RequestWriter(const std::string& nonce) : lines_(key_of_requests(nonce)) {}

std::string RequestWriter::write(Request& request) {
  std::string lines;
  for (std::size_t at = 0; at < request.input.size(); at += kPieceLimit)
    lines +=
        lines_.seal({{"type", "input"}, {"data", base64(std::string_view(request.input).substr(at, kPieceLimit))}});
  request.number = lines_.written();
  if (request.type == Request::Type::run)
    return lines + lines_.seal({{"type", "run"},
                                {"argv", base64(joined(request.argv))},
                                {"seconds", static_cast<std::uint64_t>(request.patience.count())}});
  return lines + lines_.seal({{"type", "check"},
                              {"profiles", request.profiles},
                              {"level", to_string(request.level)},
                              {"only", request.only},
                              {"elsewhere", request.elsewhere}});
}

RequestReader::RequestReader(const std::string& nonce) : lines_(key_of_requests(nonce)) {}

std::vector<Request> RequestReader::feed(std::string_view bytes) {
  std::vector<Request> requests;
  lines_.feed(bytes, [&](const Json& object) -> std::string {
    const std::string type = text_of(object, "type");
    if (type == "input") {
      input_ += bytes_of(object, "data");
      return input_.size() <= kInputLimit ? "" : fmt::format("input of more than {} bytes", kInputLimit);
    }
    if (type != "check" && type != "run") throw BadLine(fmt::format("an unknown type `{}`", type.substr(0, 40)));
    Request& request = requests.emplace_back(type == "run" ? run_of(object) : check_of(object));
    request.number = lines_.accepted();
    request.input = std::exchange(input_, {});
    return "";
  });
  return requests;
}

}  // namespace ainode::checks
