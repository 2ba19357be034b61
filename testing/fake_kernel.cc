#include "testing/fake_kernel.h"

#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "testing/fake/event_counter.h"

namespace pollux {
namespace {

constexpr int kSocketFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;

void FillAddress(const Address& from, int family, sockaddr* address,
                 socklen_t* length) {
  if (address == nullptr) return;
  sockaddr_storage storage = {};
  socklen_t size = from.length();
  std::memcpy(&storage, from.data(), sizeof(storage));
  if (size == 0) {
    // A socket without a name still has a family.
    storage.ss_family = static_cast<sa_family_t>(family);
    size = family == AF_UNIX    ? sizeof(sa_family_t)
           : family == AF_INET6 ? sizeof(sockaddr_in6)
                                : sizeof(sockaddr_in);
  }
  std::memcpy(address, &storage, std::min(*length, size));
  *length = size;
}

// There are no other sockets than streams.
SysResult CheckStream(int domain, int type, int protocol) {
  constexpr int kTypes = 0xf;
  if ((type & ~(kTypes | kSocketFlags)) != 0) return SysResult::Error(EINVAL);
  if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX) {
    return SysResult::Error(EAFNOSUPPORT);
  }
  if ((type & kTypes) != SOCK_STREAM) {
    return SysResult::Error(ESOCKTNOSUPPORT);
  }
  const int only = domain == AF_UNIX ? AF_UNIX : IPPROTO_TCP;
  return protocol == 0 || protocol == only ? SysResult::Ok()
                                           : SysResult::Error(EPROTONOSUPPORT);
}

}  // namespace

FakeKernel::~FakeKernel() {
  // A process that ends closes in the order of the numbers.
  for (std::shared_ptr<OpenFile>& file : descriptors_) file.reset();
}

size_t FakeKernel::open_descriptors() const {
  return static_cast<size_t>(
      std::count_if(descriptors_.begin(), descriptors_.end(),
                    [](const auto& file) { return file != nullptr; }));
}

OpenFile* FakeKernel::Find(int descriptor) {
  const auto index = static_cast<size_t>(descriptor);
  if (descriptor < 0 || index >= descriptors_.size() ||
      descriptors_[index] == nullptr) {
    ++bad_descriptor_calls_;
    return nullptr;
  }
  return descriptors_[index].get();
}

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

bool FakeKernel::HasFreeDescriptor() const {
  if (descriptors_.size() < options_.descriptor_limit) return true;
  const auto end =
      descriptors_.begin() + static_cast<ptrdiff_t>(options_.descriptor_limit);
  return std::find(descriptors_.begin() + kFirstDescriptor, end, nullptr) !=
         end;
}

SysResult FakeKernel::Install(std::shared_ptr<OpenFile> file) {
  if (!HasFreeDescriptor()) return SysResult::Error(EMFILE);
  // The lowest free number.
  auto slot = std::find(descriptors_.begin() + kFirstDescriptor,
                        descriptors_.end(), nullptr);
  if (slot == descriptors_.end()) {
    slot = descriptors_.insert(descriptors_.end(), nullptr);
  }
  *slot = std::move(file);
  return SysResult::Ok(slot - descriptors_.begin());
}

SysResult FakeKernel::WithFlags(std::shared_ptr<OpenFile> file,
                                bool nonblocking) {
  file->set_nonblocking(nonblocking);
  return Install(std::move(file));
}

SysResult FakeKernel::Dup(int descriptor) {
  if (Find(descriptor) == nullptr) return SysResult::Error(EBADF);
  return Install(descriptors_[static_cast<size_t>(descriptor)]);
}

template <typename Try>
SysResult FakeKernel::Blocking(const OpenFile& file, int flags, Try attempt) {
  while (true) {
    world_.time().RunDue();
    const SysResult result = attempt();
    if (!result.would_block() || file.nonblocking() ||
        (flags & MSG_DONTWAIT) != 0) {
      return result;
    }
    if (!world_.Pass(MonotonicTime::Infinite())) {
      return SysResult::Error(EINTR);
    }
  }
}

SysResult FakeKernel::Socket(int domain, int type, int protocol) {
  if (const SysResult check = CheckStream(domain, type, protocol);
      !check.ok()) {
    return check;
  }
  return WithFlags(std::make_shared<StreamSocket>(world_.network(), domain),
                   (type & SOCK_NONBLOCK) != 0);
}

