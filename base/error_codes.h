// SPDX-License-Identifier: Apache-2.0
// Every error's code, once: its stable name, the exit status it leads to, and its one-line summary.
#pragma once

#include <span>
#include <string_view>

namespace ainode {

/// Exit statuses of every verb. When several hold: usage, bad_verdict, environment, inconclusive, nothing_ran, in this
/// order.
enum class Exit : int {
  done = 0,
  bad_verdict = 1,  ///< unsatisfiable, bad signature, check failed
  usage = 2,        ///< usage or recipe error
  environment = 3,  ///< the environment failed; a retry makes sense
  nothing_ran = 4,
  inconclusive = 5,  ///< noise exceeds the limit asked for
  unchanged = 77,
};

struct ErrorCode {
  std::string_view
      id;  ///< letter (R recipe, P packages, S solver, T trust, B build, V validation, H host) and four digits
  Exit exit;
  std::string_view summary;  ///< what went wrong in general; an Error's message says it of its subject
};

// clang-format off
#define AINODE_ERROR_CODES(X)                                                                        \
  /* recipe */                                                                                       \
  X(recipe_not_found,         "R0001", usage,       "the recipe does not exist")                     \
  X(recipe_unreadable,        "R0002", usage,       "the recipe cannot be read")                     \
  X(yaml_syntax,              "R0101", usage,       "the file is not valid YAML")                    \
  X(yaml_not_allowed,         "R0102", usage,       "a YAML feature that recipes do not use")        \
  X(yaml_too_large,           "R0103", usage,       "the recipe is too large or too deeply nested")  \
  X(yaml_encoding,            "R0104", usage,       "the file is not plain UTF-8 text")              \
  X(duplicate_key,            "R0106", usage,       "a key stands twice in one mapping")             \
  X(unknown_key,              "R0107", usage,       "a key that the recipe language does not have")  \
  X(wrong_type,               "R0108", usage,       "a value of the wrong type")                     \
  X(missing_key,              "R0109", usage,       "a key that must be there is missing")           \
  X(bad_value,                "R0110", usage,       "a value outside what the key allows")           \
  X(not_built_yet,            "R0111", usage,       "a statement whose stage is not built yet")      \
  X(extends_cycle,            "R0112", usage,       "recipes extend each other in a circle")         \
  X(extends_outside,          "R0113", usage,       "a recipe extends a file outside its root")      \
  X(host_in_recipe,           "R0114", usage,       "a repository names a host")                     \
  X(unknown_variant,          "R0115", usage,       "the recipe has no such variant")                \
  /* packages */                                                                                     \
  X(no_mirror,                "P0001", environment, "no mirror is known for a distribution")         \
  X(apt_lists_empty,          "P0002", environment, "apt's lists are empty")                         \
  X(unknown_suite,            "P0003", usage,       "the archive has no such suite or component")    \
  X(network_failed,           "P0004", environment, "a download failed")                             \
  X(checksum_mismatch,        "P0005", environment, "downloaded bytes have the wrong checksum")      \
  X(size_mismatch,            "P0006", environment, "downloaded bytes have the wrong size")          \
  X(index_malformed,          "P0007", environment, "a package index is malformed")                  \
  X(deb_malformed,            "P0008", environment, "a .deb is malformed or truncated")              \
  X(deb_mismatch,             "P0009", bad_verdict, "a .deb disagrees with its index")               \
  X(archive_entry_refused,    "P0010", bad_verdict, "an archive holds an entry that is not allowed") \
  X(offline,                  "P0011", environment, "something must be downloaded, but this build is offline") \
  X(redirect_refused,         "P0012", environment, "a mirror redirected somewhere that is not allowed")  \
  X(vendor_incomplete,        "P0013", environment, "a vendor directory lacks a package")              \
  X(lock_malformed,           "P0020", usage,       "the lock file is malformed")                    \
  X(lock_stale,               "P0021", bad_verdict, "the lock no longer fits the recipe")            \
  X(lock_missing,             "P0022", usage,       "there is no lock file")                         \
  /* solver */                                                                                       \
  X(unknown_package,          "S0001", usage,       "no repository has such a package")              \
  X(unsatisfiable,            "S0002", bad_verdict, "no set of packages satisfies the recipe")       \
  X(solver_failed,            "S0003", bad_verdict, "the solver failed")                             \
  /* trust */                                                                                        \
  X(signature_missing,        "T0001", bad_verdict, "signed metadata without a signature")           \
  X(signature_bad,            "T0002", bad_verdict, "a signature is wrong")                          \
  X(signer_unknown,           "T0003", bad_verdict, "signed by a key that is not trusted")           \
  X(signature_key_expired,    "T0004", bad_verdict, "signed by an expired or revoked key")           \
  X(metadata_expired,         "T0005", bad_verdict, "signed metadata is past its Valid-Until")       \
  X(metadata_future,          "T0006", bad_verdict, "signed metadata is dated in the future")        \
  X(metadata_rolled_back,     "T0007", bad_verdict, "signed metadata is older than what was seen before") \
  X(metadata_wrong_origin,    "T0008", bad_verdict, "signed metadata speaks of another archive")     \
  X(metadata_weak_hash,       "T0009", bad_verdict, "signed metadata has no SHA-256")                \
  X(keyring_missing,          "T0010", environment, "the distribution's keyring is not installed")   \
  X(metadata_too_old,         "T0011", bad_verdict, "signed metadata is older than max-age")         \
  X(metadata_unsigned_text,   "T0012", bad_verdict, "text outside the signed part")                  \
  X(metadata_newer,           "T0013", bad_verdict, "signed metadata is newer than the snapshot asked for") \
  X(key_missing,              "T0020", usage,       "there is no such key")                          \
  X(key_malformed,            "T0021", usage,       "a key file is malformed, encrypted or of the wrong type") \
  X(key_permissions,          "T0022", usage,       "a secret key file can be read by others")       \
  X(key_exists,               "T0023", usage,       "a key of this name exists already")             \
  X(signing_failed,           "T0024", environment, "the commit could not be signed")                \
  X(commit_unsigned,          "T0030", bad_verdict, "the commit lacks a signature")                  \
  X(commit_signature_bad,     "T0031", bad_verdict, "a signature of the commit is wrong")            \
  X(object_corrupt,           "T0032", bad_verdict, "a stored object does not have its own hash")    \
  X(output_corrupt,           "T0033", bad_verdict, "an output file differs from the manifest")      \
  /* build */                                                                                        \
  X(file_clash,               "B0001", bad_verdict, "two packages own one file")                     \
  X(script_failed,            "B0002", bad_verdict, "a maintainer script failed")                    \
  X(volatile_path,            "B0003", bad_verdict, "a volatile file that no normaliser knows")      \
  X(tool_failed,              "B0004", environment, "a program of the tools tree failed")            \
  X(kernel_missing,           "B0005", bad_verdict, "the tree holds no kernel, or several")          \
  X(store_failed,             "B0006", environment, "the store could not be read or written")        \
  X(out_not_empty,            "B0007", usage,       "the output directory holds something else")     \
  X(disk_too_small,           "B0008", usage,       "a partition is too small for its content")      \
  X(image_not_found,          "B0009", usage,       "there is no image in the directory")            \
  X(image_malformed,          "B0010", bad_verdict, "the image's manifest is malformed")             \
  X(interrupted,              "B0011", environment, "interrupted")                                   \
  X(step_failpoint,           "B0012", environment, "a failpoint asked this step to fail")           \
  X(tree_malformed,           "B0013", bad_verdict, "the tree lacks something that an image needs")  \
  X(generator_failed,         "B0016", bad_verdict, "a generator of files failed")                   \
  X(module_failed,            "B0017", bad_verdict, "a kernel module could not be compiled")         \
  /* validation */                                                                                   \
  X(target_unknown,           "V0001", usage,       "no such target, topology, profile, level or check") \
  X(guest_hung,               "V0002", bad_verdict, "the guest stopped making progress")             \
  X(guest_panicked,           "V0003", bad_verdict, "the guest's kernel panicked")                   \
  X(guest_rebooted,           "V0004", bad_verdict, "the guest reset itself")                        \
  X(guest_silent,             "V0005", bad_verdict, "the guest never spoke")                         \
  X(qemu_died,                "V0006", environment, "QEMU ended by itself")                          \
  X(result_malformed,         "V0007", bad_verdict, "the guest sent a malformed result")             \
  X(guest_ended_early,        "V0008", bad_verdict, "the guest ended without a result")              \
  X(machine_refused,          "V0009", environment, "QEMU does not start this machine")              \
  X(pages_exceed_memory,      "V0010", bad_verdict, "the image keeps more huge pages than the machine has memory") \
  X(report_not_found,         "V0020", usage,       "there is no such report")                       \
  X(report_malformed,         "V0021", usage,       "the file is not a report that this program reads") \
  X(recording_not_found,      "V0022", usage,       "there is no recording in the directory")        \
  X(recording_malformed,      "V0023", usage,       "a recording is damaged")                        \
  X(baseline_not_found,       "V0024", usage,       "there is no such baseline")                     \
  X(baseline_malformed,       "V0025", usage,       "the file is not a baseline that this program reads") \
  X(baseline_expired,         "V0026", usage,       "the baseline is past the date until which it holds") \
  X(baseline_of_another,      "V0027", usage,       "the baseline is of another image or machine")   \
  X(policy_not_found,         "V0028", usage,       "there is no such policy")                       \
  X(figures_of_several,       "V0029", usage,       "figures of several machines or images where one is due") \
  /* host */                                                                                         \
  X(usage_error,              "H0001", usage,       "the command line is wrong")                     \
  X(file_failed,              "H0002", environment, "a file operation failed")                       \
  X(disk_full,                "H0003", environment, "the disk is full")                              \
  X(tool_missing,             "H0004", environment, "a program is not installed")                    \
  X(no_user_namespaces,       "H0005", environment, "user namespaces are not available")             \
  X(no_subuids,               "H0006", environment, "this user has no subordinate ids")              \
  X(overlay_failed,           "H0007", environment, "overlay mounts do not work here")               \
  X(sandbox_failed,           "H0008", environment, "the sandbox could not be set up")               \
  X(process_failed,           "H0009", environment, "a program failed")                              \
  X(clock_wrong,              "H0010", environment, "this machine's clock is wrong")                 \
  X(space_needed,             "H0011", environment, "not enough disk space")                         \
  X(deadline_passed,          "H0012", environment, "a program did not end in time")               \
  X(crypto_failed,            "H0013", environment, "the cryptographic library failed")              \
  X(memory_needed,            "H0014", environment, "not enough memory")
// clang-format on

namespace codes {
#define AINODE_DECLARE_CODE(name, id, exit, summary) inline constexpr ErrorCode name{id, Exit::exit, summary};
AINODE_ERROR_CODES(AINODE_DECLARE_CODE)
#undef AINODE_DECLARE_CODE
}  // namespace codes

/// All codes in the table's order, for `explain` and the test that no code stands twice.
std::span<const ErrorCode> all_error_codes();

}  // namespace ainode
