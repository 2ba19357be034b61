#include "httpd/http/guarded_buffer.h"

#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace pollux::http {
namespace {

TEST(GuardedBufferTest, ShowsACopySomewhereElseEachTime) {
  GuardedBuffer buffer(/*capacity_bytes=*/5000);
  const std::string bytes(5000, 'a');
  const absl::string_view first = buffer.Show(bytes);
  EXPECT_EQ(first, bytes);
  const absl::string_view second = buffer.Show(bytes);
  EXPECT_EQ(second, bytes);
  EXPECT_NE(second.data(), first.data());
  // Whoever still reads the first finds nothing of it.
  EXPECT_EQ(first, std::string(5000, '\0'));
}

TEST(GuardedBufferDeathTest, NobodyReadsBeyondTheEnd) {
  GuardedBuffer buffer(/*capacity_bytes=*/16);
  const absl::string_view bytes = buffer.Show("abc");
  volatile const char* const end = bytes.data() + bytes.size();
  EXPECT_EQ(end[-1], 'c');
  EXPECT_DEATH(static_cast<void>(*end), "");
}

}  // namespace
}  // namespace pollux::http
