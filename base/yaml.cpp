// SPDX-License-Identifier: Apache-2.0
// Two passes: the bytes (size, encoding, control characters, tabs), then yaml-cpp's events, from which a tree is built
// under limits. yaml-cpp's own tree is never made: it accepts duplicate keys, and walking it may not end.
#include "base/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <set>
#include <sstream>

namespace ainode {

namespace {

constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kMaxNodes = 100'000;
constexpr std::size_t kMaxBracketRun = 1000;
constexpr std::size_t kMaxCountedLine = 4096;
constexpr std::size_t kMaxShownLine = 200;  // a caret display of more helps nobody, and every node holds a copy

bool is_continuation_byte(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

std::size_t count_code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return !is_continuation_byte(byte); }));
}

/// The text by lines, and places in it. Lines and columns given to it count from 0, columns in bytes, as yaml-cpp does.
class Source {
 public:
  Source(std::string_view text, std::string file) : text_(text), file_(std::move(file)) {
    starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i)
      if (text[i] == '\n') starts_.push_back(i + 1);
  }

  const std::string& file() const { return file_; }
  std::string_view text() const { return text_; }
  std::size_t line_count() const { return starts_.size(); }

  std::string_view line(std::size_t number) const {
    if (number >= starts_.size()) return {};
    const std::size_t end = number + 1 < starts_.size() ? starts_[number + 1] - 1 : text_.size();
    std::string_view line = text_.substr(starts_[number], end - starts_[number]);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

  Place place(std::size_t number, std::size_t column, std::size_t width_in_bytes = 1) const {
    const std::string_view whole = line(number);
    column = std::min(column, whole.size());
    Place place;
    place.file = file_;
    place.line = static_cast<int>(number + 1);
    // Far out in a hostile line of a megabyte, counting code points for every node would be quadratic: count bytes.
    const std::size_t before = column <= kMaxCountedLine ? count_code_points(whole.substr(0, column)) : column;
    place.column = static_cast<int>(before + 1);
    place.width = static_cast<int>(std::max<std::size_t>(1, count_code_points(whole.substr(column, width_in_bytes))));
    if (column <= kMaxShownLine) place.source_line = shown(whole);
    return place;
  }

  Place place_of_offset(std::size_t offset) const {
    const auto after = std::upper_bound(starts_.begin(), starts_.end(), offset);
    const auto number = static_cast<std::size_t>(after - starts_.begin()) - 1;
    return place(number, offset - starts_[number]);
  }

  /// From the mark to the end of its line.
  std::string_view rest(const YAML::Mark& mark) const {
    if (mark.is_null()) return {};
    const std::string_view whole = line(static_cast<std::size_t>(mark.line));
    return whole.substr(std::min(static_cast<std::size_t>(mark.column), whole.size()));
  }

  Place place(const YAML::Mark& mark, std::size_t width_in_bytes = 1) const {
    if (mark.is_null()) return Place{file_, 0, 0, 1, ""};
    return place(static_cast<std::size_t>(mark.line), static_cast<std::size_t>(mark.column), width_in_bytes);
  }

 private:
  static std::string shown(std::string_view line) {
    if (line.size() <= kMaxShownLine) return std::string(line);
    std::size_t end = kMaxShownLine;
    while (end > 0 && is_continuation_byte(line[end])) --end;
    return std::string(line.substr(0, end)) + "…";
  }

  std::string_view text_;
  std::string file_;
  std::vector<std::size_t> starts_;
};

// --- The bytes -------------------------------------------------------------------------------------------------------

/// Length of the valid UTF-8 sequence at the start of `text` and its code point; 0 when there is none.
std::size_t decode_utf8(std::string_view text, unsigned& code_point) {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
  if (length == 0 || length > text.size()) return 0;
  code_point = length == 1 ? first : first & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation_byte(text[i])) return 0;
    code_point = code_point << 6 | (static_cast<unsigned char>(text[i]) & 0x3Fu);
  }
  constexpr unsigned kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
  return code_point < kSmallest[length] || code_point > 0x10FFFF || is_surrogate ? 0 : length;
}

bool is_allowed(unsigned code_point, std::string_view at) {
  if (code_point == '\n' || code_point == '\t') return true;
  if (code_point == '\r') return at.starts_with("\r\n");
  if (code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0)) return false;
  if (code_point == 0x2028 || code_point == 0x2029 || code_point == 0xFEFF) return false;
  return !(code_point >= 0x202A && code_point <= 0x202E) && !(code_point >= 0x2066 && code_point <= 0x2069);
}

