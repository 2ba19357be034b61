#include "reactor/sys_result.h"

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace pollux {
namespace {

TEST(SysResultTest, HoldsAResult) {
  const SysResult result = SysResult::Ok(7);
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.value(), 7);
  EXPECT_EQ(result.descriptor(), 7);
  EXPECT_EQ(result.error(), 0);
  EXPECT_FALSE(result.would_block());
}

TEST(SysResultTest, HoldsAnError) {
  const SysResult result = SysResult::Error(ECONNRESET);
  EXPECT_FALSE(result.ok());
  EXPECT_LT(result.value(), 0);
  EXPECT_EQ(result.error(), ECONNRESET);
  EXPECT_FALSE(result.would_block());
}

TEST(SysResultTest, ZeroIsAResult) {
  EXPECT_TRUE(SysResult::Ok().ok());
  EXPECT_EQ(SysResult::Ok().value(), 0);
}

TEST(SysResultTest, WouldBlock) {
  EXPECT_TRUE(SysResult::Error(EAGAIN).would_block());
  EXPECT_TRUE(SysResult::Error(EWOULDBLOCK).would_block());
}

TEST(SysResultTest, StatusOfAResultIsOk) {
  EXPECT_TRUE(SysResult::Ok(3).ToStatus("read").ok());
}

TEST(SysResultTest, StatusSaysWhatFailedAndWhy) {
  const absl::Status status =
      SysResult::Error(EACCES).ToStatus("bind 127.0.0.1:80");
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(status.message(), "bind 127.0.0.1:80: Permission denied");
}

// A call that answers with one result after another.
class Script {
 public:
  explicit Script(std::vector<SysResult> results)
      : results_(std::move(results)) {}
  SysResult operator()() { return results_.at(calls_++); }
  int calls() const { return calls_; }

 private:
  const std::vector<SysResult> results_;
  int calls_ = 0;
};

TEST(RetryOnSignalTest, CallsAgainUntilNoSignalInterrupts) {
  Script script({SysResult::Error(EINTR), SysResult::Error(EINTR),
                 SysResult::Ok(5), SysResult::Ok(6)});
  EXPECT_EQ(RetryOnSignal([&] { return script(); }), SysResult::Ok(5));
  EXPECT_EQ(script.calls(), 3);
}

TEST(RetryOnSignalTest, RetriesNothingElse) {
  for (int error : {EAGAIN, ECONNRESET, ENOMEM, EIO, EBADF}) {
    Script script({SysResult::Error(error), SysResult::Ok()});
    EXPECT_EQ(RetryOnSignal([&] { return script(); }), SysResult::Error(error));
    EXPECT_EQ(script.calls(), 1);
  }
}

TEST(RetryOnSignalTest, TellsTheErrorThatFollowsASignal) {
  Script script({SysResult::Error(EINTR), SysResult::Error(EPIPE)});
  EXPECT_EQ(RetryOnSignal([&] { return script(); }), SysResult::Error(EPIPE));
}

}  // namespace
}  // namespace pollux
