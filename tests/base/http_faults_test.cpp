// SPDX-License-Identifier: Apache-2.0
// What a network can do to a download, as a table: each fault at five sizes. Whatever happens, a final name holds the
// right bytes or nothing, and a run without the fault, over what the faulty one left, ends well.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <thread>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"
#include "base/http.h"
#include "tests/base/faulty_server.h"

namespace ainode {
namespace {

using std::chrono::milliseconds;

constexpr std::array<std::size_t, 5> kSizes = {100, 1000, 65536, 300000, (std::size_t{1} << 20) + 17};
constexpr auto kStall = milliseconds(400);

/// Bytes without any pattern that a shift or a swap would keep.
std::string make_file(std::size_t size) {
  std::string file;
  std::uint32_t state = static_cast<std::uint32_t>(size);
  while (file.size() < size) file += static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return file;
}

const std::string& file_of(std::size_t size) {
  static const std::map<std::size_t, std::string> files = [] {
    std::map<std::size_t, std::string> made;
    for (const std::size_t s : kSizes) made[s] = make_file(s);
    return made;
  }();
  return files.at(size);
}

std::string page(std::size_t size = 0) {
  std::string text = "<!DOCTYPE html>\n<html><body>Please log in</body></html>\n";
  if (size != 0) text.resize(size, ' ');
  return text;
}

std::string hexadecimal(std::size_t number) {
  char text[32];
  std::snprintf(text, sizeof text, "%zx", number);
  return text;
}

std::string chunk(std::string_view bytes) {
  return hexadecimal(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n";
}

constexpr const char* kChunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr const char* kUnbounded = "HTTP/1.1 200 OK\r\n\r\n";

std::string with_length(std::size_t size) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
}

void send_for_ever(Exchange& exchange, const std::string& piece) {
  while (exchange.send(piece)) continue;
  exchange.hang_up();
}

void drip(Exchange& exchange, std::string_view bytes) {
  for (const char c : bytes) {
    if (!exchange.send({&c, 1}) || exchange.waits(milliseconds(100))) break;
  }
  exchange.hang_up();
}

/// What is asked for, cut after this many 64ths.
void cut(Exchange& exchange, const std::string& file, std::size_t sixty_fourths) {
  const std::size_t start = exchange.range().value_or(0);
  const std::string_view rest = std::string_view(file).substr(start);
  exchange.send(start == 0 ? with_length(rest.size())
                           : "HTTP/1.1 206 Partial Content\r\nContent-Length: " + std::to_string(rest.size()) + "\r\n" +
                                 Exchange::content_range(start, file.size()) + "\r\n");
  exchange.send(rest.substr(0, rest.size() * sixty_fourths / 64));
  exchange.hang_up();
}

using Body = std::function<void(Exchange&, const std::string& file)>;

Body cut_then(const Body& then) {
  return [then](Exchange& exchange, const std::string& file) {
    if (exchange.attempt() == 1) return cut(exchange, file, 32);
    then(exchange, file);
  };
}

Body once(const Body& fault) {
  return [fault](Exchange& exchange, const std::string& file) {
    if (exchange.attempt() == 1) return fault(exchange, file);
    exchange.serve(file);
  };
}

Body status(const std::string& line, const std::string& headers = "") {
  return [=](Exchange& exchange, const std::string&) { exchange.answer(line, "try later\n", headers); };
}

Body raw(const std::string& head) {
  return [head](Exchange& exchange, const std::string& file) {
    exchange.send(head);
    exchange.send(file);
    exchange.hang_up();
  };
}

Body changed(const std::function<void(std::string&)>& change) {
  return [change](Exchange& exchange, const std::string& file) {
    std::string other = file;
    change(other);
    exchange.serve(other);
  };
}

/// To a URL, or to another fault's file of the same size.
Body redirect(const std::string& to) {
  return [to](Exchange& exchange, const std::string& file) {
    const bool is_fault = to.starts_with("/");
    exchange.answer("302 Found", "", "Location: " + to + (is_fault ? "/" + std::to_string(file.size()) : "") + "\r\n");
  };
}

Body with_range(const std::function<std::string(std::size_t start, std::size_t total)>& header) {
  return cut_then([header](Exchange& exchange, const std::string& file) {
    const auto start = exchange.range();
    if (!start) return exchange.serve(file);
    exchange.answer("206 Partial Content", std::string_view(file).substr(*start), header(*start, file.size()));
  });
}

void hang_up(Exchange& exchange, const std::string&) {
  exchange.hang_up();
}
void reset_at_once(Exchange& exchange, const std::string&) {
  exchange.reset();
}
void reset_in_body(Exchange& exchange, const std::string& file) {
  exchange.send(with_length(file.size()));
  exchange.send(std::string_view(file).substr(0, file.size() / 2));
  exchange.waits(milliseconds(20));
  exchange.reset();
}

/// The codes that may come of it; "" is success.
using Expected = std::set<std::string_view>;
const Expected kWell = {""}, kNetwork = {codes::network_failed.id}, kSize = {codes::size_mismatch.id},
               kDigest = {codes::checksum_mismatch.id}, kRedirect = {codes::redirect_refused.id};

struct Fault {
  const char* name;
  Body body;
  Expected expected;
};

const std::vector<Fault>& faults() {
  static const std::vector<Fault> table = {
      {"None", [](Exchange& x, const std::string& file) { x.serve(file); }, kWell},
      // truncation
      {"CutAfter0", [](Exchange& x, const std::string& file) { cut(x, file, 0); }, kNetwork},
      {"CutAfter1", [](Exchange& x, const std::string& file) { cut(x, file, 1); }, kNetwork},
      {"CutAfter16", [](Exchange& x, const std::string& file) { cut(x, file, 16); }, kNetwork},
      {"CutAfter32", [](Exchange& x, const std::string& file) { cut(x, file, 32); }, kNetwork},
      {"CutAfter48", [](Exchange& x, const std::string& file) { cut(x, file, 48); }, kNetwork},
      {"CutAfter63", [](Exchange& x, const std::string& file) { cut(x, file, 63); }, kNetwork},
      {"CutWithoutLength",
       [](Exchange& x, const std::string& file) {
         x.send(kUnbounded);
         x.send(std::string_view(file).substr(0, file.size() / 2));
         x.hang_up();
       },
       kSize},
      {"CutOnceWithoutLength", once([](Exchange& x, const std::string& file) {
         x.send(kUnbounded);
         x.send(std::string_view(file).substr(0, file.size() / 2));
         x.hang_up();
       }),
       kWell},
      {"CutOnce", cut_then([](Exchange& x, const std::string& file) { x.serve(file); }), kWell},
      {"CutTwice",
       [](Exchange& x, const std::string& file) { x.attempt() < 3 ? cut(x, file, 20) : x.serve(file); },
       kWell},
      // what comes in answer to a range
      {"RangeIgnored", cut_then([](Exchange& x, const std::string& file) { x.answer("200 OK", file); }), kWell},
      {"RangeOfAnotherStart",
       with_range([](std::size_t start, std::size_t total) { return Exchange::content_range(start - 1, total); }),
       kWell},
      {"RangeOfAnotherTotal",
       with_range([](std::size_t start, std::size_t total) { return Exchange::content_range(start, total + 1); }),
       kWell},
      {"RangeWithoutContentRange", with_range([](std::size_t, std::size_t) { return ""; }), kWell},
      {"RangeOfManyParts",
       with_range([](std::size_t, std::size_t) { return "Content-Type: multipart/byteranges; boundary=x\r\n"; }), kWell},
      {"RangeNotSatisfiable", cut_then([](Exchange& x, const std::string& file) {
         x.range() ? x.answer("416 Range Not Satisfiable", "") : x.serve(file);
       }),
       kWell},
      {"RangeWithOtherBytes", cut_then([](Exchange& x, const std::string& file) {
         if (!x.range()) return x.serve(file);
         x.answer("206 Partial Content", std::string_view(file).substr(0, file.size() - *x.range()),
                  Exchange::content_range(*x.range(), file.size()));
       }),
       kWell},
      {"RangeTooLong", cut_then([](Exchange& x, const std::string& file) {
         if (!x.range()) return x.serve(file);
         x.answer("206 Partial Content", file, Exchange::content_range(*x.range(), file.size()));
       }),
       kWell},
      {"PartThatNobodyAskedFor",
       [](Exchange& x, const std::string& file) {
         x.answer("206 Partial Content", std::string_view(file).substr(1), Exchange::content_range(1, file.size()));
       },
       kNetwork},
      // other content
      {"LoginPage", [](Exchange& x, const std::string&) { x.answer("200 OK", page()); }, kSize},
      {"LoginPageOfTheRightSize",
       [](Exchange& x, const std::string& file) { x.answer("200 OK", page(file.size())); },
       kDigest},
      {"LoginPageWithoutLength", raw(kUnbounded + page()), kSize},
      {"FirstByteFlipped", changed([](std::string& file) { file.front() ^= 1; }), kDigest},
      {"MiddleByteFlipped", changed([](std::string& file) { file[file.size() / 2] ^= 0x80; }), kDigest},
      {"LastByteFlipped", changed([](std::string& file) { file.back() ^= 1; }), kDigest},
      {"NeighboursSwapped", changed([](std::string& file) {
         const auto at = std::adjacent_find(file.begin(), file.end(), std::not_equal_to<>());
         std::iter_swap(at, at + 1);
       }),
       kDigest},
      {"HalvesSwapped",
       changed([](std::string& file) {
         std::rotate(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(file.size() / 2), file.end());
       }),
       kDigest},
      {"AnotherFile", changed([](std::string& file) { std::reverse(file.begin(), file.end()); }), kDigest},
      {"OnlyZeros", changed([](std::string& file) { file.assign(file.size(), '\0'); }), kDigest},
      {"OneByteMore", changed([](std::string& file) { file += 'x'; }), kSize},
      {"OneByteLess", changed([](std::string& file) { file.pop_back(); }), kSize},
      {"Twice", changed([](std::string& file) { file += file; }), kSize},
      {"Nothing", changed([](std::string& file) { file.clear(); }), kSize},
      {"NoContent", status("204 No Content"), kSize},
      {"CompressedOnTheWay",
       [](Exchange& x, const std::string&) {
         x.answer("200 OK", "\x1f\x8b\x08 and so on", "Content-Encoding: gzip\r\n");
       },
       kSize},
      {"SaidToBeCompressed",
       [](Exchange& x, const std::string& file) { x.answer("200 OK", file, "Content-Encoding: gzip\r\n"); },
       kWell},
      // lengths
      {"LengthTooShort",
       [](Exchange& x, const std::string& file) {
         x.send(with_length(file.size() / 2));
         x.send(file);
         x.hang_up();
       },
       kSize},
      // All bytes are there, which the digest proves.
      {"LengthTooLong",
       [](Exchange& x, const std::string& file) {
         x.send(with_length(file.size() * 2));
         x.send(file);
         x.hang_up();
       },
       kWell},
      {"LengthTooLongAndSilence",
       [](Exchange& x, const std::string& file) {
         x.send(with_length(file.size() * 2));
         x.send(file);
         x.fall_silent();
       },
       kWell},
      {"LengthNegative", raw("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"), kNetwork},
      {"LengthNoNumber", raw("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"), kNetwork},
      {"LengthMissing", raw(kUnbounded), kWell},
      {"EndlessBody", [](Exchange& x, const std::string&) { x.send(kUnbounded), send_for_ever(x, std::string(65536, 'x')); },
       kSize},
      {"EndlessChunks",
       [](Exchange& x, const std::string&) { x.send(kChunked), send_for_ever(x, chunk(std::string(65536, 'x'))); }, kSize},
      {"Chunks",
       [](Exchange& x, const std::string& file) {
         x.send(kChunked);
         for (std::size_t i = 0; i < file.size(); i += 5000) x.send(chunk(file.substr(i, 5000)));
         x.send(chunk(""));
       },
       kWell},
      {"ChunksWithoutEnd",
       [](Exchange& x, const std::string& file) {
         x.send(kChunked);
         x.send(chunk(file));
         x.hang_up();
       },
       kWell},
      {"ChunkSizeNoNumber",
       [](Exchange& x, const std::string& file) {
         x.send(kChunked);
         x.send("zz\r\n" + file);
         x.hang_up();
       },
       kNetwork},
      {"ChunkSizeTooLarge",
       [](Exchange& x, const std::string& file) {
         x.send(kChunked);
         x.send("ffffffffffffffffff\r\n" + file);
         x.hang_up();
       },
       kNetwork},
      {"ChunkSizeTooSmall",
       [](Exchange& x, const std::string& file) {
         x.send(kChunked);
         x.send(hexadecimal(file.size() / 2) + "\r\n" + file + "\r\n0\r\n\r\n");
         x.hang_up();
       },
       kNetwork},
      // time
      {"TenBytesASecond",
       [](Exchange& x, const std::string& file) {
         x.send(with_length(file.size()));
         drip(x, file);
       },
       kNetwork},
      {"SlowHeaders", [](Exchange& x, const std::string& file) { drip(x, with_length(file.size())); }, kNetwork},
      {"SilenceAtOnce", [](Exchange& x, const std::string&) { x.fall_silent(); }, kNetwork},
      {"SilenceInTheBody",
       [](Exchange& x, const std::string& file) {
         x.send(with_length(file.size()));
         x.send(std::string_view(file).substr(0, file.size() / 2));
         x.fall_silent();
       },
       kNetwork},
      {"SilenceOnce", once([](Exchange& x, const std::string&) { x.fall_silent(); }), kWell},
      // connections
      {"HangsUpAtOnce", hang_up, kNetwork},
      {"HangsUpOnce", once(hang_up), kWell},
      {"ResetAtOnce", reset_at_once, kNetwork},
      {"ResetOnce", once(reset_at_once), kWell},
      {"ResetInTheBody", reset_in_body, kNetwork},
      {"ResetInTheBodyOnce", once(reset_in_body), kWell},
      // heads
      {"StatusLineIsGarbage", raw("!@#$%^&* \x01\x02\r\n\r\n"), kNetwork},
      {"NoHeadAtAll", raw(""), kNetwork},
      {"HeadEndsEarly", [](Exchange& x, const std::string&) { x.send("HTTP/1.1 200 OK\r\nContent-Le"), x.hang_up(); },
       kNetwork},
      {"StatusOutOfRange", status("999 What"), kNetwork},
      {"HugeHeader",
       [](Exchange& x, const std::string& file) {
         x.answer("200 OK", file, "X-Much: " + std::string(300000, 'x') + "\r\n");
       },
       kNetwork},
      {"EndlessHeaders",
       [](Exchange& x, const std::string&) {
         x.send("HTTP/1.1 200 OK\r\n");
         send_for_ever(x, "X-More: " + std::string(1000, 'x') + "\r\n");
       },
       kNetwork},
      {"EndlessContinues",
       [](Exchange& x, const std::string&) { send_for_ever(x, "HTTP/1.1 100 Continue\r\n\r\n"); },
       kNetwork},
      // statuses
      {"Unavailable", status("503 Service Unavailable"), kNetwork},
      {"UnavailableOnce", once(status("503 Service Unavailable")), kWell},
      {"InternalErrorOnce", once(status("500 Internal Server Error")), kWell},
      {"TooManyRequestsOnce", once(status("429 Too Many Requests")), kWell},
      {"UnavailableWithEndlessPage",
       [](Exchange& x, const std::string&) {
         x.send("HTTP/1.1 503 Service Unavailable\r\n\r\n");
         send_for_ever(x, std::string(65536, 'x'));
       },
       kNetwork},
      {"NotFound", status("404 Not Found"), kNetwork},
      {"Forbidden", status("403 Forbidden"), kNetwork},
      {"Unauthorised", status("401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n"), kNetwork},
      {"NotModified", status("304 Not Modified"), kNetwork},
      // redirects
      {"RedirectToItself", redirect("/RedirectToItself"), kRedirect},
      {"RedirectToAFile", redirect("file:///etc/hostname"), kRedirect},
      {"RedirectToFtp", redirect("ftp://127.0.0.1/file"), kRedirect},
      {"RedirectToTheRightFile", redirect("/None"), kWell},
      {"RedirectToAnotherFile", redirect("/AnotherFile"), kDigest},
      {"RedirectToNobody", redirect("http://127.0.0.1:1/"), kNetwork},
      {"RedirectWithoutPlace", status("302 Found"), kNetwork},
      {"RedirectWithEndlessPage",
       [](Exchange& x, const std::string& file) {
         x.send("HTTP/1.1 302 Found\r\nLocation: /None/" + std::to_string(file.size()) + "\r\n\r\n");
         send_for_ever(x, std::string(65536, 'x'));
       },
       kNetwork},
  };
  return table;
}

class HttpFaults : public testing::TestWithParam<std::size_t> {};

/// The faulty world, its server and one download of it.
class World {
 public:
  World() {
    for (const Fault& fault : faults()) {
      server_.on(fault.name, [body = fault.body](Exchange& exchange, const std::string& path) {
        body(exchange, file_of(std::stoull(path.substr(path.rfind('/') + 1))));
      });
    }
  }

