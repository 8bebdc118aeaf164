// SPDX-License-Identifier: Apache-2.0
// Shape by shape. A file that extends others may leave out what is required of a whole recipe.
#include "builder/recipe/schema.h"

#include "builder/recipe/language.h"

namespace ainode {

namespace {

/// Tables and lists are named by where they stand and written once, since an edit of a list names it again.
class SchemaWriter {
 public:
  /// In a part, nothing is required.
  Json schema_of(const Shape& shape, const std::string& path, bool is_part) {
    switch (shape.kind) {
      case Shape::Kind::text:
        return text_schema(shape);
      case Shape::Kind::boolean:
        return {{"type", "boolean"}};
      case Shape::Kind::integer:
        return {{"type", "integer"}};
      case Shape::Kind::scalar:
        return {{"type", {"string", "number", "boolean"}}};
      case Shape::Kind::size:
        return {{"type", "string"}, {"pattern", "^0*[1-9][0-9]{0,8}[MGT]$"}};
      case Shape::Kind::duration:
        return {{"type", "string"}, {"pattern", "^[0-9]{1,5}[hdw]$"}};
      case Shape::Kind::moment:
        return {{"type", "string"}, {"pattern", "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?$"}};
      case Shape::Kind::list:
        return list_schema(shape, path, is_part);
      case Shape::Kind::table:
        return define(path, is_part, [&] { return table_schema(shape, path, is_part); });
      case Shape::Kind::map:
        return {{"type", "object"}, {"additionalProperties", schema_of(*shape.item, path + ".*", is_part)}};
      case Shape::Kind::per_architecture: {
        const Json text = text_schema(shape);
        const Json each = {
            {"type", "object"}, {"properties", {{"amd64", text}, {"arm64", text}}}, {"additionalProperties", false}};
        return {{"anyOf", Json::array({text, each})}};
      }
      case Shape::Kind::mapping:
        return {{"type", "object"}};
      case Shape::Kind::overlay:
        return define("overlay", true, [&] { return table_schema(overlay_shape(), "", true); });
    }
    return true;
  }

  Json take_definitions() { return std::move(definitions_); }

 private:
  static Json text_schema(const Shape& shape) {
    Json schema = {{"type", "string"}};
    if (!shape.pattern.empty()) schema["pattern"] = shape.pattern;
    return schema;
  }

  template <class Make>
  Json define(const std::string& path, bool is_part, Make&& make) {
    const std::string name = (path.empty() ? "recipe" : path) + (is_part ? " (part)" : "");
    if (!definitions_.contains(name)) {
      definitions_[name] = true;  // the overlay's table names itself
      Json schema = make();
      definitions_[name] = std::move(schema);
    }
    return {{"$ref", "#/$defs/" + escaped(name)}};
  }

  /// A JSON pointer as a fragment of a URI.
  static std::string escaped(const std::string& name) {
    std::string out;
    for (const char byte : name) {
      if (byte == ' ') {
        out += "%20";
      } else if (byte == '[' || byte == ']') {
        out += byte == '[' ? "%5B" : "%5D";
      } else {
        out += byte;
      }
    }
    return out;
  }

  /// A list, or an edit of what stood there before.
  Json list_schema(const Shape& shape, const std::string& path, bool is_part) {
    Json list = {{"type", "array"}, {"items", schema_of(*shape.item, path + "[]", is_part)}};
    if (shape.at_least > 0) list["minItems"] = shape.at_least;
    const Json names = {{"type", "array"}, {"items", {{"type", "string"}}}};
    const Json replace = {{"type", "object"},
                          {"properties", {{"replace", list}}},
                          {"required", {"replace"}},
                          {"additionalProperties", false}};
    const Json edit = {{"type", "object"},
                       {"properties", {{"remove", names}, {"append", list}}},
                       {"minProperties", 1},
                       {"additionalProperties", false}};
    return {{"anyOf", Json::array({list, replace, edit})}};
  }

  Json table_schema(const Shape& shape, const std::string& path, bool is_part) {
    Json properties = Json::object(), required = Json::array();
    for (const Key& row : shape.keys) {
      const std::string name = path.empty() ? std::string(row.key) : path + "." + std::string(row.key);
      Json property = {{"description",
                        std::string(row.about) + (row.presence == Presence::not_built_yet ? " (not built yet)" : "")}};
      property.update(schema_of(*row.shape, name, is_part));
      properties[std::string(row.key)] = std::move(property);
      if (row.presence == Presence::required) required.push_back(row.key);
    }
    Json schema = {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
    if (!is_part && !required.empty()) schema["required"] = std::move(required);
    return schema;
  }

  Json definitions_ = Json::object();
};

}  // namespace

Json recipe_schema() {
  SchemaWriter writer;
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "ainode recipe"},
                 {"if", {{"type", "object"}, {"required", {"extends"}}}},
                 {"then", writer.schema_of(recipe_shape(), "", true)},
                 {"else", writer.schema_of(recipe_shape(), "", false)}};
  schema["then"]["required"] = {"ainode", "name", "extends"};
  schema["$defs"] = writer.take_definitions();
  return schema;
}

}  // namespace ainode
