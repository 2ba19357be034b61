#include "httpd/access_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "httpd/config/settings.h"
#include "httpd/http/request_head.h"
#include "httpd/server/client_address.h"
#include "httpd/server/exchange_observer.h"
#include "reactor/descriptor.h"
#include "reactor/intercepting_kernel.h"
#include "reactor/kernel.h"
#include "reactor/linux_kernel.h"
#include "reactor/net/address.h"
#include "reactor/reactor.h"
#include "reactor/sys_result.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Keeps what is written to files, or says that the disk is full.
class LogKernel final : public InterceptingKernel {
 public:
  using InterceptingKernel::InterceptingKernel;

  SysResult OpenAt(int, const char* path, int flags, mode_t) override {
    opened = path;
    EXPECT_NE(flags & O_APPEND, 0);
    return open_error != 0 ? SysResult::Error(open_error) : SysResult::Ok(500);
  }
  SysResult Write(int descriptor, absl::Span<const char> bytes) override {
    if (descriptor != 500) return InterceptingKernel::Write(descriptor, bytes);
    ++writes;
    if (write_error != 0) return SysResult::Error(write_error);
    const size_t count = std::min(bytes.size(), most_bytes);
    written.append(bytes.data(), count);
    return SysResult::Ok(static_cast<int64_t>(count));
  }
  SysResult Close(int descriptor) override {
    if (descriptor != 500) return InterceptingKernel::Close(descriptor);
    return SysResult::Ok(0);
  }

  std::string opened;
  std::string written;
  int writes = 0;
  int open_error = 0;
  int write_error = 0;
  size_t most_bytes = 1'000'000;
};

class AccessLogTest : public testing::Test {
 protected:
  void Create(httpd::AccessLogFormat format) {
    log_ = AccessLog::Create(*reactor_, {.path = "a.log", .format = format})
               .value();
  }

  static ExchangeRecord Record() {
    return {.client = ClientAddress(Address::Parse("192.0.2.1:80").value()),
            .method = "GET",
            .target = "/a?b",
            .version = http::Version::kHttp11,
            .host = "a.example",
            .referer = "http://b/",
            .user_agent = "me \"x\"",
            .traceparent = "00-1-2-01",
            .request_id = "id1",
            .route = "/a",
            .status = 200,
            .sent_bytes = 123,
            .duration = absl::Microseconds(1500)};
  }

  std::string Logged(const ExchangeRecord& record) {
    log_->OnExchange(record);
    reactor_->RunOnce(absl::ZeroDuration());
    return kernel_.written;
  }

  const std::unique_ptr<Kernel> fake_ = FakeUnderTest().make();
  LogKernel kernel_{*fake_};
  std::unique_ptr<Reactor> reactor_ = Reactor::Create(kernel_).value();
  std::unique_ptr<AccessLog> log_;
};

TEST_F(AccessLogTest, WritesTheCommonFormat) {
  Create(httpd::AccessLogFormat::kCommon);
  EXPECT_EQ(kernel_.opened, "a.log");
  EXPECT_EQ(Logged(Record()),
            "192.0.2.1 - - [09/Sep/2001:01:46:40 +0000] "
            "\"GET /a?b HTTP/1.1\" 200 123\n");
}

TEST_F(AccessLogTest, WritesTheCombinedFormat) {
  Create(httpd::AccessLogFormat::kCombined);
  EXPECT_THAT(Logged(Record()),
              EndsWith(" 200 123 \"http://b/\" \"me \\x22x\\x22\"\n"));
}

TEST_F(AccessLogTest, WritesJson) {
  Create(httpd::AccessLogFormat::kJson);
  EXPECT_EQ(Logged(Record()),
            "{\"time\":\"2001-09-09T01:46:40Z\",\"client\":\"192.0.2.1\","
            "\"method\":\"GET\",\"target\":\"/a?b\",\"version\":\"HTTP/1.1\","
            "\"host\":\"a.example\",\"route\":\"/a\",\"status\":200,"
            "\"sent_bytes\":123,\"duration_us\":1500,"
            "\"referer\":\"http://b/\",\"user_agent\":\"me \\\"x\\\"\","
            "\"request_id\":\"id1\",\"traceparent\":\"00-1-2-01\"}\n");
}

TEST_F(AccessLogTest, WhatWasNotUnderstoodIsADash) {
  Create(httpd::AccessLogFormat::kCombined);
  EXPECT_THAT(Logged({.status = 400, .sent_bytes = 10}),
              EndsWith(" \"-\" 400 10 \"-\" \"-\"\n"));
  EXPECT_THAT(kernel_.written, StartsWith("- - - ["));
}

