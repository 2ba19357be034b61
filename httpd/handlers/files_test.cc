#include "httpd/handlers/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "httpd/handlers/file_cache.h"
#include "httpd/handlers/files_fixture.h"
#include "httpd/http/head_limits.h"
#include "httpd/http/http_date.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_parser.h"
#include "httpd/server/recording_exchange.h"
#include "httpd/server/request.h"
#include "httpd/server/route_match.h"
#include "reactor/sys_result.h"
#include "reactor/syscall_record.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using Answer = RecordingExchange::Answer;

constexpr absl::string_view kDigits = "0123456789";
// 2024-05-01 12:34:56 UTC.
constexpr int64_t kModified = 1714566896;
constexpr absl::string_view kModifiedDate = "Wed, 01 May 2024 12:34:56 GMT";

// Where the bytes of a file are while it is served.
enum class Kept : uint8_t { kInMemory, kOpen };

class FilesTest : public FilesFixture {
 protected:
  void SetUp() override {
    MakeDirectory("root");
    Make({});
  }
  void TearDown() override {
    exchange_.reset();
    handler_.reset();
    FilesFixture::TearDown();
  }

  // What was asked before is over.
  void Make(FilesHandler::Options options) {
    exchange_ = std::make_unique<RecordingExchange>();
    options.root = Path("root");
    auto handler = FilesHandler::Create(*reactor_, options);
    ASSERT_TRUE(handler.ok()) << handler.status();
    handler_ = *std::move(handler);
  }
  void Make(Kept kept) {
    FilesHandler::Options options;
    if (kept == Kept::kOpen) options.cache.max_file_bytes_in_memory = 0;
    Make(options);
  }

  // Whether the answer has come. `fields` are whole lines; `target` is the
  // whole path, and what follows "?".
  Answer& Ask(absl::string_view method, absl::string_view target,
              absl::string_view fields = "") {
    const std::string message =
        absl::StrCat(method, " / HTTP/1.1\r\nHost: a\r\n", fields, "\r\n");
    http::RequestHead head;
    const http::ParseOutcome outcome =
        http::RequestParser().Parse(message, http::HeadLimits{}, head);
    EXPECT_EQ(outcome.kind, http::ParseOutcome::Kind::kComplete) << message;
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(target, absl::MaxSplits('?', 1));
    head.path = parts.first;
    head.query = parts.second;
    RouteMatch match;
    match.below_prefix = parts.first;
    if (absl::StartsWith(parts.first, kPrefix)) {
      match.below_prefix.remove_prefix(kPrefix.size());
    }
    handler_->Handle(Request(head, match, *exchange_), exchange_->Ask());
    return exchange_->answer();
  }
  // Below the prefix.
  Answer& Get(absl::string_view path, absl::string_view fields = "") {
    return Ask("GET", absl::StrCat(kPrefix, path), fields);
  }
  Answer& Head(absl::string_view path, absl::string_view fields = "") {
    return Ask("HEAD", absl::StrCat(kPrefix, path), fields);
  }
  int Status(absl::string_view path, absl::string_view fields = "") {
    Answer& answer = Get(path, fields);
    EXPECT_TRUE(answer.is_whole) << path;
    return answer.status;
  }

  // The value of a field however it was sent; empty if there is none.
  static std::string Field(const Answer& answer, absl::string_view name) {
    if (answer.message.empty()) return answer.Field(name);
    for (const absl::string_view line :
         absl::StrSplit(answer.message, "\r\n")) {
      if (line.empty()) break;
      const std::string start = absl::StrCat(name, ": ");
      if (absl::StartsWith(line, start)) {
        return std::string(line.substr(start.size()));
      }
    }
    return "";
  }

  // The body, wherever it lies.
  std::string Body(const Answer& answer) {
    if (!answer.file.has_value()) return answer.body;
    std::string body(answer.file->bytes(), '\0');
    const SysResult read = bare_kernel_->Pread(
        answer.file->file(), absl::MakeSpan(body), answer.file->offset());
    EXPECT_EQ(read.value(), static_cast<int64_t>(body.size()));
    return body;
  }

  // Ten bytes, an hour and more old.
  void WriteDigits() {
    Write("root/digits.txt", kDigits);
    ASSERT_TRUE(tree_->SetModified("root/digits.txt",
                                   absl::FromUnixSeconds(kModified)));
    Settle();
  }

  static constexpr absl::string_view kPrefix = "/files/";

  std::unique_ptr<FilesHandler> handler_;
  std::unique_ptr<RecordingExchange> exchange_;
};

