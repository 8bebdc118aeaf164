// SPDX-License-Identifier: Apache-2.0
// Hostile .deb containers and tars, each refused with its own message; and archives that other programs read.
#include "base/archive.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <clocale>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"

namespace ainode {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using Type = ArchiveEntry::Type;

template <class Body>
std::string error_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_THAT(error.code().id, testing::AnyOf(codes::deb_malformed.id, codes::archive_entry_refused.id));
    return error.message();
  }
  return "no error";
}

// ---- ar ----

std::string member(const std::string& name, const std::string& data, const std::string& size = "") {
  return fmt::format("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", name, 0, 0, 0, 100644,
                     size.empty() ? std::to_string(data.size()) : size) +
         data + (data.size() % 2 ? "\n" : "");
}

const std::string kMagic = "!<arch>\n", kVersion2 = member("debian-binary", "2.0\n"),
                  kControl = member("control.tar.xz", "control"), kData = member("data.tar.xz", "data");

std::string refusal(const std::string& deb) {
  return error_of([&] { read_ar(deb, "a.deb"); });
}

TEST(ReadAr, GivesTheMembersInOrder) {
  const std::string deb = kMagic + kVersion2 + kControl + kData;
  const auto members = read_ar(deb, "a.deb");
  ASSERT_EQ(members.size(), 3U);
  EXPECT_EQ(members[1].name, "control.tar.xz");
  EXPECT_EQ(members[1].data, "control");
  EXPECT_EQ(members[2].data, "data");
}

TEST(ReadAr, TakesNamesThatEndWithASlash) {
  EXPECT_EQ(
      refusal(kMagic + member("debian-binary/", "2.0\n") + member("control.tar/", "") + member("data.tar.zst/", "")),
      "no error");
}

TEST(ReadAr, RefusesEachMalformationWithItsOwnMessage) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "a.deb: not a .deb: it does not start with `!<arch>`"},
      {"<html>Not found</html>", "a.deb: not a .deb: it does not start with `!<arch>`"},
      {kMagic, "a.deb: a .deb without members"},
      {kMagic + "debian", "a.deb: truncated inside the header of its first member"},
      {kMagic + std::string(60, ' '), "a.deb: the header of its first member lacks its end marker"},
      {kMagic + kVersion2 + std::string(60, 'x'), "a.deb: what follows member `debian-binary` is not a member header"},
      {kMagic + member("debian-binary", "2.0\n", "4x"), "a.deb: member `debian-binary` has a malformed size `4x`"},
      {kMagic + member("debian-binary", "2.0\n", "-4"), "a.deb: member `debian-binary` has a malformed size `-4`"},
      {kMagic + member("debian-binary", "2.0\n", " "), "a.deb: member `debian-binary` has a malformed size ``"},
      {kMagic + member("debian-binary", "2.0\n", "9999999999"),
       "a.deb: member `debian-binary` has 9999999999 bytes by its header, but only 4 are left"},
      {kMagic + member("debian-binary", "3.0\n") + kControl + kData,
       "a.deb: its format version is `3.0\\x0a`, not `2.0`"},
      {kMagic + member("debian-binary", "") + kControl + kData, "a.deb: its format version is ``, not `2.0`"},
      {kMagic + kControl + kVersion2 + kData, "a.deb: its first member is `control.tar.xz`, not `debian-binary`"},
      {kMagic + kVersion2 + kData + kControl, "a.deb: member 2 is `data.tar.xz`, not `control.tar`"},
      {kMagic + kVersion2, "a.deb: it has no member `control.tar`"},
      {kMagic + kVersion2 + kControl, "a.deb: it has no member `data.tar`"},
      {kMagic + kVersion2 + kControl + kControl + kData, "a.deb: member `control.tar.xz` stands twice"},
      {kMagic + kVersion2 + kControl + member("control.tar", "") + kData, "a.deb: member `control.tar` stands twice"},
      {kMagic + kVersion2 + kControl + kData + member("_extra", "x"), "a.deb: unknown member `_extra`"},
      {kMagic + kVersion2 + kControl + kData + kData, "a.deb: member `data.tar.xz` stands twice"},
      {kMagic + kVersion2 + member("control.tar.exe", "") + kData, "a.deb: unknown member `control.tar.exe`"},
      {kMagic + kVersion2 + kControl + kData + "tail", "a.deb: 4 trailing bytes after member `data.tar.xz`"},
      {kMagic + kVersion2 + kControl + kData + "\n", "a.deb: 1 trailing bytes after member `data.tar.xz`"},
      {kMagic + kVersion2 + kControl.substr(0, kControl.size() - 1),
       "a.deb: member `control.tar.xz` of odd size lacks its padding byte"},
  };
  for (const auto& [deb, message] : cases) EXPECT_EQ(refusal(deb), message);
}

