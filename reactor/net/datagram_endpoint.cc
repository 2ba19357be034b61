#include "reactor/net/datagram_endpoint.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace pollux {
namespace {

// Datagrams that one call sends: some kibibytes of stack.
constexpr size_t kMaxBatch = 32;

// Between two tries to send to a unix socket that is full.
constexpr absl::Duration kRetryInterval = absl::Milliseconds(1);

}  // namespace

DatagramBuffers::DatagramBuffers(size_t count, size_t bytes)
    : bytes_(bytes),
      space_(count * bytes),
      senders_(count),
      parts_(count),
      messages_(count) {
  CHECK_GE(count, 1u);
  CHECK_GE(bytes, 1u);
}

absl::Span<mmsghdr> DatagramBuffers::Reset() {
  for (size_t i = 0; i < messages_.size(); ++i) {
    parts_[i] = {space_.data() + i * bytes_, bytes_};
    messages_[i] = {};
    messages_[i].msg_hdr.msg_name = &senders_[i];
    messages_[i].msg_hdr.msg_namelen = sizeof(senders_[i]);
    messages_[i].msg_hdr.msg_iov = &parts_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
  }
  return absl::MakeSpan(messages_);
}

absl::string_view DatagramBuffers::BytesOf(size_t index) const {
  return absl::string_view(space_.data() + index * bytes_,
                           std::min<size_t>(messages_[index].msg_len, bytes_));
}

Address DatagramBuffers::SenderOf(size_t index) const {
  return Address::FromSockaddr(
      reinterpret_cast<const sockaddr*>(&senders_[index]),
      messages_[index].msg_hdr.msg_namelen);
}

DatagramEndpoint::DatagramEndpoint(Reactor& reactor, DatagramBuffers& buffers,
                                   Socket socket, const Options& options,
                                   Handler& handler)
    : reactor_(reactor),
      buffers_(buffers),
      handler_(handler),
      options_(options),
      socket_(std::move(socket)),
      retry_(reactor, [this] { registration_.Inject({.writable = true}); }) {}

// Out of epoll before the socket is closed.
DatagramEndpoint::~DatagramEndpoint() { registration_.Reset(); }

absl::StatusOr<std::unique_ptr<DatagramEndpoint>> DatagramEndpoint::Create(
    Reactor& reactor, DatagramBuffers& buffers, int family,
    const Options& options, Handler& handler) {
  CHECK_GE(options.max_datagrams_per_event, 1u);
  CHECK_GE(options.max_queued_datagrams, 1u);
  Kernel& kernel = reactor.kernel();
  const SysResult opened =
      kernel.Socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (!opened.ok()) return opened.ToStatus("socket for datagrams");
  Socket socket(kernel, opened.descriptor());
  if (const std::optional<Address>& local = options.local_address) {
    const SysResult result =
        kernel.Bind(socket.descriptor(), local->data(), local->length());
    if (!result.ok()) {
      return result.ToStatus(absl::StrCat("bind ", local->ToString()));
    }
  }
  if (const std::optional<Address>& peer = options.peer_address) {
    const SysResult result = RetryOnSignal([&] {
      return kernel.Connect(socket.descriptor(), peer->data(), peer->length());
    });
    if (!result.ok()) {
      return result.ToStatus(absl::StrCat("connect ", peer->ToString()));
    }
  }
  std::unique_ptr<DatagramEndpoint> made(new DatagramEndpoint(
      reactor, buffers, std::move(socket), options, handler));
  absl::StatusOr<Registration> registration =
      reactor.Register(made->socket_.descriptor(), Interest::kRead, *made);
  if (!registration.ok()) return registration.status();
  made->registration_ = *std::move(registration);
  return made;
}

DatagramEndpoint::SendResult DatagramEndpoint::Send(const Address& to,
                                                    absl::string_view bytes) {
  if (queued() >= options_.max_queued_datagrams) {
    was_full_ = true;
    return SendResult::kFull;
  }
  queue_.push_back({queued_bytes_.size(), bytes.size(), to});
  queued_bytes_.append(bytes);
  if (!in_callback_) RequestTurn();
  return SendResult::kQueued;
}