TEST_P(FilesTest, SendsAFileWithAllThatIsSaidOfIt) {
  WriteDigits();
  for (const Kept kept : {Kept::kInMemory, Kept::kOpen}) {
    Make(kept);
    const Answer& answer = Get("digits.txt");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(Body(answer), kDigits);
    EXPECT_EQ(answer.file.has_value(), kept == Kept::kOpen);
    EXPECT_EQ(Field(answer, "Content-Type"), "text/plain; charset=utf-8");
    EXPECT_EQ(Field(answer, "Last-Modified"), kModifiedDate);
    EXPECT_EQ(Field(answer, "Accept-Ranges"), "bytes");
    EXPECT_EQ(Field(answer, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(Field(answer, "Cache-Control"), "");
    EXPECT_EQ(Field(answer, "Vary"), "");
    EXPECT_EQ(Field(answer, "Content-Encoding"), "");
    const std::string tag = Field(answer, "ETag");
    ASSERT_GT(tag.size(), 2u);
    EXPECT_EQ(tag.front(), '"');
    EXPECT_EQ(tag.back(), '"');
    // The same from every worker.
    Make(kept);
    EXPECT_EQ(Field(Get("digits.txt"), "ETag"), tag);
  }
}

TEST_P(FilesTest, AnswersHeadAsGet) {
  WriteDigits();
  for (const Kept kept : {Kept::kInMemory, Kept::kOpen}) {
    Make(kept);
    const std::string message = Get("digits.txt").message;
    const auto fields = exchange_->answer().fields;
    const Answer& answer = Head("digits.txt");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.fields, fields);
    EXPECT_EQ(answer.message, message);
    // A part of it is nothing to HEAD.
    EXPECT_EQ(Head("digits.txt", "Range: bytes=0-1\r\n").status, 200);
    EXPECT_EQ(Head("digits.txt", "Range: bytes=99-\r\n").status, 200);
    EXPECT_EQ(Head("none").status, 404);
    const std::string tag = Field(Get("digits.txt"), "ETag");
    EXPECT_EQ(
        Head("digits.txt", absl::StrCat("If-None-Match: ", tag, "\r\n")).status,
        304);
  }
}

TEST_P(FilesTest, SendsEmptyFiles) {
  Write("root/empty", "");
  for (const Kept kept : {Kept::kInMemory, Kept::kOpen}) {
    Make(kept);
    EXPECT_EQ(Get("empty").status, 200);
    EXPECT_EQ(Body(exchange_->answer()), "");
    EXPECT_EQ(Status("empty", "Range: bytes=0-\r\n"), 416);
    EXPECT_EQ(Field(exchange_->answer(), "Content-Range"), "bytes */0");
    EXPECT_EQ(Head("empty").status, 200);
  }
}

TEST_P(FilesTest, NamesMediaTypes) {
  for (const auto& [name, type] :
       std::vector<std::pair<std::string, std::string>>{
           {"a.html", "text/html; charset=utf-8"},
           {"a.css", "text/css; charset=utf-8"},
           {"a.png", "image/png"},
           {"a.json", "application/json"},
           {"a.unknown", "application/octet-stream"},
           {"a", "application/octet-stream"}}) {
    Write(absl::StrCat("root/", name), "");
    EXPECT_EQ(Field(Get(name), "Content-Type"), type);
  }
  MakeDirectory("root/b.html");
  Write("root/b.html/a", "");
  EXPECT_EQ(Field(Get("b.html/a"), "Content-Type"), "application/octet-stream");
}

TEST_P(FilesTest, SendsCacheControlAsConfigured) {
  WriteDigits();
  FilesHandler::Options options;
  options.cache.cache_control = "public, max-age=60";
  Make(options);
  EXPECT_EQ(Field(Get("digits.txt"), "Cache-Control"), "public, max-age=60");
  EXPECT_EQ(Field(Get("digits.txt", "Range: bytes=1-2\r\n"), "Cache-Control"),
            "public, max-age=60");
  const Answer& answer = Get("digits.txt", "If-None-Match: *\r\n");
  EXPECT_EQ(answer.status, 304);
  EXPECT_EQ(Field(answer, "Cache-Control"), "public, max-age=60");
}

// Conditions.

TEST_P(FilesTest, JudgesConditions) {
  WriteDigits();
  for (const Kept kept : {Kept::kInMemory, Kept::kOpen}) {
    Make(kept);
    const std::string tag = Field(Get("digits.txt"), "ETag");
    const std::string before = "Wed, 01 May 2024 12:34:55 GMT";
    const std::string same(kModifiedDate);
    const std::string after = "Wed, 01 May 2024 12:34:57 GMT";
    struct Case {
      std::string fields;
      int status;
    };
    for (const Case& c : std::vector<Case>{
             {absl::StrCat("If-None-Match: ", tag, "\r\n"), 304},
             {absl::StrCat("If-None-Match: W/", tag, "\r\n"), 304},
             {absl::StrCat("If-None-Match: \"a\", ", tag, "\r\n"), 304},
             {absl::StrCat("If-None-Match: \"a\"\r\nIf-None-Match: ", tag,
                           "\r\n"),
              304},
             {"If-None-Match: *\r\n", 304},
             {"If-None-Match: \"a\"\r\n", 200},
             {"If-None-Match: a\r\n", 200},
             {"If-None-Match: \r\n", 200},
             {absl::StrCat("If-Modified-Since: ", before, "\r\n"), 200},
             {absl::StrCat("If-Modified-Since: ", same, "\r\n"), 304},
             {absl::StrCat("If-Modified-Since: ", after, "\r\n"), 304},
             {"If-Modified-Since: Wednesday, 01-May-24 12:34:56 GMT\r\n", 304},
             {"If-Modified-Since: Wed May  1 12:34:56 2024\r\n", 304},
             {"If-Modified-Since: Wed May  1 12:34:55 2024\r\n", 200},
             {"If-Modified-Since: 2024-05-01\r\n", 200},
             {absl::StrCat("If-Unmodified-Since: ", before, "\r\n"), 412},
             {absl::StrCat("If-Unmodified-Since: ", same, "\r\n"), 200},
             {absl::StrCat("If-Unmodified-Since: ", after, "\r\n"), 200},
             {"If-Unmodified-Since: yesterday\r\n", 200},
             {absl::StrCat("If-Match: ", tag, "\r\n"), 200},
             {absl::StrCat("If-Match: \"a\", ", tag, "\r\n"), 200},
             {"If-Match: *\r\n", 200},
             {"If-Match: \"a\"\r\n", 412},
             {absl::StrCat("If-Match: W/", tag, "\r\n"), 412},
             // What comes first counts (RFC 9110 §13.2.2).
             {absl::StrCat("If-None-Match: \"a\"\r\nIf-Modified-Since: ", after,
                           "\r\n"),
              200},
             {absl::StrCat("If-None-Match: ", tag,
                           "\r\nIf-Modified-Since: ", before, "\r\n"),
              304},
             {absl::StrCat("If-Match: ", tag,
                           "\r\nIf-Unmodified-Since: ", before, "\r\n"),
              200},
             {absl::StrCat("If-Match: \"a\"\r\nIf-None-Match: ", tag, "\r\n"),
              412},
             {absl::StrCat("If-Match: ", tag, "\r\nIf-None-Match: ", tag,
                           "\r\n"),
              304},
             // And all of them before a range.
             {absl::StrCat("If-None-Match: ", tag, "\r\nRange: bytes=0-1\r\n"),
              304},
             {"If-Match: \"a\"\r\nRange: bytes=0-1\r\n", 412},
             {"If-None-Match: \"a\"\r\nRange: bytes=0-1\r\n", 206},
             {absl::StrCat("If-None-Match: ", tag, "\r\nRange: bytes=99-\r\n"),
              304},
         }) {
      const Answer& answer = Get("digits.txt", c.fields);
      EXPECT_EQ(answer.status, c.status) << c.fields;
      if (c.status != 304) continue;
      EXPECT_EQ(Body(answer), "") << c.fields;
      EXPECT_EQ(Field(answer, "ETag"), tag);
      EXPECT_EQ(Field(answer, "Last-Modified"), kModifiedDate);
      EXPECT_EQ(Field(answer, "Content-Type"), "");
    }
  }
}

TEST_P(FilesTest, ConditionsOfWhatIsNotThereAreNotFound) {
  EXPECT_EQ(Status("none", "If-None-Match: *\r\n"), 404);
  EXPECT_EQ(Status("none", "If-Match: *\r\n"), 404);
  EXPECT_EQ(Status("none", "Range: bytes=0-1\r\n"), 404);
}

// Ranges.

TEST_P(FilesTest, SendsPartsAtEveryBoundary) {
  WriteDigits();
  struct Case {
    absl::string_view range;
    int status;
    absl::string_view content_range;
    absl::string_view body;
  };
  for (const Kept kept : {Kept::kInMemory, Kept::kOpen}) {
    Make(kept);
    const std::string tag = Field(Get("digits.txt"), "ETag");
    for (const Case& c : std::vector<Case>{
             {"bytes=0-0", 206, "bytes 0-0/10", "0"},
             {"bytes=0-1", 206, "bytes 0-1/10", "01"},
             {"bytes=0-8", 206, "bytes 0-8/10", "012345678"},
             {"bytes=0-9", 206, "bytes 0-9/10", kDigits},
             {"bytes=0-10", 206, "bytes 0-9/10", kDigits},
             {"bytes=0-", 206, "bytes 0-9/10", kDigits},
             {"bytes=1-8", 206, "bytes 1-8/10", "12345678"},
             {"bytes=8-8", 206, "bytes 8-8/10", "8"},
             {"bytes=9-9", 206, "bytes 9-9/10", "9"},
             {"bytes=9-", 206, "bytes 9-9/10", "9"},
             {"bytes=9-99999999999999999999", 206, "bytes 9-9/10", "9"},
             {"bytes=-1", 206, "bytes 9-9/10", "9"},
             {"bytes=-9", 206, "bytes 1-9/10", "123456789"},
             {"bytes=-10", 206, "bytes 0-9/10", kDigits},
             {"bytes=-11", 206, "bytes 0-9/10", kDigits},
             {"bytes=-99999999999999999999", 206, "bytes 0-9/10", kDigits},
             {"bytes=10-", 416, "bytes */10", ""},
             {"bytes=10-10", 416, "bytes */10", ""},
             {"bytes=11-20", 416, "bytes */10", ""},
             {"bytes=99999999999999999999-", 416, "bytes */10", ""},
             {"bytes=-0", 416, "bytes */10", ""},
             {"bytes=0-1,3-4", 200, "", kDigits},
             {"bytes=0-1, 20-30", 200, "", kDigits},
             {"bytes=5-4", 200, "", kDigits},
             {"bytes=a-b", 200, "", kDigits},
             {"bytes=", 200, "", kDigits},
             {"bytes=-", 200, "", kDigits},
             {"bytes 0-1", 200, "", kDigits},
             {"lines=0-1", 200, "", kDigits},
         }) {
      const Answer& answer =
          Get("digits.txt", absl::StrCat("Range: ", c.range, "\r\n"));
      EXPECT_EQ(answer.status, c.status) << c.range;
      EXPECT_EQ(Field(answer, "Content-Range"), c.content_range) << c.range;
      EXPECT_EQ(Body(answer), c.body) << c.range;
      if (c.status != 206) continue;
      EXPECT_EQ(Field(answer, "ETag"), tag);
      EXPECT_EQ(Field(answer, "Last-Modified"), kModifiedDate);
      EXPECT_EQ(Field(answer, "Content-Type"), "text/plain; charset=utf-8");
    }
  }
}

TEST_P(FilesTest, LooksAtARangeOnlyIfTheFileIsTheSame) {
  WriteDigits();
  for (const Kept kept : {Kept::kInMemory, Kept::kOpen}) {
    Make(kept);
    const std::string tag = Field(Get("digits.txt"), "ETag");
    const auto status = [&](absl::string_view if_range) {
      return Status(
          "digits.txt",
          absl::StrCat("Range: bytes=0-1\r\nIf-Range: ", if_range, "\r\n"));
    };
    EXPECT_EQ(status(tag), 206);
    EXPECT_EQ(status(kModifiedDate), 206);
    EXPECT_EQ(status(absl::StrCat("W/", tag)), 200);
    EXPECT_EQ(status("\"a\""), 200);
    EXPECT_EQ(status("Wed, 01 May 2024 12:34:57 GMT"), 200);
    EXPECT_EQ(status("nonsense"), 200);
    EXPECT_EQ(Status("digits.txt", "Range: bytes=99-\r\nIf-Range: \"a\"\r\n"),
              200);
  }
}

TEST_P(FilesTest, SendsPartsOfLargeFiles) {
  std::string large(3 * 1024 * 1024, 'x');
  for (size_t i = 0; i < large.size(); ++i) {
    large[i] = static_cast<char>('a' + i % 23);
  }
  Write("root/large.bin", large);
  Answer& whole = Get("large.bin");
  ASSERT_TRUE(whole.file.has_value());
  EXPECT_EQ(Body(whole), large);
  Answer& part = Get("large.bin", "Range: bytes=1000000-2000000\r\n");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.file->offset(), 1000000);
  EXPECT_EQ(part.file->bytes(), 1000001u);
  EXPECT_EQ(Body(part), large.substr(1000000, 1000001));
}

