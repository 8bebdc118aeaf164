// SPDX-License-Identifier: Apache-2.0
// The checks behind `doctor`: QEMU is a stand-in script, the archive's dates and the clock are the test's.
#include "builder/inspect_host.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "builder/sandbox/sandbox.h"

namespace ainode {
namespace {

class Host : public ::testing::Test {
 protected:
  Host() : directory_(AINODE_BINARY_DIR, "host-test-") {
    options_.store = directory_.path() / "cache";
    options_.kvm_device = directory_.path() / "kvm";
    options_.apt_lists = directory_.path() / "lists";
    options_.keyring = directory_.path() / "keyring.gpg";
    options_.kvm_deadline = std::chrono::milliseconds(1000);
    options_.mirrors.given = {{"debian", "file:///a/debian"}, {"debian-security", "file:///a/debian-security"}};
    options_.now = 1'700'000'000;  // 2023-11-14
    make_directories(options_.apt_lists);
    write_file(options_.kvm_device, "");
    write_file(options_.keyring, "");
    qemu("exit 99");
  }

  /// A QEMU that answers --version, and else runs `script`; $accel is what it was asked for.
  void qemu(const std::string& script) {
    options_.qemu = (directory_.path() / "qemu").string();
    write_file(options_.qemu,
               "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'QEMU emulator version 9.1.2 (x)'; exit 0; }\n"
               "case \"$*\" in *'-accel kvm'*) accel=kvm ;; *) accel=tcg ;; esac\n" +
                   script + "\n",
               0755);
  }

  void list(const std::string& name, const std::string& date) {
    write_file(options_.apt_lists / (name + "_InRelease"), "Origin: x\nDate: " + date + "\n");
  }

  HostCheck check(const std::string& id) {
    for (HostCheck& check : inspect_host(options_).checks) {
      if (check.id == id) return check;
    }
    ADD_FAILURE() << "no check " << id;
    return {};
  }

