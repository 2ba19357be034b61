// Fuzzes the reader of dates: what it reads, the writer writes.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "httpd/http/fuzz_check.h"
#include "httpd/http/guarded_buffer.h"
#include "httpd/http/http_date.h"

namespace pollux::http {
namespace {

constexpr size_t kMaxInputBytes = 4096;
constexpr int64_t kNow = 1'700'000'000;
constexpr size_t kWeekdayBytes = 3;
constexpr size_t kSecondsOffset = 23;

void CheckDate(absl::string_view text) {
  const std::optional<int64_t> seconds = ParseHttpDate(text, kNow);
  if (!seconds.has_value()) return;
  Check(text.size() >= 24 && text.size() <= 33, "date of an odd size", text);
  const HttpDate written = FormatHttpDate(*seconds);
  const absl::string_view date(written.data(), written.size());
  Check(ParseHttpDate(date, kNow) == seconds, "not the date that was read",
        text);
  // The same text, but for the day's name, which is not checked, and a leap
  // second, which is written as the next.
  if (text.size() == kHttpDateBytes && text[kWeekdayBytes] == ',' &&
      text.substr(kSecondsOffset, 2) != "60") {
    Check(text.substr(kWeekdayBytes) == date.substr(kWeekdayBytes),
          "another date", text);
  }
}

}  // namespace
}  // namespace pollux::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using pollux::http::GuardedBuffer;
  if (size > pollux::http::kMaxInputBytes) return 0;
  static GuardedBuffer& buffer =
      *new GuardedBuffer(pollux::http::kMaxInputBytes);
  pollux::http::CheckDate(buffer.Show(
      absl::string_view(reinterpret_cast<const char*>(data), size)));
  return 0;
}