// Paths.

// Runs on Linux's file systems, where sparse files take no room.
class SparseFilesTest : public FilesTest {};

TEST_P(SparseFilesTest, SendsPartsOfFilesOver4GiB) {
  constexpr off_t kFirst = (off_t{5} << 32) + 7;
  const int file = open(Path("root/large").c_str(),
                        O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0);
  ASSERT_EQ(pwrite(file, "far out", 7, kFirst), 7);
  ASSERT_EQ(close(file), 0);
  const Answer& answer =
      Get("large", absl::StrCat("Range: bytes=", kFirst, "-\r\n"));
  EXPECT_EQ(answer.status, 206);
  EXPECT_EQ(Field(answer, "Content-Range"),
            absl::StrCat("bytes ", kFirst, "-", kFirst + 6, "/", kFirst + 7));
  EXPECT_EQ(Body(answer), "far out");
}

// Runs on virtual time.
class FilesInTimeTest : public FilesTest {};

// RFC 9110 §8.8.2.2: within the second of its change, it may change again.
TEST_P(FilesInTimeTest, ADateBecomesAStrongValidatorAfterItsSecond) {
  Write("root/a", "abc");
  const std::string fields = absl::StrCat(
      "Range: bytes=0-1\r\nIf-Range: ", Field(Get("a"), "Last-Modified"),
      "\r\n");
  EXPECT_EQ(Status("a", fields), 200);
  Pass(absl::Seconds(2));
  EXPECT_EQ(Status("a", fields), 206);
}

