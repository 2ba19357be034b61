#include "testing/kernel_under_test.h"

#include "reactor/linux_kernel.h"
#include "testing/fake_kernel.h"

namespace pollux {

KernelUnderTest LinuxUnderTest() {
  return {"Linux", []() -> std::unique_ptr<Kernel> {
            return std::make_unique<LinuxKernel>();
          }};
}

KernelUnderTest FakeUnderTest() {
  return {"Fake", []() -> std::unique_ptr<Kernel> {
            return std::make_unique<FakeKernel>();
          }};
}

std::vector<KernelUnderTest> KernelsUnderTest() {
  return {LinuxUnderTest(), FakeUnderTest()};
}

std::string KernelUnderTestName(
    const testing::TestParamInfo<KernelUnderTest>& info) {
  return info.param.name;
}

}  // namespace pollux