  /// Empty, or the code of the error.
  static std::string_view fetch(const std::string& url, const fs::path& directory, std::size_t size) {
    Download download;
    download.url = url;
    download.subject = "file of " + std::to_string(size);
    download.destination = directory / "file";
    download.size = size;
    download.sha256 = sha256_hex(file_of(size));
    download.resumes = true;
    FetchOptions options;
    options.connect = kStall;
    options.stall = kStall;
    options.back_off = milliseconds(2);
    RunContext run{silent_events()};
    try {
      download_all(run, {download}, options);
    } catch (const Error& error) {
      EXPECT_EQ(error.message().find("127.0.0.1"), std::string::npos) << error.message();
      EXPECT_NE(error.hint(), "");
      return error.code().id;
    }
    return "";
  }

  const FaultyServer& server() const { return server_; }

 private:
  FaultyServer server_;
};

void expect_right_or_absent(const fs::path& directory, std::size_t size, bool is_fetched, const std::string& what) {
  for (const auto& entry : fs::directory_iterator(directory)) {
    const bool is_partial = entry.path().filename() == sha256_hex(file_of(size)) + ".partial";
    EXPECT_TRUE(is_partial || entry.path().filename() == "file") << what << " left " << entry.path().filename();
    if (entry.path().filename() == "file") {
      EXPECT_EQ(sha256_hex_of_file(entry.path()), sha256_hex(file_of(size))) << what;
    }
  }
  EXPECT_EQ(fs::exists(directory / "file"), is_fetched) << what;
}

void judge(const World& world, const Fault& fault, std::size_t size) {
  const std::string what = std::string(fault.name) + " at " + std::to_string(size);
  const TemporaryDirectory scratch(fs::temp_directory_path());
  const auto code =
      World::fetch(world.server().url(std::string(fault.name) + "/" + std::to_string(size)), scratch.path(), size);
  EXPECT_TRUE(fault.expected.contains(code)) << what << " gave " << (code.empty() ? "no error" : code);
  expect_right_or_absent(scratch.path(), size, code.empty(), what);
  EXPECT_EQ(World::fetch(world.server().url("None/" + std::to_string(size)), scratch.path(), size), "") << what;
  expect_right_or_absent(scratch.path(), size, true, what + ", fetched again,");
}

TEST_P(HttpFaults, StoreTheRightBytesOrNone) {
  const World world;
  std::vector<std::thread> sizes;
  for (const std::size_t size : kSizes) sizes.emplace_back([&, size] { judge(world, faults()[GetParam()], size); });
  for (std::thread& thread : sizes) thread.join();
}

INSTANTIATE_TEST_SUITE_P(Each, HttpFaults, testing::Range(std::size_t{0}, faults().size()),
                         [](const auto& info) { return faults()[info.param].name; });

TEST(HttpFaultsTable, HoldsTwoHundred) {
  EXPECT_GE(faults().size() * kSizes.size(), 200u);
}

TEST(HttpTruncation, ATryResumesAfterEach64th) {
  FaultyServer server;
  const std::size_t size = kSizes[2];
  server.on("cut", [&](Exchange& exchange, const std::string& path) {
    const std::size_t sixty_fourths = std::stoull(path.substr(path.rfind('/') + 1));
    exchange.attempt() == 1 ? cut(exchange, file_of(size), sixty_fourths) : exchange.serve(file_of(size));
  });
  for (std::size_t part = 0; part < 64; ++part) {
    const TemporaryDirectory scratch(fs::temp_directory_path());
    EXPECT_EQ(World::fetch(server.url("cut/" + std::to_string(part)), scratch.path(), size), "") << part;
    expect_right_or_absent(scratch.path(), size, true, std::to_string(part));
    const std::string wanted = "Range: bytes=" + std::to_string(size * part / 64) + "-\r\n";
    EXPECT_EQ(server.requests().back().find(wanted) != std::string::npos, part > 0) << server.requests().back();
  }
  EXPECT_EQ(server.requests().size(), 128u);
}

}  // namespace
}  // namespace ainode