TEST_P(FilesTest, NeverLeavesTheRoot) {
  Write("secret", "the secret");
  Write("secret.txt", "the secret");
  MakeDirectory("beside");
  Write("beside/secret", "the secret");
  Write("root/a", "a");
  MakeDirectory("root/dir");
  Write("root/dir/b", "b");
  Write("root/.hidden", "the secret");
  MakeDirectory("root/.git");
  Write("root/.git/config", "the secret");
  Link("root/up", "..");
  Link("root/up_file", "../secret");
  Link("root/dir/up_file", "../../secret");
  Link("root/out_and_in", "../root/a");
  Link("root/absolute", Path("secret"));
  Link("root/absolute_in", Path("root/a"));
  Link("root/slash", "/");
  Link("root/chain", "dir/up_file");
  Link("root/loop", "loop");
  Link("root/nowhere", "nothing");

  FilesHandler::Options options;
  options.listing = FilesHandler::Listing::kPage;
  Make(options);
  for (const absl::string_view path :
       {"../secret",
        "..",
        "../",
        "../root/a",
        "dir/..",
        "dir/../",
        "dir/../a",
        "dir/../../secret",
        "dir/../../../../../../../../../../etc/passwd",
        "./a",
        ".",
        "./",
        "dir/./b",
        "%2e%2e/secret",
        "%2E%2E/secret",
        "%2e%2e/",
        ".%2e/secret",
        "%2e./secret",
        "%2e/a",
        "dir/%2e%2e/a",
        "dir/%2e%2e/%2e%2e/secret",
        "%2e%2e%2fsecret",
        "..%2fsecret",
        "..%2Fsecret",
        "dir%2fb",
        "dir%2F..%2F..%2Fsecret",
        "%2f",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "//etc/passwd",
        "/a",
        "dir//b",
        "dir//",
        "//",
        "..%5csecret",
        "..\\secret",
        "dir%5cb",
        "%5c%5chost",
        "%5c..%5csecret",
        "%252e%252e/secret",
        "%252e%252e%252fsecret",
        "..%252fsecret",
        "%25%32%65%25%32%65/secret",
        "..%c0%afsecret",
        "%c0%ae%c0%ae/secret",
        "%e0%80%ae%e0%80%ae/secret",
        "..;/secret",
        "..%00/secret",
        "a%00",
        "a%00.html",
        "%00",
        "a/",
        "a/b",
        "a/..",
        "a%20",
        "a.",
        "A",
        ".hidden",
        "%2ehidden",
        ".git/config",
        "%2egit/config",
        ".git/",
        "dir/.hidden",
        "...",
        "up",
        "up/",
        "up/secret",
        "up/beside/secret",
        "up/root/a",
        "up_file",
        "dir/up_file",
        "out_and_in",
        "absolute",
        "absolute_in",
        "slash",
        "slash/",
        "slash/etc/passwd",
        "chain",
        "loop",
        "nowhere",
        "a%2",
        "a%",
        "a%zz"}) {
    const Answer& answer = Get(path);
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_EQ(Body(answer), "") << path;
  }
  EXPECT_EQ(Status("a"), 200);
  EXPECT_EQ(Status("%61"), 200);
  EXPECT_EQ(Status("dir/b"), 200);
  EXPECT_EQ(Status("d%69r/%62"), 200);
  EXPECT_EQ(handler_->cache().files(), 2u);
}