TEST(ReadAr, RefusesEveryTruncation) {
  const std::string deb = kMagic + kVersion2 + kControl + kData;
  for (std::size_t size = 0; size < deb.size(); ++size)
    EXPECT_NE(refusal(deb.substr(0, size)), "no error") << size << " bytes";
}

// ---- tar ----

std::string write(ArchiveWriter::Format format, const std::vector<std::pair<ArchiveEntry, std::string>>& entries) {
  std::string bytes;
  ArchiveWriter writer(format, [&](std::string_view chunk) { bytes += chunk; });
  for (const auto& [entry, content] : entries) writer.add(entry, content);
  writer.finish();
  return bytes;
}

ArchiveEntry entry(const std::string& path, Type type = Type::file, std::uint32_t mode = 0644) {
  ArchiveEntry result;
  result.path = path;
  result.type = type;
  result.mode = mode;
  result.mtime = 1757145600;
  return result;
}

std::string tar_of(const std::vector<std::pair<ArchiveEntry, std::string>>& entries) {
  return write(ArchiveWriter::Format::tar, entries);
}

std::vector<std::pair<std::string, std::string>> contents(std::string_view tar) {
  std::vector<std::pair<std::string, std::string>> result;
  TarReader reader(tar, "a.deb/data.tar", std::uint64_t{1} << 24);
  while (const ArchiveEntry* entry = reader.next()) {
    result.emplace_back(entry->path, reader.content());
    EXPECT_EQ(reader.content(), result.back().second) << "the second call gives the same";
  }
  return result;
}

std::string tar_refusal(std::string_view tar) {
  return error_of([&] { contents(tar); });
}

std::string packed(const std::string& program, const std::string& bytes) {
  Command command;
  command.argv = {program, "-c"};
  command.input = bytes;
  return run_or_throw(command);
}

ArchiveEntry first_entry(std::string_view tar) {
  TarReader reader(tar, "a.tar");
  return *reader.next();
}

TEST(TarReader, ReadsEachTypeWithItsAttributes) {
  ArchiveEntry full = entry("./bin/su", Type::file, 04755);
  full.uid = 3'000'000;
  full.gid = 42;
  full.mtime = -5;
  full.xattrs = {{"security.capability", std::string("\x01\x00\x00\x02\n=x", 7)}, {"user.note", ""}};
  ArchiveEntry link = entry("./bin/sh", Type::symlink, 0777);
  link.target = "dash";
  ArchiveEntry hard = entry("./bin/hard", Type::hardlink);
  hard.target = "./bin/su";
  const std::string tar = tar_of({{full, "code"},
                                  {link, ""},
                                  {hard, ""},
                                  {entry("./tmp/", Type::directory, 01777), ""},
                                  {entry("./pipe", Type::fifo), ""}});
  TarReader reader(tar, "a.tar");
  const ArchiveEntry* read = reader.next();
  EXPECT_EQ(read->mode, 04755U);
  EXPECT_EQ(read->uid, 3'000'000);
  EXPECT_EQ(read->gid, 42);
  EXPECT_EQ(read->mtime, -5);
  EXPECT_EQ(read->size, 4U);
  EXPECT_EQ(read->xattrs, full.xattrs);
  EXPECT_EQ(reader.content(), "code");
  EXPECT_EQ(reader.next()->target, "dash");
  EXPECT_EQ(reader.next()->type, Type::hardlink);
  read = reader.next();
  EXPECT_EQ(read->type, Type::directory);
  EXPECT_EQ(read->mode, 01777U);
  EXPECT_EQ(reader.next()->type, Type::fifo);
  EXPECT_EQ(reader.next(), nullptr);
  EXPECT_EQ(reader.next(), nullptr);
}

TEST(TarReader, KeepsTheBytesOfNamesWhateverTheLocale) {
  const std::string decomposed = "cafe\xcc\x81", latin = "caf\xe9", far = std::string(300, 'd') + "/" + decomposed;
  for (const char* locale : {"C", "C.UTF-8"}) {
    const char* set = std::setlocale(LC_ALL, locale);
    EXPECT_NE(set, nullptr);
    EXPECT_THAT(contents(tar_of({{entry(decomposed), ""}, {entry(latin), ""}, {entry(far), "x"}})),
                ElementsAre(Pair(decomposed, ""), Pair(latin, ""), Pair(far, "x")))
        << locale;
  }
  std::setlocale(LC_ALL, "C");
}

