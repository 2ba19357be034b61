// What calls on files do, on Linux and on the fake kernel. Linux is right.
//
// Permissions are at the end, and for the fake only: root, which may run this,
// has them all.

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reactor/kernel.h"
#include "reactor/monotonic_time.h"
#include "reactor/net/address.h"
#include "reactor/sys_result.h"
#include "testing/fake/file_tree.h"
#include "testing/fake/virtual_time.h"
#include "testing/fake_kernel.h"
#include "testing/fake_world.h"
#include "testing/kernel_caller.h"
#include "testing/kernel_under_test.h"
#include "testing/tree_under_test.h"

namespace pollux {
namespace {

constexpr uint64_t kUnknown = uint64_t{1} << 40;
constexpr mode_t kPermissions = 0644;
constexpr int64_t kMaxOffset = std::numeric_limits<off_t>::max();

// A directory's names and their kinds (DT_*).
using Names = std::map<std::string, int>;

class FilesTest {
 protected:
  explicit FilesTest(KernelCaller& caller)
      : caller_(caller),
        tree_(TreeUnderTest::Make(caller.kernel())),
        top_(caller.Must(
            caller.kernel().OpenAt(AT_FDCWD, tree_->root().c_str(),
                                   O_PATH | O_DIRECTORY | O_CLOEXEC, 0))) {
    // sendfile(2) has no MSG_NOSIGNAL.
    ::signal(SIGPIPE, SIG_IGN);
  }

  // Any openat2.
  SysResult OpenWith(int directory, const char* path, open_how how) {
    SysResult result = Error(EAGAIN);
    // openat2(2): also if somebody else renames something at the same time.
    for (int tries = 0; tries < 1000 && result.would_block(); ++tries) {
      result = caller_.kernel().OpenAt2(directory, path, how);
    }
    return result;
  }
  SysResult OpenAny(const std::string& path, uint64_t flags,
                    uint64_t resolve = 0) {
    const bool creates = (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) != 0;
    return OpenWith(top_, path.c_str(),
                    {.flags = flags | O_CLOEXEC,
                     .mode = creates ? kPermissions : 0,
                     .resolve = resolve});
  }
  // What must work; closed at the end.
  int Open(const std::string& path, uint64_t flags = O_RDONLY,
           uint64_t resolve = 0) {
    return caller_.Must(OpenAny(path, flags, resolve));
  }
  // Whether it works, without a descriptor to keep.
  SysResult Try(const std::string& path, uint64_t flags = O_RDONLY,
                uint64_t resolve = 0) {
    return Closed(OpenAny(path, flags, resolve));
  }
  SysResult Closed(SysResult opened) {
    if (!opened.ok()) return opened;
    return caller_.kernel().Close(opened.descriptor());
  }

  std::string Read(int file, size_t count = 100) {
    std::vector<char> buffer(count);
    return Said(caller_.kernel().Read(file, absl::MakeSpan(buffer)), buffer);
  }
  std::string Pread(int file, off_t offset, size_t count = 100) {
    std::vector<char> buffer(count);
    return Said(caller_.kernel().Pread(file, absl::MakeSpan(buffer), offset),
                buffer);
  }
  SysResult Write(int file, absl::string_view bytes) {
    return caller_.kernel().Write(file, {bytes.data(), bytes.size()});
  }
  struct stat Stat(int descriptor) {
    struct stat status = {};
    EXPECT_EQ(caller_.kernel().Fstat(descriptor, status), Ok());
    return status;
  }
  SysResult GetDents(int directory, size_t bytes = 4096) {
    // One more: glibc's function may not be given null, even for no bytes.
    std::vector<char> buffer(bytes + 1);
    return caller_.kernel().GetDents64(directory,
                                       absl::MakeSpan(buffer).first(bytes));
  }
  // What is left to read of a directory, with a buffer of so many bytes.
  Names List(int directory, size_t bytes = 4096) {
    Names names;
    std::vector<char> buffer(bytes);
    while (true) {
      const SysResult result =
          caller_.kernel().GetDents64(directory, absl::MakeSpan(buffer));
      EXPECT_TRUE(result.ok()) << ::strerrorname_np(result.error());
      if (result.value() <= 0) return names;
      for (size_t at = 0; at < static_cast<size_t>(result.value());) {
        dirent64 entry;
        std::memcpy(&entry, buffer.data() + at, offsetof(dirent64, d_name));
        const char* name = buffer.data() + at + offsetof(dirent64, d_name);
        EXPECT_NE(entry.d_ino, 0u);
        EXPECT_TRUE(names.emplace(name, entry.d_type).second) << name;
        at += entry.d_reclen;
      }
    }
  }
  SysResult Unlink(const std::string& path, int flags = 0) {
    return caller_.kernel().UnlinkAt(top_, path.c_str(), flags);
  }

  TreeUnderTest& tree() { return *tree_; }
  int top() const { return top_; }

 private:
  KernelCaller& caller_;
  const std::unique_ptr<TreeUnderTest> tree_;
  const int top_;
};

class FilesConformanceTest : public KernelConformance, public FilesTest {
 protected:
  FilesConformanceTest() : FilesTest(static_cast<KernelCaller&>(*this)) {}

