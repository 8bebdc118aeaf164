// SPDX-License-Identifier: Apache-2.0
// The texts of `ainode explain CODE`, in the order of base/error_codes.h. A code without its text does not compile.
#include "cli/explanations.h"

#include <iterator>

namespace ainode::cli {

namespace {

// clang-format off
constexpr Explanation kExplanations[] = {
// ---- recipe ----
{codes::recipe_not_found, R"(No file answers to the name. A path (with `/`, or ending in .yaml) is taken as it stands; a bare
name is looked for in images/, then in recipes/, below the current directory.
  ainode check qemu-base          # images/qemu-base.yaml, else recipes/qemu-base.yaml
Cure: correct the name, give a path, or start in the right directory with -C DIR.
)"},
{codes::recipe_unreadable, R"(The recipe's name leads to something that is no regular file (a directory, a device), or the file
may not be read by this user.
Cure: name the recipe's file itself; look at its owner and mode with `ls -l`.
)"},
{codes::yaml_syntax, R"(The file cannot be read as YAML, so nothing can be said about its content yet. Usually a bracket or
a quote is not closed, a line is indented differently from its neighbours, or by a tab.
  include: [udev, kmod          # the closing ] is missing
Cure: correct the marked line, or the one before it. Indent with spaces.
)"},
{codes::yaml_not_allowed, R"(Recipes use a small part of YAML, so that one text has one meaning. Anchors (&), aliases (*), tags
(!), merge keys (<<), directives (%), several documents in a file and keys that are not plain text
are refused.
  summary: !!str yes            # a tag; quoted text is enough: summary: "yes"
Cure: write the value out where it is used.
)"},
{codes::yaml_too_large, R"(A file of more than 1 MiB, of more than 32 levels, or of more than 100,000 values is no recipe that
a person wrote; nor is one of more than 64 files, 256 variants and matrix values, or 200 mistakes.
The limits keep a hostile file from exhausting memory and time.
Cure: if a program wrote the file, look at what it repeats.
)"},
{codes::yaml_encoding, R"(A recipe is UTF-8 without a byte order mark, control characters (but tab and line end) and marks
that turn the direction of writing. They come from an editor that saved UTF-16 or Latin-1, or from
copied text.
Cure: save the file as UTF-8; `iconv -f LATIN1 -t UTF-8 OLD > NEW` converts one.
)"},
{codes::duplicate_key, R"(A mapping has the same key twice. Many YAML readers silently let the last one win; here that would
hide half of what was written.
  kernel: {cmdline: [quiet], cmdline: [panic=10]}
Cure: keep one, and put both values into it: `cmdline: [quiet, panic=10]`.
)"},
{codes::unknown_key, R"(The recipe language has no such key in this place. Usually it is misspelt, or it stands one level
too high or too low.
  kernel: {cmdlne: [panic=10]}  # did you mean `cmdline`?
Cure: the help line names the nearest key, or all keys that are allowed there.
)"},
{codes::wrong_type, R"(The key is right, but its value is of another kind: text where a list is needed, a number where text
is. In YAML a bare `no`, `1.10` or `2026-01-01` is not text.
  include: systemd-sysv         # write a list: [systemd-sysv]
Cure: write the value in the form that the message names; quote what is meant as text.
)"},
{codes::missing_key, R"(A mapping lacks a key without which it means nothing, such as the `suite` of a repository, the `esp`
or `root` partition of a disk, or the kernel package for the architecture that is being built.
  - {id: main, distribution: debian, components: [main]}    # which suite?
Cure: add the key; the help line says what it holds.
)"},
{codes::bad_value, R"(The value has the right type but is not one that the key takes: an unknown distribution, a size
without a unit, a name with a forbidden character, a systemd unit that no included package ships.
  disk: {partitions: [{id: root, type: root, fs: ext4, size: 3000, mount: /}]}   # size: 3G
Cure: the message and its help line say what is allowed.
)"},
{codes::not_built_yet, R"(The key belongs to the recipe language, but the stage that would carry it out, and the check that
would prove it, do not exist in this version. To ignore it would give an image that is not what its
recipe says, so it is refused.
Cure: leave the key out for now.
)"},
{codes::extends_cycle, R"(By `extends`, a recipe comes to extend itself, directly or through others, so there is no base to
start from.
  a.yaml: extends: [b.yaml]     b.yaml: extends: [a.yaml]
Cure: move what both need into a third recipe, and let both extend that one.
)"},
{codes::extends_outside, R"(`extends` takes files below the recipe root only, so that a recipe means the same wherever its
directory is checked out: no absolute path, and none through a symbolic link. The root is the
current directory, or for a recipe elsewhere the folder above its images/ or recipes/.
  extends: [../../../etc/base.yaml]
Cure: move or copy the other recipe into the tree.
)"},
{codes::host_in_recipe, R"(A repository names a distribution, a suite and components, never a host: the same recipe must build
near any mirror. So `://` is refused everywhere below `repositories`.
  repositories: [{id: main, distribution: debian, suite: trixie, components: [main]}]
Cure: give the address to the build, not to the recipe:
  ainode build NAME --out DIR --mirror debian=URI
)"},
{codes::unknown_variant, R"(NAME@VARIANT asks for an overlay that the recipe does not declare under `variants`, NAME@AXIS=VALUE
for one that is not under `matrix`, or two values of one axis are asked for.
  ainode build node@debug,kernel=latest --out DIR
  # needs `variants: {debug: …}` and `matrix: {kernel: {latest: …}}`
Cure: correct the name; `ainode check NAME` lists all of them.
)"},
// ---- packages ----
{codes::no_mirror, R"(The recipe names distributions; where to download them from was neither given nor found in this
machine's apt configuration, or apt there knows other distributions only.
Cure: give the directory that holds dists/ and pool/, on the command line or in the environment:
  ainode build NAME --out DIR --mirror debian=URI
  AINODE_MIRROR_DEBIAN=URI ainode build NAME --out DIR
)"},
{codes::apt_lists_empty, R"(Mirrors are taken from this machine's apt, but its configuration names no archive at all: usually a
container image whose sources were removed, or a machine that does not use apt.
Cure: run `apt-get update`, or give the address with --mirror DISTRIBUTION=URI.
)"},
{codes::unknown_suite, R"(The archive's signed metadata has no such suite, component or architecture; the recipe's line is
shown. Usually it is misspelt, or the mirror carries only a part of the archive.
  {id: main, distribution: debian, suite: trixy, components: [main]}
Cure: write the codename of a release that the mirror carries; the help line lists what there is.
)"},
{codes::network_failed, R"(A file could not be downloaded: the name does not resolve, the connection is refused or stalls, the
server answers with an error, or a proxy stands in between. Faults that may pass were tried three
times.
Cure: run the same command again, what was downloaded is kept; -v shows the addresses; --mirror
DISTRIBUTION=URI gives another mirror.
)"},
{codes::checksum_mismatch, R"(The bytes that arrived, or that lie in the store, do not have the SHA-256 that the signed metadata
declares. They are not used. A damaged copy in a proxy, or a mirror in mid-update, is likely.
Cure: try again later, or give another mirror with --mirror DISTRIBUTION=URI.
)"},
{codes::size_mismatch, R"(A download is longer or shorter than the signed metadata declares, or longer than any such file may
be. It was stopped; nothing of it is used.
Cure: try again later, or give another mirror with --mirror DISTRIBUTION=URI.
)"},
{codes::index_malformed, R"(A Packages or InRelease file breaks its format: the message names the line. Since its digest was
right, the archive itself published it so; a private archive made by a script is likely.
  Package: Foo                  # upper case: not a package's name (Debian Policy 5.6.1)
Cure: have the archive corrected, or give another mirror with --mirror DISTRIBUTION=URI.
)"},
{codes::deb_malformed, R"(A .deb cannot be unpacked: its ar or tar structure, or its compression, is broken or cut short, or
it has no control file. Its digest was the one in the index, so it was published so.
Cure: pin or choose another version of the package, or have the archive corrected.
)"},
{codes::deb_mismatch, R"(A .deb says another name, version or architecture in its control file than its index said. The
archive contradicts itself, so neither is believed.
Cure: do not use this archive; tell its owner.
)"},
{codes::archive_entry_refused, R"(A package's archive holds something that has no place in an image: a path with `..`, an absolute or
overlong path, a device or a socket, the same path twice, an owner outside 0 to 65535. Packages of
Debian hold none of these.
Cure: exclude the package, or have it repaired; the message names the entry.
)"},
{codes::offline, R"(With --offline nothing may be downloaded, but the build needs a package that the store does not
hold, or has no lock that fits and so would have to read the archive's indices, as `ainode why` has.
Cure: run the same command once without --offline; what it downloads is kept in the store.
)"},
{codes::redirect_refused, R"(The mirror redirected too often, or to something other than http and https. A login page or a
misconfigured proxy often does so.
Cure: give the final address of the mirror with --mirror DISTRIBUTION=URI.
)"},
{codes::vendor_incomplete, R"(The directory given with --vendor lacks a package that the lock names: it was written for another
lock, another architecture, or is not whole.
  ainode vendor NAME --out vendored
Cure: write it anew for this lock, or build without --vendor.
)"},
{codes::lock_malformed, R"(The lock is not a text that the program writes: it was edited, merged by hand, cut short, or its
digest does not fit. A lock is read back byte for byte, so any change of it is noticed.
Cure: take the committed file again (`git checkout`), or remove it and build without --locked: that
resolves anew and writes it.
)"},
{codes::lock_stale, R"(With --locked the lock must answer for the recipe as it is now, but the recipe's values changed
since (a comment would not matter), or the lock is of another recipe or architecture.
  ainode build NAME --out DIR           # without --locked: resolves anew and writes the lock
Cure: build once without --locked, review the new lock, and commit it with the recipe.
)"},
{codes::lock_missing, R"(With --locked nothing may be resolved, so the lock must lie beside the recipe: NAME.ARCH.lock.
  ainode build NAME --out DIR           # without --locked: resolves and writes the lock
Cure: build once without --locked, and commit the lock that it writes.
)"},
// ---- solver ----
{codes::unknown_package, R"(No repository of the recipe has a package of this name for this architecture. It may be misspelt, be
a virtual name that several packages provide, or lie in another component or suite.
  packages: {include: [firmware-amd-graphics]}     # in Debian this needs non-free-firmware
Cure: correct the name, or add the component or repository that holds it.
)"},
{codes::unsatisfiable, R"(Each wish alone could be granted, but not all together. The chain under the message names the
packages and the recipe's lines that contradict each other.
  packages: {include: [network-manager], exclude: [dbus]}
Cure: drop one of the named wishes: an `exclude`, a `pin`, or one of two conflicting packages.
)"},
{codes::solver_failed, R"(With `packages: {recommends: true}`, taking in recommended packages never came to rest: each round
made others recommended.
Cure: set packages.recommends to false, and include the recommended packages you need by name.
)"},
// ---- trust ----
{codes::signature_missing, R"(What the mirror served as InRelease is no clear-signed file. Often it is a login page or a proxy's
error page; only clear-signed metadata is accepted.
Cure: open the address (shown with -v) in a browser; give another mirror with --mirror
DISTRIBUTION=URI.
)"},
{codes::signature_bad, R"(InRelease does not fit its signature, is cut short, is signed with a hash as weak as SHA-1, or could
be read in two ways. Its text is not used.
Cure: try again; if that does not help, do not trust this mirror and give another with --mirror.
)"},
{codes::signer_unknown, R"(InRelease is well signed, but by a key that is not in the distribution's keyring. A new archive key
with an old keyring package is the harmless cause.
  apt-get install --only-upgrade debian-archive-keyring
Cure: update the keyring package; if that does not help, do not trust this mirror.
)"},
{codes::signature_key_expired, R"(The only good signature comes from a key that is expired or revoked: usually the keyring package is
old, or this machine's clock is far ahead.
Cure: update the distribution's keyring package, and check the clock with `date`.
)"},
{codes::metadata_expired, R"(Signed metadata says until when it is valid, and that time is past: the mirror stopped updating,
somebody replays old metadata, or the archive is meant to be old (a snapshot).
Cure: give a current mirror with --mirror; for an archive that is meant to be old, accept it by
name:
  ainode build NAME --out DIR --accept-stale debian-security
)"},
{codes::metadata_future, R"(Signed metadata is dated more than an hour ahead of this machine's clock.
Cure: look at the clock with `date` and set it; if it is right, the archive's clock is wrong.
)"},
{codes::metadata_rolled_back, R"(This machine has already seen newer metadata of the same suite. The mirror lags behind, or somebody
replays an old state, in which a security update is missing.
Cure: try again later or another mirror; to go back knowingly, remove the file that the help line
names.
)"},
{codes::metadata_wrong_origin, R"(The metadata is well signed, but speaks of another archive than the recipe asked for: its Origin,
Label or Codename differs. A mirror given for the wrong distribution, or a suite that is not named
by its codename, is likely.
  suite: stable                 # moves at each release; write the codename, such as trixie
Cure: correct --mirror DISTRIBUTION=URI, or the recipe's suite.
)"},
{codes::metadata_weak_hash, R"(InRelease lists its indices by MD5 or SHA-1 only. Whoever can make two files with one such digest
could put other packages under the signature.
Cure: have the archive publish SHA-256, as Debian has done for many years.
)"},
{codes::keyring_missing, R"(The file of OpenPGP keys that the distribution's metadata is judged with is not on this machine.
  apt-get install debian-archive-keyring
Cure: install it; `ainode doctor` lists whatever else is missing.
)"},
{codes::metadata_too_old, R"(The recipe asks for metadata no older than `max-age`, and what the mirror serves is older, though it
may still be within its own Valid-Until.
Cure: give a current mirror with --mirror DISTRIBUTION=URI, or allow more in the recipe's `max-age`.
)"},
{codes::metadata_unsigned_text, R"(InRelease holds text before, between or after its signed part. A reader that took the whole file
would believe it, so the file is refused even though its signature is good.
Cure: the mirror or a proxy changed the file; give another mirror with --mirror DISTRIBUTION=URI.
)"},
{codes::metadata_newer, R"(The repository asks for a `snapshot`, the archive as it was at that time, but the mirror served
metadata that was signed later: it serves the archive as it is now.
  ainode build NAME --mirror debian=URI --out DIR     # a mirror that serves that day's archive
Cure: give such a mirror, or drop `snapshot` from the recipe.
)"},
{codes::key_missing, R"(The recipe or the command names a key that this machine does not have. Keys lie in the configuration
directory under ainode/keys/NAME/; AINODE_KEY_RELEASE names another directory for key `release`.
  signing: {ostree: {openpgp: release, ed25519: release}}
  ainode key gen release
Cure: make the key, restore its files, or set the variable.
)"},
{codes::key_malformed, R"(A key file is not what its name says: no PEM or OpenPGP key, one with a passphrase, several keys in
one file, or of a kind other than ed25519 or ECDSA P-256. Builds run unattended, so a key must open
without a passphrase.
Cure: store the key without a passphrase, readable by its owner only, or make one:
  ainode key gen NAME
)"},
{codes::key_permissions, R"(A secret key file can be read by its group or by everyone, so it may not be secret any more.
  chmod 600 ~/.config/ainode/keys/release/ed25519.pem
Cure: take the others' rights away; if strangers use this machine, make a new key.
)"},
{codes::key_exists, R"(There is a key of this name already. A key is never replaced: what it signed would no longer verify.
Cure: choose another name, or move the old directory away yourself:
  ainode key gen release-2027
)"},
{codes::signing_failed, R"(gpg had the key but did not sign with it. A commit is signed as of the lock's epoch (so that equal
inputs give equal signatures): a key that is newer than that time, or expired by then, cannot sign.
Cure: use a key that was valid at that time, or build with a lock that is newer than the key.
)"},
{codes::commit_unsigned, R"(The image's commit lacks one of its two signatures, OpenPGP or ed25519: it was removed, or the
repository was copied without it.
Cure: copy the image directory again as a whole, or build it again.
)"},
{codes::commit_signature_bad, R"(A signature stands beside the commit but does not fit it under the public key that was given: one of
the three was changed, or it is another key's.
  ainode verify IMAGE --ed25519-key ed25519.pub.pem
Cure: check that the key is the signer's; if it is, do not use the image.
)"},
{codes::object_corrupt, R"(Every object of a repository is named by its own hash, and this one has another content: the disk
failed, a copy was cut short, or the object was tampered with.
Cure: in the store: remove it and build again. In an image: copy or build it again.
)"},
{codes::output_corrupt, R"(A file of the image is missing, or its SHA-256 is not the one in manifest.json, or the repository's
ref names another commit than the manifest.
  ainode verify IMAGE           # shows which
Cure: copy the image again, or build it again: an equal recipe and lock give equal bytes.
)"},
// ---- build ----
{codes::file_clash, R"(Two chosen packages hold the same path, and neither declares that it replaces the other. dpkg would
refuse to install both, too.
Cure: exclude one of the two packages that the message names:
  packages: {exclude: [NAME]}
)"},
{codes::script_failed, R"(A package's maintainer script (postinst and the like) failed, did not end in time, left its package
unconfigured, or left a device in the tree. Scripts run in a sandbox without network and without the
host's files; its last lines stand under the message, then the system calls that the sandbox refused
and the limits (time, processes, memory) at which it was stopped.
Cure: exclude the package, or include what its script needs.
)"},
{codes::volatile_path, R"(A file that differs from build to build (a random seed, a log, a time stamp) reached the end of the
build, and nothing is known that makes it reproducible. It would break the promise of equal bytes.
Cure: exclude the package that made the file; else report it, with the recipe.
)"},
{codes::tool_failed, R"(A program of the tools tree (mke2fs, mkfs.vfat, zstd, …) failed. Such programs come from the lock,
not from this machine; what it said stands in the message.
Cure: often the disk is full or memory is short; then run the same command again.
)"},
{codes::kernel_missing, R"(An image has exactly one kernel, but the tree holds none or several under /usr/lib/modules, or
modules without their kernel.
  kernel: {package: linux-image-cloud-amd64}
Cure: name one kernel package, and exclude those that others draw in.
)"},
{codes::store_failed, R"(The store, below the cache directory or where --store points, could not be read or written: wrong
owner, a read-only or full file system, or a damaged repository.
Cure: look at the path in the message; a store can always be removed, the next build fills it again.
)"},
{codes::out_not_empty, R"(--out names a directory with something in it that this program does not replace: nothing of yours
is overwritten, and a recording never.
  ainode build NAME --out out/NAME
Cure: name a new directory, an empty one, or for `build` that of an earlier image.
)"},
{codes::disk_too_small, R"(What belongs into the partition is larger than the size that the recipe gives it.
  disk: {partitions: [{id: root, type: root, fs: ext4, size: 3G, mount: /}]}
Cure: give it at least the size that the help line names.
)"},
{codes::image_not_found, R"(The directory has no manifest.json, so it is no image: a misspelt path, or a build that did not end.
  ainode build NAME --out out/NAME && ainode verify out/NAME
Cure: name the directory that was given to --out.
)"},
{codes::image_malformed, R"(The image's manifest.json, disk or repository cannot be understood: edited, cut short, written by
another version, or without the file or partition that is needed.
Cure: copy the image again or build it again; to boot it, its recipe needs `disk: [qcow2]` under
outputs.
)"},
{codes::interrupted, R"(The program was asked to stop (Ctrl-C, SIGTERM) and did, between two pieces of work.
Cure: none is needed; the same `build` continues where it stopped, the same `validate` where it had
--resume.
)"},
{codes::step_failpoint, R"(AINODE_FAILPOINT asked a step to fail, as the program's own tests do to prove that a stopped build
continues.
Cure: unset AINODE_FAILPOINT.
)"},
{codes::tree_malformed, R"(The united packages lack something that every image needs, such as /etc, a program or library for
the initrd, or a module that another one depends on; or they put files in both /bin and /usr/bin.
Cure: include the package that holds it; this is a base that boots:
  packages: {include: [systemd-sysv, udev, dbus, kmod, iproute2, ostree-boot]}
)"},
{codes::generator_failed, R"(Module indices, the certificate bundle, the hardware database and the like are made once, after
all scripts ran. One of the programs that make them failed (its words stand in the message), or
changed a path that is not among its outputs, so that its result cannot be kept by its inputs.
Cure: exclude the package whose file it could not read, or report it with the recipe.
)"},
{codes::module_failed, R"(A module of `kernel.extra-modules` was not compiled by the Makefiles of the image's kernel. They run
without a network in a tree of locked packages (the kernel's headers and compiler, make, the package
that holds the source), so the same recipe and lock fail everywhere. The message has what the
compiler said; after a change of the kernel, the module's source does not fit the new one.
Cure: take a source that fits, or pin the kernel: packages: {pin: {linux-image-amd64: "6.12.*"}}.
)"},
// ---- validation ----
{codes::target_unknown, R"(There is no such target, topology, profile, level or check, or none for the image's architecture.
  ainode validate IMAGE --target qemu:one-node --profile boot
  ainode validate IMAGE --target qemu:./our-node.yaml
  ainode validate IMAGE --target local
Cure: the help line lists those that exist; a machine of your own is a YAML file, given by its path.
)"},
{codes::guest_hung, R"(The guest had spoken, or booted for a while, and then was silent for longer than allowed, or did not
finish in time, or used up its processor time. Waiting for a busy host is not counted.
Cure: read console.log in the evidence directory; if the machine is only slow, allow more:
  ainode validate IMAGE --silence 600 --deadline 1800 --cpu-deadline 3600
)"},
{codes::guest_panicked, R"(The guest's kernel panicked; the reason stands in the message, the lines before it in console.log in
the evidence directory (IMAGE/evidence, or where --evidence points).
Cure: a root file system that is not found means a missing driver in the initrd; else compare the
kernel and its arguments with the last image that booted.
)"},
{codes::guest_rebooted, R"(The guest reset itself once its agent had spoken, or at every boot. Usually the kernel panics and
`panic=10` in kernel.cmdline reboots it, or a watchdog does.
Cure: read console.log in the evidence directory, or watch it:
  ainode boot IMAGE
)"},
{codes::guest_silent, R"(The guest's agent never said a word: the kernel may have hung early, or user space never reached the
unit that starts the agent.
Cure: read console.log in the evidence directory; systemd needs to reach its default target.
)"},
{codes::qemu_died, R"(QEMU itself ended, not the guest, while the guest was running: somebody killed it, or memory was
short. One killed from outside was started three times in all. Its words are in qemu.log in the
evidence directory.
Cure: `ainode doctor` starts a tiny guest and tells what works; free some memory, try again.
)"},
{codes::result_malformed, R"(What came over the guest's agent port does not have the form of results: cut
short, not counted up, not authenticated. A process in the guest may have written to the port.
Cure: read agent.log in the evidence directory.
)"},
{codes::guest_ended_early, R"(The guest switched itself off before the agent's last word: something in the image called poweroff,
or a unit's failure action did.
Cure: read the end of console.log in the evidence directory.
)"},
{codes::machine_refused, R"(QEMU ended before the guest's first byte and said why: this version does not know a device of the
topology, or the topology asks for what it cannot emulate. Nothing is said about the image.
The exit status is 2 where the topology is a file of your own, and 3 where it is a shipped one.
Cure: change what QEMU's words name in the topology; its whole command is in qemu.log in the
evidence directory.
)"},
{codes::pages_exceed_memory, R"(`tuning.hugepages` of the recipe sets aside at least as much memory as all nodes of the topology
have together. A kernel gives what it can and then has none to boot with: the guest is not started.
Cure: validate the image on a machine that is large enough (a topology of your own is one file), or
state fewer pages, for the small machine in a variant.
)"},
{codes::report_not_found, R"(A verb that reads reports was given a path at which there is none.
Cure: name a file that `ainode validate IMAGE -o FILE` or `ainode report merge … -o FILE` wrote.
)"},
{codes::report_malformed, R"(The file is not JSON, not a report, one of another version, or its parts contradict each other: a
verdict that its checks do not support, coverage that does not add up. See `ainode schema report`.
Cure: write it again with `ainode validate IMAGE -o FILE`, or read it with what wrote it.
)"},
{codes::recording_not_found, R"(The directory holds neither probes.json nor root/, so `record` did not write it.
  ainode record out/node --out recorded/node
  ainode validate recorded/node --target recorded
Cure: name the directory that `ainode record --out` wrote.
)"},
{codes::recording_malformed, R"(A recording is root/ (plain files only, no links), probes.json, expected.json and report.json. One
is missing, is not what `record` writes, is too large or of another version; or a link could lead
out of it. Nothing was judged.
Cure: undo the change to the file that the message names, or record the machine again:
  ainode record IMAGE --out DIR
)"},
{codes::baseline_not_found, R"(A baseline is a file that `ainode baseline` made of reports, one boot each. Nothing was judged.
Cure: name one, or make it of reports of the image that you hold candidates to:
  ainode validate IMAGE -o base1.json      # better five times than once
  ainode baseline base*.json -o baseline.json
)"},
{codes::baseline_malformed, R"(The file is not what `ainode baseline` writes: it was changed by hand, cut, is of another version,
or a sample in it is not a number above 0. A figure without samples proves nothing.
Cure: make it again of the reports:
  ainode baseline REPORT... -o FILE
)"},
{codes::baseline_expired, R"(A baseline holds for a while (--valid-days when it was made): machines, firmware and what is normal
change, and a candidate would be held to a past that nobody can measure again.
Cure: boot the image of the baseline again, and make a new one:
  ainode baseline REPORT... -o FILE
)"},
{codes::baseline_of_another, R"(A candidate is held to a baseline of the same image on the same machine: the same target and
topology, both emulated or neither, and for figures of real machines the same processor. What
differs else would be taken for the image's doing.
Cure: make a baseline on this machine:
  ainode baseline REPORT... -o FILE
To see two images or machines side by side without a verdict for a pipeline: ainode compare A B
)"},
{codes::policy_not_found, R"(A policy is a YAML file with the limits that figures are held to. Nothing was judged.
Cure: name one, or leave out --policy: every figure that the baseline has is then held to 5 %, or to
1 % where events were counted. A policy looks like this:
  limits:
    llm.decode-tokens-per-s: {regress: 3%}
    mem.triad-GBps: {regress: 2%, at-least: 10}
)"},
{codes::figures_of_several, R"(Samples of one figure must come from one image (one commit) on one machine: the spread between
machines or images would be taken for noise, and hide what is looked for.
Cure: give the reports of each machine apart; a report that `ainode report merge` made of several
targets is such a mixture.
)"},
// ---- host ----
{codes::usage_error, R"(The command line is wrong: an unknown verb or flag, a missing or superfluous argument, or a value
that the flag does not take.
  ainode build --help
Cure: each verb's --help lists its flags and shows examples.
)"},
{codes::file_failed, R"(A file or directory could not be read, written or made; the message has the path and the system's
reason (it does not exist, permission denied, read-only).
Cure: look at the path's owner and mode with `ls -ld`, and at each directory above it.
)"},
{codes::disk_full, R"(A write failed because the file system is full or the user's quota is used up. No half-written file
was left in place of a good one.
Cure: free some space and run the command again, or keep the store elsewhere:
  ainode build NAME --out DIR --store /large/disk/ainode
)"},
{codes::tool_missing, R"(A program that is needed on this machine is not installed or not on PATH.
  ainode doctor
Cure: install the package that `ainode doctor` names for it.
)"},
{codes::no_user_namespaces, R"(A build works as root of a namespace of its own, and this machine does not let the user make one: a
sysctl forbids it, or a container's filter does.
Cure: `ainode doctor` tries it and names the setting; inside docker allow it with --security-opt
seccomp=unconfined and --cap-add SYS_ADMIN.
)"},
{codes::no_subuids, R"(Packages own files as many users, so an ordinary user needs 65535 subordinate user and group ids
(/etc/subuid, /etc/subgid) and the package uidmap. Root needs none, but a container must have the
ids 0 to 65535.
Cure, as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER
)"},
{codes::overlay_failed, R"(Maintainer scripts run over an overlay mount, whose upper directory must lie on a disk file system.
A tmpfs or another overlay (as in a container) cannot carry it.
Cure: keep the store on ext4, xfs or btrfs, in a container on a volume:
  ainode build NAME --out DIR --store /volume/ainode
)"},
{codes::sandbox_failed, R"(The namespaces, mounts or the system call filter in which maintainer scripts run could not be made;
the message names the step and the system's reason. Inside containers, /proc is often locked.
Cure: `ainode doctor` tries it; docker needs --security-opt systempaths=unconfined.
)"},
{codes::process_failed, R"(A program that was started ended with an error; what it said stands under the message. With `ainode
failed` in the message it is a defect of this program.
Cure: act on what the program said; report a defect with the command that led to it.
)"},
{codes::clock_wrong, R"(The archive was signed more than a day later than this machine believes it is now. With a wrong
clock neither the age of metadata nor the validity of keys can be judged.
  timedatectl set-ntp true
Cure: set the clock, then try again.
)"},
{codes::space_needed, R"(The disk of the store has less free space than a build keeps in reserve (3 % of it, at least 512
MiB), so it stopped before the disk would run full in the middle of a step.
Cure: free some space, or keep the store elsewhere:
  ainode build NAME --out DIR --store /large/disk/ainode
)"},
{codes::deadline_passed, R"(A program did not end within its time and was stopped; or a guest got so little processor time that
nothing can be said about it. Usually the machine is overloaded.
Cure: try again when less is running.
)"},
{codes::crypto_failed, R"(OpenSSL refused an operation that should always work: usually its configuration forbids an
algorithm, or the library is damaged.
Cure: try with OPENSSL_CONF=/dev/null; reinstall libssl if that does not help.
)"},
{codes::memory_needed, R"(The topology gives its guest more memory than this host has free now (MemAvailable of
/proc/meminfo). QEMU would start, and the kernel would end it or others in the middle of the boot.
Cure: try again when less is running, or take a smaller machine:
  ainode validate IMAGE --target qemu:tiny-edge
)"},
};
// clang-format on

constexpr ErrorCode kCodes[] = {
#define AINODE_LIST_CODE(name, id, exit, summary) codes::name,
    AINODE_ERROR_CODES(AINODE_LIST_CODE)
#undef AINODE_LIST_CODE
};

constexpr bool explains_every_code() {
  if (std::size(kExplanations) != std::size(kCodes)) return false;
  for (std::size_t i = 0; i < std::size(kCodes); ++i) {
    if (kExplanations[i].code.id != kCodes[i].id) return false;
  }
  return true;
}
static_assert(explains_every_code(), "one text for each code, in the order of base/error_codes.h");

}  // namespace

std::span<const Explanation> all_explanations() {
  return kExplanations;
}

}  // namespace ainode::cli
