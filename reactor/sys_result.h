// The outcome of one system call.
#ifndef POLLUX_REACTOR_SYS_RESULT_H_
#define POLLUX_REACTOR_SYS_RESULT_H_

#include <cerrno>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace pollux {

// A system call's non-negative result, or the errno it failed with, captured
// at the call. Trivially copyable, never allocates: the currency of the data
// path. `absl::Status` is for cold paths, since building one allocates and its
// codes cannot tell EAGAIN from ECONNRESET.
class [[nodiscard]] SysResult {
 public:
  static constexpr SysResult Ok(int64_t value = 0) { return SysResult(value); }
  static constexpr SysResult Error(int error_number) {
    return SysResult(-static_cast<int64_t>(error_number));
  }

  constexpr bool ok() const { return value_ >= 0; }

  // A count, a descriptor or a time. Negative unless ok().
  constexpr int64_t value() const { return value_; }

  // The result as a descriptor. Only if ok().
  constexpr int descriptor() const { return static_cast<int>(value_); }

  // 0, or an errno.
  constexpr int error() const { return ok() ? 0 : static_cast<int>(-value_); }

  // EWOULDBLOCK is the same number on Linux.
  constexpr bool would_block() const { return error() == EAGAIN; }

  // "bind 127.0.0.1:80: Permission denied". Allocates.
  absl::Status ToStatus(absl::string_view operation) const;

  friend constexpr bool operator==(SysResult, SysResult) = default;

 private:
  explicit constexpr SysResult(int64_t value) : value_(value) {}

  int64_t value_;
};

// Calls `call` again as long as a signal interrupts it. The one place where
// EINTR is retried, above the Kernel, so that it can be injected below. Not for
// Close(), which is never retried, nor for waits, whose time has passed.
template <typename Call>
SysResult RetryOnSignal(Call call) {
  SysResult result = call();
  while (result.error() == EINTR) result = call();
  return result;
}

}  // namespace pollux

#endif  // POLLUX_REACTOR_SYS_RESULT_H_
