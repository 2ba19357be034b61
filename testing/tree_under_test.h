// The same files on each of the kernels under test.
#ifndef POLLUX_TESTING_TREE_UNDER_TEST_H_
#define POLLUX_TESTING_TREE_UNDER_TEST_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "reactor/kernel.h"

namespace pollux {

// A folder of a kernel's that is empty at first, and what another process would
// do in it: on disk for Linux, with `FakeKernel::files()` for the fake.
//
// Owned by the test; the kernel must outlive it, and takes the folder away with
// it. One thread. Failures are the test's.
class TreeUnderTest {
 public:
  // As far below the root on every kernel, so that ".." leads as far.
  static std::unique_ptr<TreeUnderTest> Make(Kernel& kernel);

  virtual ~TreeUnderTest() = default;

  // An absolute path.
  const std::string& root() const { return root_; }

  // Paths are relative to the root. Each is one system call, and false if that
  // fails; the fake cannot fail, and is not to be asked for what does on Linux.
  virtual bool WriteFile(absl::string_view path,
                         absl::string_view contents) = 0;
  virtual bool MakeDirectory(absl::string_view path) = 0;
  virtual bool MakeSymlink(absl::string_view path,
                           absl::string_view target) = 0;
  virtual bool Remove(absl::string_view path) = 0;
  virtual bool Rename(absl::string_view from, absl::string_view to) = 0;
  virtual bool Truncate(absl::string_view path, size_t bytes) = 0;
  virtual bool SetModified(absl::string_view path, absl::Time time) = 0;

 protected:
  explicit TreeUnderTest(std::string root) : root_(std::move(root)) {}

  std::string Whole(absl::string_view path) const;

 private:
  const std::string root_;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_TREE_UNDER_TEST_H_
