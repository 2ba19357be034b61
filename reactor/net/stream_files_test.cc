// Streams that send files.
#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/descriptor.h"
#include "reactor/net/lease.h"
#include "reactor/net/output_chain.h"
#include "reactor/net/stream.h"
#include "reactor/net/stream_fixture.h"
#include "reactor/reactor_fixture.h"
#include "reactor/sys_result.h"
#include "reactor/syscall_record.h"
#include "testing/kernel_under_test.h"
#include "testing/tree_under_test.h"

namespace pollux {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct CountingLender final : Lender {
  void OnReturned() override { ++returned; }
  int returned = 0;
};

class StreamFilesTest : public StreamTest {
 protected:
  Descriptor OpenFile(absl::string_view contents) {
    EXPECT_TRUE(tree_->WriteFile("file", contents));
    const std::string path = absl::StrCat(tree_->root(), "/file");
    const SysResult opened =
        kernel_.OpenAt(AT_FDCWD, path.c_str(), O_RDONLY | O_CLOEXEC, 0);
    EXPECT_TRUE(opened.ok()) << opened.error();
    return Descriptor(kernel_, opened.descriptor());
  }

  int file_sends() const { return calls_.Count(SyscallKind::kSendFile); }
  int closes() const { return calls_.Count(SyscallKind::kClose); }

