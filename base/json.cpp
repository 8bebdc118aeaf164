// SPDX-License-Identifier: Apache-2.0
// A strict front of nlohmann's parser, which by itself lets the last of two equal keys win.
#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace ainode {
namespace {

constexpr int kMaxDepth = 64;

// Tells how far the parser has read, which its callback does not.
class CountedText {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountedText(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  CountedText& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  CountedText operator++(int) {
    CountedText before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountedText& other) const { return at_ == other.at_; }
  bool operator!=(const CountedText& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

Place place_at(std::string_view text, std::size_t offset, const std::string& origin) {
  offset = std::min(offset, text.size());
  const std::string_view before = text.substr(0, offset);
  const std::size_t line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  Place place;
  place.file = origin;
  place.line = 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
  place.column = 1 + static_cast<int>(offset - line_start);
  // A canonical document may be one line of megabytes.
  const std::string_view line = text.substr(line_start, text.find('\n', line_start) - line_start);
  if (line.size() <= 200) place.source_line = line;
  return place;
}

// The opening quote of the string that ends just before `end`.
std::size_t string_start(std::string_view text, std::size_t end) {
  std::size_t at = end - 1;
  while (at > 0) {
    --at;
    if (text[at] != '"') continue;
    std::size_t slashes = 0;
    while (slashes < at && text[at - 1 - slashes] == '\\') ++slashes;
    if (slashes % 2 == 0) break;
  }
  return at;
}

// "[json.exception…] parse error at line 1, column 5: syntax error …" without what we say ourselves.
std::string reason_of(const std::exception& error) {
  const std::string_view what = error.what();
  const std::size_t column = what.find("column ");
  const std::size_t start = column == std::string_view::npos ? what.find("] ") : what.find(": ", column);
  return printable(start == std::string_view::npos ? what : what.substr(start + 2));
}

class StrictParser {
 public:
  StrictParser(std::string_view text, const std::string& origin, const ErrorCode& code)
      : text_(text), origin_(origin), code_(code), reached_(text.data()) {}

  Json parse() {
    if (text_.starts_with("\xef\xbb\xbf")) throw failure("starts with a byte order mark", 0);
    const auto watch = [this](int depth, Json::parse_event_t event, Json& value) {
      return accept(depth, event, value);
    };
    try {
      return Json::parse(CountedText(text_.data(), &reached_), CountedText(text_.data() + text_.size(), &reached_),
                         watch);
    } catch (const Json::parse_error& error) {
      throw failure("is not valid JSON", error.byte > 0 ? error.byte - 1 : 0).label(reason_of(error));
    } catch (const Json::exception& error) {
      throw failure("is not valid JSON", position()).label(reason_of(error));
    }
  }

 private:
  using Event = Json::parse_event_t;

  bool accept(int depth, Event event, Json& value) {
    if (depth > kMaxDepth) throw failure(fmt::format("is nested more than {} levels deep", kMaxDepth), position());
    if (event == Event::object_start) keys_.emplace_back();
    if (event == Event::object_end) keys_.pop_back();
    if (event == Event::key && !keys_.back().insert(value.get<std::string>()).second)
      throw failure(fmt::format("has the key `{}` twice in one object", printable(value.get<std::string>())),
                    string_start(text_, position()));
    return true;
  }
  std::size_t position() const { return static_cast<std::size_t>(reached_ - text_.data()); }
  Error failure(const std::string& is, std::size_t offset) const {
    Error error(code_, origin_ + " " + is);
    error.at(place_at(text_, offset, origin_));
    return error;
  }

  std::string_view text_;
  const std::string& origin_;
  const ErrorCode& code_;
  const char* reached_;
  std::vector<std::set<std::string>> keys_;
};

}  // namespace

Json parse_json(std::string_view text, const std::string& origin, const ErrorCode& code) {
  return StrictParser(text, origin, code).parse();
}

std::string write_json(const Json& json) {
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

JsonObject::JsonObject(const Json& json, std::string origin, const ErrorCode& code, std::string path)
    : json_(json), origin_(std::move(origin)), path_(std::move(path)), code_(code) {
  if (json_.is_object()) return;
  throw Error(code_, path_.empty() ? origin_ + " is not a JSON object"
                                   : fmt::format("{}: `{}` is not an object", origin_, path_));
}

void JsonObject::refuse(std::string_view key, std::string_view is) const {
  throw Error(code_, fmt::format("{}: `{}{}{}` {}", origin_, path_, path_.empty() ? "" : ".", key, is));
}

const Json& JsonObject::value(const char* key) const {
  const auto found = json_.find(key);
  if (found == json_.end()) refuse(key, "is missing");
  return *found;
}

bool JsonObject::has(const char* key) const {
  return json_.contains(key);
}

std::string JsonObject::text(const char* key) const {
  if (!value(key).is_string()) refuse(key, "is not a string");
  return value(key).get<std::string>();
}

std::int64_t JsonObject::integer(const char* key) const {
  const Json& json = value(key);
  if (!json.is_number_integer() || (json.is_number_unsigned() && json.get<std::uint64_t>() > INT64_MAX))
    refuse(key, "is not an integer");
  return json.get<std::int64_t>();
}

std::uint64_t JsonObject::size(const char* key) const {
  if (!value(key).is_number_unsigned()) refuse(key, "is not a size");
  return value(key).get<std::uint64_t>();
}

double JsonObject::number(const char* key) const {
  if (!value(key).is_number()) refuse(key, "is not a number");
  return value(key).get<double>();
}

bool JsonObject::boolean(const char* key) const {
  if (!value(key).is_boolean()) refuse(key, "is not true or false");
  return value(key).get<bool>();
}

JsonObject JsonObject::object(const char* key) const {
  return {value(key), origin_, code_, path_.empty() ? key : path_ + "." + key};
}

const Json& JsonObject::array(const char* key) const {
  if (!value(key).is_array()) refuse(key, "is not an array");
  return value(key);
}

std::vector<std::string> JsonObject::texts(const char* key) const {
  std::vector<std::string> result;
  for (const Json& item : array(key)) {
    if (!item.is_string()) refuse(fmt::format("{}[{}]", key, result.size()), "is not a string");
    result.push_back(item.get<std::string>());
  }
  return result;
}

std::vector<JsonObject> JsonObject::objects(const char* key) const {
  std::vector<JsonObject> result;
  for (const Json& item : array(key))
    result.emplace_back(item, origin_, code_,
                        fmt::format("{}{}{}[{}]", path_, path_.empty() ? "" : ".", key, result.size()));
  return result;
}

std::string JsonObject::sha256(const char* key) const {
  std::string digest = text(key);
  if (digest.size() != 64 || digest.find_first_not_of("0123456789abcdef") != std::string::npos)
    refuse(key, "is not a SHA-256 in hexadecimal");
  return digest;
}

std::string JsonObject::file_name(const char* key) const {
  std::string name = text(key);
  const bool has_bad_byte = std::any_of(name.begin(), name.end(),
                                        [](unsigned char byte) { return byte < 0x20 || byte == 0x7f || byte == '/'; });
  if (name.empty() || name == "." || name == ".." || has_bad_byte) refuse(key, "is not a plain file name");
  return name;
}

}  // namespace ainode
