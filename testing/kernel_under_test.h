// The kernels that a test runs on, one after another.
#ifndef POLLUX_TESTING_KERNEL_UNDER_TEST_H_
#define POLLUX_TESTING_KERNEL_UNDER_TEST_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "reactor/kernel.h"

namespace pollux {

// A kernel to test on, as a GoogleTest parameter:
//
//   class ReactorTest : public testing::TestWithParam<KernelUnderTest> {
//     std::unique_ptr<Kernel> kernel_ = GetParam().make();
//   };
//   INSTANTIATE_TEST_SUITE_P(Kernels, ReactorTest,
//                            testing::ValuesIn(KernelsUnderTest()),
//                            KernelUnderTestName);
struct KernelUnderTest {
  std::string name;
  std::unique_ptr<Kernel> (*make)();
};

// Linux, and the fake kernel in a world of its own.
KernelUnderTest LinuxUnderTest();
KernelUnderTest FakeUnderTest();

// Both.
std::vector<KernelUnderTest> KernelsUnderTest();

std::string KernelUnderTestName(
    const testing::TestParamInfo<KernelUnderTest>& info);

}  // namespace pollux

#endif  // POLLUX_TESTING_KERNEL_UNDER_TEST_H_