  CountingLender lender_;
  const std::unique_ptr<TreeUnderTest> tree_ =
      TreeUnderTest::Make(*bare_kernel_);
};

INSTANTIATE_TEST_SUITE_P(Kernels, StreamFilesTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(StreamFilesTest, SendsPartOfAFile) {
  stream().WriteFile(FileRange(OpenFile("0123456789"), 3, 4));
  EXPECT_EQ(stream().unsent_bytes(), 4u);
  EXPECT_EQ(stream().buffered_bytes(), 0u);
  stream().Flush();
  EXPECT_EQ(ReadUntil(client_, 4), "3456");
  EXPECT_EQ(closes(), 1);
  EXPECT_TRUE(IsIdle());
}

TEST_P(StreamFilesTest, AHeadAndItsFileAreOneSendAndOneSendFile) {
  const Descriptor file = OpenFile("contents");
  server_.on_input = [&](absl::string_view) {
    stream().output() += "head ";
    stream().WriteFile(FileRange(file.number(), 0, 8, Lease(lender_)));
    return kAll;
  };
  for (int i = 1; i <= 3; ++i) {
    client_.Write("x");
    calls_.Clear();
    Iterate();
    EXPECT_EQ(client_.Read(), "head contents");
    EXPECT_EQ(sends(), 1);
    EXPECT_EQ(calls_.Of(SyscallKind::kSend)[0].numbers[2],
              MSG_NOSIGNAL | MSG_MORE);
    EXPECT_EQ(file_sends(), 1);
    EXPECT_EQ(calls_.Count(SyscallKind::kEpollCtl), 0);
    EXPECT_EQ(lender_.returned, i);
  }
  // It was only lent.
  EXPECT_EQ(closes(), 0);
}

TEST_P(StreamFilesTest, FilesAndBytesComeInOrder) {
  const Descriptor file = OpenFile("0123456789");
  stream().output() += "a";
  stream().WriteFile(FileRange(file.number(), 0, 3, Lease()));
  stream().output() += "b";
  stream().WriteFile(FileRange(file.number(), 7, 3, Lease()));
  stream().WriteFile(FileRange(file.number(), 5, 1, Lease()));
  stream().output() += "c";
  stream().Flush();
  EXPECT_EQ(ReadUntil(client_, 10), "a012b7895c");
  // What takes several turns does not ask for EPOLLOUT.
  EXPECT_EQ(calls_.Count(SyscallKind::kEpollCtl), 0);
  EXPECT_TRUE(IsIdle());
}

TEST_P(StreamFilesTest, ASlowReaderGetsAllOfALargeFile) {
  const std::string bytes = Pattern(3'000'000);
  for (const bool is_tcp : {false, true}) {
    is_tcp ? OpenTcp() : Open();
    stream().output() += "head";
    stream().WriteFile(FileRange(OpenFile(bytes), 0, bytes.size()));
    stream().output() += "tail";
    stream().CloseWhenSent();
    EXPECT_TRUE(ReadUntil(client_, bytes.size() + 8) ==
                absl::StrCat("head", bytes, "tail"));
  }
}

TEST_P(StreamFilesTest, OneEventSendsABoundedPart) {
  options_.max_file_bytes_per_event = 100;
  Reopen();
  const std::string bytes = Pattern(1'000);
  stream().WriteFile(FileRange(OpenFile(bytes), 0, bytes.size()));
  stream().Flush();
  Iterate();
  EXPECT_EQ(client_.Read().size(), 100u);
  EXPECT_TRUE(ReadUntil(client_, 900) == bytes.substr(100));
  EXPECT_EQ(calls_.Count(SyscallKind::kEpollCtl), 0);
}

TEST_P(StreamFilesTest, WaitsForRoom) {
  faults_.FailNext(SyscallKind::kSendFile, EAGAIN);
  stream().WriteFile(FileRange(OpenFile("contents"), 0, 8));
  stream().Flush();
  Iterate();
  EXPECT_EQ(stream().unsent_bytes(), 8u);
  EXPECT_EQ(ReadUntil(client_, 8), "contents");
}

TEST_P(StreamFilesTest, ASignalDoesNotDisturbIt) {
  faults_.FailNext(SyscallKind::kSendFile, EINTR, 2);
  stream().WriteFile(FileRange(OpenFile("contents"), 0, 8));
  stream().Flush();
  Iterate();
  EXPECT_EQ(client_.Read(), "contents");
}

TEST_P(StreamFilesTest, AShortFileIsToldAndNeverPadded) {
  for (const bool is_tcp : {false, true}) {
    is_tcp ? OpenTcp() : Open();
    server_.closes.clear();
    stream().output() += "head ";
    stream().WriteFile(FileRange(OpenFile("short"), 0, 100));
    stream().output() += "tail";
    stream().Flush();
    ASSERT_TRUE(RunUntil([&] { return !server_.closes.empty(); }));
    EXPECT_THAT(server_.closes, ElementsAre(kFileTruncated));
    EXPECT_TRUE(IsIdle());
    EXPECT_THAT(server_.closes, ElementsAre(kFileTruncated));
    EXPECT_THAT(client_.Read(), testing::AnyOf("head short", "head ", ""));
    // Not an end that could be taken for the whole.
    EXPECT_EQ(client_.last_error(), is_tcp ? ECONNRESET : 0);
  }
}

TEST_P(StreamFilesTest, AFileThatIsCutMeanwhileIsTold) {
  const std::string bytes = Pattern(3'000'000);
  stream().WriteFile(FileRange(OpenFile(bytes), 0, bytes.size()));
  stream().Flush();
  Iterate();
  ASSERT_TRUE(tree_->Truncate("file", 10));
  ASSERT_TRUE(RunUntil([&] {
    client_.Read();
    return !server_.closes.empty();
  }));
  EXPECT_THAT(server_.closes, ElementsAre(kFileTruncated));
  EXPECT_TRUE(IsIdle());
}

TEST_P(StreamFilesTest, AShortFileMayEndInOrder) {
  options_.short_file = ShortFile::kFinish;
  Reopen();
  for (const bool is_tcp : {false, true}) {
    is_tcp ? OpenTcp() : Open();
    server_.closes.clear();
    // Unread input would turn a close into a reset.
    server_.on_input = [&](absl::string_view) {
      stream().output() += "head ";
      stream().WriteFile(FileRange(OpenFile("short"), 0, 100));
      stream().output() += "tail";
      return 1;
    };
    client_.Write("input");
    std::string received;
    ASSERT_TRUE(RunUntil([&] {
      received += client_.Read();
      return received == "head short" && server_.truncated_bytes > 0;
    }));
    // The missing part of the file, and the bytes written after it.
    EXPECT_EQ(server_.truncated_bytes, 95u + 4u);
    // Later writes are ignored.
    stream().output() += "late";
    stream().Flush();
    client_.Write("more input, which is discarded");
    EXPECT_TRUE(IsIdle());
    EXPECT_THAT(server_.closes, IsEmpty());
    EXPECT_EQ(server_.inputs.size(), 1u);
    EXPECT_EQ(server_.drains, 0);
    client_.Close();
    ASSERT_TRUE(RunUntil([&] { return !server_.closes.empty(); }));
    EXPECT_THAT(server_.closes, ElementsAre(kFileTruncated));
    EXPECT_EQ(server_.unsent_bytes, 0u);
    server_.inputs.clear();
    server_.truncated_bytes = 0;
  }
}

TEST_P(StreamFilesTest, AFileThatCannotBeReadIsTold) {
  faults_.FailNext(SyscallKind::kSendFile, EIO);
  stream().WriteFile(FileRange(OpenFile("contents"), 0, 8));
  stream().Flush();
  Iterate();
  EXPECT_THAT(server_.closes, ElementsAre(Broken(EIO)));
  // The file went with the stream.
  EXPECT_EQ(closes(), 2);
}

TEST_P(StreamFilesTest, AFileIsClosedThoughItIsNotSent) {
  stream().WriteFile(FileRange(OpenFile("contents"), 0, 8));
  stream().Close();
  EXPECT_EQ(closes(), 2);
  stream().WriteFile(FileRange(OpenFile("contents"), 0, 8));
  EXPECT_EQ(closes(), 3);
}

TEST_P(StreamFilesTest, AFileCountsForTheWatermarkAndNotForTheAccount) {
  options_.high_watermark_bytes = 8;
  Reopen();
  stream().WriteFile(FileRange(OpenFile("contents"), 0, 8));
  EXPECT_TRUE(stream().is_output_high());
  stream().Flush();
  EXPECT_EQ(buffers().buffered_bytes(), 0u);
  Iterate();
  EXPECT_EQ(server_.drains, 1);
  EXPECT_THAT(server_.closes, IsEmpty());
}

}  // namespace
}  // namespace pollux