Error too_deep(const Source& source, Place place) {
  return Error(codes::yaml_too_large, fmt::format("{} is nested more than {} levels deep", source.file(), kMaxDepth))
      .at(std::move(place));
}

void check_byte_order_mark(const Source& source) {
  const std::string_view text = source.text();
  if (text.starts_with("\xFE\xFF") || text.starts_with("\xFF\xFE"))
    throw Error(codes::yaml_encoding, fmt::format("{} is UTF-16", source.file())).help("save it as UTF-8");
  if (text.starts_with("\xEF\xBB\xBF"))
    throw Error(codes::yaml_encoding, fmt::format("{} begins with a byte order mark", source.file()))
        .help("save it as UTF-8 without one");
}

void check_characters(const Source& source) {
  const std::string_view text = source.text();
  for (std::size_t offset = 0; offset < text.size();) {
    unsigned code_point = 0;
    const std::string_view at = text.substr(offset);
    const std::size_t length = decode_utf8(at, code_point);
    if (length == 0)
      throw Error(codes::yaml_encoding, fmt::format("{} is not UTF-8", source.file()))
          .at(source.place_of_offset(offset))
          .label(fmt::format("byte 0x{:02x}", static_cast<unsigned char>(at[0])));
    if (!is_allowed(code_point, at))
      throw Error(codes::yaml_encoding, fmt::format("{} holds a control character", source.file()))
          .at(source.place_of_offset(offset))
          .label(fmt::format("U+{:04X}", code_point));
    offset += length;
  }
}

void check_lines(const Source& source) {
  for (std::size_t number = 0; number < source.line_count(); ++number) {
    const std::string_view line = source.line(number);
    const std::size_t indent = std::min(line.find_first_not_of(" \t"), line.size());
    const std::size_t tab = line.substr(0, indent).find('\t');
    if (tab != std::string_view::npos && indent < line.size())
      throw Error(codes::yaml_syntax, fmt::format("{} is indented with a tab", source.file()))
          .at(source.place(number, tab))
          .label("a tab")
          .help("indent with spaces");
    if (line.starts_with('%'))
      throw Error(codes::yaml_not_allowed, "directives are not used in recipes")
          .at(source.place(number, 0, line.size()))
          .help("remove the line");
  }
}

/// The parser holds every bracket of a run in memory before the first event says how deep it is.
void check_bracket_runs(const Source& source) {
  std::size_t run = 0;
  for (std::size_t offset = 0; offset < source.text().size(); ++offset) {
    const char byte = source.text()[offset];
    run = byte == '[' || byte == '{' ? run + 1 : 0;
    if (run > kMaxBracketRun) throw too_deep(source, source.place_of_offset(offset));
  }
}

// --- The events ------------------------------------------------------------------------------------------------------

/// Bytes that a scalar takes on its first line, for the caret.
std::size_t scalar_width(std::string_view rest, std::string_view text) {
  if (rest.empty()) return 1;
  const char quote = rest[0];
  if (quote != '"' && quote != '\'') return rest.starts_with(text) ? text.size() : 1;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    const bool is_doubled = quote == '\'' && rest.substr(i).starts_with("''");
    if (is_doubled || (quote == '"' && rest[i] == '\\')) {
      ++i;
    } else if (rest[i] == quote) {
      return i + 1;
    }
  }
  return 1;
}

