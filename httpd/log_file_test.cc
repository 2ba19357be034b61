#include "httpd/log_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/types/span.h"
#include "reactor/descriptor.h"
#include "reactor/intercepting_kernel.h"
#include "reactor/kernel.h"
#include "reactor/linux_kernel.h"
#include "reactor/sys_result.h"

namespace pollux {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

// Lets a file take so many bytes, and then none.
class FullDiskKernel final : public InterceptingKernel {
 public:
  using InterceptingKernel::InterceptingKernel;

  SysResult Write(int descriptor, absl::Span<const char> bytes) override {
    if (room == 0) return SysResult::Error(ENOSPC);
    const size_t count = std::min(bytes.size(), room);
    room -= count;
    return InterceptingKernel::Write(descriptor, bytes.first(count));
  }

  size_t room = SIZE_MAX;
};

class LogFileTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) {
    return absl::StrCat(
        testing::TempDir(), "/", ::getpid(), "_",
        testing::UnitTest::GetInstance()->current_test_info()->name(), "_",
        name);
  }

  std::string ReadAll(const std::string& path) {
    const SysResult opened =
        linux_.OpenAt(AT_FDCWD, path.c_str(), O_RDONLY | O_CLOEXEC, 0);
    EXPECT_TRUE(opened.ok()) << path;
    const Descriptor file(linux_, opened.descriptor());
    return ReadAvailable(file.number());
  }

  std::string ReadAvailable(int descriptor) {
    std::string all;
    std::array<char, 4096> buffer;
    while (true) {
      const SysResult got = linux_.Read(descriptor, absl::MakeSpan(buffer));
      if (!got.ok() || got.value() == 0) return all;
      all.append(buffer.data(), static_cast<size_t>(got.value()));
    }
  }

  LinuxKernel linux_;
  FullDiskKernel kernel_{linux_};
};

TEST_F(LogFileTest, Appends) {
  const std::string path = Path("log");
  std::string lines = "one\n";
  EXPECT_TRUE((*LogFile::Open(kernel_, path))->Write(lines).ok());
  EXPECT_EQ(lines, "");
  lines = "two\nthree\n";
  EXPECT_TRUE((*LogFile::Open(kernel_, path))->Write(lines).ok());
  EXPECT_EQ(ReadAll(path), "one\ntwo\nthree\n");
}

TEST_F(LogFileTest, AFullDiskTearsNoLine) {
  const std::string path = Path("log");
  const std::unique_ptr<LogFile> file = *LogFile::Open(kernel_, path);
  kernel_.room = 6;
  std::string lines = "one\ntwo\nthree\n";
  const SysResult result = file->Write(lines);
  EXPECT_EQ(result.error(), ENOSPC);
  EXPECT_EQ(lines, "three\n") << "two is as good as written";
  EXPECT_EQ(ReadAll(path), "one\ntw");
  kernel_.room = 1;
  lines = "four\n";
  EXPECT_EQ(file->Write(lines).error(), ENOSPC);
  EXPECT_EQ(lines, "four\n");
  kernel_.room = 100;
  EXPECT_TRUE(file->Write(lines).ok());
  EXPECT_EQ(ReadAll(path), "one\ntwo\nfour\n");
}

TEST_F(LogFileTest, AFullDiskBetweenLinesTearsNoneEither) {
  const std::string path = Path("log");
  const std::unique_ptr<LogFile> file = *LogFile::Open(kernel_, path);
  kernel_.room = 4;
  std::string lines = "one\ntwo\n";
  EXPECT_EQ(file->Write(lines).error(), ENOSPC);
  EXPECT_EQ(lines, "two\n");
  kernel_.room = 100;
  EXPECT_TRUE(file->Write(lines).ok());
  EXPECT_EQ(ReadAll(path), "one\ntwo\n");
}