SysResult FakeKernel::SocketPair(int domain, int type, int protocol,
                                 std::array<int, 2>& sockets) {
  if (const SysResult check = CheckStream(domain, type, protocol);
      !check.ok()) {
    return check;
  }
  if (domain != AF_UNIX) return SysResult::Error(EOPNOTSUPP);
  auto a = std::make_shared<StreamSocket>(world_.network(), domain);
  auto b = std::make_shared<StreamSocket>(world_.network(), domain);
  StreamSocket::Pair(*a, *b);
  const bool nonblocking = (type & SOCK_NONBLOCK) != 0;
  const SysResult first = WithFlags(std::move(a), nonblocking);
  if (!first.ok()) return first;
  const SysResult second = WithFlags(std::move(b), nonblocking);
  if (!second.ok()) {
    descriptors_[static_cast<size_t>(first.value())].reset();
    return second;
  }
  sockets = {first.descriptor(), second.descriptor()};
  return SysResult::Ok();
}

SysResult FakeKernel::Bind(int socket, const sockaddr* address,
                           socklen_t length) {
  SysResult error = SysResult::Ok();
  StreamSocket* file = FindSocket(socket, error);
  if (file == nullptr) return error;
  return file->Bind(Address::FromSockaddr(address, length));
}

SysResult FakeKernel::Listen(int socket, int backlog) {
  SysResult error = SysResult::Ok();
  StreamSocket* file = FindSocket(socket, error);
  return file == nullptr ? error : file->Listen(backlog);
}

SysResult FakeKernel::Accept4(int listener, sockaddr* peer,
                              socklen_t* peer_length, int flags) {
  OpenFile* file = Find(listener);
  if (file == nullptr) return SysResult::Error(EBADF);
  if ((flags & ~kSocketFlags) != 0) return SysResult::Error(EINVAL);
  // Linux takes the number first, and so says EMFILE even if nobody waits.
  if (!HasFreeDescriptor()) return SysResult::Error(EMFILE);
  auto* socket = dynamic_cast<StreamSocket*>(file);
  if (socket == nullptr) return SysResult::Error(ENOTSOCK);
  std::shared_ptr<StreamSocket> connection;
  const SysResult result =
      Blocking(*socket, 0, [&] { return socket->Accept(connection); });
  if (!result.ok()) return result;
  FillAddress(connection->peer_address(), connection->family(), peer,
              peer_length);
  return WithFlags(std::move(connection), (flags & SOCK_NONBLOCK) != 0);
}

SysResult FakeKernel::Connect(int socket, const sockaddr* address,
                              socklen_t length) {
  SysResult error = SysResult::Ok();
  StreamSocket* file = FindSocket(socket, error);
  if (file == nullptr) return error;
  const SysResult result =
      file->Connect(Address::FromSockaddr(address, length));
  if (file->nonblocking() || result.error() != EINPROGRESS) return result;
  return Blocking(*file, 0, [&] {
    const SysResult again =
        file->Connect(Address::FromSockaddr(address, length));
    return again.error() == EALREADY ? SysResult::Error(EAGAIN) : again;
  });
}

SysResult FakeKernel::GetSockName(int socket, sockaddr* address,
                                  socklen_t* length) {
  SysResult error = SysResult::Ok();
  StreamSocket* file = FindSocket(socket, error);
  if (file == nullptr) return error;
  FillAddress(file->local_address(), file->family(), address, length);
  return SysResult::Ok();
}

SysResult FakeKernel::SetSockOpt(int socket, int level, int option,
                                 const void* value, socklen_t length) {
  SysResult error = SysResult::Ok();
  StreamSocket* file = FindSocket(socket, error);
  return file == nullptr ? error
                         : file->SetOption(level, option, value, length);
}

SysResult FakeKernel::GetSockOpt(int socket, int level, int option, void* value,
                                 socklen_t* length) {
  SysResult error = SysResult::Ok();
  StreamSocket* file = FindSocket(socket, error);
  return file == nullptr ? error
                         : file->GetOption(level, option, value, length);
}

SysResult FakeKernel::Recv(int socket, absl::Span<char> buffer, int flags) {
  SysResult error = SysResult::Ok();
  StreamSocket* file = FindSocket(socket, error);
  if (file == nullptr) return error;
  return Blocking(*file, flags, [&] { return file->Recv(buffer, flags); });
}

SysResult FakeKernel::Send(int socket, absl::Span<const char> bytes,
                           int flags) {
  SysResult error = SysResult::Ok();
  StreamSocket* file = FindSocket(socket, error);
  if (file == nullptr) return error;
  return Blocking(*file, flags, [&] { return file->Send(bytes); });
}

SysResult FakeKernel::Shutdown(int socket, int how) {
  SysResult error = SysResult::Ok();
  StreamSocket* file = FindSocket(socket, error);
  return file == nullptr ? error : file->Shutdown(how);
}

SysResult FakeKernel::Close(int descriptor) {
  if (Find(descriptor) == nullptr) return SysResult::Error(EBADF);
  // The number is free before the file learns of it.
  const std::shared_ptr<OpenFile> file =
      std::move(descriptors_[static_cast<size_t>(descriptor)]);
  return SysResult::Ok();
}

