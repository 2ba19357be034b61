#include "testing/kernel_script.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace pollux {
namespace {

using Call = Step::Call;

constexpr absl::string_view kCalls[] = {
    "socket",      "socketpair",    "eventfd",   "epoll_create", "dup",
    "close",       "bind",          "connect",   "listen",       "accept",
    "getsockname", "reuse_address", "linger",    "get_error",    "recv",
    "send",        "shutdown",      "read",      "write",        "write_count",
    "epoll_add",   "epoll_mod",     "epoll_del", "epoll_wait"};
constexpr absl::string_view kPlaces[] = {
    "127.0.0.1:0", "0.0.0.0:0", "nobody",   "address of ",
    "unix:@",      "unix:",     "too short"};

std::string EventsText(uint32_t events) {
  static constexpr std::pair<uint32_t, absl::string_view> kNames[] = {
      {EPOLLIN, "IN"},           {EPOLLOUT, "OUT"},
      {EPOLLPRI, "PRI"},         {EPOLLERR, "ERR"},
      {EPOLLHUP, "HUP"},         {EPOLLRDHUP, "RDHUP"},
      {EPOLLRDNORM, "RDNORM"},   {EPOLLWRNORM, "WRNORM"},
      {EPOLLRDBAND, "RDBAND"},   {EPOLLWRBAND, "WRBAND"},
      {EPOLLONESHOT, "ONESHOT"}, {EPOLLEXCLUSIVE, "EXCLUSIVE"},
      {uint32_t{EPOLLET}, "ET"}};
  std::vector<absl::string_view> parts;
  for (const auto& [bit, name] : kNames) {
    if ((events & bit) != 0) parts.push_back(name);
  }
  return parts.empty() ? "0" : absl::StrJoin(parts, "|");
}

std::string AddressText(const Address& address) {
  if (address.family() == AF_UNIX || address.port() == 0) {
    return absl::StrCat(address.ToString(), " (", address.length(), ")");
  }
  const std::string text = address.ToString();
  return absl::StrCat(text.substr(0, text.rfind(':')), ":some");
}

}  // namespace

std::string ToString(const Step& step) {
  std::string text = absl::StrCat(kCalls[static_cast<size_t>(step.call)], "(");
  const bool makes_first = step.call <= Call::kEpollCreate;
  if (!makes_first) absl::StrAppend(&text, step.descriptor, ", ");
  switch (step.call) {
    case Call::kBind:
    case Call::kConnect:
      absl::StrAppend(&text, kPlaces[static_cast<size_t>(step.place)],
                      step.number);
      break;
    case Call::kEpollAdd:
    case Call::kEpollModify:
      absl::StrAppend(&text, step.other, ", ", EventsText(step.events),
                      ", data ", step.number);
      break;
    case Call::kEpollRemove:
      absl::StrAppend(&text, step.other);
      break;
    default:
      absl::StrAppend(&text, step.number, ", ", step.flags);
  }
  return text + ")";
}

std::string ToString(const Outcome& outcome) {
  std::string text =
      outcome.result.ok()
          ? absl::StrCat(outcome.result.value())
          : absl::StrCat("-1 (", ::strerrordesc_np(outcome.result.error()),
                         ")");
  if (!outcome.text.empty()) absl::StrAppend(&text, " \"", outcome.text, "\"");
  for (const auto& [data, events] : outcome.events) {
    absl::StrAppend(&text, " {", data, ": ", EventsText(events), "}");
  }
  return text;
}

ScriptRunner::~ScriptRunner() {
  for (int i = 0; i < kMaxDescriptors; ++i) (void)kernel_.Close(first_ + i);
}

SysResult ScriptRunner::Counted(SysResult result) const {
  return result.ok() ? SysResult::Ok(result.value() - first_) : result;
}

Address ScriptRunner::AddressOf(const Step& step) {
  const Address too_short = Address::FromSockaddr(
      reinterpret_cast<const sockaddr*>(&"\0"), socklen_t{1});
  switch (step.place) {
    case Place::kLoopback:
      return *Address::Parse("127.0.0.1:0");
    case Place::kEverywhere:
      return *Address::Parse("0.0.0.0:0");
    case Place::kNobody:
      return *Address::Parse("127.0.0.1:1");
    case Place::kOfDescriptor: {
      sockaddr_storage storage;
      socklen_t length = sizeof(storage);
      auto* address = reinterpret_cast<sockaddr*>(&storage);
      const SysResult result = kernel_.GetSockName(
          first_ + static_cast<int>(step.number), address, &length);
      // bind(2) would give a name to a unix socket that asks for none.
      const bool named = result.ok() && length > sizeof(sa_family_t);
      return named ? Address::FromSockaddr(address, length) : too_short;
    }
    case Place::kAbstractName:
      return *Address::Parse(absl::StrCat("unix:@", name_, step.number));
    case Place::kPath:
      return *Address::Parse(absl::StrCat("unix:", name_, step.number));
    case Place::kTooShort:
      break;
  }
  return too_short;
}

Outcome ScriptRunner::GetSockName(int descriptor) {
  Outcome outcome;
  sockaddr_storage storage = {};
  socklen_t length = sizeof(storage);
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  outcome.result = kernel_.GetSockName(descriptor, address, &length);
  if (outcome.result.ok()) {
    outcome.text = AddressText(Address::FromSockaddr(address, length));
  }
  return outcome;
}

Outcome ScriptRunner::Wait(int descriptor) {
  Outcome outcome;
  std::array<epoll_event, 4 * kMaxDescriptors> events;
  outcome.result =
      kernel_.EpollPwait2(descriptor, absl::MakeSpan(events), absl::Duration());
  for (int64_t i = 0; i < outcome.result.value(); ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    outcome.events[event.data.u64] |= event.events;
  }
  return outcome;
}