  using FilesTest::Write;
};

INSTANTIATE_TEST_SUITE_P(Kernels, FilesConformanceTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

// Opening.

TEST_P(FilesConformanceTest, OpensWhatIsThere) {
  tree().WriteFile("file", "contents");
  tree().MakeDirectory("folder");
  tree().WriteFile("folder/other", "more");
  EXPECT_EQ(Read(Open("file")), "contents");
  EXPECT_EQ(Read(Open("folder/other")), "more");
  EXPECT_EQ(Read(Open("./folder//.//other")), "more");
  EXPECT_EQ(Read(Open("folder/../file")), "contents");
  EXPECT_EQ(Try("folder/"), Ok());
  EXPECT_EQ(Try("."), Ok());
  EXPECT_EQ(Try("missing"), Error(ENOENT));
  EXPECT_EQ(Try("missing/.."), Error(ENOENT));
  EXPECT_EQ(Try("missing/"), Error(ENOENT));
  EXPECT_EQ(Try("file/"), Error(ENOTDIR));
  EXPECT_EQ(Try("file/other"), Error(ENOTDIR));
  EXPECT_EQ(Try("file/."), Error(ENOTDIR));
  EXPECT_EQ(Try("file/.."), Error(ENOTDIR));
  EXPECT_EQ(Try("file", O_DIRECTORY), Error(ENOTDIR));
  EXPECT_EQ(Try("missing", O_DIRECTORY), Error(ENOENT));
}

TEST_P(FilesConformanceTest, AnAbsolutePathNeedsNoDirectory) {
  tree().WriteFile("file", "contents");
  const std::string path = absl::StrCat(tree().root(), "/file");
  EXPECT_EQ(Closed(OpenWith(-1, path.c_str(), {})), Ok());
  EXPECT_EQ(Closed(OpenWith(AT_FDCWD, path.c_str(), {})), Ok());
  EXPECT_EQ(Try("//"), Ok());
  EXPECT_EQ(Try(absl::StrCat("/../../", path)), Ok());
}

TEST_P(FilesConformanceTest, ADirectoryIsNeededForTheRest) {
  tree().WriteFile("file", "");
  EXPECT_EQ(OpenWith(-1, "file", {}), Error(EBADF));
  for (int other :
       {Open("file"), Open("file", O_PATH), EventFd(), UnixPair().a}) {
    EXPECT_EQ(OpenWith(other, "file", {}), Error(ENOTDIR));
    EXPECT_EQ(kernel().UnlinkAt(other, "file", 0), Error(ENOTDIR));
  }
}

TEST_P(FilesConformanceTest, PathsThatAreNone) {
  EXPECT_EQ(Try(""), Error(ENOENT));
  EXPECT_EQ(OpenWith(-1, "", {}), Error(ENOENT));
  EXPECT_EQ(OpenWith(top(), nullptr, {}), Error(EFAULT));
  EXPECT_EQ(Unlink(""), Error(ENOENT));
  const std::string longest(255, 'n');
  EXPECT_EQ(Try(longest), Error(ENOENT));
  EXPECT_EQ(Try(longest + "n"), Error(ENAMETOOLONG));
  EXPECT_EQ(Try(longest + "n/x"), Error(ENAMETOOLONG));
  EXPECT_EQ(Try(longest + "n", O_CREAT), Error(ENAMETOOLONG));
  EXPECT_EQ(Unlink(longest + "n"), Error(ENAMETOOLONG));
  EXPECT_EQ(Try(longest, O_CREAT), Ok());
  EXPECT_EQ(Unlink(longest), Ok());
  const std::string slashes(4094, '/');
  EXPECT_EQ(Try("." + slashes), Ok());
  EXPECT_EQ(Try("./" + slashes), Error(ENAMETOOLONG));
  EXPECT_EQ(Unlink("./" + slashes), Error(ENAMETOOLONG));
}

TEST_P(FilesConformanceTest, HowIsLookedAtFirst) {
  tree().WriteFile("file", "");
  const auto open = [&](uint64_t flags, uint64_t mode, uint64_t resolve) {
    // With nothing else that is right.
    return OpenWith(-1, nullptr,
                    {.flags = flags, .mode = mode, .resolve = resolve});
  };
  EXPECT_EQ(open(kUnknown, 0, 0), Error(EINVAL));
  EXPECT_EQ(open(1 << 30, 0, 0), Error(EINVAL));
  EXPECT_EQ(open(0, 0, kUnknown), Error(EINVAL));
  EXPECT_EQ(open(0, 0, 1 << 8), Error(EINVAL));
  EXPECT_EQ(open(0, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT), Error(EINVAL));
  EXPECT_EQ(open(0, kPermissions, 0), Error(EINVAL));
  EXPECT_EQ(open(O_CREAT, 1 << 16, 0), Error(EINVAL));
  EXPECT_EQ(open(O_CREAT | O_DIRECTORY, kPermissions, 0), Error(EINVAL));
  EXPECT_EQ(open(O_TMPFILE, kPermissions, 0), Error(EINVAL));
  EXPECT_EQ(open(O_TMPFILE | O_RDWR | O_CREAT, kPermissions, 0), Error(EINVAL));
  EXPECT_EQ(open(O_PATH | O_RDWR, 0, 0), Error(EINVAL));
  EXPECT_EQ(open(O_PATH | O_TRUNC, 0, 0), Error(EINVAL));
  EXPECT_EQ(open(O_RDONLY, 0, 0), Error(EFAULT));
}

TEST_P(FilesConformanceTest, OpenAtIgnoresWhatItDoesNotKnow) {
  tree().WriteFile("file", "contents");
  const auto open = [&](int flags) {
    return Closed(kernel().OpenAt(top(), "file", flags, kPermissions));
  };
  EXPECT_EQ(open(1 << 30), Ok());
  EXPECT_EQ(open(O_PATH | O_RDWR | O_CREAT | O_EXCL), Ok());
  EXPECT_EQ(open(O_CREAT | O_DIRECTORY), Error(EINVAL));
  EXPECT_EQ(open(O_CREAT | O_EXCL), Error(EEXIST));
  EXPECT_EQ(open(O_NOFOLLOW), Ok());
}

TEST_P(FilesConformanceTest, Creates) {
  const int file = Must(kernel().OpenAt(top(), "new", O_RDWR | O_CREAT, 0604));
  EXPECT_EQ(Stat(file).st_mode, S_IFREG | 0604u);
  EXPECT_EQ(Stat(file).st_size, 0);
  EXPECT_EQ(Write(file, "x"), Ok(1));
  // What is there stays.
  EXPECT_EQ(Read(Open("new", O_RDWR | O_CREAT)), "x");
  EXPECT_EQ(Try("new", O_CREAT | O_EXCL), Error(EEXIST));
  EXPECT_EQ(Try("missing/new", O_CREAT), Error(ENOENT));
  EXPECT_EQ(Try("new/new", O_CREAT), Error(ENOTDIR));
  EXPECT_EQ(Try("other/", O_CREAT), Error(EISDIR));
  EXPECT_EQ(Try("new/", O_CREAT), Error(EISDIR));
  EXPECT_EQ(Try(".", O_CREAT), Error(EISDIR));
  EXPECT_EQ(Try(".", O_CREAT | O_EXCL), Error(EEXIST));
  EXPECT_EQ(Try("other"), Error(ENOENT));
}

TEST_P(FilesConformanceTest, CreatesThroughALink) {
  tree().MakeDirectory("folder");
  tree().MakeSymlink("link", "folder/new");
  tree().MakeSymlink("slash", "folder/other/");
  EXPECT_EQ(Try("link", O_CREAT | O_EXCL), Error(EEXIST));
  EXPECT_EQ(Try("link", O_CREAT | O_NOFOLLOW), Error(ELOOP));
  EXPECT_EQ(Try("link/", O_CREAT), Error(EISDIR));
  EXPECT_EQ(Try("slash", O_CREAT), Error(EISDIR));
  EXPECT_EQ(Try("folder/new"), Error(ENOENT));
  EXPECT_EQ(Try("link", O_CREAT), Ok());
  EXPECT_EQ(Try("folder/new"), Ok());
}

TEST_P(FilesConformanceTest, TruncatesOnOpening) {
  tree().WriteFile("file", "contents");
  EXPECT_EQ(Try("file", O_CREAT), Ok());
  const int open = Open("file");
  EXPECT_EQ(Stat(open).st_size, 8);
  // Even one that is not for writing.
  EXPECT_EQ(Try("file", O_RDONLY | O_TRUNC), Ok());
  EXPECT_EQ(Stat(open).st_size, 0);
}

TEST_P(FilesConformanceTest, ADirectoryIsOnlyRead) {
  tree().MakeDirectory("folder");
  EXPECT_EQ(Try("folder", O_WRONLY), Error(EISDIR));
  EXPECT_EQ(Try("folder", O_RDWR), Error(EISDIR));
  EXPECT_EQ(Try("folder", O_RDONLY | O_TRUNC), Error(EISDIR));
  EXPECT_EQ(Try("folder", O_ACCMODE), Error(EISDIR));
  EXPECT_EQ(Try("folder", O_CREAT), Error(EISDIR));
  EXPECT_EQ(Try("folder", O_CREAT | O_EXCL), Error(EEXIST));
  const int folder = Open("folder");
  EXPECT_EQ(Read(folder), "EISDIR");
  EXPECT_EQ(Read(folder, 0), "EISDIR");
  EXPECT_EQ(Pread(folder, 0), "EISDIR");
  EXPECT_EQ(Write(folder, "x"), Error(EBADF));
}

TEST_P(FilesConformanceTest, AFileWithoutAName) {
  const int file = Open(".", O_TMPFILE | O_RDWR);
  EXPECT_EQ(Write(file, "contents"), Ok(8));
  EXPECT_EQ(Pread(file, 0), "contents");
  EXPECT_EQ(Stat(file).st_nlink, 0u);
  EXPECT_EQ(List(Open(".")).size(), 2u);
  tree().WriteFile("file", "");
  EXPECT_EQ(Try("file", O_TMPFILE | O_RDWR), Error(ENOTDIR));
}

// Links.

TEST_P(FilesConformanceTest, LinksAreFollowed) {
  tree().MakeDirectory("folder");
  tree().WriteFile("folder/file", "contents");
  tree().MakeSymlink("relative", "folder/file");
  tree().MakeSymlink("absolute", absl::StrCat(tree().root(), "/folder/file"));
  tree().MakeSymlink("chain", "relative");
  tree().MakeSymlink("to_folder", "folder");
  tree().MakeSymlink("to_folder_slash", "folder/");
  tree().MakeSymlink("folder/up", "..");
  tree().MakeSymlink("nowhere", "missing");
  for (const char* path : {"relative", "absolute", "chain", "to_folder/file",
                           "to_folder_slash/file", "folder/up/folder/file",
                           "to_folder/up/chain", "to_folder/../chain"}) {
    EXPECT_EQ(Read(Open(path)), "contents") << path;
  }
  EXPECT_EQ(Try("nowhere"), Error(ENOENT));
  EXPECT_EQ(Try("nowhere/x"), Error(ENOENT));
  EXPECT_EQ(Try("relative/"), Error(ENOTDIR));
  EXPECT_EQ(Try("relative/x"), Error(ENOTDIR));
  EXPECT_EQ(Try("to_folder", O_DIRECTORY), Ok());
}

TEST_P(FilesConformanceTest, NoFollowIsAboutTheLastName) {
  tree().MakeDirectory("folder");
  tree().WriteFile("folder/file", "contents");
  tree().MakeSymlink("to_folder", "folder");
  tree().MakeSymlink("to_file", "folder/file");
  EXPECT_EQ(Try("to_folder/file", O_NOFOLLOW), Ok());
  EXPECT_EQ(Try("to_file", O_NOFOLLOW), Error(ELOOP));
  EXPECT_EQ(Try("to_folder", O_NOFOLLOW), Error(ELOOP));
  EXPECT_EQ(Try("to_folder", O_NOFOLLOW | O_DIRECTORY), Error(ENOTDIR));
  // A slash makes it another's name.
  EXPECT_EQ(Try("to_folder/", O_NOFOLLOW), Ok());
  EXPECT_EQ(Try("to_file/", O_NOFOLLOW), Error(ENOTDIR));
}

TEST_P(FilesConformanceTest, LinksHaveALimit) {
  tree().MakeSymlink("loop", "loop");
  tree().MakeSymlink("a", "b/x");
  tree().MakeSymlink("b", "a");
  EXPECT_EQ(Try("loop"), Error(ELOOP));
  EXPECT_EQ(Try("loop/x"), Error(ELOOP));
  EXPECT_EQ(Try("loop", O_CREAT), Error(ELOOP));
  EXPECT_EQ(Try("loop", O_CREAT | O_EXCL), Error(EEXIST));
  EXPECT_EQ(Try("loop/", O_CREAT), Error(EISDIR));
  EXPECT_EQ(Try("a"), Error(ELOOP));
  EXPECT_EQ(Unlink("loop/x"), Error(ELOOP));
  tree().WriteFile("0", "contents");
  for (int i = 1; i <= 41; ++i) {
    tree().MakeSymlink(absl::StrCat(i), absl::StrCat(i - 1));
  }
  EXPECT_EQ(Read(Open("40")), "contents");
  EXPECT_EQ(Try("41"), Error(ELOOP));
  EXPECT_EQ(Try("41", O_NOFOLLOW), Error(ELOOP));
}

TEST_P(FilesConformanceTest, NoSymlinks) {
  tree().MakeDirectory("folder");
  tree().WriteFile("folder/file", "");
  tree().MakeSymlink("link", "folder");
  EXPECT_EQ(Try("folder/file", 0, RESOLVE_NO_SYMLINKS), Ok());
  EXPECT_EQ(Try("link", 0, RESOLVE_NO_SYMLINKS), Error(ELOOP));
  EXPECT_EQ(Try("link/file", 0, RESOLVE_NO_SYMLINKS), Error(ELOOP));
  EXPECT_EQ(Try("link/..", 0, RESOLVE_NO_SYMLINKS), Error(ELOOP));
  EXPECT_EQ(Try("link", O_CREAT | O_EXCL, RESOLVE_NO_SYMLINKS), Error(EEXIST));
  EXPECT_EQ(Try("link", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS), Ok());
  // Links that are no magic, on one file system.
  EXPECT_EQ(Try("link/file", 0, RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV), Ok());
}

// Staying inside.

TEST_P(FilesConformanceTest, BeneathNothingEscapes) {
  const std::string root = tree().root();
  tree().MakeDirectory("folder");
  tree().WriteFile("folder/file", "contents");
  tree().MakeSymlink("inside", "folder/file");
  tree().MakeSymlink("folder/up_and_down", "../folder/file");
  tree().MakeSymlink("up", "..");
  tree().MakeSymlink("folder/up2", "../..");
  tree().MakeSymlink("absolute", absl::StrCat(root, "/folder/file"));
  tree().MakeSymlink("slash", "/");
  tree().MakeSymlink("chain", "up/x");
  const auto beneath = [&](const std::string& path, uint64_t flags = 0) {
    return Try(path, flags, RESOLVE_BENEATH);
  };
  for (const char* path :
       {"folder/file", ".", "./folder/", "folder/..", "folder/../folder/file",
        "inside", "folder/up_and_down", "folder/../inside"}) {
    EXPECT_EQ(beneath(path), Ok()) << path;
  }
  for (const std::string& path :
       {std::string(".."), std::string("../"), std::string("folder/../.."),
        std::string("folder/../../x"), std::string("../missing"),
        std::string("/"), std::string("/missing"), absl::StrCat(root, "/file"),
        std::string("up"), std::string("up/"), std::string("folder/up2"),
        std::string("folder/up2/x"), std::string("absolute"),
        std::string("absolute/x"), std::string("slash"), std::string("chain"),
        std::string("folder/../absolute")}) {
    EXPECT_EQ(beneath(path), Error(EXDEV)) << path;
    // Nor is anything made. A slash at the end would be EISDIR.
    if (path.size() > 1 && path.back() == '/') continue;
    EXPECT_EQ(beneath(path, O_CREAT | O_RDWR), Error(EXDEV)) << path;
  }
  // In the order of the path.
  EXPECT_EQ(beneath("missing/../.."), Error(ENOENT));
  EXPECT_EQ(beneath("folder/file/../../.."), Error(ENOTDIR));
  // The link itself leads nowhere.
  EXPECT_EQ(beneath("absolute", O_PATH | O_NOFOLLOW), Ok());
  EXPECT_EQ(beneath("absolute", O_NOFOLLOW), Error(ELOOP));
  EXPECT_EQ(beneath("new", O_CREAT), Ok());
  // The current directory is one as well.
  EXPECT_EQ(OpenWith(AT_FDCWD, "..",
                     {.flags = 0, .mode = 0, .resolve = RESOLVE_BENEATH}),
            Error(EXDEV));
  // Not even looked at.
  EXPECT_EQ(
      OpenWith(-1, "/", {.flags = 0, .mode = 0, .resolve = RESOLVE_BENEATH}),
      Error(EXDEV));
}

TEST_P(FilesConformanceTest, InRootTheDirectoryIsTheRoot) {
  tree().MakeDirectory("folder");
  tree().WriteFile("folder/file", "contents");
  tree().MakeSymlink("absolute", "/folder/file");
  tree().MakeSymlink("slash", "/");
  tree().MakeSymlink("outside", absl::StrCat(tree().root(), "/folder/file"));
  tree().MakeSymlink("folder/far_up", "../../../../folder");
  for (const char* path :
       {"folder/file", "/folder/file", "../folder/file", "/../../folder/file",
        "absolute", "slash/folder/file", "slash/../absolute",
        "folder/far_up/file"}) {
    EXPECT_EQ(Read(Open(path, 0, RESOLVE_IN_ROOT)), "contents") << path;
  }
  EXPECT_EQ(Try("outside", 0, RESOLVE_IN_ROOT), Error(ENOENT));
  EXPECT_EQ(Try("slash", O_CREAT, RESOLVE_IN_ROOT), Error(EISDIR));
  EXPECT_EQ(
      OpenWith(-1, "/", {.flags = 0, .mode = 0, .resolve = RESOLVE_IN_ROOT}),
      Error(EBADF));
}

// Reading and writing.

TEST_P(FilesConformanceTest, ReadsFromAnywhere) {
  tree().WriteFile("file", "contents");
  const int file = Open("file");
  EXPECT_EQ(Pread(file, 0), "contents");
  EXPECT_EQ(Pread(file, 3, 2), "te");
  EXPECT_EQ(Pread(file, 7), "s");
  EXPECT_EQ(Pread(file, 8), "end");
  EXPECT_EQ(Pread(file, 1 << 30), "end");
  EXPECT_EQ(Pread(file, 0, 0), "end");
  EXPECT_EQ(Pread(file, kMaxOffset, 0), "end");
  EXPECT_EQ(Pread(file, kMaxOffset, 1), "EINVAL");
  EXPECT_EQ(Pread(file, -1), "EINVAL");
  EXPECT_EQ(Pread(-1, -1), "EINVAL");
  EXPECT_EQ(Pread(-1, 0), "EBADF");
  // None of it moved the place of read(2).
  EXPECT_EQ(Read(file, 4), "cont");
  EXPECT_EQ(Read(file), "ents");
  EXPECT_EQ(Read(file), "end");
}

TEST_P(FilesConformanceTest, OnlyFilesAreReadFromAnywhere) {
  for (int other : {EventFd(), EpollSet(), UnixPair().a, Socket(AF_INET)}) {
    EXPECT_EQ(Pread(other, 0, 8), "ESPIPE");
    EXPECT_EQ(Pread(other, -1, 8), "EINVAL");
  }
}

TEST_P(FilesConformanceTest, AccessIsWhatWasAskedFor) {
  tree().WriteFile("file", "contents");
  const int reading = Open("file", O_RDONLY);
  EXPECT_EQ(Write(reading, "x"), Error(EBADF));
  EXPECT_EQ(Write(reading, ""), Error(EBADF));
  const int writing = Open("file", O_WRONLY);
  EXPECT_EQ(Read(writing), "EBADF");
  EXPECT_EQ(Pread(writing, 0), "EBADF");
  const int neither = Open("file", O_ACCMODE);
  EXPECT_EQ(Read(neither), "EBADF");
  EXPECT_EQ(Write(neither, "x"), Error(EBADF));
  for (uint64_t mode : {O_RDONLY, O_WRONLY, O_RDWR}) {
    EXPECT_EQ(
        kernel().Fcntl(Open("file", mode), F_GETFL, 0).value() & O_ACCMODE,
        mode);
  }
}

TEST_P(FilesConformanceTest, DescriptorsOfOneOpeningShareTheirPlace) {
  tree().WriteFile("file", "contents");
  const int file = Open("file", O_RDWR);
  const int copy = Must(kernel().Fcntl(file, F_DUPFD_CLOEXEC, 0));
  const int other = Open("file");
  EXPECT_EQ(Read(file, 3), "con");
  EXPECT_EQ(Read(copy, 3), "ten");
  EXPECT_EQ(Write(file, "TS"), Ok(2));
  EXPECT_EQ(Read(copy), "end");
  EXPECT_EQ(Read(other), "contenTS");
}

TEST_P(FilesConformanceTest, WritesWhereItIsAndAppendsAtTheEnd) {
  tree().WriteFile("file", "0123456789");
  const int file = Open("file", O_RDWR);
  EXPECT_EQ(Read(file, 2), "01");
  EXPECT_EQ(Write(file, "ab"), Ok(2));
  const int appending = Open("file", O_RDWR | O_APPEND);
  EXPECT_EQ(Read(appending, 2), "01");
  EXPECT_EQ(Write(appending, ""), Ok(0));
  EXPECT_EQ(Read(appending, 2), "ab");
  EXPECT_EQ(Write(appending, "cd"), Ok(2));
  EXPECT_EQ(Read(appending), "end");
  EXPECT_EQ(Pread(file, 0), "01ab456789cd");
  EXPECT_EQ(Read(file), "456789cd");
}

TEST_P(FilesConformanceTest, APathDescriptorIsOnlyAName) {
  tree().WriteFile("file", "contents");
  tree().MakeSymlink("link", "file");
  const int path = Open("file", O_PATH);
  const int set = EpollSet();
  EXPECT_EQ(Read(path), "EBADF");
  EXPECT_EQ(Write(path, "x"), Error(EBADF));
  EXPECT_EQ(Pread(path, 0), "EBADF");
  EXPECT_EQ(GetDents(top()), Error(EBADF));
  EXPECT_EQ(Add(set, path, EPOLLIN), Error(EBADF));
  EXPECT_EQ(Recv(path), "EBADF");
  EXPECT_EQ(kernel().Fcntl(path, F_SETFL, O_NONBLOCK), Error(EBADF));
  off_t offset = 0;
  EXPECT_EQ(kernel().SendFile(UnixPair().a, path, offset, 1), Error(EBADF));
  EXPECT_EQ(Stat(path).st_size, 8);
  EXPECT_EQ(Stat(Must(kernel().Fcntl(path, F_DUPFD_CLOEXEC, 0))).st_size, 8);
  EXPECT_TRUE(S_ISDIR(Stat(top()).st_mode));
  const struct stat link = Stat(Open("link", O_PATH | O_NOFOLLOW));
  EXPECT_TRUE(S_ISLNK(link.st_mode));
  EXPECT_EQ(link.st_size, 4);
  EXPECT_EQ(Try("link", O_PATH | O_NOFOLLOW | O_DIRECTORY), Error(ENOTDIR));
}

// What happens to files that are open.

TEST_P(FilesConformanceTest, AFileIsTruncatedWhileItIsOpen) {
  tree().WriteFile("file", "contents");
  const int file = Open("file", O_RDWR);
  EXPECT_EQ(Read(file, 6), "conten");
  tree().Truncate("file", 3);
  EXPECT_EQ(Stat(file).st_size, 3);
  EXPECT_EQ(Read(file), "end");
  EXPECT_EQ(Pread(file, 3), "end");
  EXPECT_EQ(Pread(file, 0), "con");
  tree().Truncate("file", 5);
  EXPECT_EQ(Pread(file, 0), absl::string_view("con\0\0", 5));
  // What is written behind the end leaves a hole.
  EXPECT_EQ(Write(file, "x"), Ok(1));
  EXPECT_EQ(Pread(file, 0), absl::string_view("con\0\0\0x", 7));
}

TEST_P(FilesConformanceTest, AFileIsWrittenAnewWhileItIsOpen) {
  tree().WriteFile("file", "contents");
  const int file = Open("file");
  const ino_t number = Stat(file).st_ino;
  EXPECT_EQ(Read(file, 3), "con");
  tree().WriteFile("file", "other than before");
  EXPECT_EQ(Read(file), "er than before");
  EXPECT_EQ(Stat(file).st_ino, number);
}

TEST_P(FilesConformanceTest, AFileIsReplacedWhileItIsOpen) {
  tree().WriteFile("file", "old");
  tree().WriteFile("next", "new");
  const int old = Open("file");
  EXPECT_EQ(Stat(old).st_nlink, 1u);
  tree().Rename("next", "file");
  EXPECT_EQ(Read(old), "old");
  EXPECT_EQ(Stat(old).st_nlink, 0u);
  EXPECT_EQ(Try("next"), Error(ENOENT));
  const int fresh = Open("file");
  EXPECT_EQ(Read(fresh), "new");
  EXPECT_NE(Stat(fresh).st_ino, Stat(old).st_ino);
  EXPECT_EQ(Stat(fresh).st_dev, Stat(old).st_dev);
}

TEST_P(FilesConformanceTest, AFileIsRemovedWhileItIsOpen) {
  tree().WriteFile("file", "contents");
  const int file = Open("file");
  EXPECT_EQ(Unlink("file"), Ok());
  EXPECT_EQ(Try("file"), Error(ENOENT));
  EXPECT_EQ(Read(file), "contents");
  EXPECT_EQ(Stat(file).st_nlink, 0u);
  tree().WriteFile("file", "another");
  EXPECT_EQ(Pread(file, 0), "contents");
}

TEST_P(FilesConformanceTest, ADirectoryIsMovedWhileItIsOpen) {
  tree().MakeDirectory("folder");
  tree().MakeDirectory("other");
  tree().WriteFile("folder/file", "contents");
  tree().WriteFile("other/beside", "");
  const int folder = Open("folder");
  tree().Rename("folder", "other/folder");
  EXPECT_EQ(Closed(OpenWith(folder, "file", {})), Ok());
  EXPECT_EQ(Closed(OpenWith(folder, "../beside", {})), Ok());
  EXPECT_EQ(Try("folder"), Error(ENOENT));
  EXPECT_EQ(Try("other/folder/file"), Ok());
}

TEST_P(FilesConformanceTest, ADirectoryIsRemovedWhileItIsOpen) {
  tree().MakeDirectory("folder");
  tree().WriteFile("file", "contents");
  const int folder = Open("folder");
  EXPECT_EQ(Unlink("folder", AT_REMOVEDIR), Ok());
  EXPECT_EQ(Stat(folder).st_nlink, 0u);
  EXPECT_EQ(GetDents(folder), Error(ENOENT));
  EXPECT_EQ(Closed(OpenWith(folder, ".", {})), Ok());
  EXPECT_EQ(Closed(OpenWith(folder, "../file", {})), Ok());
  EXPECT_EQ(OpenWith(folder, "x", {}), Error(ENOENT));
  EXPECT_EQ(OpenWith(folder, "x",
                     {.flags = O_CREAT, .mode = kPermissions, .resolve = 0}),
            Error(ENOENT));
  EXPECT_EQ(kernel().UnlinkAt(folder, "x", 0), Error(ENOENT));
}

// Status.

TEST_P(FilesConformanceTest, WhatFilesAre) {
  tree().WriteFile("file", "contents");
  tree().MakeDirectory("folder");
  const struct stat file = Stat(Open("file"));
  EXPECT_EQ(file.st_mode, S_IFREG | kPermissions);
  EXPECT_EQ(file.st_nlink, 1u);
  EXPECT_EQ(file.st_size, 8);
  EXPECT_GT(file.st_blksize, 0);
  EXPECT_GT(file.st_ino, 0u);
  const struct stat folder = Stat(Open("folder"));
  EXPECT_EQ(folder.st_mode, S_IFDIR | 0755u);
  EXPECT_GT(folder.st_nlink, 0u);
  EXPECT_EQ(folder.st_dev, file.st_dev);
  EXPECT_NE(folder.st_ino, file.st_ino);
  EXPECT_EQ(Stat(Open("file")).st_ino, file.st_ino);
}

TEST_P(FilesConformanceTest, WhatIsNoFile) {
  for (int socket : {UnixPair().a, Socket(AF_UNIX), Socket(AF_INET)}) {
    EXPECT_EQ(Stat(socket).st_mode, S_IFSOCK | 0777u);
    EXPECT_EQ(Stat(socket).st_size, 0);
  }
  sigset_t none;
  sigemptyset(&none);
  for (int other : {EventFd(), EpollSet(), Must(kernel().SignalFd(-1, none, 0)),
                    Must(kernel().TimerFdCreate(CLOCK_MONOTONIC, 0))}) {
    EXPECT_EQ(Stat(other).st_mode, 0600u);
    EXPECT_EQ(Stat(other).st_nlink, 1u);
    EXPECT_EQ(Stat(other).st_size, 0);
  }
  struct stat status;
  EXPECT_EQ(kernel().Fstat(-1, status), Error(EBADF));
}

TEST_P(FilesConformanceTest, TimesAreSetAndMove) {
  const auto modified = [&](int file) {
    return absl::TimeFromTimespec(Stat(file).st_mtim);
  };
  const auto changed = [&](int file) {
    return absl::TimeFromTimespec(Stat(file).st_ctim);
  };
  const absl::Time now =
      absl::FromUnixNanos(kernel().ClockGetTime(CLOCK_REALTIME_COARSE).value());
  tree().WriteFile("file", "contents");
  const int file = Open("file", O_RDWR);
  EXPECT_GE(modified(file), now);
  // To the nanosecond, and as long ago as one likes.
  const absl::Time then = absl::FromUnixNanos(123'456'789'012'345'678);
  tree().SetModified("file", then);
  EXPECT_EQ(modified(file), then);
  EXPECT_GE(changed(file), now);
  tree().SetModified("file", absl::FromUnixSeconds(-1));
  EXPECT_EQ(modified(file), absl::FromUnixSeconds(-1));
  // Neither reading nor another name is a modification.
  tree().SetModified("file", then);
  EXPECT_EQ(Read(file), "contents");
  tree().Rename("file", "other");
  EXPECT_EQ(Write(file, ""), Ok(0));
  EXPECT_EQ(modified(file), then);
  EXPECT_EQ(Write(file, "x"), Ok(1));
  EXPECT_GE(modified(file), now);
  tree().SetModified("other", then);
  tree().Truncate("other", 1);
  EXPECT_GE(modified(file), now);
}

TEST_P(FilesConformanceTest, ADirectoryIsModifiedByItsNames) {
  tree().MakeDirectory("folder");
  tree().WriteFile("folder/file", "");
  const int folder = Open("folder");
  const auto is_modified = [&] {
    const bool is_old = Stat(folder).st_mtim.tv_sec == 0;
    tree().SetModified("folder", absl::UnixEpoch());
    return !is_old;
  };
  EXPECT_TRUE(is_modified());
  EXPECT_FALSE(is_modified());
  tree().WriteFile("folder/file", "contents");
  EXPECT_FALSE(is_modified());
  tree().WriteFile("folder/other", "");
  EXPECT_TRUE(is_modified());
  tree().Rename("folder/other", "folder/file");
  EXPECT_TRUE(is_modified());
  EXPECT_EQ(Unlink("folder/file"), Ok());
  EXPECT_TRUE(is_modified());
}

// Directories.

TEST_P(FilesConformanceTest, ListsADirectory) {
  tree().WriteFile("file", "");
  tree().MakeDirectory("folder");
  tree().WriteFile("folder/inside", "");
  tree().MakeSymlink("link", "nowhere");
  const std::string longest(255, 'n');
  tree().WriteFile(longest, "");
  const Names all = {{".", DT_DIR},      {"..", DT_DIR},   {"file", DT_REG},
                     {"folder", DT_DIR}, {"link", DT_LNK}, {longest, DT_REG}};
  const int directory = Open(".");
  EXPECT_EQ(List(directory), all);
  EXPECT_EQ(GetDents(directory), Ok(0));
  EXPECT_EQ(List(directory), Names());
  // In as many pieces as it takes.
  EXPECT_EQ(List(Open("."), 280), all);
  EXPECT_EQ(List(Open("folder")),
            Names({{".", DT_DIR}, {"..", DT_DIR}, {"inside", DT_REG}}));
}

// Some stand before "." in the order of the bytes.
TEST_P(FilesConformanceTest, ListsNamesThatLookLikeDots) {
  Names all = {{".", DT_DIR}, {"..", DT_DIR}};
  for (const char* name : {"!", "-", "...", ".hidden", "..x"}) {
    tree().WriteFile(name, "");
    all.emplace(name, DT_REG);
  }
  EXPECT_EQ(List(Open("."), 32), all);
}

TEST_P(FilesConformanceTest, DescriptorsOfOneOpeningShareWhatIsToBeListed) {
  const int directory = Open(".");
  const int copy = Must(kernel().Fcntl(directory, F_DUPFD_CLOEXEC, 0));
  EXPECT_EQ(List(directory).size(), 2u);
  EXPECT_EQ(List(copy).size(), 0u);
}

TEST_P(FilesConformanceTest, ABufferForNoName) {
  const int directory = Open(".");
  EXPECT_EQ(GetDents(directory, 0), Error(EINVAL));
  EXPECT_EQ(GetDents(directory, 23), Error(EINVAL));
  // "." or "..".
  EXPECT_EQ(GetDents(directory, 24), Ok(24));
  EXPECT_EQ(GetDents(directory, 24), Ok(24));
  EXPECT_EQ(GetDents(directory, 0), Ok(0));
}

TEST_P(FilesConformanceTest, OnlyDirectoriesAreListed) {
  tree().WriteFile("file", "");
  for (int other : {Open("file"), EventFd(), EpollSet(), UnixPair().a}) {
    EXPECT_EQ(GetDents(other), Error(ENOTDIR));
  }
  EXPECT_EQ(GetDents(-1), Error(EBADF));
}

// Removing.

TEST_P(FilesConformanceTest, RemovesNames) {
  tree().WriteFile("file", "");
  tree().MakeDirectory("folder");
  tree().WriteFile("folder/inside", "");
  tree().MakeSymlink("link", "file");
  tree().MakeSymlink("to_folder", "folder");
  EXPECT_EQ(Unlink("missing"), Error(ENOENT));
  EXPECT_EQ(Unlink("missing/"), Error(ENOENT));
  EXPECT_EQ(Unlink("missing/x"), Error(ENOENT));
  EXPECT_EQ(Unlink("file/x"), Error(ENOTDIR));
  EXPECT_EQ(Unlink("file/"), Error(ENOTDIR));
  EXPECT_EQ(Unlink("link/"), Error(ENOTDIR));
  EXPECT_EQ(Unlink("folder"), Error(EISDIR));
  EXPECT_EQ(Unlink("folder/"), Error(EISDIR));
  EXPECT_EQ(Unlink("."), Error(EISDIR));
  EXPECT_EQ(Unlink(".."), Error(EISDIR));
  EXPECT_EQ(Unlink("/"), Error(EISDIR));
  EXPECT_EQ(Unlink("to_folder/inside"), Ok());
  EXPECT_EQ(Try("folder/inside"), Error(ENOENT));
  // The link, not what it points to.
  EXPECT_EQ(Unlink("link"), Ok());
  EXPECT_EQ(Try("file"), Ok());
  EXPECT_EQ(Unlink("file"), Ok());
  EXPECT_EQ(Unlink("file"), Error(ENOENT));
}

TEST_P(FilesConformanceTest, RemovesDirectories) {
  tree().WriteFile("file", "");
  tree().MakeDirectory("folder");
  tree().WriteFile("folder/inside", "");
  tree().MakeSymlink("link", "folder");
  const auto remove = [&](const std::string& path) {
    return Unlink(path, AT_REMOVEDIR);
  };
  EXPECT_EQ(remove("missing"), Error(ENOENT));
  EXPECT_EQ(remove("missing/"), Error(ENOENT));
  EXPECT_EQ(remove("file"), Error(ENOTDIR));
  EXPECT_EQ(remove("link"), Error(ENOTDIR));
  EXPECT_EQ(remove("link/"), Error(ENOTDIR));
  EXPECT_EQ(remove("folder"), Error(ENOTEMPTY));
  EXPECT_EQ(remove("folder/."), Error(EINVAL));
  EXPECT_EQ(remove("folder/.."), Error(ENOTEMPTY));
  EXPECT_EQ(remove("/"), Error(EBUSY));
  EXPECT_EQ(Unlink("folder/inside"), Ok());
  EXPECT_EQ(remove("folder/"), Ok());
  EXPECT_EQ(Try("folder"), Error(ENOENT));
}

TEST_P(FilesConformanceTest, UnlinksFlagsAreLookedAtFirst) {
  EXPECT_EQ(kernel().UnlinkAt(-1, "", AT_SYMLINK_NOFOLLOW), Error(EINVAL));
  EXPECT_EQ(kernel().UnlinkAt(-1, "missing", 0), Error(EBADF));
}

TEST_P(FilesConformanceTest, ASocketsPathIsFreeWhenItIsUnlinked) {
  const std::string name = UnixName("path");
  const std::string path = name.substr(name.find(':') + 1);
  const int old = UnixListener(name);
  const Address address = AddressOf(old);
  EXPECT_EQ(Bind(Socket(AF_UNIX), name), Error(EADDRINUSE));
  EXPECT_EQ(kernel().UnlinkAt(AT_FDCWD, path.c_str(), AT_REMOVEDIR),
            Error(ENOTDIR));
  EXPECT_EQ(kernel().UnlinkAt(AT_FDCWD, path.c_str(), 0), Ok());
  EXPECT_EQ(kernel().UnlinkAt(AT_FDCWD, path.c_str(), 0), Error(ENOENT));
  EXPECT_EQ(Connect(Socket(AF_UNIX), address), Error(ENOENT));
  // It is another's now.
  const int fresh = UnixListener(name);
  EXPECT_EQ(Connect(Socket(AF_UNIX), address), Ok());
  EXPECT_EQ(TryToAccept(old), Error(EAGAIN));
  Accept(fresh);
  // The name stays when its owner goes.
  Close(fresh);
  EXPECT_EQ(Connect(Socket(AF_UNIX), address), Error(ECONNREFUSED));
  EXPECT_EQ(Bind(Socket(AF_UNIX), name), Error(EADDRINUSE));
  const int here = Must(kernel().OpenAt(AT_FDCWD, ".", O_DIRECTORY, 0));
  EXPECT_EQ(kernel().UnlinkAt(here, path.c_str(), 0), Ok());
  EXPECT_EQ(Bind(Socket(AF_UNIX), name), Ok());
}

// Sending.

class SendFileConformanceTest
    : public testing::TestWithParam<std::tuple<KernelUnderTest, int>>,
      public KernelCaller,
      public FilesTest {
 protected:
  SendFileConformanceTest()
      : KernelCaller(std::get<0>(GetParam())),
        FilesTest(static_cast<KernelCaller&>(*this)),
        pair_(std::get<1>(GetParam()) == AF_UNIX ? UnixPair() : TcpPair()),
        a_(pair_.a),
        b_(pair_.b) {}

  bool is_unix() const { return std::get<1>(GetParam()) == AF_UNIX; }
  SysResult SendFile(int socket, int file, off_t offset, size_t count) {
    return kernel().SendFile(socket, file, offset, count);
  }
  // What a descriptor of the file is to send.
  int File(absl::string_view contents) {
    tree().WriteFile("file", contents);
    return Open("file");
  }

  const Pair pair_;
  // Two connected sockets.
  const int a_;
  const int b_;
};

INSTANTIATE_TEST_SUITE_P(Kernels, SendFileConformanceTest,
                         testing::Combine(testing::ValuesIn(KernelsUnderTest()),
                                          testing::Values(AF_INET, AF_UNIX)),
                         [](const auto& info) {
                           return absl::StrCat(
                               std::get<0>(info.param).name,
                               std::get<1>(info.param) == AF_UNIX ? "Unix"
                                                                  : "Tcp");
                         });

TEST_P(SendFileConformanceTest, SendsAPartOfAFile) {
  const int file = File("contents");
  off_t offset = 2;
  EXPECT_EQ(kernel().SendFile(a_, file, offset, 3), Ok(3));
  EXPECT_EQ(offset, 5);
  EXPECT_EQ(Hear(b_), "nte");
  // Beyond the end there is no more.
  EXPECT_EQ(kernel().SendFile(a_, file, offset, 100), Ok(3));
  EXPECT_EQ(offset, 8);
  EXPECT_EQ(Hear(b_), "nts");
  EXPECT_EQ(kernel().SendFile(a_, file, offset, 100), Ok(0));
  EXPECT_EQ(offset, 8);
  EXPECT_EQ(SendFile(a_, file, 1000, 1), Ok(0));
  EXPECT_EQ(SendFile(a_, file, 0, 0), Ok(0));
  EXPECT_EQ(Recv(b_), "EAGAIN");
  // None of it moved the place of read(2).
  EXPECT_EQ(FilesTest::Read(file), "contents");
}

TEST_P(SendFileConformanceTest, WhatCannotBeSent) {
  const int file = File("contents");
  EXPECT_EQ(SendFile(a_, -1, 0, 1), Error(EBADF));
  EXPECT_EQ(SendFile(a_, Open("file", O_WRONLY), 0, 1), Error(EBADF));
  EXPECT_EQ(SendFile(a_, Open("."), 0, 1), Error(EINVAL));
  EXPECT_EQ(SendFile(a_, Open("."), 0, 0), Ok(0));
  EXPECT_EQ(SendFile(a_, b_, 0, 1), Error(ESPIPE));
  EXPECT_EQ(SendFile(a_, EventFd(), 0, 8), Error(ESPIPE));
  EXPECT_EQ(SendFile(a_, file, -1, 1), Error(EINVAL));
  EXPECT_EQ(SendFile(a_, file, kMaxOffset, 1), Error(EINVAL));
  EXPECT_EQ(Recv(b_), "EAGAIN");
}

TEST_P(SendFileConformanceTest, WhatTakesNoFile) {
  const int file = File("contents");
  EXPECT_EQ(SendFile(-1, file, 0, 1), Error(EBADF));
  EXPECT_EQ(SendFile(-1, file, 0, 0), Error(EBADF));
  EXPECT_EQ(SendFile(-1, file, -1, 0), Error(EINVAL));
  EXPECT_EQ(SendFile(-1, Open("."), 0, 1), Error(EBADF));
  EXPECT_EQ(SendFile(file, file, 0, 1), Error(EBADF));
  EXPECT_EQ(SendFile(Open("."), file, 0, 1), Error(EBADF));
  EXPECT_EQ(SendFile(Open("file", O_WRONLY | O_APPEND), file, 0, 0),
            Error(EINVAL));
  EXPECT_EQ(SendFile(EventFd(), file, 0, 8), Error(EINVAL));
  EXPECT_EQ(SendFile(EventFd(), file, 8, 8), Ok(0));
  EXPECT_EQ(SendFile(EventFd(), file, 0, 0), Ok(0));
}

TEST_P(SendFileConformanceTest, AFileTakesAFile) {
  const int file = File("contents");
  const int copy = Open("copy", O_RDWR | O_CREAT);
  EXPECT_EQ(SendFile(copy, file, 3, 3), Ok(3));
  EXPECT_EQ(SendFile(copy, file, 0, 100), Ok(8));
  EXPECT_EQ(Pread(copy, 0), "tencontents");
}

TEST_P(SendFileConformanceTest, SaysWhenItIsFull) {
  // Not for ever more: Linux's buffers grow.
  constexpr int kBufferBytes = 64 * 1024;
  constexpr size_t kFileBytes = 4 * 1024 * 1024;
  EXPECT_EQ(Set(a_, SO_SNDBUF, kBufferBytes), Ok());
  EXPECT_EQ(Set(b_, SO_RCVBUF, kBufferBytes), Ok());
  std::string contents;
  while (contents.size() < kFileBytes) {
    absl::StrAppend(&contents, contents.size(), ",");
  }
  const int file = File(contents);
  off_t offset = 0;
  std::string received;
  const auto hear_all = [&] {
    while (received.size() < static_cast<size_t>(offset)) {
      received += Hear(b_, kBufferBytes);
    }
  };
  int times_full = 0;
  while (offset < static_cast<off_t>(contents.size())) {
    const off_t before = offset;
    const SysResult result =
        kernel().SendFile(a_, file, offset, contents.size());
    if (result.ok()) {
      EXPECT_EQ(offset, before + result.value());
      continue;
    }
    ASSERT_EQ(result, Error(EAGAIN));
    EXPECT_EQ(offset, before);
    ++times_full;
    hear_all();
    Await(a_, EPOLLOUT);
  }
  hear_all();
  EXPECT_GT(times_full, 1);
  EXPECT_EQ(offset, contents.size());
  EXPECT_TRUE(received == contents);
}

TEST_P(SendFileConformanceTest, TheFileChangesBetweenTwoCalls) {
  const int file = File("0123456789");
  off_t offset = 0;
  EXPECT_EQ(kernel().SendFile(a_, file, offset, 4), Ok(4));
  EXPECT_EQ(Hear(b_), "0123");
  tree().Truncate("file", 6);
  EXPECT_EQ(kernel().SendFile(a_, file, offset, 6), Ok(2));
  EXPECT_EQ(Hear(b_), "45");
  EXPECT_EQ(kernel().SendFile(a_, file, offset, 4), Ok(0));
  tree().Truncate("file", 3);
  EXPECT_EQ(kernel().SendFile(a_, file, offset, 4), Ok(0));
  EXPECT_EQ(offset, 6);
  tree().WriteFile("next", "abcdefghij");
  tree().Rename("next", "file");
  EXPECT_EQ(SendFile(a_, file, 1, 4), Ok(2));
  EXPECT_EQ(Hear(b_), "12");
  EXPECT_EQ(SendFile(a_, Open("file"), 1, 4), Ok(4));
  EXPECT_EQ(Hear(b_), "bcde");
  EXPECT_EQ(Unlink("file"), Ok());
  EXPECT_EQ(SendFile(a_, file, 0, 1), Ok(1));
}

TEST_P(SendFileConformanceTest, NobodyIsThereToTakeIt) {
  const int file = File("contents");
  EXPECT_EQ(SendFile(Socket(is_unix() ? AF_UNIX : AF_INET), file, 0, 1),
            Error(is_unix() ? ENOTCONN : EPIPE));
  ResetOnClose(b_);
  Close(b_);
  Await(a_, EPOLLHUP);
  if (!is_unix()) {
    EXPECT_EQ(SendFile(a_, file, 0, 1), Error(ECONNRESET));
  }
  off_t offset = 3;
  EXPECT_EQ(kernel().SendFile(a_, file, offset, 1), Error(EPIPE));
  EXPECT_EQ(offset, 3);
  // With nothing to send nobody finds out.
  EXPECT_EQ(SendFile(a_, file, 8, 1), Ok(0));
}

TEST_P(SendFileConformanceTest, TheirOwnEndWasSent) {
  const int file = File("contents");
  EXPECT_EQ(kernel().Shutdown(a_, SHUT_WR), Ok());
  EXPECT_EQ(SendFile(a_, file, 0, 1), Error(EPIPE));
}

// Waiting.

TEST_P(FilesConformanceTest, FilesAreAlwaysReady) {
  tree().WriteFile("file", "");
  const int set = EpollSet();
  for (int file : {Open("file"), Open(".")}) {
    EXPECT_EQ(Add(set, file, EPOLLIN), Error(EPERM));
    EXPECT_EQ(Remove(set, file), Error(EPERM));
    EXPECT_EQ(Add(file, EventFd(), EPOLLIN), Error(EINVAL));
  }
}

TEST_P(FilesConformanceTest, FilesAreNoSockets) {
  tree().WriteFile("file", "");
  const int file = Open("file");
  EXPECT_EQ(Recv(file), "ENOTSOCK");
  EXPECT_EQ(Send(file, "x"), Error(ENOTSOCK));
  EXPECT_EQ(kernel().Shutdown(file, SHUT_RD), Error(ENOTSOCK));
}

// The fake only.

class FakeFilesTest : public KernelCaller,
                      public testing::Test,
                      public FilesTest {
 protected:
  FakeFilesTest()
      : KernelCaller(FakeUnderTest()),
        FilesTest(static_cast<KernelCaller&>(*this)) {}

  FakeKernel& fake() { return static_cast<FakeKernel&>(kernel()); }
  FileTree& files() { return fake().files(); }
  std::string Whole(absl::string_view path) {
    return absl::StrCat(tree().root(), "/", path);
  }
};

TEST_F(FakeFilesTest, PermissionsAreTheOwners) {
  tree().WriteFile("file", "contents");
  const int before = Open("file");
  files().SetPermissions(Whole("file"), 0200);
  EXPECT_EQ(Try("file"), Error(EACCES));
  EXPECT_EQ(Try("file", O_RDWR), Error(EACCES));
  EXPECT_EQ(Try("file", O_WRONLY), Ok());
  EXPECT_EQ(Try("file", O_PATH), Ok());
  files().SetPermissions(Whole("file"), 0477);
  EXPECT_EQ(Try("file"), Ok());
  EXPECT_EQ(Try("file", O_WRONLY), Error(EACCES));
  EXPECT_EQ(Try("file", O_RDONLY | O_TRUNC), Error(EACCES));
  // Asked once only.
  files().SetPermissions(Whole("file"), 0);
  EXPECT_EQ(FilesTest::Read(before), "contents");
  // What is new is the creator's, whatever its permissions.
  const int made = Must(kernel().OpenAt(top(), "new", O_RDWR | O_CREAT, 0));
  EXPECT_EQ(FilesTest::Write(made, "x"), Ok(1));
  EXPECT_EQ(Try("new"), Error(EACCES));
}

TEST_F(FakeFilesTest, DirectoriesAreSearchedAndWritten) {
  tree().MakeDirectory("folder");
  tree().WriteFile("folder/file", "contents");
  const auto permit = [&](mode_t permissions) {
    files().SetPermissions(Whole("folder"), permissions);
  };
  permit(0600);
  EXPECT_EQ(Try("folder"), Ok());
  EXPECT_EQ(Try("folder/file"), Error(EACCES));
  EXPECT_EQ(Try("folder/missing"), Error(EACCES));
  EXPECT_EQ(Unlink("folder/file"), Error(EACCES));
  permit(0500);
  EXPECT_EQ(Try("folder/file"), Ok());
  EXPECT_EQ(Try("folder/file", O_CREAT), Ok());
  EXPECT_EQ(Try("folder/new", O_CREAT), Error(EACCES));
  EXPECT_EQ(Try("folder", O_TMPFILE | O_RDWR), Error(EACCES));
  EXPECT_EQ(Unlink("folder/file"), Error(EACCES));
  permit(0300);
  EXPECT_EQ(Try("folder"), Error(EACCES));
  EXPECT_EQ(Try("folder/new", O_CREAT), Ok());
  EXPECT_EQ(Unlink("folder/file"), Ok());
}

TEST_F(FakeFilesTest, WithoutANumberNothingIsMade) {
  fake().set_descriptor_limit(fake().open_descriptors() + 3);
  EXPECT_EQ(Try("new", O_CREAT), Error(EMFILE));
  EXPECT_EQ(OpenWith(-1, "missing", {}), Error(EMFILE));
  EXPECT_EQ(Try(""), Error(ENOENT));
  EXPECT_FALSE(files().Exists(Whole("new")));
}

TEST_F(FakeFilesTest, TimesAreTheWallClocks) {
  VirtualTime& time = fake().world().time();
  tree().WriteFile("file", "");
  const int file = Open("file", O_RDWR);
  time.StepWallClock(absl::Hours(-1));
  EXPECT_EQ(FilesTest::Write(file, "x"), Ok(1));
  EXPECT_EQ(absl::ToUnixNanos(absl::TimeFromTimespec(Stat(file).st_mtim)),
            time.WallNanos());
}

TEST_F(FakeFilesTest, ABlockingSocketIsWaitedFor) {
  std::array<int, 2> pair;
  ASSERT_EQ(kernel().SocketPair(AF_UNIX, SOCK_STREAM, 0, pair), Ok());
  const int a = Must(Ok(pair[0]));
  const int b = Must(Ok(pair[1]));
  const std::string contents(300'000, 'x');
  tree().WriteFile("file", contents);
  const int file = Open("file");
  // Somebody reads from time to time, and cuts the file in the end.
  std::string received;
  VirtualTime& time = fake().world().time();
  for (int i = 1; i <= 3; ++i) {
    time.After(absl::Seconds(i), [&, i] {
      if (i == 3) tree().Truncate("file", 280'000);
      std::vector<char> buffer(60'000);
      const SysResult result =
          kernel().Recv(b, absl::MakeSpan(buffer), MSG_DONTWAIT);
      received.append(buffer.data(), static_cast<size_t>(result.value()));
    });
  }
  const MonotonicTime before = time.Now();
  off_t offset = 0;
  EXPECT_EQ(kernel().SendFile(a, file, offset, contents.size()), Ok(280'000));
  EXPECT_EQ(time.Now() - before, absl::Seconds(3));
  EXPECT_EQ(offset, 280'000);
  EXPECT_EQ(received.size(), 180'000u);
}

TEST_F(FakeFilesTest, ATestReadsWhatWasWritten) {
  const int file = Open("file", O_WRONLY | O_CREAT);
  EXPECT_EQ(FilesTest::Write(file, "contents"), Ok(8));
  EXPECT_EQ(files().ReadFile(Whole("file")), "contents");
  files().MakeSymlink("/link", Whole("file"));
  EXPECT_EQ(files().ReadFile("/link"), "contents");
  files().WriteFile("/link", "by a link");
  EXPECT_EQ(files().ReadFile(Whole("file")), "by a link");
  files().WriteFile("without/a/slash", "");
  EXPECT_TRUE(files().Exists("/without/a/slash"));
  files().Remove("/without");
  EXPECT_FALSE(files().Exists("/without/a/slash"));
  EXPECT_FALSE(files().Exists("/without"));
}

TEST(FileTreeDeathTest, WhatCannotBeEndsTheTest) {
  FakeKernel kernel;
  FileTree& files = kernel.files();
  files.WriteFile("/file", "");
  files.WriteFile("/folder/inside", "");
  EXPECT_DEATH(files.WriteFile("/file/x", ""), "/file/x: Not a directory");
  EXPECT_DEATH(files.WriteFile("/folder", ""), "/folder: is no regular file");
  EXPECT_DEATH(files.ReadFile("/missing"), "/missing: there is no such file");
  EXPECT_DEATH(files.Remove("/missing"), "/missing: there is no such file");
  EXPECT_DEATH(files.MakeDirectory("/file"), "/file");
  EXPECT_DEATH(files.MakeSymlink("/file", "x"), "/file: is there already");
  EXPECT_DEATH(files.Rename("/file", "/folder"), "only one is a directory");
  EXPECT_DEATH(files.Rename("/folder", "/folder/x"), "is below /folder");
}

}  // namespace
}  // namespace pollux
