// SPDX-License-Identifier: Apache-2.0
// How errors look, and that every code is its own.
#include "base/error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <regex>
#include <set>

namespace ainode {
namespace {

TEST(Error, ShowsPlaceCaretAndHelp) {
  Place place{"recipes/x.yaml", 17, 3, 6, "  cmdlne: [iommu=pt]"};
  const Error error = Error(codes::unknown_key, "unknown key `cmdlne`")
                          .at(place)
                          .label("not a key of `kernel`")
                          .help("did you mean `cmdline`?");
  EXPECT_EQ(render(error),
            "error[R0107]: unknown key `cmdlne`\n"
            "    ┌─ recipes/x.yaml:17:3\n"
            "17│   cmdlne: [iommu=pt]\n"
            "  │   ^^^^^^ not a key of `kernel`\n"
            "  = help: did you mean `cmdline`?\n");
}

TEST(Error, DrawsAReasonChain) {
  const Error error = Error(codes::unsatisfiable, "no set of packages")
                          .chain("a cannot be installed")
                          .chain("asked for")
                          .chain("excluded");
  EXPECT_EQ(render(error),
            "error[S0002]: no set of packages\n"
            "  × a cannot be installed\n"
            "  ├─▶ asked for\n"
            "  ╰─▶ excluded\n");
}

TEST(Error, EscapesForeignText) {
  EXPECT_EQ(printable("a\x1b[31m\nb"), "a\\x1b[31m\\x0ab");
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "abc"),
            "\\u202eabc");
  EXPECT_EQ(printable("\xff ü"), "\\xff ü");
}

TEST(Error, TellsAFullDiskFromOtherFailures) {
  EXPECT_EQ(system_error("write /x", ENOSPC).code().id, "H0003");
  EXPECT_EQ(system_error("write /x", EIO).code().id, "H0002");
  EXPECT_EQ(system_error("write /x", EIO).message(), "cannot write /x: Input/output error");
}

TEST(Error, CodesAreUniqueAndWellFormed) {
  std::set<std::string_view> seen;
  for (const ErrorCode& code : all_error_codes()) {
    EXPECT_TRUE(seen.insert(code.id).second) << code.id;
    EXPECT_TRUE(std::regex_match(std::string(code.id), std::regex("[RPSTBVH][0-9]{4}"))) << code.id;
  }
}

}  // namespace
}  // namespace ainode