TEST(TarReader, ReadsEveryCompression) {
  const std::string big(3'000'000, 'b');
  const std::string tar = tar_of({{entry("small"), "s"}, {entry("big"), big}});
  for (const char* program : {"cat", "xz", "gzip", "zstd", "bzip2"}) {
    if (std::string(program) != "cat" && !find_program(program)) continue;
    const std::string bytes = std::string(program) == "cat" ? tar : packed(program, tar);
    EXPECT_THAT(contents(bytes), ElementsAre(Pair("small", "s"), Pair("big", big))) << program;
  }
}

TEST(TarReader, SkipsContentThatNobodyAsksFor) {
  const std::string tar = packed("xz", tar_of({{entry("a"), std::string(1'000'000, 'a')}, {entry("b"), "b"}}));
  TarReader reader(tar, "a.tar");
  reader.next();
  EXPECT_EQ(reader.next()->path, "b");
  EXPECT_EQ(reader.content(), "b");
}

TEST(TarReader, RefusesEveryTruncation) {
  const std::string tar = tar_of({{entry("a"), "content"}, {entry("b"), std::string(600, 'b')}});
  for (std::size_t size = 0; size < 3 * 512 + 1024 + 1024; size += 128)
    EXPECT_NE(tar_refusal(tar.substr(0, size)), "no error") << size << " bytes";
  const std::string xz = packed("xz", tar);
  for (std::size_t size = 6; size < xz.size(); ++size)
    EXPECT_NE(tar_refusal(xz.substr(0, size)), "no error") << size << " bytes of xz";
  EXPECT_EQ(tar_refusal(xz.substr(0, xz.size() - 1)), "a.deb/data.tar: the xz stream is truncated");
  EXPECT_EQ(tar_refusal(tar.substr(0, 3 * 512 + 1024)), "a.deb/data.tar: truncated tar: its end marker is missing");
}

TEST(TarReader, RefusesAnythingBehindTheEnd) {
  const std::string tar = tar_of({{entry("a"), "x"}});
  EXPECT_EQ(tar_refusal(tar + tar_of({{entry("evil"), "x"}})).substr(0, 15), "a.deb/data.tar:");
  EXPECT_THAT(tar_refusal(tar + tar), HasSubstr("bytes follow the end of the tar"));
  EXPECT_THAT(tar_refusal(packed("xz", tar + tar)), HasSubstr("bytes follow the end of the tar"));
  const std::string xz = packed("xz", tar);
  EXPECT_EQ(tar_refusal(xz + "x"), "a.deb/data.tar: 1 bytes follow the end of the xz stream");
  EXPECT_THAT(tar_refusal(xz + xz), HasSubstr("bytes follow the end of the xz stream"));
  EXPECT_THAT(tar_refusal(packed("gzip", tar) + "tail"), HasSubstr("follow the end of the compressed stream"));
  EXPECT_EQ(tar_refusal(tar + std::string(4096, '\0')), "no error");
}

TEST(TarReader, RefusesDamage) {
  std::string tar = tar_of({{entry("a"), "x"}});
  tar[0] = 'b';
  EXPECT_THAT(tar_refusal(tar), HasSubstr("a.deb/data.tar: corrupt or truncated tar"));
  std::string xz = packed("xz", tar_of({{entry("a"), "x"}}));
  xz[xz.size() / 2] = static_cast<char>(xz[xz.size() / 2] ^ 0x40);
  EXPECT_EQ(tar_refusal(xz), "a.deb/data.tar: the xz stream is corrupt");
  EXPECT_NE(tar_refusal("<html>"), "no error");
  EXPECT_NE(tar_refusal(""), "no error");
}

TEST(TarReader, StopsABombAtItsLimit) {
  std::string zeros;
  zeros.resize(20'000'000);
  const std::string tar = tar_of({{entry("zeros"), zeros}});
  for (const char* program : {"xz", "gzip"})
    EXPECT_EQ(tar_refusal(packed(program, tar)),
              "a.deb/data.tar: `zeros` has 20000000 bytes, more than the 16777216 bytes allowed");
}

