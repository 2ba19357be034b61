#include "reactor/net/descriptor_passing.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/descriptor.h"
#include "reactor/kernel.h"
#include "reactor/sys_result.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class DescriptorPassingTest : public testing::TestWithParam<KernelUnderTest> {
 protected:
  DescriptorPassingTest() {
    std::array<int, 2> sockets = {-1, -1};
    EXPECT_TRUE(
        kernel_->SocketPair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets)
            .ok());
    near_ = Descriptor(*kernel_, sockets[0]);
    far_ = Descriptor(*kernel_, sockets[1]);
  }

  Descriptor Counter(unsigned int value) {
    return Descriptor(*kernel_,
                      kernel_->EventFd(value, EFD_NONBLOCK).descriptor());
  }

  uint64_t Read(const Descriptor& counter) {
    uint64_t value = 0;
    EXPECT_EQ(kernel_
                  ->Read(counter.number(),
                         absl::MakeSpan(reinterpret_cast<char*>(&value),
                                        sizeof(value)))
                  .value(),
              static_cast<int64_t>(sizeof(value)));
    return value;
  }

  SysResult Send(absl::string_view bytes, absl::Span<const int> descriptors) {
    return SendWithDescriptors(*kernel_, near_.number(), bytes, descriptors);
  }

  SysResult Receive(size_t max_descriptors = kMaxPassedDescriptors) {
    return ReceiveWithDescriptors(*kernel_, far_.number(),
                                  absl::MakeSpan(bytes_), max_descriptors,
                                  received_);
  }

  // The next free number: what is left open shows in it.
  int FreeNumber() { return Counter(0).number(); }

  const std::unique_ptr<Kernel> kernel_ = GetParam().make();
  Descriptor near_;
  Descriptor far_;
  std::array<char, 64> bytes_;
  std::vector<Descriptor> received_;
};

INSTANTIATE_TEST_SUITE_P(Kernels, DescriptorPassingTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(DescriptorPassingTest, PassesWhatIsOpen) {
  {
    const Descriptor a = Counter(1);
    const Descriptor b = Counter(2);
    ASSERT_EQ(Send("two", {a.number(), b.number()}).value(), 3);
  }
  ASSERT_EQ(Receive().value(), 3);
  EXPECT_EQ(absl::string_view(bytes_.data(), 3), "two");
  ASSERT_THAT(received_, SizeIs(2));
  EXPECT_EQ(Read(received_[0]), 1u);
  EXPECT_EQ(Read(received_[1]), 2u);
  for (const Descriptor& descriptor : received_) {
    EXPECT_EQ(kernel_->Fcntl(descriptor.number(), F_GETFD, 0).value(),
              FD_CLOEXEC);
  }
}

TEST_P(DescriptorPassingTest, PassesBytesAlone) {
  ASSERT_EQ(Send("none", {}).value(), 4);
  ASSERT_EQ(Receive().value(), 4);
  EXPECT_THAT(received_, IsEmpty());
}

TEST_P(DescriptorPassingTest, PassesAsManyAsTheKernelTakes) {
  const Descriptor counter = Counter(7);
  const std::vector<int> many(kMaxPassedDescriptors, counter.number());
  ASSERT_EQ(Send("m", many).value(), 1);
  ASSERT_EQ(Receive().value(), 1);
  EXPECT_THAT(received_, SizeIs(kMaxPassedDescriptors));
  const std::vector<int> too_many(kMaxPassedDescriptors + 1, counter.number());
  EXPECT_EQ(Send("m", too_many).error(), EINVAL);
}

TEST_P(DescriptorPassingTest, WithoutBytesNothingIsPassed) {
  EXPECT_EQ(Send("", {near_.number()}).error(), EINVAL);
}

TEST_P(DescriptorPassingTest, MoreThanWereAskedForAreClosed) {
  const int free = FreeNumber();
  {
    const Descriptor counter = Counter(1);
    ASSERT_TRUE(Send("x", {counter.number(), counter.number()}).ok());
  }
  EXPECT_EQ(Receive(1).error(), EMSGSIZE);
  EXPECT_THAT(received_, IsEmpty());
  EXPECT_EQ(FreeNumber(), free);
}

TEST_P(DescriptorPassingTest, WhatIsNotOpenIsNotPassed) {
  EXPECT_EQ(Send("x", {999}).error(), EBADF);
  EXPECT_TRUE(Receive().would_block());
}

TEST_P(DescriptorPassingTest, TellsTheEndOfInput) {
  near_.Close();
  EXPECT_EQ(Receive().value(), 0);
  EXPECT_THAT(received_, IsEmpty());
}

TEST_P(DescriptorPassingTest, TellsThatThePeerHasGone) {
  far_.Close();
  EXPECT_EQ(Send("x", {near_.number()}).error(), EPIPE);
}

}  // namespace
}  // namespace pollux
