// SPDX-License-Identifier: Apache-2.0
// A strict parser: policy 7.1's syntax without build-time restrictions.
#include "builder/packages/relations.h"

#include <fmt/format.h>

#include "base/error.h"
#include "builder/packages/deb822.h"
#include "builder/packages/index.h"

namespace ainode {

namespace {

struct Parser {
  Pool* pool;
  std::string_view architecture, package;

  Error error(std::string_view text) const {
    constexpr std::size_t kShown = 100;
    return Error(codes::index_malformed,
                 fmt::format("package `{}` has a malformed dependency: {}", package, text.substr(0, kShown)));
  }
  Id intern(std::string_view text) const {
    return pool_strn2id(pool, text.data(), static_cast<unsigned>(text.size()), 1);
  }
  Id name(std::string_view text, std::string_view whole) const;
  Id version(Id id, std::string_view text, std::string_view whole) const;
  Id alternative(std::string_view text) const;
  Id clause(std::string_view text) const;
};

/// `NAME`, `NAME:any`, `NAME:native` or `NAME:ARCHITECTURE`.
Id Parser::name(std::string_view text, std::string_view whole) const {
  const std::size_t colon = text.find(':');
  const std::string_view base = text.substr(0, colon);
  if (!is_package_name(base)) throw error(whole);
  const Id id = intern(base);
  if (colon == std::string_view::npos) return id;
  const std::string_view qualifier = text.substr(colon + 1);
  if (qualifier == "any") return pool_rel2id(pool, id, ARCH_ANY, REL_MULTIARCH, 1);
  if (qualifier == "native" || qualifier == architecture) return id;
  return pool_rel2id(pool, id, intern("foreign"), REL_ARCH, 1);  // one architecture a pool: nothing satisfies it
}

/// `(>= 1.2)` and its kin; the old `<` and `>` mean `<=` and `>=`.
Id Parser::version(Id id, std::string_view text, std::string_view whole) const {
  if (text.size() < 3 || text.front() != '(' || text.back() != ')') throw error(whole);
  text = trim_blanks(text.substr(1, text.size() - 2));
  const std::size_t length = text.find_first_not_of("<>=");
  if (length == std::string_view::npos) throw error(whole);
  const std::string_view relation = text.substr(0, length), number = trim_blanks(text.substr(length));
  int flags = 0;
  if (relation == "=") flags = REL_EQ;
  if (relation == ">=" || relation == ">") flags = REL_GT | REL_EQ;
  if (relation == "<=" || relation == "<") flags = REL_LT | REL_EQ;
  if (relation == ">>") flags = REL_GT;
  if (relation == "<<") flags = REL_LT;
  if (flags == 0 || !is_version(number)) throw error(whole);
  return pool_rel2id(pool, id, intern(number), flags, 1);
}

Id Parser::alternative(std::string_view text) const {
  const std::size_t end = text.find_first_of(" \t\n(");
  const Id id = name(text.substr(0, end), text);
  return end == std::string_view::npos ? id : version(id, trim_blanks(text.substr(end)), text);
}

Id Parser::clause(std::string_view text) const {
  std::vector<Id> alternatives;
  for (std::string_view rest = text;;) {
    const std::size_t bar = rest.find('|');
    alternatives.push_back(alternative(trim_blanks(rest.substr(0, bar))));
    if (bar == std::string_view::npos) break;
    rest.remove_prefix(bar + 1);
  }
  Id id = alternatives.back();
  for (std::size_t i = alternatives.size() - 1; i-- > 0;) id = pool_rel2id(pool, alternatives[i], id, REL_OR, 1);
  return id;
}

}  // namespace

std::vector<Id> parse_relations(Pool* pool, std::string_view field, std::string_view architecture,
                                std::string_view package) {
  const Parser parser{pool, architecture, package};
  std::vector<Id> clauses;
  while (!field.empty()) {
    const std::size_t comma = field.find(',');
    const std::string_view text = trim_blanks(field.substr(0, comma));
    if (!text.empty()) clauses.push_back(parser.clause(text));  // a trailing comma is common
    if (comma == std::string_view::npos) break;
    field.remove_prefix(comma + 1);
  }
  return clauses;
}

}  // namespace ainode