TEST_F(LogFileTest, AFifoThatIsNotReadDoesNotKeepTheWriter) {
  const std::string path = Path("fifo");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(LogFile::Open(kernel_, path).status().message(),
              EndsWith("fifo: No such device or address"));
  const Descriptor reading(
      linux_,
      linux_
          .OpenAt(AT_FDCWD, path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0)
          .descriptor());
  const std::unique_ptr<LogFile> file = *LogFile::Open(kernel_, path);
  // More than a pipe holds.
  const std::string line = std::string(9'999, 'x') + "\n";
  std::string lines;
  for (int i = 0; i < 20; ++i) lines += line;
  const SysResult result = file->Write(lines);
  EXPECT_TRUE(result.would_block());
  EXPECT_EQ(lines.size() % line.size(), 0u);
  EXPECT_GT(lines.size(), 0u);
  const size_t before = 20 - lines.size() / line.size();
  std::string read = ReadAvailable(reading.number());
  lines = "last\n";
  EXPECT_TRUE(file->Write(lines).ok());
  read += ReadAvailable(reading.number());
  const std::vector<std::string> got =
      absl::StrSplit(read, '\n', absl::SkipEmpty());
  EXPECT_EQ(got.size(), before + 1);
  EXPECT_EQ(got[before - 1].size(), 9'999u);
  EXPECT_EQ(got[before], "last");
}

TEST_F(LogFileTest, AFileThatWasMovedAwayIsLeft) {
  const std::string path = Path("log");
  const std::unique_ptr<LogFile> file = *LogFile::Open(kernel_, path);
  std::string lines = "old\n";
  (void)file->Write(lines);
  ASSERT_EQ(rename(path.c_str(), (path + ".1").c_str()), 0);
  lines = "still old\n";
  (void)file->Write(lines);
  EXPECT_TRUE(file->Reopen().ok());
  lines = "new\n";
  (void)file->Write(lines);
  EXPECT_EQ(ReadAll(path + ".1"), "old\nstill old\n");
  EXPECT_EQ(ReadAll(path), "new\n");
}

TEST_F(LogFileTest, ReopenDropsTheRestOfATornLine) {
  const std::string path = Path("log");
  const std::unique_ptr<LogFile> file = *LogFile::Open(kernel_, path);
  kernel_.room = 6;
  std::string lines = "one\ntwo\n";
  EXPECT_EQ(file->Write(lines).error(), ENOSPC);
  ASSERT_EQ(rename(path.c_str(), (path + ".1").c_str()), 0);
  EXPECT_TRUE(file->Reopen().ok());
  kernel_.room = 100;
  lines = "three\n";
  EXPECT_TRUE(file->Write(lines).ok());
  EXPECT_EQ(ReadAll(path + ".1"), "one\ntw");
  EXPECT_EQ(ReadAll(path), "three\n");
}

TEST_F(LogFileTest, CreatesFilesThatOthersCannotRead) {
  const std::string path = Path("log");
  const mode_t mask = umask(0);
  ASSERT_TRUE(LogFile::Open(kernel_, path).ok());
  umask(mask);
  struct stat status = {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST_F(LogFileTest, WhereNoFileCanBeMadeTheOldOneIsKept) {
  const std::string folder = Path("folder");
  ASSERT_EQ(mkdir(folder.c_str(), 0700), 0);
  const std::unique_ptr<LogFile> file =
      *LogFile::Open(kernel_, folder + "/log");
  ASSERT_EQ(rename(folder.c_str(), (folder + "2").c_str()), 0);
  EXPECT_THAT(file->Reopen().message(), HasSubstr("No such file or directory"));
  std::string lines = "one\n";
  EXPECT_TRUE(file->Write(lines).ok());
  EXPECT_EQ(ReadAll(folder + "2/log"), "one\n");
}

TEST_F(LogFileTest, AFileThatCannotBeOpenedIsToldInASentence) {
  EXPECT_EQ(LogFile::Open(kernel_, "/nowhere/a.log").status().message(),
            "access log /nowhere/a.log: No such file or directory");
}

// Another file in place of the standard output, for as long as it lives.
class StandardOutput {
 public:
  explicit StandardOutput(int descriptor) : saved_(dup(STDOUT_FILENO)) {
    fflush(stdout);
    dup2(descriptor, STDOUT_FILENO);
  }
  ~StandardOutput() {
    dup2(saved_, STDOUT_FILENO);
    close(saved_);
  }

 private:
  const int saved_;
};

// Fills what `ends[1]` is with lines, and finds that this ends.
void FillStandardOutput(Kernel& kernel, const std::array<int, 2>& ends) {
  const Descriptor reading(kernel, ends[0]);
  Descriptor writing(kernel, ends[1]);
  SysResult result = SysResult::Ok();
  std::string lines;
  {
    const StandardOutput replaced(writing.number());
    const std::unique_ptr<LogFile> file = *LogFile::Open(kernel, "-");
    for (int i = 0; i < 10'000 && result.ok(); ++i) {
      lines = std::string(999, 'x') + "\n";
      result = file->Write(lines);
    }
  }
  EXPECT_TRUE(result.would_block());
  // Those who share it have it as it was.
  EXPECT_EQ(fcntl(writing.number(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(LogFileTest, AStandardOutputThatIsAPipeDoesNotKeepTheWriter) {
  std::array<int, 2> ends;
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  FillStandardOutput(linux_, ends);
}

TEST_F(LogFileTest, AStandardOutputThatIsATerminalDoesNotKeepTheWriter) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_GE(terminal, 0);
  ASSERT_EQ(grantpt(terminal), 0);
  ASSERT_EQ(unlockpt(terminal), 0);
  const int end = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_GE(end, 0);
  FillStandardOutput(linux_, {terminal, end});
}

TEST_F(LogFileTest, AStandardOutputThatIsASocketDoesNotKeepTheWriter) {
  std::array<int, 2> ends;
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  FillStandardOutput(linux_, ends);
}

// Writes `count` lines, some of which are longer than a pipe takes at once, and
// in which every byte is `mark`.
void WriteLines(LogFile& file, char mark, int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) {
    lines += std::string(i % 7 == 0 ? 9'000 : 50 + i % 100, mark) + "\n";
    if (i % 5 != 0) continue;
    while (!file.Write(lines).ok()) std::this_thread::yield();
  }
  while (!file.Write(lines).ok()) std::this_thread::yield();
}

TEST_F(LogFileTest, OfSeveralThreadsNoLineIsTorn) {
  constexpr int kLines = 1000;
  std::array<int, 2> ends;
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const Descriptor reading(linux_, ends[0]);
  Descriptor writing(linux_, ends[1]);
  std::unique_ptr<LogFile> file =
      *LogFile::Open(linux_, absl::StrCat("/proc/self/fd/", writing.number()));
  absl::BlockingCounter finished(3);
  std::vector<std::thread> threads;
  for (const char mark : {'a', 'b', 'c'}) {
    threads.emplace_back([&, mark] {
      WriteLines(*file, mark, kLines);
      finished.DecrementCount();
    });
  }
  // The end comes when nobody has it open any more.
  threads.emplace_back([&] {
    finished.Wait();
    writing.Close();
    file = nullptr;
  });
  const std::string written = ReadAvailable(reading.number());
  for (std::thread& thread : threads) thread.join();
  const std::vector<std::string> lines =
      absl::StrSplit(written, '\n', absl::SkipEmpty());
  EXPECT_EQ(lines.size(), 3u * kLines);
  const auto torn =
      std::count_if(lines.begin(), lines.end(), [](const std::string& line) {
        return line.find_first_not_of(line[0]) != line.npos;
      });
  EXPECT_EQ(torn, 0);
}

}  // namespace
}  // namespace pollux