void DatagramEndpoint::RequestTurn() {
  if (nudged_) return;
  nudged_ = true;
  registration_.Inject({});
}

void DatagramEndpoint::OnReady(Readiness readiness) {
  nudged_ = false;
  in_callback_ = true;
  if (readiness.writable) blocked_ = false;
  // An error that waits is what the next call says, and then is gone.
  if (readiness.readable || readiness.broken) Receive();
  const size_t before = queued();
  SendQueued();
  if (readiness.writable && blocked_ && queued() == before) {
    retry_.ArmAfter(kRetryInterval);
  }
  if (was_full_ && queued() <= options_.max_queued_datagrams / 2) {
    was_full_ = false;
    handler_.OnWritable();
    SendQueued();
  }
  in_callback_ = false;
  UpdateInterest();
  if (queued() > 0 && !blocked_) RequestTurn();
}

void DatagramEndpoint::Receive() {
  for (size_t received = 0; received < options_.max_datagrams_per_event;) {
    const absl::Span<mmsghdr> messages = buffers_.Reset();
    const SysResult result = RetryOnSignal([&] {
      return reactor_.kernel().RecvMMsg(socket_.descriptor(), messages, 0);
    });
    if (result.would_block()) return;
    if (!result.ok()) {
      ++received;
      handler_.OnError(result.error());
    } else {
      const size_t count = static_cast<size_t>(result.value());
      Deliver(count);
      received += count;
      // There were no more: no second call to see EAGAIN.
      if (count < messages.size()) return;
    }
  }
}

void DatagramEndpoint::Deliver(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const bool is_cut =
        (buffers_.messages_[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
    if (is_cut) {
      handler_.OnTruncatedDatagram(buffers_.BytesOf(i), buffers_.SenderOf(i));
    } else {
      handler_.OnDatagram(buffers_.BytesOf(i), buffers_.SenderOf(i));
    }
  }
}

void DatagramEndpoint::SendQueued() {
  // What a handler sends because something was refused waits for its turn.
  const size_t end = queue_.size();
  while (sent_ < end && !blocked_) {
    const SysResult result = SendSome();
    if (result.would_block()) {
      blocked_ = true;
    } else if (result.ok()) {
      sent_ += static_cast<size_t>(result.value());
    } else {
      // It is the first one's; or it is an old one's, and this one is lost with
      // it, as datagrams may be.
      ++sent_;
      handler_.OnError(result.error());
    }
  }
  DropSent();
}

// Moves no more than has been sent.
void DatagramEndpoint::DropSent() {
  if (sent_ < (queue_.size() + 1) / 2) return;
  const size_t bytes =
      queued() > 0 ? queue_[sent_].offset : queued_bytes_.size();
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<ptrdiff_t>(sent_));
  queued_bytes_.erase(0, bytes);
  for (Queued& datagram : queue_) datagram.offset -= bytes;
  sent_ = 0;
}

SysResult DatagramEndpoint::SendSome() {
  std::array<iovec, kMaxBatch> parts;
  std::array<mmsghdr, kMaxBatch> messages = {};
  const size_t count = std::min(queued(), kMaxBatch);
  for (size_t i = 0; i < count; ++i) {
    Queued& datagram = queue_[sent_ + i];
    parts[i] = {queued_bytes_.data() + datagram.offset, datagram.bytes};
    msghdr& message = messages[i].msg_hdr;
    if (datagram.to.length() > 0) {
      message.msg_name = const_cast<sockaddr*>(datagram.to.data());
      message.msg_namelen = datagram.to.length();
    }
    message.msg_iov = &parts[i];
    message.msg_iovlen = 1;
  }
  return RetryOnSignal([&] {
    return reactor_.kernel().SendMMsg(socket_.descriptor(),
                                      absl::MakeSpan(messages).first(count),
                                      MSG_NOSIGNAL);
  });
}

void DatagramEndpoint::UpdateInterest() {
  const Interest interest =
      blocked_ && !retry_.armed() ? Interest::kReadWrite : Interest::kRead;
  // Refused for want of memory; then the next event tries it again.
  (void)registration_.SetInterest(interest);
}

}  // namespace pollux
