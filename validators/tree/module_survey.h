// SPDX-License-Identifier: Apache-2.0
// What the files of a kernel and of its modules say: each is unpacked once for all checks that ask, since unpacking is
// most of their work.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "validators/checks/node.h"
#include "validators/tree/kernel_symbols.h"

namespace ainode::tree {

/// Who signed a module (the first signer), and whether that holds.
struct ModuleSignature {
  std::string signer;     ///< CmsSigner::name(); "nobody" where what stands at the module's end is broken
  bool is_known = false;  ///< the kernel has the signer's certificate
  bool holds = false;     ///< the certificate's key signed these very bytes
};

struct SurveyedModule {
  std::string path;
  std::string problem;    ///< why it cannot be read; then nothing else is known
  std::string version;    ///< Node::module_version()
  std::string malformed;  ///< why its symbols cannot be read
  ModuleSymbols symbols;
  std::optional<ModuleSignature> signature;  ///< nothing where it is not signed
};

struct ModuleSurvey {
  std::string kernel;             ///< path of the boot image
  bool is_kernel_signed = false;  ///< for Secure Boot
  Symbols exports;                ///< of the kernel itself
  std::string malformed;          ///< why those cannot be read
  std::vector<SurveyedModule> modules;
};

/// Reads all, on all processors. Throws Error image_malformed where the tree does not hold one kernel that can be read.
ModuleSurvey survey_modules(const checks::Node& node);

/// Surveys a tree when it is first asked, or says why it cannot. For one thread.
class SurveyOnce {
 public:
  struct Answer {
    std::optional<ModuleSurvey> survey;
    std::string problem;  ///< why there is none
  };
  const Answer& of(const checks::Node& node);

 private:
  std::optional<Answer> answer_;
};

}  // namespace ainode::tree