  TemporaryDirectory directory_;
  HostOptions options_;
};

TEST_F(Host, HasAllThatBuildAndValidateNeed) {
  const HostReport report = inspect_host(options_);
  for (const HostCheck& check : report.checks) {
    if (!check.need.build && !check.need.validate) continue;
    EXPECT_TRUE(check.is_good) << check.id << ": " << check.found;
    EXPECT_EQ(check.cure, "") << check.id;
  }
  EXPECT_TRUE(report.can_build());
  EXPECT_TRUE(report.can_validate());
}

TEST_F(Host, OnlyWhatIsAskedForIsLookedAt) {
  options_.only = "mirror.";
  std::string ids;
  for (const HostCheck& check : inspect_host(options_).checks) ids += check.id + " ";
  EXPECT_EQ(ids, "mirror.debian mirror.debian-security ");
}

TEST_F(Host, ARecipesMetadataThatCannotBeReadHasTheErrorsCode) {
  options_.only = "metadata";
  Repository& repository = options_.repositories.emplace_back();
  repository.distribution.value = "debian";
  repository.suite.value = "trixie";
  const HostReport report = inspect_host(options_);
  ASSERT_EQ(report.checks.size(), 1u);
  EXPECT_EQ(report.checks[0].id, "metadata.debian.trixie");
  EXPECT_EQ(report.checks[0].found, "debian has no suite `trixie`");
  EXPECT_EQ(report.to_json()["checks"][0]["code"], codes::unknown_suite.id);
  EXPECT_FALSE(report.can_build());
}

TEST_F(Host, LeavesNothingBehind) {
  inspect_host(options_);
  EXPECT_TRUE(fs::is_empty(options_.store));
}

TEST_F(Host, KvmWorks) {
  EXPECT_EQ(check("kvm").found, "works: a tiny guest ran");
}

TEST_F(Host, KvmIsAbsent) {
  fs::remove(options_.kvm_device);
  qemu("[ $accel = tcg ] && exit 99; touch '" + (directory_.path() / "asked").string() + "'");
  EXPECT_EQ(check("kvm").found, "absent; guests are emulated");
  EXPECT_FALSE(fs::exists(directory_.path() / "asked"));
}

TEST_F(Host, KvmIsForbidden) {
  fs::permissions(options_.kvm_device, fs::perms::none);
  fs::permissions(directory_.path(), fs::perms(0755));
  // Root may open anything: so the probe is made by the namespace's user 1.
  const int status = in_user_namespace([&] {
    if (setresuid(1, 1, 1) != 0) return 1;
    const GuestProbe probe = probe_accelerator({options_.qemu, "kvm", options_.kvm_device});
    return probe.answer == GuestAnswer::forbidden ? 0 : 2;
  });
  EXPECT_EQ(status, 0);
}

TEST_F(Host, KvmHangs) {
  qemu("[ $accel = tcg ] && exit 99; sleep 864300 & while :; do sleep 1; done");
  const HostCheck kvm = check("kvm");
  EXPECT_FALSE(kvm.is_good);
  EXPECT_EQ(kvm.found, "hangs; guests are emulated");
  EXPECT_EQ(kvm.cure, options_.kvm_device.string() +
                          " is there, but a tiny guest got nowhere in 1 s; use another host for speed");
  EXPECT_TRUE(check("emulation").is_good);
}

TEST_F(Host, KvmFailsInQemusWords) {
  qemu("[ $accel = tcg ] && exit 99; echo 'first' >&2; printf 'failed to initialize kvm: \\033[1mBad\\n' >&2; exit 1");
  const HostCheck kvm = check("kvm");
  EXPECT_EQ(kvm.found, "fails; guests are emulated");
  EXPECT_EQ(kvm.cure.find('\033'), std::string::npos);
  EXPECT_EQ(kvm.cure.find("failed to initialize kvm: "), 0U);
}

TEST_F(Host, KvmIsNeverNeeded) {
  fs::remove(options_.kvm_device);
  EXPECT_TRUE(inspect_host(options_).can_validate());
}

TEST_F(Host, AQemuThatCannotEmulateCannotValidate) {
  qemu("echo 'no firmware' >&2; exit 1");
  const HostReport report = inspect_host(options_);
  EXPECT_FALSE(report.can_validate());
  EXPECT_TRUE(report.can_build());
  EXPECT_EQ(check("emulation").found, "no firmware");
}

TEST_F(Host, AMissingQemuIsNamedWithItsPackage) {
  options_.qemu = "/nonexistent/qemu";
  const HostCheck tool = check("tool.qemu-system-x86_64");
  EXPECT_EQ(tool.found, "not installed");
  EXPECT_EQ(tool.cure, "apt-get install qemu-system-x86");
  EXPECT_EQ(check("emulation").found, "`/nonexistent/qemu` is not installed");
}

TEST_F(Host, AVersionIsTakenFromTheTool) {
  EXPECT_EQ(check("tool.qemu-system-x86_64").found, "9.1.2");
}

TEST_F(Host, TooLittleSpaceIsALack) {
  options_.needed_bytes = std::uintmax_t{1} << 60;
  const HostReport report = inspect_host(options_);
  EXPECT_FALSE(report.can_build());
  EXPECT_TRUE(report.can_validate());
}

TEST_F(Host, TooFewInodesAreALack) {
  options_.needed_inodes = std::uintmax_t{1} << 60;
  EXPECT_FALSE(check("inodes").is_good);
}

TEST_F(Host, AnOverlayOnTmpfsIsALackWithItsCure) {
  make_directories(options_.store);
  const int status = in_user_namespace([&] {
    if (mount("tmpfs", options_.store.c_str(), "tmpfs", 0, nullptr) != 0) return 1;
    const HostCheck overlay = check("overlay");
    EXPECT_FALSE(overlay.is_good);
    EXPECT_NE(overlay.found.find(" lies on a tmpfs"), std::string::npos) << overlay.found;
    EXPECT_EQ(overlay.cure,
              "put the cache on a disk file system (ext4, xfs, btrfs): --store DIR or XDG_CACHE_HOME; in a container, "
              "on a volume");
    return HasFailure() ? 2 : 0;
  });
  EXPECT_EQ(status, 0);
}

TEST_F(Host, WithoutUserNamespacesEachTrialSaysSo) {
  const int status = in_user_namespace([&] {
    std::ofstream("/proc/sys/user/max_user_namespaces") << "0";
    const HostReport report = inspect_host(options_);
    EXPECT_FALSE(report.can_build());
    for (const HostCheck& check : report.checks) {
      if (check.id != "user-namespace" && check.id != "overlay" && check.id != "sandbox") continue;
      EXPECT_EQ(check.found, "cannot create a user namespace: No space left on device");
      EXPECT_NE(check.cure, "");
    }
    return HasFailure() ? 2 : 0;
  });
  EXPECT_EQ(status, 0);
}

TEST_F(Host, MirrorsHostsAreShownOnlyWhenAsked) {
  EXPECT_EQ(check("mirror.debian").found, "from --mirror");
  options_.show_hosts = true;
  EXPECT_EQ(check("mirror.debian").found, "from --mirror: file:///a/debian");
}

TEST_F(Host, AMissingKeyringIsALack) {
  fs::remove(options_.keyring);
  const HostCheck keyring = check("keyring");
  EXPECT_EQ(keyring.found, options_.keyring.string() + " is missing");
  EXPECT_EQ(keyring.cure, "apt-get install debian-archive-keyring");
}

TEST_F(Host, AClockNearTheNewestListIsRight) {
  list("a", "Sat, 01 Jul 2023 12:00:00 UTC");
  list("b", "Tue, 14 Nov 2023 12:00:00 UTC");
  EXPECT_EQ(check("clock").found, "2023-11-14; apt's newest list was signed on 2023-11-14");
}

TEST_F(Host, AClockYearsBehindIsALack) {
  list("a", "Sat, 04 Jan 2031 12:00:00 UTC");
  const HostCheck clock = check("clock");
  EXPECT_FALSE(clock.is_good);
  EXPECT_EQ(clock.found, "2023-11-14, but apt's lists were signed on 2031-01-04");
}

TEST_F(Host, AClockYearsAheadIsALack) {
  list("a", "Sat, 04 Jan 2020 12:00:00 UTC");
  const HostCheck clock = check("clock");
  EXPECT_FALSE(clock.is_good);
  EXPECT_EQ(clock.found, "2023-11-14, years after apt's lists were signed (2020-01-04)");
}

TEST_F(Host, ListsWithoutADateProveNothing) {
  write_file(options_.apt_lists / "a_InRelease", "<html>\nDate: yesterday\n");
  EXPECT_EQ(check("clock").found, "2023-11-14; apt's lists hold no date to compare with");
}

TEST_F(Host, TheJsonHasEveryCheck) {
  const HostReport report = inspect_host(options_);
  const Json json = report.to_json();
  EXPECT_EQ(json["schema"], "ainode.doctor/1");
  EXPECT_EQ(json["checks"].size(), report.checks.size());
  EXPECT_EQ(json["checks"][1].dump().substr(0, 60), R"({"id":"tool.gpgv","ok":true,"needed_for":["build"],"found":")");
}

}  // namespace
}  // namespace ainode
