// SPDX-License-Identifier: Apache-2.0
#include "builder/stages/certificates.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/certificate.h"
#include "base/crypto.h"

namespace ainode {

namespace {

constexpr const char* kOwner = "generator certificates";
constexpr const char* kScript = "usr/sbin/update-ca-certificates";
// Of ca-certificates 20250419 and 20260816.
constexpr const char* kKnownScript = "2cb06c85b5f01c4f6b72c3983d9f66d44aac0a7ac997ee55e7e429aedbc3934d";
constexpr const char* kList = "etc/ca-certificates.conf";
const std::string kShipped = "usr/share/ca-certificates/";
const std::string kTrusted = "etc/ssl/certs/";

bool is_empty(const Tree& tree, std::string_view path) {
  const TreeDirectory* directory = tree.directory(path);
  return !directory || (directory->files.empty() && directory->directories.empty());
}

/// The only case that is known here: nothing was made before, and nobody but the list has a say.
bool is_fresh(const Store& store, const Tree& tree, std::string_view known_script) {
  return tree.file(kScript) && tree.file(kList) && tree.directory("etc/ssl/certs") && is_empty(tree, "etc/ssl/certs") &&
         is_empty(tree, "usr/local/share/ca-certificates") && is_empty(tree, "etc/ca-certificates/update.d") &&
         sha256_hex(store.read_file(tree.file(kScript)->checksum).content) == known_script;
}

/// The list's lines that trust: no comments (#), none that are deselected (!).
std::vector<std::string> trusted_names(const std::string& list) {
  std::vector<std::string> names;
  for (std::size_t start = 0; start < list.size();) {
    const std::size_t end = std::min(list.find('\n', start), list.size());
    if (end > start && list[start] != '#' && list[start] != '!') names.push_back(list.substr(start, end - start));
    start = end + 1;
  }
  return names;
}

/// "mozilla/Some Root, 1 (old).crt": "Some_Root__1_=old=.pem".
std::string link_name(const std::string& certificate) {
  std::string name = certificate.substr(certificate.rfind('/') + 1);
  if (name.ends_with(".crt") && name != ".crt") name.resize(name.size() - 4);
  for (char& letter : name) {
    if (letter == ' ' || letter == ',') letter = '_';
    if (letter == '(' || letter == ')') letter = '=';
  }
  return name + ".pem";
}

}  // namespace

std::optional<Generated> make_certificates(Store& store, const Tree& tree) {
  return make_certificates_as(store, tree, kKnownScript);
}

std::optional<Generated> make_certificates_as(Store& store, const Tree& tree, std::string_view known_script) {
  if (!is_fresh(store, tree, known_script)) return std::nullopt;
  std::string bundle;
  std::map<std::string, CertificateName> links;  // openssl-rehash(1) takes them by name, too
  Generated generated;
  const auto put = [&](const std::string& name, std::string checksum) {
    generated.changes.put_file(kTrusted + name, std::move(checksum), kOwner);
  };
  const std::string list = store.read_text(tree, kList);
  if (!list.ends_with('\n')) return std::nullopt;  // the shell's `read` would miss the last line
  for (const std::string& name : trusted_names(list)) {
    const TreeDirectory::File* file = tree.file(kShipped + name);
    if (!file) return std::nullopt;
    const FileObject certificate = store.read_file(file->checksum);
    const std::optional<CertificateName> named = name_of_only_certificate(certificate.content);
    const bool is_new = named && links.emplace(link_name(name), *named).second;
    if (certificate.is_symlink || !is_new) return std::nullopt;
    put(link_name(name), store.write_symlink("/" + kShipped + name));
    bundle += certificate.content;
    if (!bundle.ends_with('\n')) bundle += '\n';
  }
  if (links.empty()) return std::nullopt;
  std::map<std::string, int> namesakes;
  std::set<std::pair<std::string, std::string>> seen;
  for (const auto& [link, name] : links) {
    if (!seen.emplace(name.subject_hash, name.fingerprint).second) continue;  // a copy
    put(name.subject_hash + "." + std::to_string(namesakes[name.subject_hash]++), store.write_symlink(link));
  }
  put("ca-certificates.crt", store.write_text(bundle));
  return generated;
}

}  // namespace ainode
