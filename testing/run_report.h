// How to repeat a run that did not come to its end.
#ifndef POLLUX_TESTING_RUN_REPORT_H_
#define POLLUX_TESTING_RUN_REPORT_H_

#include <gtest/gtest.h>

#include <string>

#include "absl/functional/any_invocable.h"

namespace pollux {

// While it lives, prints how to repeat the run, and the run's last calls, when
// the process crashes, fails a CHECK or gets SIGTERM (which Bazel sends when a
// test takes too long), and when a GoogleTest assertion fails. The process then
// goes on or ends as it would have done otherwise. What UBSan finds in a build
// with both sanitizers ends the process unreported.
//
// Owned by a run; one thread. The last one that was made is printed.
class RunReport final : private testing::EmptyTestEventListener {
 public:
  // `repro` is printed first, whatever state the process is in. `last_calls`
  // may fail in one that has crashed. `on_assertion` is called with each
  // assertion that fails.
  RunReport(std::string repro, absl::AnyInvocable<std::string()> last_calls,
            absl::AnyInvocable<void(std::string)> on_assertion);
  ~RunReport() override;
  RunReport(const RunReport&) = delete;
  RunReport& operator=(const RunReport&) = delete;

  // To the standard error stream.
  void Print();

 private:
  void OnTestPartResult(const testing::TestPartResult& result) override;

  const std::string repro_;
  absl::AnyInvocable<std::string()> last_calls_;
  absl::AnyInvocable<void(std::string)> on_assertion_;
  bool was_printed_ = false;
  // The run around this one.
  RunReport* const outer_;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_RUN_REPORT_H_
