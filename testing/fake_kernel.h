// A small kernel in memory.
#ifndef POLLUX_TESTING_FAKE_KERNEL_H_
#define POLLUX_TESTING_FAKE_KERNEL_H_

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "reactor/kernel.h"
#include "testing/fake/epoll_set.h"
#include "testing/fake/file_tree.h"
#include "testing/fake/inode.h"
#include "testing/fake/open_file.h"
#include "testing/fake/process_table.h"
#include "testing/fake/signal_queue.h"
#include "testing/fake/socket_file.h"
#include "testing/fake/socket_message.h"
#include "testing/fake_world.h"

namespace pollux {

// Every system call of `Kernel`, in memory: one process on one host of a
// FakeWorld, with its descriptor table and its signals. It does what Linux
// does, errnos included; //testing:kernel_conformance_test and
// //testing:kernel_differential_test hold it to that.
//
// SIGPIPE, which ends a program that neither ignores nor blocks it, is a
// failure of the run (FakeWorld::ReportFailure()). What counts is whether this
// process ignores it (SIG_IGN), or the fake one blocks it (SigProcMask()).
//
// Time is virtual: a wait that finds nothing moves the clock to the next thing
// that happens. Owned by the test, one thread, must outlive what is made on it.
// Blocking descriptors work too: they let time pass.
class FakeKernel final : public Kernel {
 public:
  struct Options {
    // RLIMIT_NOFILE: descriptors are 0 to one less.
    size_t descriptor_limit = 1024;
  };

  // In a world of its own.
  FakeKernel() : FakeKernel(std::make_unique<FakeWorld>(), Options()) {}
  FakeKernel(FakeWorld& world, const Options& options)
      : world_(world), options_(options), descriptors_(kFirstDescriptor) {}
  explicit FakeKernel(FakeWorld& world) : FakeKernel(world, Options()) {}
  ~FakeKernel() override;

  FakeWorld& world() { return world_; }

  // kill(2) from outside.
  void RaiseSignal(int signal) { signals_.Raise(signal); }

  // Programs to start, and the children that were started.
  ProcessTable& processes() { return processes_; }

  // The files of this host.
  FileTree& files() { return files_; }

  // Changes RLIMIT_NOFILE; what is open stays open.
  void set_descriptor_limit(size_t limit) { options_.descriptor_limit = limit; }

  // Who the process is, as SO_PEERCRED tells at the other end of a unix socket.
  static constexpr const ucred& process() { return SocketFile::kProcess; }

  // Open descriptors, but not the three standard ones.
  size_t open_descriptors() const;
  // Their numbers, in order.
  std::vector<int> OpenDescriptorNumbers() const;

  // Open descriptors that a program which is started would get too.
  size_t inherited_descriptors() const {
    return open_descriptors() - close_on_exec_.size();
  }

  // Calls on descriptors that were not open: a second close(), a use after it.
  uint64_t bad_descriptor_calls() const { return bad_descriptor_calls_; }

  // Gives `file` a descriptor: for tests that make files of their own.
  SysResult Install(std::shared_ptr<OpenFile> file) {
    return InstallFrom(kFirstDescriptor, std::move(file));
  }

  // dup(2).
  SysResult Dup(int descriptor);

  SysResult Socket(int domain, int type, int protocol) override;
  SysResult SocketPair(int domain, int type, int protocol,
                       std::array<int, 2>& sockets) override;
  SysResult Bind(int socket, const sockaddr* address,
                 socklen_t length) override;
  SysResult Listen(int socket, int backlog) override;
  SysResult Accept4(int listener, sockaddr* peer, socklen_t* peer_length,
                    int flags) override;
  SysResult Connect(int socket, const sockaddr* address,
                    socklen_t length) override;
  SysResult GetSockName(int socket, sockaddr* address,
                        socklen_t* length) override;
  SysResult GetPeerName(int socket, sockaddr* address,
                        socklen_t* length) override;
  SysResult SetSockOpt(int socket, int level, int option, const void* value,
                       socklen_t length) override;
  SysResult GetSockOpt(int socket, int level, int option, void* value,
                       socklen_t* length) override;
  SysResult Recv(int socket, absl::Span<char> buffer, int flags) override;
  SysResult Send(int socket, absl::Span<const char> bytes, int flags) override;
  SysResult RecvMsg(int socket, msghdr& message, int flags) override;
  SysResult SendMsg(int socket, const msghdr& message, int flags) override;
  SysResult RecvMMsg(int socket, absl::Span<mmsghdr> messages,
                     int flags) override;
  SysResult SendMMsg(int socket, absl::Span<mmsghdr> messages,
                     int flags) override;
  SysResult SendFile(int socket, int file, off_t& offset,
                     size_t count) override;
  SysResult Shutdown(int socket, int how) override;
  SysResult Close(int descriptor) override;
  SysResult Read(int descriptor, absl::Span<char> buffer) override;
  SysResult Write(int descriptor, absl::Span<const char> bytes) override;
  SysResult Fcntl(int descriptor, int command, int argument) override;
  SysResult OpenAt2(int directory, const char* path,
                    const open_how& how) override;
  SysResult OpenAt(int directory, const char* path, int flags,
                   mode_t mode) override;
  SysResult Fstat(int descriptor, struct stat& status) override;
  SysResult Pread(int file, absl::Span<char> buffer, off_t offset) override;
  SysResult GetDents64(int directory, absl::Span<char> buffer) override;
  SysResult UnlinkAt(int directory, const char* path, int flags) override;
  SysResult EpollCreate1(int flags) override;
  SysResult EpollCtl(int epoll, int operation, int descriptor,
                     epoll_event* event) override;
  SysResult EpollPwait2(int epoll, absl::Span<epoll_event> events,
                        absl::Duration timeout) override;
  SysResult EpollWait(int epoll, absl::Span<epoll_event> events,
                      int timeout_ms) override;
  SysResult EventFd(unsigned int initial, int flags) override;
  SysResult ClockGetTime(clockid_t clock) override;
  SysResult TimerFdCreate(clockid_t clock, int flags) override;
  SysResult TimerFdSetTime(int timer, int flags, const itimerspec& value,
                           itimerspec* old) override;
  SysResult SignalFd(int descriptor, const sigset_t& signals,
                     int flags) override;
  SysResult SigProcMask(int how, const sigset_t& signals,
                        sigset_t* old) override;
  SysResult PosixSpawn(const char* path,
                       const posix_spawn_file_actions_t* actions,
                       const posix_spawnattr_t* attributes, char* const argv[],
                       char* const envp[]) override;
  SysResult PidFdOpen(pid_t process, unsigned int flags) override;
  SysResult PidFdSendSignal(int process, int signal) override;
  SysResult Kill(pid_t process, int signal) override;
  SysResult WaitId(idtype_t type, id_t id, siginfo_t& info,
                   int options) override;
  SysResult SchedGetAffinity(pid_t thread, cpu_set_t& cpus) override;
  SysResult SchedSetAffinity(pid_t thread, const cpu_set_t& cpus) override;
  SysResult GetRLimit(int resource, rlimit& limit) override;

