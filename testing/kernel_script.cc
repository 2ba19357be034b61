#include "testing/kernel_script.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "testing/test_message.h"

namespace pollux {
namespace {

using Call = Step::Call;

constexpr absl::string_view kCalls[] = {
    "socket",        "socketpair",  "datagram_socket",
    "datagram_pair", "eventfd",     "epoll_create",
    "dup",           "close",       "bind",
    "connect",       "listen",      "accept",
    "disconnect",    "getsockname", "getpeername",
    "reuse_address", "linger",      "get_option",
    "get_error",     "recv",        "send",
    "send_to",       "recvmsg",     "sendmsg",
    "pass",          "recvmmsg",    "sendmmsg",
    "shutdown",      "read",        "write",
    "write_count",   "epoll_add",   "epoll_mod",
    "epoll_del",     "epoll_wait"};
static_assert(std::size(kCalls) == static_cast<size_t>(Call::kEpollWait) + 1);
constexpr absl::string_view kPlaces[] = {
    "127.0.0.1:0", "0.0.0.0:0",   "nobody", "[::1]:0", "[::]:0",
    "nobody6",     "address of ", "unix:@", "unix:",   "too short"};
static_assert(std::size(kPlaces) == static_cast<size_t>(Place::kTooShort) + 1);

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

// Different each time, so that bytes that are lost or doubled show.
std::string Letters(int64_t count, int which) {
  std::string letters;
  for (int64_t i = 0; i < count; ++i) {
    letters += static_cast<char>('a' + (which + i / 8) % 26);
  }
  return letters;
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
    case Call::kSendTo:
    case Call::kBind:
    case Call::kConnect:
      absl::StrAppend(&text, kPlaces[static_cast<size_t>(step.place)],
                      step.number);
      break;
    case Call::kPass:
      absl::StrAppend(&text, step.other, ", ", step.number, " bytes, ",
                      step.bytes, " times");
      break;
    case Call::kRecvMsg:
    case Call::kSendMMsg:
    case Call::kRecvMMsg:
      absl::StrAppend(&text, step.number, ", ", step.bytes, ", ", step.flags);
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
  if (!outcome.envelope.empty()) absl::StrAppend(&text, ", ", outcome.envelope);
  for (int descriptor : outcome.descriptors) {
    absl::StrAppend(&text, " [", descriptor, "]");
  }
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
    case Place::kLoopback6:
      return *Address::Parse("[::1]:0");
    case Place::kEverywhere6:
      return *Address::Parse("[::]:0");
    case Place::kNobody6:
      return *Address::Parse("[::1]:1");
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

Outcome ScriptRunner::GetName(const Step& step) {
  Outcome outcome;
  sockaddr_storage storage = {};
  socklen_t length = sizeof(storage);
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  const int descriptor = first_ + step.descriptor;
  outcome.result = step.call == Call::kGetPeerName
                       ? kernel_.GetPeerName(descriptor, address, &length)
                       : kernel_.GetSockName(descriptor, address, &length);
  if (outcome.result.ok()) {
    outcome.text = AddressText(Address::FromSockaddr(address, length));
  }
  return outcome;
}

Outcome ScriptRunner::Receive(const Step& step) {
  Outcome outcome;
  const auto count = static_cast<size_t>(step.number);
  TestMessage message = TestMessage::ForBytes({count / 2, count - count / 2});
  message.WithNameRoom().WithControlRoom(static_cast<size_t>(step.bytes));
  outcome.result = kernel_.RecvMsg(first_ + step.descriptor, message.header(),
                                   step.flags | MSG_CMSG_CLOEXEC);
  if (!outcome.result.ok()) return outcome;
  // With MSG_TRUNC it may be more than there was room for.
  outcome.text = absl::CHexEscape(
      message.Text(static_cast<size_t>(outcome.result.value())));
  outcome.envelope =
      absl::StrCat("from ", AddressText(message.name()), ", flags ",
                   message.flags(), ", control ", message.control_bytes());
  for (int descriptor : message.Descriptors()) {
    outcome.descriptors.push_back(descriptor - first_);
  }
  return outcome;
}

Outcome ScriptRunner::ReceiveSeveral(const Step& step) {
  Outcome outcome;
  const auto count = static_cast<size_t>(step.number);
  std::vector<TestMessage> messages(
      count, TestMessage::ForBytes(static_cast<size_t>(step.bytes)));
  std::vector<mmsghdr> headers;
  for (TestMessage& message : messages) {
    headers.push_back({.msg_hdr = message.header(), .msg_len = 0});
  }
  outcome.result = kernel_.RecvMMsg(first_ + step.descriptor,
                                    absl::MakeSpan(headers), step.flags);
  for (int64_t i = 0; i < outcome.result.value(); ++i) {
    const auto index = static_cast<size_t>(i);
    absl::StrAppend(
        &outcome.text,
        absl::CHexEscape(messages[index].Text(headers[index].msg_len)), "|",
        headers[index].msg_hdr.msg_flags, "|");
  }
  return outcome;
}

SysResult ScriptRunner::Send(const Step& step) {
  const int64_t count = step.call == Call::kSendTo ? step.bytes : step.number;
  const std::string bytes = Letters(count, step.flags);
  const size_t half = bytes.size() / 2;
  TestMessage message =
      TestMessage::Of({bytes.substr(0, half), bytes.substr(half)});
  if (step.call == Call::kSendTo) message.To(AddressOf(step));
  if (step.call == Call::kPass) {
    message.WithDescriptors(
        std::vector<int>(static_cast<size_t>(step.bytes), first_ + step.other));
  }
  return kernel_.SendMsg(first_ + step.descriptor, message.header(),
                         MSG_NOSIGNAL);
}

SysResult ScriptRunner::SendSeveral(const Step& step) {
  std::vector<TestMessage> messages;
  for (int64_t i = 0; i < step.number; ++i) {
    messages.push_back(TestMessage::Of(
        {Letters(step.bytes, step.flags + static_cast<int>(i))}));
  }
  std::vector<mmsghdr> headers;
  for (TestMessage& message : messages) {
    headers.push_back({.msg_hdr = message.header(), .msg_len = 0});
  }
  return kernel_.SendMMsg(first_ + step.descriptor, absl::MakeSpan(headers),
                          MSG_NOSIGNAL);
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

void ScriptRunner::BeAlone(SysResult socket, int family) {
  if (!socket.ok() || family != AF_INET6) return;
  const int on = 1;
  (void)kernel_.SetSockOpt(first_ + socket.descriptor(), IPPROTO_IPV6,
                           IPV6_V6ONLY, &on, sizeof(on));
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
      if (outcome.result.ok() && step.number != AF_UNIX) {
        // What waits for an acknowledgement (Nagle) is lost in a reset, and so
        // the outcome would depend on the time.
        const int on = 1;
        (void)kernel_.SetSockOpt(first_ + outcome.result.descriptor(),
                                 IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      }
      BeAlone(outcome.result, static_cast<int>(step.number));
      break;
    case Call::kDatagramSocket:
      outcome.result = Counted(kernel_.Socket(static_cast<int>(step.number),
                                              SOCK_DGRAM | SOCK_NONBLOCK, 0));
      BeAlone(outcome.result, static_cast<int>(step.number));
      break;
    case Call::kSocketPair:
    case Call::kDatagramPair: {
      std::array<int, 2> pair = {};
      const int type =
          step.call == Call::kSocketPair ? SOCK_STREAM : SOCK_DGRAM;
      outcome.result = kernel_.SocketPair(static_cast<int>(step.number),
                                          type | SOCK_NONBLOCK, 0, pair);
      if (outcome.result.ok()) {
        outcome.descriptors = {pair[0] - first_, pair[1] - first_};
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
    case Call::kDisconnect: {
      const sockaddr none = {.sa_family = AF_UNSPEC, .sa_data = {}};
      outcome.result = kernel_.Connect(descriptor, &none, sizeof(none));
      break;
    }
    case Call::kGetSockName:
    case Call::kGetPeerName:
      return GetName(step);
    case Call::kReuseAddress: {
      const int on = step.number != 0 ? 1 : 0;
      outcome.result = kernel_.SetSockOpt(descriptor, SOL_SOCKET, SO_REUSEADDR,
                                          &on, sizeof(on));
      break;
    }
    case Call::kLinger: {
      const linger value = {.l_onoff = step.number == 1 ? 1 : 0,
                            .l_linger = step.number > 1 ? 9 : 0};
      outcome.result = kernel_.SetSockOpt(descriptor, SOL_SOCKET, SO_LINGER,
                                          &value, sizeof(value));
      break;
    }
    case Call::kGetOption: {
      std::array<int, 2> value = {};
      socklen_t length = sizeof(value);
      outcome.result =
          kernel_.GetSockOpt(descriptor, SOL_SOCKET,
                             static_cast<int>(step.number), &value, &length);
      if (outcome.result.ok()) {
        outcome.text = absl::StrCat(value[0], " ", value[1], " ", length);
      }
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
      const std::string bytes = Letters(step.number, step.flags);
      outcome.result = step.call == Call::kWrite
                           ? kernel_.Write(descriptor, bytes)
                           : kernel_.Send(descriptor, bytes, MSG_NOSIGNAL);
      break;
    }
    case Call::kRecvMsg:
      return Receive(step);
    case Call::kRecvMMsg:
      return ReceiveSeveral(step);
    case Call::kSendTo:
    case Call::kSendMsg:
    case Call::kPass:
      outcome.result = Send(step);
      break;
    case Call::kSendMMsg:
      outcome.result = SendSeveral(step);
      break;
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