TEST(TarReader, RefusesAnXzStreamThatAsksForTooMuchMemory) {
  Command command;
  command.argv = {"xz", "-c", "--lzma2=preset=0,dict=512MiB"};
  command.input = "x";
  EXPECT_THAT(tar_refusal(run_or_throw(command)), HasSubstr("more than the 128 MiB allowed"));
}

// A tar made by Python's tarfile, an independent writer.
std::string python_tar(const std::string& body, const std::string& format = "PAX") {
  Command command;
  command.argv = {"python3", "-c",
                  "import tarfile,io,sys\nt=tarfile.open(fileobj=sys.stdout.buffer,mode='w|',format=tarfile." + format +
                      "_FORMAT)\ni=tarfile.TarInfo('a')\n" + body + "\nt.close()"};
  return run_or_throw(command);
}

TEST(TarReader, RefusesAHugePaxHeader) {
  EXPECT_THAT(tar_refusal(python_tar("i.pax_headers={'comment':'x'*2000000}\nt.addfile(i)")),
              HasSubstr("corrupt or truncated tar"));
}

TEST(TarReader, RefusesASparseFile) {
  const std::string body =
      "i.pax_headers={'GNU.sparse.map':'0,1,1099511627775,1',"
      "'GNU.sparse.size':'1099511627776','GNU.sparse.name':'a'}\ni.size=2\nt.addfile(i,io.BytesIO(b'xy'))";
  EXPECT_EQ(tar_refusal(python_tar(body)), "a.deb/data.tar: `a` is a sparse file");
}

TEST(TarReader, RefusesASizeThatTheBodyDoesNotHave) {
  EXPECT_NE(tar_refusal(python_tar("i.size=1<<40\nt.fileobj.write(i.tobuf(tarfile.GNU_FORMAT))", "GNU")), "no error");
}

TEST(TarReader, ReadsWhatOtherProgramsWrite) {
  const std::string name = "deep/" + std::string(200, 'n');
  for (const char* format : {"GNU", "PAX", "USTAR"}) {
    const std::string path = std::string(format) == "USTAR" ? "deep/" + std::string(90, 'n') : name;
    EXPECT_THAT(contents(python_tar("i.name='" + path + "'\ni.size=2\nt.addfile(i,io.BytesIO(b'xy'))", format)),
                ElementsAre(Pair(path, "xy")))
        << format;
  }
}

// ---- writers ----

TEST(ArchiveWriter, WritesTarsThatGnuTarReads) {
  const TemporaryDirectory directory("/tmp");
  const std::string far = std::string(90, 'd') + "/" + std::string(90, 'e') + "/" + std::string(120, 'f');
  ArchiveEntry link = entry("link", Type::symlink, 0777);
  link.target = std::string(150, 't');
  ArchiveEntry old = entry("split/" + std::string(98, 's'));
  old.uid = 5'000'000;
  write_file(directory.path() / "a.tar", tar_of({{entry(far), "content"}, {link, ""}, {old, "x"}}));
  const std::string listing =
      run_or_throw({.argv = {"tar", "--numeric-owner", "--utc", "-tvf", directory.path() / "a.tar"},
                    .environment = {},
                    .directory = {},
                    .input = {},
                    .deadline = {},
                    .on_error_line = {}});
  EXPECT_THAT(listing, HasSubstr("-rw-r--r-- 0/0               7 2025-09-06 08:00 " + far + "\n"));
  EXPECT_THAT(listing, HasSubstr("link -> " + link.target + "\n"));
  EXPECT_THAT(listing, HasSubstr("5000000/0"));
  EXPECT_THAT(listing, HasSubstr(old.path + "\n"));
}

TEST(ArchiveWriter, UsesPaxOnlyWhereNeeded) {
  const std::string plain = tar_of({{entry("a"), "x"}});
  EXPECT_EQ(plain.size(), 10240U);
  EXPECT_EQ(plain[156], '0');
  EXPECT_EQ(tar_of({{entry(std::string(101, 'a')), "x"}})[156], 'x');
}

TEST(ArchiveWriter, CountsItsOwnDigitsInPaxRecords) {
  for (std::size_t size = 101; size < 1100; ++size) {
    const std::string path(size, 'p');
    EXPECT_EQ(first_entry(tar_of({{entry(path), ""}})).path, path) << size;
  }
}

