#include "httpd/handlers/file_version.h"

#include <sys/stat.h>
#include <time.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace pollux {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
// The slowest tick of Linux is 10 ms.
constexpr int64_t kTickNanos = kNanosPerSecond / 10;
constexpr int64_t kCoarseTickNanos = 2 * kNanosPerSecond;

// Saturates: times of files may be anything.
int64_t NanosOf(const timespec& time) {
  return absl::ToUnixNanos(absl::TimeFromTimespec(time));
}

}  // namespace

FileVersion VersionOf(const struct stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size_bytes = static_cast<uint64_t>(status.st_size),
          .modified_nanos = NanosOf(status.st_mtim),
          .changed_nanos = NanosOf(status.st_ctim)};
}

std::string FileVersion::Name() const {
  return absl::StrCat(absl::Hex(inode), "-", absl::Hex(size_bytes), "-",
                      absl::Hex(modified_nanos), "-", absl::Hex(changed_nanos));
}

bool FileVersion::IsSettled(int64_t wall_nanos) const {
  const int64_t tick =
      changed_nanos % kNanosPerSecond == 0 ? kCoarseTickNanos : kTickNanos;
  int64_t age;
  return !__builtin_sub_overflow(wall_nanos, changed_nanos, &age) && age > tick;
}

}  // namespace pollux
