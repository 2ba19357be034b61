// What the tests of what system calls do have in common.
#ifndef POLLUX_TESTING_KERNEL_CALLER_H_
#define POLLUX_TESTING_KERNEL_CALLER_H_

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reactor/kernel.h"
#include "reactor/net/address.h"
#include "reactor/sys_result.h"
#include "testing/kernel_under_test.h"

namespace pollux {

inline constexpr absl::Duration kPatience = absl::Seconds(10);
inline constexpr absl::Duration kNow = absl::ZeroDuration();

constexpr SysResult Ok(int64_t value = 0) { return SysResult::Ok(value); }
constexpr SysResult Error(int error) { return SysResult::Error(error); }

// For GoogleTest.
inline void PrintTo(SysResult result, std::ostream* out) {
  if (result.ok()) {
    *out << result.value();
  } else {
    *out << ::strerrorname_np(result.error());
  }
}

// Events by data, which in these tests is the descriptor.
using Events = std::map<int, uint32_t>;

inline constexpr uint32_t kEdge = uint32_t{EPOLLET};

// What Recv() said: "bytes", "end" or the error.
inline std::string Said(SysResult result, const std::vector<char>& buffer) {
  if (!result.ok()) return ::strerrorname_np(result.error());
  if (result.value() == 0) return "end";
  return std::string(buffer.data(), static_cast<size_t>(result.value()));
}

// Makes calls on one of the kernels under test, in the words of the tests of
// what calls do. Closes all that it opened. One thread.
class KernelCaller {
 public:
  struct Pair {
    int a;
    int b;
  };

  explicit KernelCaller(const KernelUnderTest& kernel)
      : kernel_(kernel.make()) {}
  ~KernelCaller() {
    for (int descriptor : open_) (void)kernel_->Close(descriptor);
    for (const std::string& path : paths_) ::unlink(path.c_str());
  }

  Kernel& kernel() { return *kernel_; }

  // A call that gives a descriptor, which is closed at the end.
  int Must(SysResult result) {
    EXPECT_TRUE(result.ok()) << ::strerrorname_np(result.error());
    open_.insert(result.descriptor());
    return result.descriptor();
  }
  int EventFd(unsigned int initial = 0, int flags = 0) {
    return Must(kernel_->EventFd(initial, EFD_NONBLOCK | flags));
  }
  int EpollSet() { return Must(kernel_->EpollCreate1(EPOLL_CLOEXEC)); }
  int Socket(int family) {
    return Must(kernel_->Socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));
  }
  void Close(int descriptor) {
    open_.erase(descriptor);
    EXPECT_EQ(kernel_->Close(descriptor), Ok());
  }