TEST(ArchiveWriter, WritesNewcThatCpioUnpacks) {
  const bool has_cpio = find_program("cpio").has_value();
  if (!has_cpio && !find_program("busybox")) GTEST_SKIP() << "neither cpio nor busybox is installed";
  const TemporaryDirectory directory("/tmp");
  ArchiveEntry link = entry("bin/sh", Type::symlink, 0777);
  link.target = "busybox";
  Command command;
  command.argv =
      has_cpio ? std::vector<std::string>{"cpio", "-id"} : std::vector<std::string>{"busybox", "cpio", "-id"};
  command.directory = directory.path();
  command.input =
      write(ArchiveWriter::Format::newc,
            {{entry("bin", Type::directory, 0755), ""}, {entry("bin/busybox", Type::file, 0755), "code!"}, {link, ""}});
  EXPECT_EQ(command.input.size() % 512, 0U);
  run_or_throw(command);
  EXPECT_EQ(read_file(directory.path() / "bin/busybox"), "code!");
  EXPECT_EQ(fs::read_symlink(directory.path() / "bin/sh"), "busybox");
  EXPECT_EQ(static_cast<unsigned>(fs::status(directory.path() / "bin/busybox").permissions()), 0755U);
}

TEST(ArchiveWriter, PinsTheBytesOfANewcHeader) {
  EXPECT_EQ(write(ArchiveWriter::Format::newc, {{entry("init", Type::file, 0755), "#!"}}).substr(0, 120),
            std::string("070701"
                        "00000001"
                        "000081ED"
                        "00000000"
                        "00000000"
                        "00000001"
                        "68BBEA00"
                        "00000002"
                        "00000000"
                        "00000000"
                        "00000000"
                        "00000000"
                        "00000005"
                        "00000000"
                        "init\0\0#!\0\0",
                        120));
}

TEST(ArchiveWriter, RefusesWhatTheFormatCannotHold) {
  EXPECT_EQ(error_of([] {
              tar_of({{entry("null", Type::character_device), ""}});
            }),
            "`null` cannot be written: devices and sockets do not belong in a tar");
  EXPECT_EQ(error_of([] {
              write(ArchiveWriter::Format::newc, {{entry("h", Type::hardlink), ""}});
            }),
            "`h` cannot be written: newc is written without hard links, devices and sockets");
  ArchiveEntry old = entry("old");
  old.mtime = -1;
  EXPECT_EQ(error_of([&] {
              write(ArchiveWriter::Format::newc, {{old, ""}});
            }),
            "`old` cannot be written: its time does not fit newc");
  EXPECT_EQ(error_of([] { tar_of({{entry(""), ""}}); }), "`` cannot be written: it has no usable name");
}

// ---- decompress ----

TEST(Decompress, PassesPlainBytesThrough) {
  EXPECT_EQ(decompress("plain", "x"), "plain");
  EXPECT_EQ(decompress("", "x"), "");
}

TEST(Decompress, UnpacksEachFormatWhole) {
  std::string text;
  for (int line = 0; line < 100'000; ++line) text += fmt::format("line {}\n", line);
  for (const char* program : {"xz", "gzip", "zstd", "lz4", "bzip2"}) {
    if (!find_program(program)) continue;
    EXPECT_TRUE(decompress(packed(program, text), "x") == text) << program;
    EXPECT_EQ(decompress(packed(program, ""), "x"), "") << program;
  }
}

TEST(Decompress, RefusesTruncationOfEachFormat) {
  for (const char* program : {"xz", "gzip", "zstd", "lz4", "bzip2"}) {
    if (!find_program(program)) continue;
    const std::string bytes = packed(program, std::string(100'000, 'x') + "y");
    for (std::size_t cut = 1; cut < bytes.size() - 6; cut += 7)
      EXPECT_NE(error_of([&] { decompress(bytes.substr(0, bytes.size() - cut), "x"); }), "no error")
          << program << " " << cut;
  }
}

TEST(Decompress, HoldsItsLimit) {
  EXPECT_EQ(error_of([] { decompress(packed("xz", std::string(1000, 'x')), "Packages.xz", 999); }),
            "Packages.xz: unpacks to more than the 999 bytes allowed");
  EXPECT_EQ(decompress(packed("xz", std::string(1000, 'x')), "Packages.xz", 1000).size(), 1000U);
  EXPECT_EQ(error_of([] { decompress("plain", "Packages", 4); }), "Packages: unpacks to more than the 4 bytes allowed");
}

TEST(Decompress, RefusesBytesPackedTwice) {
  EXPECT_EQ(error_of([] { decompress(packed("gzip", packed("gzip", "x")), "x"); }),
            "x: the stream is compressed more than once");
}

}  // namespace
}  // namespace ainode
