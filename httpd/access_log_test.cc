#include "httpd/access_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "httpd/config/settings.h"
#include "httpd/http/request_head.h"
#include "httpd/log_file.h"
#include "httpd/server/client_address.h"
#include "httpd/server/exchange_observer.h"
#include "reactor/intercepting_kernel.h"
#include "reactor/kernel.h"
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
    EXPECT_NE(flags & O_CLOEXEC, 0);
    return open_error != 0 ? SysResult::Error(open_error) : SysResult::Ok(500);
  }
  SysResult Write(int descriptor, absl::Span<const char> bytes) override {
    if (descriptor != 500) return InterceptingKernel::Write(descriptor, bytes);
    ++writes;
    if (write_error != 0) return SysResult::Error(write_error);
    const size_t count = std::min(bytes.size(), most_bytes);
    if (write_error_then != 0) {
      write_error = std::exchange(write_error_then, 0);
    }
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
  // With the next writing, and what comes of the one after that.
  size_t most_bytes = 1'000'000;
  int write_error_then = 0;
};

class AccessLogTest : public testing::Test {
 protected:
  void Create(httpd::AccessLogFormat format) {
    file_ = LogFile::Open(kernel_, "a.log").value();
    log_ = std::make_unique<AccessLog>(*reactor_, format, *file_);
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
            .sent_bytes = 345,
            .body_bytes = 123,
            .duration = absl::Microseconds(1500)};
  }

  std::string Logged(const ExchangeRecord& record) {
    log_->OnExchange(record);
    reactor_->RunOnce(absl::ZeroDuration());
    return kernel_.written;
  }

  auto Lines() const {
    return std::count(kernel_.written.begin(), kernel_.written.end(), '\n');
  }

  // On the fake kernel's time.
  bool RunUntil(Reactor& reactor, absl::FunctionRef<bool()> done) {
    for (int i = 0; i < 100 && !done(); ++i) {
      reactor.RunOnce(absl::Seconds(1));
    }
    return done();
  }

  const std::unique_ptr<Kernel> fake_ = FakeUnderTest().make();
  LogKernel kernel_{*fake_};
  std::unique_ptr<Reactor> reactor_ = Reactor::Create(kernel_).value();
  std::unique_ptr<LogFile> file_;
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
            "\"sent_bytes\":345,\"duration_us\":1500,"
            "\"referer\":\"http://b/\",\"user_agent\":\"me \\\"x\\\"\","
            "\"request_id\":\"id1\",\"traceparent\":\"00-1-2-01\"}\n");
}

TEST_F(AccessLogTest, LogsTheCurrentSecond) {
  Create(httpd::AccessLogFormat::kCommon);
  // The fake's clock begins with a whole second.
  reactor_->RunOnce(absl::Milliseconds(300));
  EXPECT_THAT(Logged(Record()), HasSubstr("[09/Sep/2001:01:46:40 +0000]"));
  reactor_->RunOnce(absl::Milliseconds(699));
  kernel_.written.clear();
  EXPECT_THAT(Logged(Record()), HasSubstr("[09/Sep/2001:01:46:40 +0000]"));
  reactor_->RunOnce(absl::Milliseconds(1));
  kernel_.written.clear();
  EXPECT_THAT(Logged(Record()), HasSubstr("[09/Sep/2001:01:46:41 +0000]"));
}

TEST_F(AccessLogTest, WhoHasProvedToAskIsNamed) {
  ExchangeRecord record = Record();
  record.user = "an na\"\n";
  Create(httpd::AccessLogFormat::kCommon);
  EXPECT_THAT(Logged(record), StartsWith("192.0.2.1 - an\\x20na\"\\x0A ["));
  Create(httpd::AccessLogFormat::kJson);
  EXPECT_THAT(Logged(record), HasSubstr(",\"user\":\"an na\\\"\\u000a\","));
}

TEST_F(AccessLogTest, WhatWasNotUnderstoodIsADash) {
  Create(httpd::AccessLogFormat::kCombined);
  EXPECT_THAT(Logged({.status = 400, .body_bytes = 10}),
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
    EXPECT_FALSE(absl::StrContains(line, "\xC3"));
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

TEST_F(AccessLogTest, LinesThatNobodyTakesAreKept) {
  Create(httpd::AccessLogFormat::kCommon);
  kernel_.write_error = EAGAIN;
  EXPECT_EQ(Logged(Record()), "");
  for (int i = 0; i < 9; ++i) log_->OnExchange(Record());
  EXPECT_EQ(kernel_.writes, 1) << "one try is enough for now";
  kernel_.write_error = 0;
  ASSERT_TRUE(RunUntil(*reactor_, [&] { return !kernel_.written.empty(); }));
  EXPECT_EQ(Lines(), 10);
  EXPECT_EQ(log_->lost_bytes().Read(), 0u);
  EXPECT_THAT(Logged(Record()), EndsWith(" 200 123\n"));
  EXPECT_EQ(Lines(), 11);
}

TEST_F(AccessLogTest, WhatIsKeptIsBounded) {
  Create(httpd::AccessLogFormat::kCommon);
  kernel_.write_error = EAGAIN;
  Logged(Record());
  for (int i = 0; i < 10'000; ++i) log_->OnExchange(Record());
  kernel_.write_error = 0;
  ASSERT_TRUE(RunUntil(*reactor_, [&] { return !kernel_.written.empty(); }));
  EXPECT_GT(kernel_.written.size(), 60'000u);
  EXPECT_LE(kernel_.written.size(), size_t{64} * 1024);
  EXPECT_EQ(kernel_.written.size() + log_->lost_bytes().Read(),
            10'001 * kernel_.written.size() / static_cast<size_t>(Lines()));
  EXPECT_GT(log_->lost_bytes().Read(), 500'000u);
}

TEST_F(AccessLogTest, ALineOfWhichAPartIsKeptIsFinished) {
  Create(httpd::AccessLogFormat::kCommon);
  kernel_.most_bytes = 30;
  kernel_.write_error_then = EAGAIN;
  Logged(Record());
  EXPECT_EQ(kernel_.written.size(), 30u);
  kernel_.write_error = 0;
  kernel_.most_bytes = 1'000'000;
  ASSERT_TRUE(RunUntil(*reactor_, [&] { return Lines() == 1; }));
  EXPECT_THAT(Logged(Record()), EndsWith(" 200 123\n"));
  EXPECT_EQ(Lines(), 2);
}

}  // namespace
}  // namespace pollux