TEST_P(FilesTest, FollowsLinksBeneathTheRootWhereThatIsSafe) {
  Write("root/a", "1");
  MakeDirectory("root/dir");
  Write("root/dir/index.html", "index");
  Link("root/link", "a");
  Link("root/link_to_dir", "dir");
  Link("root/dir/up_link", "../a");
  const int status = GetParam().has_openat2 ? 200 : 404;
  EXPECT_EQ(Status("link"), status);
  EXPECT_EQ(Status("link_to_dir/"), status);
  EXPECT_EQ(Status("dir/up_link"), status);
  EXPECT_EQ(Status("link_to_dir/up_link"), status);
}

TEST_P(FilesTest, ServesNamesOfAnyBytes) {
  Write("root/a b+c&d.txt", "1");
  Write("root/\xC3\xA9", "2");
  Write("root/\xFF\x01", "3");
  Write("root/%61", "4");
  EXPECT_EQ(Body(Get("a%20b+c&d.txt")), "1");
  EXPECT_EQ(Body(Get("%C3%a9")), "2");
  EXPECT_EQ(Body(Get("%ff%01")), "3");
  EXPECT_EQ(Body(Get("%2561")), "4");
}

TEST_P(FilesTest, NamesThatAreTooLongAreNotFound) {
  EXPECT_EQ(Status(std::string(255, 'a')), 404);
  EXPECT_EQ(Status(std::string(256, 'a')), 404);
  std::string deep;
  while (deep.size() < 8000) deep += "a/";
  EXPECT_EQ(Status(deep), 404);
  EXPECT_EQ(Status(deep + "a"), 404);
}

TEST_P(FilesTest, WhatIsNoRegularFileIsNotFound) {
  if (fake() != nullptr) return;
  ASSERT_EQ(::mkfifo(Path("root/fifo").c_str(), 0600), 0);
  EXPECT_EQ(Status("fifo"), 404);
  EXPECT_EQ(Status("fifo/"), 404);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // Where a name of a socket is short enough.
  const int here = ::open(Path("root").c_str(), O_PATH | O_CLOEXEC);
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  absl::StrCat("/proc/self/fd/", here, "/socket")
      .copy(address.sun_path, sizeof(address.sun_path));
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address),
                   sizeof(address)),
            0);
  EXPECT_EQ(Status("socket"), 404);
  ::close(socket);
  ::close(here);
}

TEST_P(FilesTest, WhatMayNotBeReadIsNotFound) {
  if (fake() == nullptr) return;  // There, tests may be root.
  Write("root/a", "1");
  Write("root/dir/b", "1");
  fake()->files().SetPermissions(Path("root/a"), 0);
  fake()->files().SetPermissions(Path("root/dir"), 0);
  EXPECT_EQ(Status("a"), 404);
  EXPECT_EQ(Status("dir/b"), 404);
}

// Directories.

TEST_P(FilesTest, ADirectoryIsItsIndex) {
  MakeDirectory("root/dir");
  Write("root/index.html", "top");
  Write("root/dir/index.html", "below");
  EXPECT_EQ(Body(Get("")), "top");
  EXPECT_EQ(Field(exchange_->answer(), "Content-Type"),
            "text/html; charset=utf-8");
  EXPECT_EQ(Body(Get("dir/")), "below");
  EXPECT_EQ(Body(Get("dir/index.html")), "below");

  FilesHandler::Options options;
  options.index = "home";
  Make(options);
  EXPECT_EQ(Status("dir/"), 404);
  Write("root/dir/home", "home");
  EXPECT_EQ(Body(Get("dir/")), "home");
  options.index = "";
  Make(options);
  EXPECT_EQ(Status("dir/"), 404);
  EXPECT_EQ(Status(""), 404);
}

TEST_P(FilesTest, ADirectoryWithoutAnIndexIsNotFound) {
  MakeDirectory("root/dir");
  EXPECT_EQ(Status("dir/"), 404);
  EXPECT_EQ(Status("none/"), 404);
  MakeDirectory("root/dir/index.html");
  EXPECT_EQ(Status("dir/"), 404);
}

