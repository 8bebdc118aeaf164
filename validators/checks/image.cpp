// SPDX-License-Identifier: Apache-2.0
// The image family: what runs is the commit that was signed.
#include <fmt/format.h>

#include "validators/checks/catalog.h"
#include "validators/checks/declared.h"
#include "validators/checks/hmac.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

/// The value of `ostree=` on the kernel's command line.
std::string deployment_link(const Node& node) {
  constexpr std::string_view kKey = "ostree=";
  for (const std::string& each : split_arguments(node.read_file("/proc/cmdline").value_or(""))) {
    if (each.compare(0, kKey.size(), kKey) == 0) return each.substr(kKey.size());
  }
  return "";
}

std::string parent_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

/// "../../../deploy/ainode/deploy/COMMIT.0" → "COMMIT".
std::string commit_of(const std::string& target) {
  const std::string name = target.substr(target.rfind('/') + 1);
  return name.substr(0, name.find('.'));
}

/// What OSTree keeps of signatures beside a commit (ostree-repo(5): detached metadata).
std::string signatures_path(const std::string& commit) {
  return fmt::format("/sysroot/ostree/repo/objects/{}/{}.commitmeta", commit.substr(0, 2), commit.substr(2));
}

Finding deployed(const Node& node, const Expected& expected) {
  Json due = {{"commit", expected.commit}, {"runs_from_it", true}, {"usr_read_only", true}};
  const Declaration* declaration = expected.declaration("image.deployed");
  if (declaration) due.update(declaration->expected);
  const std::string link = deployment_link(node);
  if (link.empty()) return failed(nullptr, due, "/proc/cmdline", "the kernel's command line has no `ostree=`");
  const std::string path = "/sysroot" + link;
  const auto target = node.read_link(path);
  if (!target) return failed(nullptr, due, path, path + " is not a link to a deployment");
  const std::string deployment = parent_of(path) + "/" + *target;
  const std::string commit = commit_of(*target);
  const bool runs = node.is_same_directory("/usr", deployment + "/usr").value_or(false);
  const bool read_only = node.is_read_only("/usr").value_or(false);
  std::vector<std::string> objections;
  if (commit != expected.commit) objections.push_back(fmt::format("the deployment is commit {}", commit));
  if (!runs) objections.push_back("/usr is not the deployment's");
  if (!read_only) objections.push_back("/usr can be written");
  Json measured = {{"commit", commit}, {"runs_from_it", runs}, {"usr_read_only", read_only}};
  std::string evidence = path + ", stat(2) and statvfs(2) of /usr";
  if (declaration) {
    const std::string beside = signatures_path(expected.commit);
    const auto signatures = node.read_file(beside);
    evidence += ", " + beside;
    measured["signatures_sha256"] = signatures ? Json(hexadecimal(sha256(*signatures))) : Json();
    if (!signatures)
      objections.push_back("the commit's signatures are not there");
    else if (measured["signatures_sha256"] != due["signatures_sha256"])
      objections.push_back("the commit's signatures are not those that it was published with");
  }
  return judged(std::move(measured), std::move(due), std::move(evidence), joined(objections, "; "));
}

Measured placed_file(const Node& node, const Json& statement) {
  const auto path = statement.at("path").get<std::string>();
  const auto content = node.read_file(path);
  const auto status = node.status(path);
  if (!status) return {nullptr, path + " is missing"};
  if (!content) return {nullptr, path + " cannot be read"};
  const Json found = {{"path", path},
                      {"sha256", hexadecimal(sha256(*content))},
                      {"mode", fmt::format("{:04o}", status->mode)},
                      {"uid", status->uid},
                      {"gid", status->gid}};
  std::vector<std::string> objections;
  if (!status->is_regular) objections.push_back(path + " is not a regular file");
  if (found["sha256"] != statement.at("sha256")) objections.push_back(path + " has another content");
  for (const char* key : {"mode", "uid", "gid"}) {
    if (found[key] == statement[key]) continue;
    const auto text = [](const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); };
    objections.push_back(fmt::format("{} has {} {} instead of {}", path, key, text(found[key]), text(statement[key])));
  }
  return {found, joined(objections, "; ")};
}

Finding files(const Node& node, const Expected& expected) {
  return judge_each(expected, "image.files", "the files themselves",
                    [&](const Json& statement) { return placed_file(node, statement); });
}

}  // namespace

std::vector<Check> image_checks() {
  return {{"image.deployed",
           "the running deployment is the manifest's commit with its signatures, and /usr is read-only",
           {},
           When::early,
           deployed},
          {"image.files",
           "each file of the recipe has its content, mode and owner",
           {"declared:image.files"},
           When::booted,
           files,
           "",
           Where::tree_too}};
}

}  // namespace ainode::checks
