// SPDX-License-Identifier: Apache-2.0
// What dpkg would have written when it unpacked a package (deb-conffiles(5), deb-triggers(5), dpkg's status file).
#include "builder/store/control.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>
#include <utility>

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

// ---- versions ----

int order_of(char character) {
  if (character == '~') return -1;
  if (std::isdigit(static_cast<unsigned char>(character))) return 0;
  if (std::isalpha(static_cast<unsigned char>(character))) return character;
  return static_cast<unsigned char>(character) + 256;
}

bool starts_with_digit(std::string_view text) {
  return !text.empty() && std::isdigit(static_cast<unsigned char>(text.front()));
}

std::string_view take_digits(std::string_view& text) {
  const std::string_view digits = text.substr(0, std::min(text.find_first_not_of("0123456789"), text.size()));
  text.remove_prefix(digits.size());
  return digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
}

/// Parts that are no numbers character by character, numbers by their value, in turn.
int compare_part(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    while ((!a.empty() && !starts_with_digit(a)) || (!b.empty() && !starts_with_digit(b))) {
      const int left = a.empty() ? 0 : order_of(a.front()), right = b.empty() ? 0 : order_of(b.front());
      if (left != right) return left < right ? -1 : 1;
      a.remove_prefix(a.empty() ? 0 : 1);
      b.remove_prefix(b.empty() ? 0 : 1);
    }
    const std::string_view left = take_digits(a), right = take_digits(b);
    if (left.size() != right.size()) return left.size() < right.size() ? -1 : 1;
    if (const int difference = left.compare(right); difference != 0) return difference;
  }
  return 0;
}

struct Version {
  std::string_view epoch, upstream, revision;
  explicit Version(std::string_view text) {
    if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
      epoch = text.substr(0, colon);
      text.remove_prefix(colon + 1);
    }
    const std::size_t dash = text.rfind('-');
    upstream = text.substr(0, dash);
    if (dash != std::string_view::npos) revision = text.substr(dash + 1);
  }
};

}  // namespace

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for_each_line(text, [&](const std::string& line) { lines.push_back(line); });
  return lines;
}

std::vector<std::string> stanzas_in(std::string_view text) {
  std::vector<std::string> stanzas;
  std::string current;
  for_each_line(text, [&](const std::string& line) {
    if (!line.empty()) {
      current += line + "\n";
    } else if (!current.empty()) {
      stanzas.push_back(std::exchange(current, "") + "\n");
    }
  });
  if (!current.empty()) stanzas.push_back(current + "\n");
  return stanzas;
}

int compare_versions(std::string_view a, std::string_view b) {
  const Version left(a), right(b);
  if (const int epochs = compare_part(left.epoch, right.epoch); epochs != 0) return epochs;
  if (const int upstream = compare_part(left.upstream, right.upstream); upstream != 0) return upstream;
  return compare_part(left.revision, right.revision);
}

bool Relation::accepts(std::string_view candidate) const {
  if (comparison.empty()) return true;
  const int order = compare_versions(candidate, version);
  if (comparison == "<<") return order < 0;
  if (comparison == "<=" || comparison == "<") return order <= 0;
  if (comparison == "=") return order == 0;
  if (comparison == ">=" || comparison == ">") return order >= 0;
  return comparison == ">>" && order > 0;
}

std::vector<Relation> relations_in(std::string_view field) {
  std::vector<Relation> relations;
  while (!field.empty()) {
    const std::size_t comma = std::min(field.find(','), field.size());
    std::string clause(field.substr(0, comma));
    field.remove_prefix(std::min(comma + 1, field.size()));
    // "foo:any(<<2)" and "foo (<< 2)" are one and the same
    Relation relation;
    const std::size_t opening = std::min(clause.find('('), clause.size());
    const std::vector<std::string> names = words_of(clause.substr(0, opening));
    if (names.empty()) continue;
    relation.name = names.front().substr(0, names.front().find(':'));
    if (opening < clause.size()) {
      const std::string inside = clause.substr(opening + 1, clause.find(')', opening) - opening - 1);
      const std::size_t sign = inside.find_first_of("<>="), end = inside.find_first_not_of("<>=", sign);
      if (sign != std::string::npos && end != std::string::npos) {
        relation.comparison = inside.substr(sign, end - sign);
        const std::vector<std::string> versions = words_of(inside.substr(end));
        if (!versions.empty()) relation.version = versions.front();
      }
    }
    relations.push_back(std::move(relation));
  }
  return relations;
}