TEST_P(FilesTest, ADirectoryWithoutASlashIsRedirected) {
  MakeDirectory("root/dir");
  MakeDirectory("root/dir/b c");
  const auto location = [&](absl::string_view target) {
    const Answer& answer = Ask("GET", target);
    EXPECT_TRUE(answer.is_whole);
    EXPECT_EQ(answer.body, "");
    return absl::StrCat(answer.status, " ", Field(answer, "Location"));
  };
  EXPECT_EQ(location("/files/dir"), "308 /files/dir/");
  EXPECT_EQ(location("/files/dir?a=b&c=%20"), "308 /files/dir/?a=b&c=%20");
  EXPECT_EQ(location("/files/dir/b%20c"), "308 /files/dir/b%20c/");
  EXPECT_EQ(location("/files/d%69r"), "308 /files/d%69r/");
  // Where the prefix has no slash at its end.
  EXPECT_EQ(location("/files/"), "404 ");
  http::RequestHead head;
  head.method = http::Method::kGet;
  head.path = "/files";
  const RouteMatch match;
  handler_->Handle(Request(head, match, *exchange_), exchange_->Ask());
  EXPECT_EQ(exchange_->answer().status, 308);
  EXPECT_EQ(Field(exchange_->answer(), "Location"), "/files/");
}

TEST_P(FilesTest, NoRedirectLeadsToAnotherServer) {
  MakeDirectory("root/evil.example");
  for (const absl::string_view path :
       {"//evil.example", "/\\evil.example", "evil.example"}) {
    http::RequestHead head;
    head.method = http::Method::kGet;
    head.path = path;
    RouteMatch match;
    match.below_prefix = "evil.example";
    handler_->Handle(Request(head, match, *exchange_), exchange_->Ask());
    EXPECT_EQ(exchange_->answer().status, 404) << path;
    EXPECT_EQ(Field(exchange_->answer(), "Location"), "") << path;
  }
}

// Compressed siblings.

TEST_P(FilesTest, SendsWhatTheClientDecodesBest) {
  const absl::Time time = absl::FromUnixSeconds(kModified);
  for (const auto& [name, contents] :
       std::vector<std::pair<std::string, std::string>>{{"a.css", "identity"},
                                                        {"a.css.br", "br"},
                                                        {"a.css.zst", "zstd"},
                                                        {"a.css.gz", "gzip"}}) {
    Write(absl::StrCat("root/", name), contents);
    ASSERT_TRUE(tree_->SetModified(absl::StrCat("root/", name), time));
  }
  Settle();
  for (const size_t in_memory : {0, 100}) {
    FilesHandler::Options options;
    options.cache.max_file_bytes_in_memory = in_memory;
    options.cache.siblings = FileCache::Siblings::kServed;
    Make(options);
    struct Case {
      absl::string_view accept;
      absl::string_view coding;
    };
    std::vector<std::string> tags;
    for (const Case& c :
         std::vector<Case>{{"br", "br"},
                           {"zstd", "zstd"},
                           {"gzip", "gzip"},
                           {"x-gzip", "gzip"},
                           {"gzip, deflate, br, zstd", "br"},
                           {"gzip, deflate, zstd", "zstd"},
                           {"gzip;q=1, br;q=0.5", "gzip"},
                           {"br;q=0, gzip", "gzip"},
                           {"*", "br"},
                           {"identity;q=0", "identity"},
                           {"identity", "identity"},
                           {"identity;q=1, br;q=0.5", "identity"},
                           {"deflate", "identity"},
                           {"compress", "identity"},
                           {"", "identity"}}) {
      const Answer& answer =
          Get("a.css", absl::StrCat("Accept-Encoding: ", c.accept, "\r\n"));
      EXPECT_EQ(answer.status, 200) << c.accept;
      EXPECT_EQ(Body(answer), c.coding) << c.accept;
      EXPECT_EQ(Field(answer, "Content-Encoding"),
                c.coding == "identity" ? "" : c.coding);
      EXPECT_EQ(Field(answer, "Content-Type"), "text/css; charset=utf-8");
      EXPECT_EQ(Field(answer, "Vary"), "Accept-Encoding");
      tags.push_back(Field(answer, "ETag"));
    }
    EXPECT_EQ(Body(Get("a.css")), "identity");
    EXPECT_EQ(Field(exchange_->answer(), "Vary"), "Accept-Encoding");
    // Each coding is a representation of its own.
    std::sort(tags.begin(), tags.end());
    tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
    EXPECT_EQ(tags.size(), 4u);

    const std::string tag =
        Field(Get("a.css", "Accept-Encoding: br\r\n"), "ETag");
    const std::string if_none_match =
        absl::StrCat("If-None-Match: ", tag, "\r\n");
    const Answer& not_modified =
        Get("a.css", absl::StrCat("Accept-Encoding: br\r\n", if_none_match));
    EXPECT_EQ(not_modified.status, 304);
    EXPECT_EQ(Field(not_modified, "ETag"), tag);
    EXPECT_EQ(Field(not_modified, "Vary"), "Accept-Encoding");
    EXPECT_EQ(Get("a.css", if_none_match).status, 200);
    const Answer& part =
        Get("a.css", "Accept-Encoding: zstd\r\nRange: bytes=1-2\r\n");
    EXPECT_EQ(part.status, 206);
    EXPECT_EQ(Body(part), "st");
    EXPECT_EQ(Field(part, "Content-Encoding"), "zstd");
    EXPECT_EQ(Field(part, "Content-Range"), "bytes 1-2/4");
    EXPECT_EQ(Field(part, "Vary"), "Accept-Encoding");
    // Asked for by its own name it is what it is.
    const Answer& itself = Get("a.css.gz");
    EXPECT_EQ(Field(itself, "Content-Encoding"), "");
    EXPECT_EQ(Field(itself, "Content-Type"), "application/gzip");
  }
  Make({});
  EXPECT_EQ(Body(Get("a.css", "Accept-Encoding: br\r\n")), "identity");
  EXPECT_EQ(Field(exchange_->answer(), "Vary"), "");
}

