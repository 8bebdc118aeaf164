// SPDX-License-Identifier: Apache-2.0
#include "base/error_json.h"

namespace ainode {

namespace {

Json one_error_json(const Error& error) {
  Json json = {{"code", error.code().id}, {"summary", error.code().summary}, {"message", error.message()}};
  if (error.place())
    json["place"] = {{"file", error.place()->file}, {"line", error.place()->line}, {"column", error.place()->column}};
  if (!error.caret_text().empty()) json["label"] = error.caret_text();
  if (!error.reasons().empty()) json["reasons"] = error.reasons();
  if (!error.context().empty()) json["context"] = error.context();
  if (!error.hint().empty()) json["help"] = error.hint();
  return json;
}

}  // namespace

Json error_json(const Error& error) {
  Json json = {{"schema", "ainode.error/1"}};
  json.update(one_error_json(error));
  if (const auto* several = dynamic_cast<const Errors*>(&error)) {
    json["errors"] = Json::array();
    for (const Error& one : several->all()) json["errors"].push_back(one_error_json(one));
  }
  json["exit"] = static_cast<int>(error.code().exit);
  json["text"] = render(error);
  return json;
}

}  // namespace ainode