TEST_F(AccessLogTest, NobodyForgesALine) {
  for (const auto format :
       {httpd::AccessLogFormat::kCombined, httpd::AccessLogFormat::kJson}) {
    kernel_.written.clear();
    Create(format);
    ExchangeRecord record = Record();
    record.user_agent = "a\"\\\x1b[2J\n\x7f\xC3\xA9";
    const std::string line = Logged(record);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_FALSE(absl::StrContains(line, "\x1b"));
    EXPECT_FALSE(absl::StrContains(line, "\x7f"));
  }
  EXPECT_THAT(kernel_.written,
              HasSubstr("\"a\\\"\\\\\\u001b[2J\\u000a\\u007f\\u00c3\\u00a9\""));
}

TEST_F(AccessLogTest, AnIterationIsOneWrite) {
  Create(httpd::AccessLogFormat::kCommon);
  for (int i = 0; i < 10; ++i) log_->OnExchange(Record());
  EXPECT_EQ(kernel_.writes, 0);
  reactor_->RunOnce(absl::ZeroDuration());
  EXPECT_EQ(kernel_.writes, 1);
  for (int i = 0; i < 1000; ++i) log_->OnExchange(Record());
  EXPECT_EQ(kernel_.writes, 2) << "so much is not kept";
  log_ = nullptr;
  EXPECT_EQ(std::count(kernel_.written.begin(), kernel_.written.end(), '\n'),
            1010);
}

TEST_F(AccessLogTest, AShortWriteGoesOn) {
  Create(httpd::AccessLogFormat::kCommon);
  kernel_.most_bytes = 7;
  EXPECT_THAT(Logged(Record()), EndsWith(" 200 123\n"));
  EXPECT_EQ(log_->lost_bytes().Read(), 0u);
}

TEST_F(AccessLogTest, AFullDiskLosesLinesAndNothingElse) {
  Create(httpd::AccessLogFormat::kCommon);
  kernel_.write_error = ENOSPC;
  EXPECT_EQ(Logged(Record()), "");
  EXPECT_GT(log_->lost_bytes().Read(), 50u);
  kernel_.write_error = 0;
  EXPECT_THAT(Logged(Record()), EndsWith(" 200 123\n"));
}

// Writes `count` lines, some of which are longer than a pipe takes at once, and
// in which every byte of the target is `mark`.
void WriteLines(Kernel& kernel, const std::string& path, absl::Mutex* turn,
                char mark, int count) {
  const auto reactor = Reactor::Create(kernel).value();
  const auto log = AccessLog::Create(*reactor, {.path = path}, turn).value();
  for (int i = 0; i < count; ++i) {
    const std::string target(i % 7 == 0 ? 9000 : 50 + i % 100, mark);
    log->OnExchange(
        {.method = "GET", .target = target, .status = 200, .sent_bytes = 1});
    if (i % 5 == 0) reactor->RunOnce(absl::ZeroDuration());
  }
}

TEST(AccessLogsTest, OfSeveralThreadsNoLineIsTorn) {
  constexpr int kLines = 1000;
  LinuxKernel kernel;
  // Each opens it by name, as a FIFO.
  std::array<int, 2> ends;
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const Descriptor reading(kernel, ends[0]);
  Descriptor writing(kernel, ends[1]);
  const std::string path = absl::StrCat("/proc/self/fd/", writing.number());
  absl::Mutex turn;
  absl::BlockingCounter finished(3);
  std::vector<std::thread> threads;
  for (const char mark : {'a', 'b', 'c'}) {
    threads.emplace_back([&, mark] {
      WriteLines(kernel, path, &turn, mark, kLines);
      finished.DecrementCount();
    });
  }
  // The end comes when nobody has it open any more.
  threads.emplace_back([&] {
    finished.Wait();
    writing.Close();
  });
  std::string written;
  std::array<char, 4096> buffer;
  while (true) {
    const SysResult got = kernel.Read(reading.number(), absl::MakeSpan(buffer));
    if (!got.ok() || got.value() == 0) break;
    written.append(buffer.data(), static_cast<size_t>(got.value()));
  }
  for (std::thread& thread : threads) thread.join();
  const std::vector<std::string> lines =
      absl::StrSplit(written, '\n', absl::SkipEmpty());
  EXPECT_EQ(lines.size(), 3u * kLines);
  int torn = 0;
  for (const std::string& line : lines) {
    const size_t target = line.find("\"GET ") + 5;
    const size_t end = line.find_first_not_of(line[target], target);
    if (line.substr(0, 7) != "- - - [" ||
        line.substr(end) != " HTTP/1.1\" 200 1") {
      ++torn;
    }
  }
  EXPECT_EQ(torn, 0);
}

TEST_F(AccessLogTest, AFileThatCannotBeOpenedIsToldInASentence) {
  kernel_.open_error = EACCES;
  EXPECT_EQ(
      AccessLog::Create(*reactor_, {.path = "no/a.log"}).status().message(),
      "access log no/a.log: Permission denied");
}

}  // namespace
}  // namespace pollux
