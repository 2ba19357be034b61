// What the tests of serving files share.
#ifndef POLLUX_HTTPD_HANDLERS_FILES_FIXTURE_H_
#define POLLUX_HTTPD_HANDLERS_FILES_FIXTURE_H_

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "reactor/intercepting_kernel.h"
#include "reactor/kernel.h"
#include "reactor/reactor.h"
#include "reactor/sys_result.h"
#include "reactor/syscall_record.h"
#include "testing/fake_kernel.h"
#include "testing/kernel_under_test.h"
#include "testing/tree_under_test.h"

namespace pollux {

// A kernel to test on, with openat2(2) or without.
struct FilesSetup {
  std::string name;
  KernelUnderTest kernel;
  bool has_openat2;
};

inline std::vector<FilesSetup> FilesSetups() {
  std::vector<FilesSetup> setups;
  for (const KernelUnderTest& kernel : KernelsUnderTest()) {
    setups.push_back({kernel.name, kernel, true});
    setups.push_back({kernel.name + "WithoutOpenAt2", kernel, false});
  }
  return setups;
}

inline std::string FilesSetupName(
    const testing::TestParamInfo<FilesSetup>& info) {
  return info.param.name;
}

// A reactor and a folder on a kernel under test, which counts its calls and can
// be made to fail; all descriptors must be closed when a test ends.
class FilesFixture : public testing::TestWithParam<FilesSetup> {
 protected:
  class CountingKernel final : public InterceptingKernel {
   public:
    CountingKernel(Kernel& kernel, const FilesSetup& setup)
        : InterceptingKernel(kernel) {
      if (!setup.has_openat2) FailNext(SyscallKind::kOpenAt2, ENOSYS, 1 << 30);
    }

    // Of the next `times` calls of this kind, behind `but` that pass.
    void FailNext(SyscallKind kind, int error, int times = 1, int but = 0) {
      faults_[static_cast<size_t>(kind)] = {error, times, but};
    }
    // Pread moves no more than this.
    void set_max_read_bytes(size_t bytes) { max_read_bytes_ = bytes; }
    // Called once, before the next call of that kind.
    void BeforeNext(SyscallKind kind, std::function<void()> action) {
      before_kind_ = kind;
      before_ = std::move(action);
    }

    int Count(SyscallKind kind) const {
      return counts_[static_cast<size_t>(kind)];
    }
    // Of all kinds but looks at the clock, which the loop gives away and which
    // are made outside of it.
    int calls() const { return calls_ - Count(SyscallKind::kClockGetTime); }
    int open() const { return open_; }

   private:
    struct Fault {
      int error = 0;
      int times = 0;
      int but = 0;
    };

    SysResult Intercept(SyscallRecord& call, Proceed proceed) override {
      ++calls_;
      ++counts_[static_cast<size_t>(call.kind)];
      if (before_ && call.kind == before_kind_) {
        std::exchange(before_, nullptr)();
      }
      Fault& fault = faults_[static_cast<size_t>(call.kind)];
      if (fault.times > 0 && fault.but-- <= 0) {
        --fault.times;
        return SysResult::Error(fault.error);
      }
      const SysResult result = proceed(
          call.kind == SyscallKind::kPread ? max_read_bytes_ : SIZE_MAX);
      switch (call.kind) {
        case SyscallKind::kOpenAt:
        case SyscallKind::kOpenAt2:
        case SyscallKind::kEpollCreate1:
        case SyscallKind::kEventFd:
          if (result.ok()) ++open_;
          break;
        case SyscallKind::kClose:
          EXPECT_TRUE(result.ok());
          --open_;
          break;
        default:
          break;
      }
      return result;
    }

    std::array<Fault, kSyscallKinds> faults_;
    std::array<int, kSyscallKinds> counts_ = {};
    SyscallKind before_kind_ = SyscallKind::kClose;
    std::function<void()> before_;
    size_t max_read_bytes_ = SIZE_MAX;
    int calls_ = 0;
    int open_ = 0;
  };

  FilesFixture() {
    // The fake's clock begins in 1970, with whole seconds, as in a coarse file
    // system; on this day in 2027 the dates of the tests are past.
    if (fake() != nullptr)
      Pass(absl::FromUnixMillis(1800000000123) - absl::UnixEpoch());
  }

  void TearDown() override {
    reactor_.reset();
    EXPECT_EQ(kernel_.open(), 0);
  }

  // Lets time pass: virtual time on the fake.
  void Pass(absl::Duration time) { reactor_->RunOnce(time); }

  // Until what was written to files before is so old that the next change
  // shows.
  void Settle() { Pass(absl::Milliseconds(120)); }

  // Null on Linux.
  FakeKernel* fake() { return dynamic_cast<FakeKernel*>(bare_kernel_.get()); }

  void Write(absl::string_view path, absl::string_view contents) {
    EXPECT_TRUE(tree_->WriteFile(path, contents)) << path;
  }
  void MakeDirectory(absl::string_view path) {
    EXPECT_TRUE(tree_->MakeDirectory(path)) << path;
  }
  void Link(absl::string_view path, absl::string_view target) {
    EXPECT_TRUE(tree_->MakeSymlink(path, target)) << path;
  }
  std::string Path(absl::string_view path) const {
    return tree_->root() + "/" + std::string(path);
  }

  const std::unique_ptr<Kernel> bare_kernel_ = GetParam().kernel.make();
  const std::unique_ptr<TreeUnderTest> tree_ =
      TreeUnderTest::Make(*bare_kernel_);
  CountingKernel kernel_{*bare_kernel_, GetParam()};
  std::unique_ptr<Reactor> reactor_ = *Reactor::Create(kernel_);
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_FILES_FIXTURE_H_
