// SPDX-License-Identifier: Apache-2.0
// The one exception. A failed operation throws it; results (a verdict, a solver's conflict) are values.
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "base/error_codes.h"

namespace ainode {

/// A spot in a file of the user's. Lines and columns count from 1; 0 means unknown.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
  int width = 1;            ///< how many columns the caret underlines
  std::string source_line;  ///< the line itself, for the caret display; may be empty

  std::string str() const;  ///< file:line:column
};

/// Built by chaining: `throw Error(codes::unknown_key, "unknown key `cmdlne`").at(place).help("did you mean
/// `cmdline`?");` The message names the subject (which file, package, commit, machine), always.
class Error : public std::exception {
 public:
  Error(const ErrorCode& code, std::string message);

  Error& at(Place place);
  Error& label(std::string caret_text);  ///< what stands beside the caret
  Error& help(std::string hint);         ///< the cure
  Error& chain(std::string line);        ///< one line of a reason chain, in reading order
  Error& because(const std::exception& cause);
  Error& within(std::string context);  ///< "while doing X", added on the way up, innermost first

  const ErrorCode& code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::optional<Place>& place() const { return place_; }
  const std::string& caret_text() const { return caret_text_; }
  const std::string& hint() const { return hint_; }
  const std::vector<std::string>& reasons() const { return reasons_; }
  const std::vector<std::string>& context() const { return context_; }

  const char* what() const noexcept override { return what_.c_str(); }

 private:
  ErrorCode code_;
  std::string message_, caret_text_, hint_, what_;
  std::optional<Place> place_;
  std::vector<std::string> reasons_, context_;
};

/// The whole error as INTERFACE's form: code, message, place with caret, reasons, context, help. Ends with a newline.
/// Control characters from foreign text are shown escaped.
std::string render(const Error& error, bool colour = false);

/// The errors of one input at once (all mistakes of a recipe). Never empty when thrown; its code is the first error's.
class Errors : public Error {
 public:
  explicit Errors(std::vector<Error> all);
  const std::vector<Error>& all() const { return all_; }

 private:
  std::vector<Error> all_;
};

/// An Error for a failed system call: `code` is file_failed, or disk_full for ENOSPC and EDQUOT.
/// `action` is a verb phrase with its subject: "write /x/y".
Error system_error(const std::string& action, int error_number);

/// Foreign text made safe for a terminal: control characters, ESC and bidirectional overrides are escaped.
std::string printable(std::string_view text);

}  // namespace ainode
