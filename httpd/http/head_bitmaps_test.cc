#include "httpd/http/head_bitmaps.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "httpd/http/guarded_buffer.h"

namespace pollux::http {
namespace {

constexpr size_t kMaxTestBytes = 16 * 1024;

bool IsPlain(unsigned char byte) {
  constexpr absl::string_view kMarks = "!$&'*+-._";
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') ||
         (byte != 0 && kMarks.find(static_cast<char>(byte)) != kMarks.npos);
}

bool IsControl(unsigned char byte) {
  return (byte < 0x20 && byte != '\t' && byte != '\r') || byte == 0x7f;
}

// What FillBitmaps() promises, one byte at a time and from the RFC's words.
struct Expected {
  std::vector<uint64_t> carriage_returns;
  std::vector<uint64_t> separators;
  std::vector<uint64_t> controls;
  bool has_blank_line = false;
};

Expected Classify(absl::string_view message) {
  Expected expected;
  for (size_t i = 0; i < message.size() && i < HeadBitmaps::kMaxBytes; ++i) {
    if (i % 64 == 0) {
      if (expected.has_blank_line) return expected;
      expected.carriage_returns.push_back(0);
      expected.separators.push_back(0);
      expected.controls.push_back(0);
    }
    const unsigned char byte = static_cast<unsigned char>(message[i]);
    const uint64_t bit = uint64_t{1} << (i % 64);
    if (byte == '\r') {
      expected.carriage_returns.back() |= bit;
      expected.has_blank_line |= i >= 2 && message[i - 2] == '\r';
    }
    if (IsControl(byte)) expected.controls.back() |= bit;
    if (!IsPlain(byte) && !IsControl(byte)) expected.separators.back() |= bit;
  }
  return expected;
}

class HeadBitmapsTest : public testing::TestWithParam<ScanKernel> {
 protected:
  void ExpectRight(absl::string_view message) {
    if (!IsSupported(GetParam())) return;
    const Expected expected = Classify(message);
    HeadBitmaps bitmaps;
    ASSERT_EQ(FillBitmaps(GetParam(), buffer_.Show(message), bitmaps),
              expected.has_blank_line)
        << absl::CHexEscape(message);
    const size_t words = expected.separators.size();
    EXPECT_EQ(bitmaps.separators[words], 0u);
    size_t earlier_controls = 0;
    for (size_t i = 0; i < words; ++i) {
      ASSERT_TRUE(bitmaps.carriage_returns[i] == expected.carriage_returns[i] &&
                  bitmaps.separators[i] == expected.separators[i])
          << "word " << i << " of " << absl::CHexEscape(message);
      if (i + 1 < words) {
        earlier_controls += std::popcount(expected.controls[i]);
      }
    }
    EXPECT_EQ(bitmaps.last_controls, words > 0 ? expected.controls.back() : 0)
        << absl::CHexEscape(message);
    EXPECT_EQ(bitmaps.earlier_controls, earlier_controls)
        << absl::CHexEscape(message);
  }

  GuardedBuffer buffer_{kMaxTestBytes};
};

TEST_P(HeadBitmapsTest, EveryByteAtEveryPlace) {
  for (int byte = 0; byte <= 0xff; ++byte) {
    for (size_t size = 1; size <= 130; ++size) {
      std::string message(size, 'a');
      message[size - 1] = static_cast<char>(byte);
      ExpectRight(message);
      message[size / 2] = static_cast<char>(byte);
      ExpectRight(message);
    }
  }
}

TEST_P(HeadBitmapsTest, R18_BlankLinesAtEveryPlace) {
  for (size_t place = 0; place < 140; ++place) {
    std::string message(200, 'a');
    message.replace(place, 4, "\r\n\r\n");
    for (size_t size = 0; size <= message.size(); ++size) {
      ExpectRight(absl::string_view(message).substr(0, size));
    }
  }
}

TEST_P(HeadBitmapsTest, LongMessages) {
  for (const size_t size : {8191, 8192, 8193, 9000}) {
    ExpectRight(std::string(size, 'a'));
    ExpectRight(std::string(size, '\x7f'));
  }
}

TEST_P(HeadBitmapsTest, RandomBytes) {
  std::minstd_rand random(/*seed=*/11);
  for (int round = 0; round < 3000; ++round) {
    std::string message(random() % 300, 'a');
    for (char& byte : message) {
      byte = random() % 8 == 0 ? '\r' : static_cast<char>(random());
    }
    ExpectRight(message);
  }
}

std::string NameOf(const testing::TestParamInfo<ScanKernel>& info) {
  switch (info.param) {
    case ScanKernel::kPortable:
      return "Portable";
    case ScanKernel::kSse42:
      return "Sse42";
    case ScanKernel::kAvx2:
      return "Avx2";
  }
  return "";
}

INSTANTIATE_TEST_SUITE_P(Kernels, HeadBitmapsTest,
                         testing::Values(ScanKernel::kPortable,
                                         ScanKernel::kSse42, ScanKernel::kAvx2),
                         NameOf);

TEST(BestScanKernelTest, IsSupported) {
  EXPECT_TRUE(IsSupported(BestScanKernel()));
}

}  // namespace
}  // namespace pollux::http