Outcome ScriptRunner::Run(const Step& step) {
  const int descriptor = first_ + step.descriptor;
  const int other = first_ + step.other;
  const auto count = static_cast<size_t>(std::max<int64_t>(step.number, 0));
  Outcome outcome;
  switch (step.call) {
    case Call::kSocket:
      outcome.result =
          Counted(kernel_.Socket(static_cast<int>(step.number),
                                 SOCK_STREAM | SOCK_NONBLOCK | step.flags, 0));
      if (outcome.result.ok() && step.number == AF_INET) {
        // What waits for an acknowledgement (Nagle) is lost in a reset, and so
        // the outcome would depend on the time.
        const int on = 1;
        (void)kernel_.SetSockOpt(first_ + outcome.result.descriptor(),
                                 IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      }
      break;
    case Call::kSocketPair: {
      std::array<int, 2> pair = {};
      outcome.result = kernel_.SocketPair(static_cast<int>(step.number),
                                          SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
      if (outcome.result.ok()) {
        outcome.text =
            absl::StrCat(pair[0] - first_, " and ", pair[1] - first_);
      }
      break;
    }
    case Call::kEventFd:
      outcome.result = Counted(kernel_.EventFd(
          static_cast<unsigned int>(step.number), EFD_NONBLOCK | step.flags));
      break;
    case Call::kEpollCreate:
      outcome.result = Counted(kernel_.EpollCreate1(step.flags));
      break;
    case Call::kDup:
      outcome.result = Counted(dup_(descriptor));
      break;
    case Call::kClose:
      outcome.result = kernel_.Close(descriptor);
      break;
    case Call::kBind: {
      const Address address = AddressOf(step);
      outcome.result =
          kernel_.Bind(descriptor, address.data(), address.length());
      break;
    }
    case Call::kConnect: {
      const Address address = AddressOf(step);
      outcome.result =
          kernel_.Connect(descriptor, address.data(), address.length());
      break;
    }
    case Call::kListen:
      outcome.result =
          kernel_.Listen(descriptor, static_cast<int>(step.number));
      break;
    case Call::kAccept: {
      sockaddr_storage storage = {};
      socklen_t length = sizeof(storage);
      auto* address = reinterpret_cast<sockaddr*>(&storage);
      outcome.result = Counted(kernel_.Accept4(descriptor, address, &length,
                                               SOCK_NONBLOCK | step.flags));
      if (outcome.result.ok()) {
        outcome.text = AddressText(Address::FromSockaddr(address, length));
      }
      break;
    }
    case Call::kGetSockName:
      return GetSockName(descriptor);
    case Call::kReuseAddress: {
      const int on = step.number != 0 ? 1 : 0;
      outcome.result = kernel_.SetSockOpt(descriptor, SOL_SOCKET, SO_REUSEADDR,
                                          &on, sizeof(on));
      break;
    }
    case Call::kLinger: {
      const linger value = {.l_onoff = step.number != 0 ? 1 : 0, .l_linger = 0};
      outcome.result = kernel_.SetSockOpt(descriptor, SOL_SOCKET, SO_LINGER,
                                          &value, sizeof(value));
      break;
    }
    case Call::kGetError: {
      int error = 0;
      socklen_t length = sizeof(error);
      outcome.result =
          kernel_.GetSockOpt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length);
      if (outcome.result.ok()) {
        outcome.text = error == 0 ? "none" : ::strerrordesc_np(error);
      }
      break;
    }
    case Call::kRecv:
    case Call::kRead: {
      std::vector<char> buffer(count);
      outcome.result =
          step.call == Call::kRead
              ? kernel_.Read(descriptor, absl::MakeSpan(buffer))
              : kernel_.Recv(descriptor, absl::MakeSpan(buffer), step.flags);
      if (outcome.result.ok()) {
        outcome.text = absl::CHexEscape(absl::string_view(
            buffer.data(), static_cast<size_t>(outcome.result.value())));
      }
      break;
    }
    case Call::kSend:
    case Call::kWrite: {
      // Different each time, so that bytes that are lost or doubled show.
      const auto bytes_seed = static_cast<size_t>(step.flags);
      std::string bytes;
      for (size_t i = 0; i < count; ++i) {
        bytes += static_cast<char>('a' + (bytes_seed + i / 8) % 26);
      }
      outcome.result = step.call == Call::kWrite
                           ? kernel_.Write(descriptor, bytes)
                           : kernel_.Send(descriptor, bytes, MSG_NOSIGNAL);
      break;
    }
    case Call::kWriteCount: {
      std::array<char, sizeof(step.number)> bytes;
      std::memcpy(bytes.data(), &step.number, sizeof(step.number));
      outcome.result = kernel_.Write(descriptor, bytes);
      break;
    }
    case Call::kShutdown:
      outcome.result =
          kernel_.Shutdown(descriptor, static_cast<int>(step.number));
      break;
    case Call::kEpollAdd:
    case Call::kEpollModify:
    case Call::kEpollRemove: {
      epoll_event event = {.events = step.events,
                           .data = {.u64 = static_cast<uint64_t>(step.number)}};
      const int operation = step.call == Call::kEpollAdd      ? EPOLL_CTL_ADD
                            : step.call == Call::kEpollModify ? EPOLL_CTL_MOD
                                                              : EPOLL_CTL_DEL;
      outcome.result = kernel_.EpollCtl(descriptor, operation, other, &event);
      break;
    }
    case Call::kEpollWait:
      return Wait(descriptor);
  }
  return outcome;
}

}  // namespace pollux
