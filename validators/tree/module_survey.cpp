// SPDX-License-Identifier: Apache-2.0
#include "validators/tree/module_survey.h"

#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/cms.h"
#include "base/error.h"
#include "base/parallel.h"
#include "validators/checks/module_version.h"
#include "validators/tree/module_files.h"

namespace ainode::tree {

namespace {

/// The certificates that modules name, as the kernel has them built in. For several threads.
class BuiltInCertificates {
 public:
  explicit BuiltInCertificates(std::string kernel) : kernel_(std::move(kernel)) {}
  /// Empty where the kernel has none for this signer.
  std::string of(const CmsSigner& signer) {
    const std::lock_guard lock(mutex_);
    const auto [place, is_new] = found_.try_emplace(signer.name());
    if (is_new) place->second = find_certificate(kernel_, signer);
    return place->second;
  }

 private:
  const std::string kernel_;
  std::mutex mutex_;
  std::map<std::string, std::string> found_;
};

std::optional<ModuleSignature> signature_of(std::string_view module, BuiltInCertificates& certificates) {
  const auto parts = split_signature(module);
  if (!parts) return std::nullopt;
  const std::vector<CmsSigner> signers = cms_signers(parts->message);
  const CmsSigner signer = signers.empty() ? CmsSigner{} : signers.front();
  const std::string certificate = certificates.of(signer);
  return ModuleSignature{signer.name(), !certificate.empty(),
                         is_signed_by(parts->message, parts->content, certificate)};
}

SurveyedModule survey_module(const checks::Node& node, const std::string& path, BuiltInCertificates& certificates) {
  SurveyedModule module;
  module.path = path;
  std::string content;
  try {
    content = read_unpacked(node, path);
  } catch (const Error& error) {
    module.problem = error.message();
    return module;
  }
  module.signature = signature_of(content, certificates);
  module.version = checks::version_magic("unpacked.ko", content).value_or(checks::kNoVersion);
  try {
    module.symbols = read_module(content, path);
  } catch (const Error& error) {
    module.malformed = error.message();
  }
  return module;
}

}  // namespace

ModuleSurvey survey_modules(const checks::Node& node) {
  ModuleSurvey survey;
  const auto kernel = find_kernel(node);
  if (!kernel) throw Error(codes::image_malformed, "the image holds no kernel, or several");
  survey.kernel = *kernel;
  const std::string boot_image = node.read_file(*kernel).value_or("");
  survey.is_kernel_signed = has_secure_boot_signature(boot_image);
  std::string payload = unpack_kernel(boot_image, *kernel);
  try {
    survey.exports = read_kernel_exports(payload, *kernel);
  } catch (const Error& error) {
    survey.malformed = error.message();
  }
  BuiltInCertificates certificates(std::move(payload));
  const std::vector<std::string> paths = find_modules(node);
  survey.modules.resize(paths.size());
  parallel_for(static_cast<int>(std::thread::hardware_concurrency()), paths.size(),
               [&](std::size_t i) { survey.modules[i] = survey_module(node, paths[i], certificates); });
  return survey;
}

const SurveyOnce::Answer& SurveyOnce::of(const checks::Node& node) {
  if (answer_) return *answer_;
  answer_.emplace();
  try {
    answer_->survey = survey_modules(node);
  } catch (const Error& error) {
    answer_->problem = error.message();
  }
  return *answer_;
}

}  // namespace ainode::tree