// What goes wrong.

TEST_P(FilesTest, SaysWhenItIsTheServersFault) {
  Write("root/a", "1");
  const SyscallKind open =
      GetParam().has_openat2 ? SyscallKind::kOpenAt2 : SyscallKind::kOpenAt;
  EXPECT_EQ(Status("none"), 404);
  for (const auto& [error, status] :
       std::vector<std::pair<int, int>>{{EMFILE, 503},
                                        {ENFILE, 503},
                                        {ENOMEM, 503},
                                        {EIO, 500},
                                        {EOVERFLOW, 500},
                                        {EACCES, 404},
                                        {ENXIO, 404},
                                        {EINVAL, 404}}) {
    Make({});
    EXPECT_EQ(Status("none"), 404);
    kernel_.FailNext(open, error);
    EXPECT_EQ(Status("a"), status) << error;
    kernel_.FailNext(open, error);
    EXPECT_EQ(Status(""), status) << error;
    EXPECT_EQ(Status("a"), 200);
  }
  Make({});
  EXPECT_EQ(Status("none"), 404);
  if (GetParam().has_openat2) {
    kernel_.FailNext(open, EAGAIN, 5);
    EXPECT_EQ(Status("a"), 200);
    Make({});
    kernel_.FailNext(open, EAGAIN, 1000);
    EXPECT_EQ(Status("a"), 503);
    kernel_.FailNext(open, 0, 0);
  }
  Make({});
  kernel_.FailNext(SyscallKind::kPread, EIO);
  EXPECT_EQ(Status("a"), 500);
  kernel_.FailNext(SyscallKind::kFstat, EIO);
  EXPECT_EQ(Status("a"), 500);
  kernel_.FailNext(SyscallKind::kPread, EINTR);
  EXPECT_EQ(Status("a"), 200);
}

TEST_P(FilesTest, RefusesOptionsThatCannotBe) {
  const auto message = [&](auto change) {
    FilesHandler::Options options;
    options.root = Path("root");
    change(options);
    return std::string(
        FilesHandler::Create(*reactor_, options).status().message());
  };
  EXPECT_EQ(message([](FilesHandler::Options&) {}), "");
  EXPECT_EQ(message([&](FilesHandler::Options& options) {
              options.root = Path("none");
            }),
            absl::StrCat("open ", Path("none"), ": No such file or directory"));
  EXPECT_EQ(message([](FilesHandler::Options& options) {
              options.index = "../index.html";
            }),
            "index \"../index.html\" is not the name of a file");
  EXPECT_EQ(message([](FilesHandler::Options& options) {
              options.cache.cache_control = "a\r\nb: c";
            }),
            "cache_control \"a\\r\\nb: c\" cannot be the value of a field");
}

// Time.

TEST_P(FilesTest, ServesWhatIsThereAtLeastOncePerSecond) {
  Write("root/a", "first");
  Write("root/index.html", "index");
  Settle();
  EXPECT_EQ(Body(Get("a")), "first");
  EXPECT_EQ(Body(Get("")), "index");
  Write("root/a", "other");
  Write("root/new", "new index");
  ASSERT_TRUE(tree_->Rename("root/new", "root/index.html"));
  Pass(absl::Seconds(1));
  EXPECT_EQ(Body(Get("a")), "other");
  EXPECT_EQ(Body(Get("")), "new index");
  ASSERT_TRUE(tree_->Remove("root/a"));
  ASSERT_TRUE(tree_->Remove("root/index.html"));
  Pass(absl::Seconds(1));
  EXPECT_EQ(Status("a"), 404);
  EXPECT_EQ(Status(""), 404);
}

TEST_P(FilesTest, AFileIsServedToItsEndWhateverBecomesOfItsName) {
  Make(Kept::kOpen);
  Write("root/a", "first");
  Answer& answer = Get("a");
  ASSERT_TRUE(tree_->Remove("root/a"));
  EXPECT_EQ(Body(answer), "first");
  FileRange range = *std::move(answer.file);
  answer.file.reset();
  handler_.reset();
  std::string body(5, '\0');
  EXPECT_EQ(bare_kernel_->Pread(range.file(), absl::MakeSpan(body), 0).value(),
            5);
}

// Listings.

class ListingTest : public FilesTest {
 protected:
  void SetUp() override {
    MakeDirectory("root");
    Make(ListingOptions());
  }

  static FilesHandler::Options ListingOptions() {
    FilesHandler::Options options;
    options.listing = FilesHandler::Listing::kPage;
    return options;
  }

  bool RunUntilAnswered(const Answer& answer) {
    for (int i = 0; i < 10'000 && !answer.is_whole; ++i) {
      reactor_->RunOnce(absl::ZeroDuration());
    }
    return answer.is_whole;
  }
};