std::string merged_path(const std::string& path) {
  static const std::set<std::string> merged = {"bin", "sbin", "lib", "lib32", "lib64", "libx32"};
  return merged.count(path.substr(0, path.find('/'))) ? "usr/" + path : path;
}

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

namespace {

struct Field {
  std::string name, value;  ///< the value with its continuation lines
};

/// "b (>=1)|c , d" as dpkg writes it: "b (>= 1) | c, d".
std::string written_relations(const std::string& field) {
  std::string text, word;
  const auto flush = [&] {
    if (!word.empty() && !text.empty() && text.back() != '(') text += ' ';
    text += std::exchange(word, "");
  };
  bool is_comparing = false;
  for (const char character : field) {
    const bool is_sign = character == '<' || character == '>' || character == '=';
    if (is_comparing && !is_sign) flush();
    is_comparing = is_sign;
    if (std::isspace(static_cast<unsigned char>(character))) {
      flush();
    } else if (character == ',') {
      flush();
      text += ',';
    } else if (character == '|') {
      flush();
      text += " |";
    } else if (character == '(') {
      flush();
      text += " (";
    } else if (character == ')') {
      flush();
      text += ')';
    } else {
      word += character;
    }
  }
  flush();
  return text;
}

bool is_relation(const std::string& name) {
  static const std::set<std::string> relations = {"Replaces", "Provides", "Depends",   "Pre-Depends", "Recommends",
                                                  "Suggests", "Breaks",   "Conflicts", "Enhances"};
  return relations.count(name) > 0;
}

std::vector<Field> fields_of(std::string_view control) {
  std::vector<Field> fields;
  for_each_line(control, [&](const std::string& line) {
    if (line.empty()) return;
    if (line[0] == ' ' || line[0] == '\t') {
      if (!fields.empty()) fields.back().value += "\n" + line;
      return;
    }
    const std::size_t colon = std::min(line.find(':'), line.size());
    const std::size_t start = std::min(line.find_first_not_of(" \t", colon + 1), line.size());
    const std::size_t end = line.find_last_not_of(" \t") + 1;
    fields.push_back({line.substr(0, colon), line.substr(start, std::max(start, end) - start)});
  });
  for (Field& field : fields) {
    if (is_relation(field.name)) field.value = written_relations(field.value);
  }
  return fields;
}

/// The order in which dpkg writes the fields that it knows (lib/dpkg/parse.c); others follow as they stand.
std::size_t rank_of(const std::string& name) {
  static const char* const kOrder[] = {"Package",      "Essential",      "Protected",   "Status",     "Priority",
                                       "Section",      "Installed-Size", "Origin",      "Maintainer", "Bugs",
                                       "Architecture", "Multi-Arch",     "Source",      "Version",    "Replaces",
                                       "Provides",     "Depends",        "Pre-Depends", "Recommends", "Suggests",
                                       "Breaks",       "Conflicts",      "Enhances",    "Conffiles",  "Description"};
  const auto lower = [](unsigned char character) { return std::tolower(character); };
  const auto same = [&](std::string_view known) {
    return std::equal(known.begin(), known.end(), name.begin(), name.end(), [&](char a, char b) {
      return lower(static_cast<unsigned char>(a)) == lower(static_cast<unsigned char>(b));
    });
  };
  return static_cast<std::size_t>(std::find_if(std::begin(kOrder), std::end(kOrder), same) - std::begin(kOrder));
}

}  // namespace

std::string status_stanza(const ControlFiles& files, const std::map<std::string, std::string>& conffile_digests) {
  std::vector<Field> fields = fields_of(content_of(files, "control"));
  fields.push_back({"Status", "install ok unpacked"});
  std::string conffiles;
  for_each_line(content_of(files, "conffiles"),
                [&](const std::string& line) { conffiles += conffile_line(line, conffile_digests); });
  if (!conffiles.empty()) fields.push_back({"Conffiles", "\n" + conffiles.substr(0, conffiles.size() - 1)});
  std::stable_sort(fields.begin(), fields.end(),
                   [](const Field& a, const Field& b) { return rank_of(a.name) < rank_of(b.name); });
  std::string stanza;
  for (const Field& field : fields) {
    if (field.value.empty()) continue;
    stanza += field.name + (field.value.front() == '\n' ? ":" : ": ") + field.value + "\n";
  }
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