/// Builds the tree; throws at the first thing that is not allowed. A frame is an open collection.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const Source& source) : source_(source) {}

  YamlNode take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1)
      throw Error(codes::yaml_not_allowed, fmt::format("{} holds more than one document", source_.file()))
          .at(source_.place(mark, source_.rest(mark).starts_with("---") ? 3 : 1))
          .label("the second begins here");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_properties(mark, anchor);
    YamlNode node;
    // A missing value has no place of its own: the parser's mark lies at whatever comes next.
    const bool is_written = source_.rest(mark).starts_with('~') || source_.rest(mark).starts_with("null");
    node.place = !is_written && awaits_value() ? frames_.back().key.place : source_.place(mark);
    add(std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Error(codes::yaml_not_allowed, "aliases are not used in recipes").at(word(mark)).help("write the value out");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_properties(mark, anchor);
    YamlNode node;
    node.kind = YamlNode::Kind::scalar;
    node.text = value;
    node.is_quoted = tag == "!";
    node.place = source_.place(mark, scalar_width(source_.rest(mark), value));
    add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::sequence, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::mapping, mark, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    YamlNode node;
    YamlNode key;  // of the entry whose value comes next
    bool has_key = false;
    std::set<std::string> keys;
  };

  bool awaits_key() const {
    return !frames_.empty() && frames_.back().node.kind == YamlNode::Kind::mapping && !frames_.back().has_key;
  }
  bool awaits_value() const { return !frames_.empty() && frames_.back().has_key; }

  Place word(const YAML::Mark& mark) const {
    const std::string_view rest = source_.rest(mark);
    return source_.place(mark, std::min(rest.find_first_of(" ,]}"), rest.size()));
  }

  // A tagged or anchored node's mark lies on the tag or the anchor, whatever the parser made of it.
  void refuse_properties(const YAML::Mark& mark, YAML::anchor_t anchor) const {
    const std::string_view rest = source_.rest(mark);
    if (rest.starts_with('!'))
      throw Error(codes::yaml_not_allowed, "tags are not used in recipes").at(word(mark)).help("remove the tag");
    if (rest.starts_with('&') || anchor != YAML::NullAnchor)
      throw Error(codes::yaml_not_allowed, "anchors are not used in recipes").at(word(mark)).help("remove the anchor");
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    refuse_properties(mark, anchor);
    if (awaits_key()) refuse_key(source_.place(mark));
    if (frames_.size() == kMaxDepth) throw too_deep(source_, source_.place(mark));
    Frame frame;
    frame.node.kind = kind;
    frame.node.place = source_.place(mark);
    frames_.push_back(std::move(frame));
  }

  void close() {
    YamlNode node = std::move(frames_.back().node);
    frames_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    if (++nodes_ > kMaxNodes)
      throw Error(codes::yaml_too_large, fmt::format("{} holds more than {} values", source_.file(), kMaxNodes))
          .at(node.place);
    if (frames_.empty()) {
      root_ = std::move(node);
    } else if (awaits_key()) {
      add_key(std::move(node));
    } else if (Frame& frame = frames_.back(); frame.has_key) {
      frame.node.entries.push_back({std::move(frame.key), std::move(node)});
      frame.has_key = false;
    } else {
      frame.node.items.push_back(std::move(node));
    }
  }

  void add_key(YamlNode key) {
    if (key.kind != YamlNode::Kind::scalar) refuse_key(key.place);
    if (key.text == "<<")
      throw Error(codes::yaml_not_allowed, "merge keys are not used in recipes")
          .at(key.place)
          .help("use `extends` to build on another recipe");
    Frame& frame = frames_.back();
    if (!frame.keys.insert(key.text).second) refuse_duplicate(frame, key);
    frame.key = std::move(key);
    frame.has_key = true;
  }

  [[noreturn]] static void refuse_key(const Place& place) {
    throw Error(codes::yaml_not_allowed, "a key must be text").at(place);
  }

  [[noreturn]] static void refuse_duplicate(const Frame& frame, const YamlNode& key) {
    Error error(codes::duplicate_key, fmt::format("duplicate key `{}`", key.text));
    error.at(key.place).help("keep one of the two");
    for (const auto& [earlier, value] : frame.node.entries)
      if (earlier.text == key.text) error.label(fmt::format("first set on line {}", earlier.place.line));
    throw error;
  }

  const Source& source_;
  YamlNode root_;
  std::vector<Frame> frames_;
  std::size_t nodes_ = 0;
  int documents_ = 0;
};

YamlNode build_tree(const Source& source) {
  std::istringstream stream{std::string(source.text())};
  TreeBuilder builder(source);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    throw Error(codes::yaml_syntax, fmt::format("{} is not valid YAML: {}", source.file(), error.msg))
        .at(source.place(error.mark));
  }
  return builder.take_root();
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const auto& [name, value] : entries)
    if (name.text == key) return &value;
  return nullptr;
}

YamlNode parse_yaml(std::string_view text, const std::string& file) {
  if (text.size() > kMaxBytes) throw Error(codes::yaml_too_large, fmt::format("{} is larger than 1 MiB", file));
  const Source source(text, file);
  check_byte_order_mark(source);
  check_characters(source);
  check_lines(source);
  check_bracket_runs(source);
  YamlNode root = build_tree(source);
  if (root.place.line == 0) root.place = source.place(0, 0);
  return root;
}

}  // namespace ainode