TEST_P(ListingTest, ShowsADirectoryWithoutAnIndex) {
  MakeDirectory("root/dir");
  MakeDirectory("root/dir/sub");
  Write("root/dir/b.txt", "12345");
  ASSERT_TRUE(
      tree_->SetModified("root/dir/b.txt", absl::FromUnixSeconds(kModified)));
  const Answer& answer = Get("dir/");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(Field(answer, "Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(Field(answer, "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(Field(answer, "Cache-Control"), "no-cache");
  EXPECT_TRUE(absl::StrContains(answer.body, "<h1>Index of /files/dir/</h1>"))
      << answer.body;
  EXPECT_TRUE(
      absl::StrContains(answer.body,
                        "<tr><td><a href=\"./b.txt\">b.txt</a></td><td>5</td>"
                        "<td>2024-05-01 12:34</td></tr>\n"))
      << answer.body;
  EXPECT_TRUE(absl::StrContains(answer.body, "<a href=\"./sub/\">sub/</a>"));
  EXPECT_TRUE(absl::StrContains(answer.body, "<a href=\"../\">"));
  EXPECT_FALSE(absl::StrContains(Get("").body, "<a href=\"../\">"));
  EXPECT_EQ(Status("dir"), 308);
  EXPECT_EQ(Status("dir/b.txt/"), 404);

  Write("root/dir/index.html", "index");
  EXPECT_EQ(Body(Get("dir/")), "index");
}

TEST_P(ListingTest, DoesNotStandInForAnIndexThatMayNotBeRead) {
  Write("secret", "");
  Link("root/index.html", "../secret");
  EXPECT_EQ(Status(""), 404);
}

TEST_P(ListingTest, DoesNotStandInForAnIndexWithoutPermission) {
  Write("root/index.html", "index");
  kernel_.FailNext(
      GetParam().has_openat2 ? SyscallKind::kOpenAt2 : SyscallKind::kOpenAt,
      EACCES);
  EXPECT_EQ(Status(""), 404);
  EXPECT_EQ(Body(Get("")), "index");
}

TEST_P(ListingTest, IsAnsweredLaterIfItIsLong) {
  constexpr int kFiles = 1000;
  for (int i = 0; i < kFiles; ++i) Write(absl::StrCat("root/f", i), "");
  Answer& answer = Get("");
  EXPECT_FALSE(answer.is_whole);
  EXPECT_GT(exchange_->held_bytes, 0u);
  ASSERT_TRUE(RunUntilAnswered(answer));
  EXPECT_EQ(answer.status, 200);
  for (int i = 0; i < kFiles; ++i) {
    EXPECT_TRUE(absl::StrContains(answer.body, absl::StrCat(">f", i, "</a>")));
  }
}

TEST_P(ListingTest, EndsWhenTheClientLeaves) {
  for (int i = 0; i < 500; ++i) Write(absl::StrCat("root/f", i), "");
  const int before = kernel_.open();
  EXPECT_FALSE(Get("").is_whole);
  exchange_->Abandon();
  reactor_->RunOnce(absl::ZeroDuration());
  EXPECT_EQ(kernel_.open(), before);
  const int calls = kernel_.Count(SyscallKind::kFstat);
  reactor_->RunOnce(absl::ZeroDuration());
  EXPECT_EQ(kernel_.Count(SyscallKind::kFstat), calls);

  // And when the handler does.
  EXPECT_FALSE(Get("").is_whole);
  handler_.reset();
  EXPECT_EQ(exchange_->answer().status, 500);
}

TEST_P(ListingTest, Regression_EndsIfTheClientHasLeftBeforeItIsLong) {
  for (int i = 0; i < 500; ++i) Write(absl::StrCat("root/f", i), "");
  kernel_.BeforeNext(SyscallKind::kGetDents64,
                     [this] { exchange_->Abandon(); });
  EXPECT_FALSE(Get("").is_whole);
  const int calls = kernel_.Count(SyscallKind::kFstat);
  reactor_->RunOnce(absl::ZeroDuration());
  EXPECT_EQ(kernel_.Count(SyscallKind::kFstat), calls);
}

TEST_P(ListingTest, SaysWhatWentWrong) {
  for (int i = 0; i < 500; ++i) Write(absl::StrCat("root/f", i), "");
  kernel_.FailNext(SyscallKind::kGetDents64, EIO);
  EXPECT_EQ(Status(""), 500);
  const SyscallKind open =
      GetParam().has_openat2 ? SyscallKind::kOpenAt2 : SyscallKind::kOpenAt;
  kernel_.FailNext(open, EMFILE, 1, 20);
  EXPECT_EQ(Status(""), 503);
  kernel_.FailNext(open, EMFILE, 1, 400);
  Answer& later = Get("");
  EXPECT_FALSE(later.is_whole);
  ASSERT_TRUE(RunUntilAnswered(later));
  EXPECT_EQ(later.status, 503);
  reactor_->RunOnce(absl::ZeroDuration());
  kernel_.FailNext(SyscallKind::kGetDents64, EINTR);
  ASSERT_TRUE(RunUntilAnswered(Get("")));
  EXPECT_EQ(exchange_->answer().status, 200);
}

INSTANTIATE_TEST_SUITE_P(Kernels, FilesTest, testing::ValuesIn(FilesSetups()),
                         FilesSetupName);
INSTANTIATE_TEST_SUITE_P(Linux, SparseFilesTest,
                         testing::Values(FilesSetup{"Linux", LinuxUnderTest(),
                                                    true}),
                         FilesSetupName);
INSTANTIATE_TEST_SUITE_P(Fake, FilesInTimeTest,
                         testing::Values(FilesSetup{"Fake", FakeUnderTest(),
                                                    true}),
                         FilesSetupName);
INSTANTIATE_TEST_SUITE_P(Kernels, ListingTest, testing::ValuesIn(FilesSetups()),
                         FilesSetupName);

}  // namespace
}  // namespace pollux
