#include "testing/tree_under_test.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "testing/fake/file_tree.h"
#include "testing/fake_kernel.h"

namespace pollux {
namespace {

// Deep enough for the ".." of tests.
constexpr absl::string_view kBelow = "/a1/a2/a3/a4/a5/a6/a7/a8";

class LinuxTree final : public TreeUnderTest {
 public:
  explicit LinuxTree(const std::string& top)
      : TreeUnderTest(absl::StrCat(top, kBelow)), top_(top) {
    std::error_code error;
    std::filesystem::create_directories(root(), error);
    EXPECT_FALSE(error) << error.message();
  }
  ~LinuxTree() override {
    std::error_code error;
    std::filesystem::remove_all(top_, error);
    EXPECT_FALSE(error) << error.message();
  }

  static std::string NewTop() {
    std::string top = absl::StrCat(testing::TempDir(), "/tree.XXXXXX");
    EXPECT_NE(::mkdtemp(top.data()), nullptr);
    // Nothing of it is a link, so that ".." does not lead elsewhere.
    return std::filesystem::canonical(top).string();
  }

  bool WriteFile(absl::string_view path, absl::string_view contents) override {
    const int file = ::open(Whole(path).c_str(),
                            O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0) return false;
    EXPECT_EQ(::write(file, contents.data(), contents.size()), contents.size());
    return ::close(file) == 0;
  }
  bool MakeDirectory(absl::string_view path) override {
    return ::mkdir(Whole(path).c_str(), 0755) == 0;
  }
  bool MakeSymlink(absl::string_view path, absl::string_view target) override {
    return ::symlink(std::string(target).c_str(), Whole(path).c_str()) == 0;
  }
  bool Remove(absl::string_view path) override {
    const std::string whole = Whole(path);
    return ::unlink(whole.c_str()) == 0 || ::rmdir(whole.c_str()) == 0;
  }
  bool Rename(absl::string_view from, absl::string_view to) override {
    return ::rename(Whole(from).c_str(), Whole(to).c_str()) == 0;
  }
  bool Truncate(absl::string_view path, size_t bytes) override {
    return ::truncate(Whole(path).c_str(), static_cast<off_t>(bytes)) == 0;
  }
  bool SetModified(absl::string_view path, absl::Time time) override {
    const std::array<timespec, 2> times = {absl::ToTimespec(time),
                                           absl::ToTimespec(time)};
    return ::utimensat(AT_FDCWD, Whole(path).c_str(), times.data(), 0) == 0;
  }

 private:
  const std::string top_;
};

class FakeTree final : public TreeUnderTest {
 public:
  explicit FakeTree(FileTree& files)
      : TreeUnderTest(absl::StrCat("/top", kBelow)), files_(files) {
    files_.MakeDirectory(root());
  }
  ~FakeTree() override { files_.Remove("/top"); }

  bool WriteFile(absl::string_view path, absl::string_view contents) override {
    files_.WriteFile(Whole(path), contents);
    return true;
  }
  bool MakeDirectory(absl::string_view path) override {
    files_.MakeDirectory(Whole(path));
    return true;
  }
  bool MakeSymlink(absl::string_view path, absl::string_view target) override {
    files_.MakeSymlink(Whole(path), target);
    return true;
  }
  bool Remove(absl::string_view path) override {
    files_.Remove(Whole(path));
    return true;
  }
  bool Rename(absl::string_view from, absl::string_view to) override {
    files_.Rename(Whole(from), Whole(to));
    return true;
  }
  bool Truncate(absl::string_view path, size_t bytes) override {
    files_.Truncate(Whole(path), bytes);
    return true;
  }
  bool SetModified(absl::string_view path, absl::Time time) override {
    files_.SetModified(Whole(path), time);
    return true;
  }

 private:
  FileTree& files_;
};

}  // namespace

std::string TreeUnderTest::Whole(absl::string_view path) const {
  return absl::StrCat(root_, "/", path);
}

std::unique_ptr<TreeUnderTest> TreeUnderTest::Make(Kernel& kernel) {
  if (auto* fake = dynamic_cast<FakeKernel*>(&kernel)) {
    return std::make_unique<FakeTree>(fake->files());
  }
  return std::make_unique<LinuxTree>(LinuxTree::NewTop());
}

}  // namespace pollux