SysResult FakeKernel::Read(int descriptor, absl::Span<char> buffer) {
  OpenFile* file = Find(descriptor);
  if (file == nullptr) return SysResult::Error(EBADF);
  return Blocking(*file, 0, [&] { return file->Read(buffer); });
}

SysResult FakeKernel::Write(int descriptor, absl::Span<const char> bytes) {
  OpenFile* file = Find(descriptor);
  if (file == nullptr) return SysResult::Error(EBADF);
  return Blocking(*file, 0, [&] { return file->Write(bytes); });
}

SysResult FakeKernel::EpollCreate1(int flags) {
  if ((flags & ~EPOLL_CLOEXEC) != 0) return SysResult::Error(EINVAL);
  return Install(std::make_shared<EpollSet>());
}

SysResult FakeKernel::EpollCtl(int epoll, int operation, int descriptor,
                               epoll_event* event) {
  if (operation != EPOLL_CTL_DEL && event == nullptr) {
    return SysResult::Error(EFAULT);
  }
  OpenFile* set_file = Find(epoll);
  if (set_file == nullptr) return SysResult::Error(EBADF);
  OpenFile* file = Find(descriptor);
  if (file == nullptr) return SysResult::Error(EBADF);
  if (!file->can_be_watched()) return SysResult::Error(EPERM);
  auto* set = dynamic_cast<EpollSet*>(set_file);
  if (set == nullptr || set_file == file) return SysResult::Error(EINVAL);
  switch (operation) {
    case EPOLL_CTL_ADD:
      return set->Add(descriptor, *file, *event);
    case EPOLL_CTL_MOD:
      return set->Modify(descriptor, *file, *event);
    case EPOLL_CTL_DEL:
      return set->Remove(descriptor, *file);
    default:
      return SysResult::Error(EINVAL);
  }
}

SysResult FakeKernel::EpollPwait2(int epoll, absl::Span<epoll_event> events,
                                  absl::Duration timeout) {
  if (events.empty() || timeout < absl::ZeroDuration()) {
    return SysResult::Error(EINVAL);
  }
  SysResult error = SysResult::Ok();
  auto* set = FindAs<EpollSet>(epoll, EINVAL, error);
  if (set == nullptr) return error;
  const MonotonicTime deadline = world_.time().Now() + timeout;
  world_.time().RunDue();
  while (true) {
    const size_t count = set->Collect(events);
    if (count > 0 || world_.time().Now() >= deadline) {
      world_.NoteWaitReturns();
      return SysResult::Ok(static_cast<int64_t>(count));
    }
    if (world_.waits_return()) {
      world_.NoteWait(deadline);
      return SysResult::Ok(0);
    }
    if (!world_.Pass(deadline)) return SysResult::Error(EINTR);
  }
}

SysResult FakeKernel::EpollWait(int epoll, absl::Span<epoll_event> events,
                                int timeout_ms) {
  return EpollPwait2(epoll, events,
                     timeout_ms < 0 ? absl::InfiniteDuration()
                                    : absl::Milliseconds(timeout_ms));
}

SysResult FakeKernel::EventFd(unsigned int initial, int flags) {
  if ((flags & ~(EFD_NONBLOCK | EFD_CLOEXEC | EFD_SEMAPHORE)) != 0) {
    return SysResult::Error(EINVAL);
  }
  const auto mode = (flags & EFD_SEMAPHORE) != 0
                        ? EventCounter::Mode::kSemaphore
                        : EventCounter::Mode::kCounter;
  return WithFlags(std::make_shared<EventCounter>(initial, mode),
                   (flags & EFD_NONBLOCK) != 0);
}

SysResult FakeKernel::ClockGetTime(clockid_t clock) {
  switch (clock) {
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
      return SysResult::Ok(world_.time().Now().nanos());
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
      return SysResult::Ok(world_.time().WallNanos());
    default:
      return SysResult::Error(EINVAL);
  }
}

SysResult FakeKernel::SignalFd(int descriptor, const sigset_t& signals,
                               int flags) {
  if ((flags & ~(SFD_NONBLOCK | SFD_CLOEXEC)) != 0) {
    return SysResult::Error(EINVAL);
  }
  if (descriptor == -1) {
    return WithFlags(std::make_shared<SignalFile>(signals_, signals),
                     (flags & SFD_NONBLOCK) != 0);
  }
  SysResult error = SysResult::Ok();
  auto* file = FindAs<SignalFile>(descriptor, EINVAL, error);
  if (file == nullptr) return error;
  file->SetWanted(signals);
  return SysResult::Ok(descriptor);
}

SysResult FakeKernel::SigProcMask(int how, const sigset_t& signals,
                                  sigset_t* old) {
  return signals_.SetMask(how, signals, old);
}

}  // namespace pollux
