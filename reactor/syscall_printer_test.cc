#include "reactor/syscall_printer.h"

#include <cstdio>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "reactor/sys_result.h"
#include "reactor/syscall_record.h"

namespace pollux {
namespace {

SyscallRecord Record(SyscallKind kind, int result) {
  SyscallRecord record;
  record.kind = kind;
  record.result = SysResult::Ok(result);
  return record;
}

TEST(SyscallPrinterTest, PrintsALineForEachCallButNotTheClock) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(),
                                                             std::fclose);
  ASSERT_NE(file, nullptr);
  SyscallPrinter printer(file.get());
  printer.OnSyscall(Record(SyscallKind::kEpollCreate1, 3));
  printer.OnSyscall(Record(SyscallKind::kClockGetTime, 12345));
  printer.OnSyscall(Record(SyscallKind::kClose, 0));

  std::rewind(file.get());
  char text[200] = {};
  const size_t count = std::fread(text, 1, sizeof(text), file.get());
  EXPECT_EQ(std::string(text, count), "epoll_create1(0) = 3\nclose(0) = 0\n");
}

}  // namespace
}  // namespace pollux