 private:
  // 0, 1 and 2 are taken, as in every program.
  static constexpr size_t kFirstDescriptor = 3;

  FakeKernel(std::unique_ptr<FakeWorld> world, const Options& options)
      : own_world_(std::move(world)),
        world_(*own_world_),
        options_(options),
        descriptors_(kFirstDescriptor) {}

  // The lowest free number from `lowest` on.
  SysResult InstallFrom(size_t lowest, std::shared_ptr<OpenFile> file);
  // Null, and counted, if it is not open.
  OpenFile* FindAny(int descriptor);
  // Null for O_PATH too: for calls that need more than a name.
  OpenFile* Find(int descriptor);
  // The descriptor as one kind of file; else null and `error` says why.
  template <typename File>
  File* FindAs(int descriptor, int wrong_kind_error, SysResult& error);
  SocketFile* FindSocket(int descriptor, SysResult& error) {
    return FindAs<SocketFile>(descriptor, ENOTSOCK, error);
  }
  static bool IsStream(const OpenFile& file);
  // Returns `result`. If a stream's peer is gone (EPIPE), raises SIGPIPE first,
  // unless `flags` has MSG_NOSIGNAL.
  SysResult AfterSend(bool is_stream, int flags, SysResult result);
  bool HasFreeDescriptor(size_t lowest = kFirstDescriptor) const;
  // With the O_NONBLOCK and O_CLOEXEC of `flags`: sockets, eventfd, timerfd,
  // signalfd and pidfd have them under other names.
  SysResult InstallWithFlags(std::shared_ptr<OpenFile> file, int flags);

  // openat2(2) with flags that have been looked at.
  SysResult Open(int directory, const char* path, const open_how& how);
  // Where a relative path begins; else null and `error` says why.
  std::shared_ptr<Inode> StartOf(int directory, absl::string_view path,
                                 uint64_t resolve, SysResult& error);
  // One message of sendmsg(2) or sendmmsg(2), recvmsg(2) or recvmmsg(2).
  SysResult SendOne(SocketFile& socket, const msghdr& message, int flags);
  SysResult ReceiveOne(SocketFile& socket, msghdr& message, int flags);
  // The files of a message's SCM_RIGHTS.
  SysResult FilesToSend(const SocketFile& socket, const msghdr& message,
                        FileList& files);
  // Installs what there is room for in the control buffer, and among the
  // descriptors.
  void InstallReceived(const FileList& files, msghdr& message);

  // Tries until it would not block, or blocking is not wanted. Peers act while
  // it waits: they may close the descriptor, but `file` lives until this
  // returns, and no longer.
  template <typename Try>
  SysResult Blocking(OpenFile& file, int flags, Try attempt);

  std::unique_ptr<FakeWorld> own_world_;
  FakeWorld& world_;
  Options options_;
  SignalQueue signals_;
  ProcessTable processes_{world_.time(), signals_};
  FileTree files_{world_.time()};
  std::vector<std::shared_ptr<OpenFile>> descriptors_;
  // The free numbers among them, from kFirstDescriptor on.
  std::set<size_t> free_;
  std::set<int> close_on_exec_;
  std::set<size_t> cpus_ = {0, 1};
  uint64_t bad_descriptor_calls_ = 0;
};

template <typename File>
File* FakeKernel::FindAs(int descriptor, int wrong_kind_error,
                         SysResult& error) {
  OpenFile* file = Find(descriptor);
  if (file == nullptr) {
    error = SysResult::Error(EBADF);
    return nullptr;
  }
  auto* wanted = dynamic_cast<File*>(file);
  if (wanted == nullptr) error = SysResult::Error(wrong_kind_error);
  return wanted;
}

template <typename Try>
SysResult FakeKernel::Blocking(OpenFile& file, int flags, Try attempt) {
  SysResult result = attempt();
  if (!result.would_block()) return result;
  const std::shared_ptr<OpenFile> kept = file.shared_from_this();
  while (result.would_block() && !file.nonblocking() &&
         (flags & MSG_DONTWAIT) == 0) {
    if (!world_.Pass(MonotonicTime::Infinite())) {
      return SysResult::Error(EINTR);
    }
    result = attempt();
  }
  return result;
}

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_KERNEL_H_
