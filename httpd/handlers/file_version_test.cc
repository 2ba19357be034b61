#include "httpd/handlers/file_version.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdint>
#include <limits>

namespace pollux {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

struct stat StatusOf() {
  struct stat status = {};
  status.st_dev = 3;
  status.st_ino = 0x2f;
  status.st_size = 0x5d0;
  status.st_mtim = {.tv_sec = 1, .tv_nsec = 2};
  status.st_ctim = {.tv_sec = 3, .tv_nsec = 4};
  return status;
}

TEST(FileVersionTest, IsNamedByAllThatChangesWithAFile) {
  struct stat status = StatusOf();
  const FileVersion version = VersionOf(status);
  EXPECT_EQ(version.Name(), "2f-5d0-3b9aca02-b2d05e04");
  EXPECT_EQ(version, VersionOf(status));
  // When it was last read is none of it.
  status.st_atim.tv_sec = 9;
  status.st_nlink = 9;
  EXPECT_EQ(version, VersionOf(status));

  const auto differs = [&](auto change) {
    struct stat other = StatusOf();
    change(other);
    return VersionOf(other) != version;
  };
  EXPECT_TRUE(differs([](struct stat& other) { ++other.st_dev; }));
  EXPECT_TRUE(differs([](struct stat& other) { ++other.st_ino; }));
  EXPECT_TRUE(differs([](struct stat& other) { ++other.st_size; }));
  EXPECT_TRUE(differs([](struct stat& other) { ++other.st_mtim.tv_nsec; }));
  EXPECT_TRUE(differs([](struct stat& other) { ++other.st_mtim.tv_sec; }));
  EXPECT_TRUE(differs([](struct stat& other) { ++other.st_ctim.tv_nsec; }));
}

TEST(FileVersionTest, IsSettledWhenTheClockHasTicked) {
  FileVersion version;
  version.changed_nanos = 1000 * kSecond + 1;
  const auto is_settled_after = [&](int64_t nanos) {
    return version.IsSettled(version.changed_nanos + nanos);
  };
  EXPECT_FALSE(is_settled_after(0));
  EXPECT_FALSE(is_settled_after(kSecond / 10));
  EXPECT_TRUE(is_settled_after(kSecond / 10 + 1));
  // Changed in the future: the clock was set, and may come by again.
  EXPECT_FALSE(is_settled_after(-kSecond));

  version.changed_nanos = 1000 * kSecond;
  EXPECT_FALSE(is_settled_after(kSecond));
  EXPECT_FALSE(is_settled_after(2 * kSecond));
  EXPECT_TRUE(is_settled_after(2 * kSecond + 1));
}

TEST(FileVersionTest, TakesAnyTime) {
  struct stat status = StatusOf();
  status.st_ctim.tv_sec = std::numeric_limits<time_t>::min();
  status.st_mtim.tv_sec = std::numeric_limits<time_t>::max();
  const FileVersion version = VersionOf(status);
  EXPECT_FALSE(version.Name().empty());
  (void)version.IsSettled(kSecond);
  (void)version.IsSettled(std::numeric_limits<int64_t>::max());
}

}  // namespace
}  // namespace pollux