  SysResult Bind(int socket, absl::string_view text) {
    return Bind(socket, *Address::Parse(text));
  }
  SysResult Bind(int socket, const Address& address) {
    return kernel_->Bind(socket, address.data(), address.length());
  }
  SysResult Connect(int socket, const Address& address) {
    return kernel_->Connect(socket, address.data(), address.length());
  }
  Address AddressOf(int socket) {
    sockaddr_storage storage = {};
    socklen_t length = sizeof(storage);
    auto* address = reinterpret_cast<sockaddr*>(&storage);
    EXPECT_EQ(kernel_->GetSockName(socket, address, &length), Ok());
    return Address::FromSockaddr(address, length);
  }
  SysResult Set(int socket, int option, int value) {
    return kernel_->SetSockOpt(socket, SOL_SOCKET, option, &value,
                               sizeof(value));
  }
  int TakeError(int socket) {
    int error = -1;
    socklen_t length = sizeof(error);
    EXPECT_EQ(
        kernel_->GetSockOpt(socket, SOL_SOCKET, SO_ERROR, &error, &length),
        Ok());
    return error;
  }
  void ResetOnClose(int socket) {
    const linger now = {.l_onoff = 1, .l_linger = 0};
    EXPECT_EQ(
        kernel_->SetSockOpt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof(now)),
        Ok());
  }

  int TcpListener(int backlog = 16, int family = AF_INET) {
    const int listener = Socket(family);
    EXPECT_EQ(Bind(listener, family == AF_INET ? "127.0.0.1:0" : "[::1]:0"),
              Ok());
    EXPECT_EQ(kernel_->Listen(listener, backlog), Ok());
    return listener;
  }
  // A name that nobody else has.
  std::string UnixName(absl::string_view kind) {
    static int names = 0;
    const std::string name = absl::StrCat("k", ::getpid(), ".", names++);
    if (kind == "path") {
      // Paths are short.
      EXPECT_EQ(::chdir(testing::TempDir().c_str()), 0);
      paths_.push_back(name);
      return absl::StrCat("unix:", name);
    }
    return absl::StrCat("unix:@", name);
  }
  int UnixListener(absl::string_view name, int backlog = 16) {
    const int listener = Socket(AF_UNIX);
    EXPECT_EQ(Bind(listener, name), Ok());
    EXPECT_EQ(kernel_->Listen(listener, backlog), Ok());
    return listener;
  }
  SysResult TryToAccept(int listener) {
    return kernel_->Accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
  }
  int Accept(int listener) {
    Await(listener, EPOLLIN);
    return Must(TryToAccept(listener));
  }
  Pair TcpPair(int family = AF_INET) {
    const int listener = TcpListener(/*backlog=*/16, family);
    const int client = Socket(family);
    EXPECT_EQ(Connect(client, AddressOf(listener)), Error(EINPROGRESS));
    const int server = Accept(listener);
    Await(client, EPOLLOUT);
    Close(listener);
    return {client, server};
  }
  // AF_UNIX, AF_INET or AF_INET6.
  Pair StreamPair(int family) {
    return family == AF_UNIX ? UnixPair() : TcpPair(family);
  }
  static std::string FamilyName(int family) {
    return family == AF_UNIX ? "Unix" : family == AF_INET ? "Tcp" : "Tcp6";
  }
  Pair UnixPair() {
    std::array<int, 2> both = {};
    EXPECT_EQ(
        kernel_->SocketPair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, both),
        Ok());
    return {Must(Ok(both[0])), Must(Ok(both[1]))};
  }

  SysResult Send(int socket, absl::string_view bytes) {
    return kernel_->Send(socket, {bytes.data(), bytes.size()}, MSG_NOSIGNAL);
  }
  // Sends where it is sure to work.
  void Say(int socket, absl::string_view bytes) {
    EXPECT_EQ(Send(socket, bytes), Ok(static_cast<int64_t>(bytes.size())));
  }
  std::string Recv(int socket, size_t count = 100, int flags = 0) {
    std::vector<char> buffer(count);
    const SysResult result =
        kernel_->Recv(socket, absl::MakeSpan(buffer), flags);
    return Said(result, buffer);
  }
  // When something has come.
  std::string Hear(int socket, size_t count = 100, int flags = 0) {
    Await(socket, EPOLLIN);
    return Recv(socket, count, flags);
  }
  // Until it is full; how many bytes.
  size_t Fill(int socket) {
    const std::string chunk(16 * 1024, 'x');
    size_t total = 0;
    while (true) {
      const SysResult result = Send(socket, chunk);
      if (!result.ok()) {
        EXPECT_EQ(result, Error(EAGAIN));
        return total;
      }
      total += static_cast<size_t>(result.value());
    }
  }
  void Drain(int socket, size_t total) {
    std::vector<char> buffer(64 * 1024);
    while (total > 0) {
      Await(socket, EPOLLIN);
      const SysResult result = kernel_->Recv(socket, absl::MakeSpan(buffer), 0);
      ASSERT_GT(result.value(), 0);
      total -= static_cast<size_t>(result.value());
    }
  }

  SysResult Write(int eventfd, uint64_t count) {
    std::array<char, sizeof(count)> bytes;
    std::memcpy(bytes.data(), &count, sizeof(count));
    return kernel_->Write(eventfd, bytes);
  }
  void Ring(int eventfd) { EXPECT_EQ(Write(eventfd, 1), Ok(8)); }
  // The counter; 0 if there is nothing to read.
  uint64_t Take(int eventfd) {
    std::array<char, sizeof(uint64_t)> bytes;
    const SysResult result = kernel_->Read(eventfd, absl::MakeSpan(bytes));
    if (!result.ok()) {
      EXPECT_EQ(result, Error(EAGAIN));
      return 0;
    }
    EXPECT_EQ(result, Ok(8));
    uint64_t count;
    std::memcpy(&count, bytes.data(), sizeof(count));
    return count;
  }

  SysResult Control(int set, int operation, int descriptor, uint32_t events) {
    epoll_event event = {.events = events, .data = {.fd = descriptor}};
    return kernel_->EpollCtl(set, operation, descriptor, &event);
  }
  SysResult Add(int set, int descriptor, uint32_t events) {
    return Control(set, EPOLL_CTL_ADD, descriptor, events);
  }
  SysResult Modify(int set, int descriptor, uint32_t events) {
    return Control(set, EPOLL_CTL_MOD, descriptor, events);
  }
  SysResult Remove(int set, int descriptor) {
    return kernel_->EpollCtl(set, EPOLL_CTL_DEL, descriptor, nullptr);
  }
  Events Wait(int set, absl::Duration timeout = kPatience,
              size_t max_events = 64) {
    std::vector<epoll_event> events(max_events);
    const SysResult result =
        kernel_->EpollPwait2(set, absl::MakeSpan(events), timeout);
    EXPECT_TRUE(result.ok()) << ::strerrorname_np(result.error());
    Events found;
    for (int64_t i = 0; i < result.value(); ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      EXPECT_TRUE(found.emplace(event.data.fd, event.events).second);
    }
    return found;
  }
  // What poll(2) would say.
  uint32_t Poll(int descriptor) {
    constexpr uint32_t kAll = EPOLLIN | EPOLLOUT | EPOLLRDHUP;
    const int set = EpollSet();
    EXPECT_EQ(Add(set, descriptor, kAll), Ok());
    const Events events = Wait(set, kNow);
    Close(set);
    return events.empty() ? 0 : events.at(descriptor);
  }
  // Until all of `events` hold.
  void Await(int descriptor, uint32_t events) {
    const int set = EpollSet();
    EXPECT_EQ(Add(set, descriptor, events), Ok());
    uint32_t seen = 0;
    for (int tries = 0; tries < 1000 && (seen & events) != events; ++tries) {
      const Events found = Wait(set);
      ASSERT_FALSE(found.empty()) << "nothing came";
      seen = found.at(descriptor);
    }
    EXPECT_EQ(seen & events, events);
    Close(set);
  }

 private:
  std::unique_ptr<Kernel> kernel_;
  std::set<int> open_;
  std::vector<std::string> paths_;
};

// A suite that runs on each kernel:
//
//   class TimerConformanceTest : public KernelConformance {};
//   INSTANTIATE_TEST_SUITE_P(Kernels, TimerConformanceTest,
//                            testing::ValuesIn(KernelsUnderTest()),
//                            KernelUnderTestName);
class KernelConformance : public testing::TestWithParam<KernelUnderTest>,
                          public KernelCaller {
 protected:
  KernelConformance() : KernelCaller(GetParam()) {}
};

}  // namespace pollux

#endif  // POLLUX_TESTING_KERNEL_CALLER_H_
