#include "testing/fake/stream_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/time/time.h"

namespace pollux {
namespace {

// A SYN that finds the backlog full is sent again (tcp(7)).
constexpr absl::Duration kSynRetry = absl::Seconds(1);
// net.core.somaxconn.
constexpr size_t kMaxBacklog = 4096;

constexpr uint32_t kReadable = EPOLLIN | EPOLLRDNORM;
constexpr uint32_t kWritable = EPOLLOUT | EPOLLWRNORM;
// What the kernel says when it wakes for data and for space.
constexpr uint32_t kDataCame = kReadable | EPOLLPRI | EPOLLRDBAND;
constexpr uint32_t kSpaceCame = kWritable | EPOLLWRBAND;

// What an address must be at least, for its family's sockets.
size_t LeastLength(int family) {
  // sizeof(sockaddr_in6) without the scope, as RFC 2133 had it.
  return family == AF_INET ? sizeof(sockaddr_in) : 24;
}

}  // namespace

StreamSocket::~StreamSocket() {
  ForgetWatchers();
  if (retry_ != 0) network_.time().Cancel(retry_);
  network_.Unbind(*this);
  if (state_ == State::kListening) {
    // From now on nobody finds it.
    state_ = State::kClosed;
    DropAcceptQueue();
  }
  if (is_unix()) {
    CloseUnix();
  } else {
    CloseTcp();
  }
}

void StreamSocket::DropAcceptQueue() {
  // What nobody accepted is reset by its owner's going.
  for (const std::shared_ptr<StreamSocket>& waiting : accept_queue_) {
    waiting->reset_on_close_ = true;
  }
  accept_queue_.clear();
}

void StreamSocket::CloseUnix() {
  if (peer_ == nullptr) return;
  StreamSocket& peer = *peer_;
  if (!received_.empty() || is_embryo_) peer.error_ = ECONNRESET;
  LeavePeer();
  peer.ShutDown(true, true);
}

void StreamSocket::CloseTcp() {
  if (peer_ == nullptr) return;
  if (reset_on_close_ || !received_.empty()) {
    // RFC 2525 §2.17: what was not read is told to the sender.
    StreamSocket& peer = *peer_;
    LeavePeer();
    peer.ReceiveReset();
  } else {
    SendFin();
    LeavePeer();
  }
}

void StreamSocket::LeavePeer() {
  if (StreamSocket* peer = std::exchange(peer_, nullptr)) {
    peer->peer_ = nullptr;
  }
}

void StreamSocket::Pair(StreamSocket& a, StreamSocket& b) {
  a.peer_ = &b;
  b.peer_ = &a;
  a.state_ = b.state_ = State::kEstablished;
}

SysResult StreamSocket::Bind(const Address& address) {
  if (is_unix()) {
    if (address.length() <= sizeof(sa_family_t) ||
        address.family() != AF_UNIX) {
      return SysResult::Error(EINVAL);
    }
  } else {
    if (address.length() < LeastLength(family_)) {
      return SysResult::Error(EINVAL);
    }
    if (address.family() != family_) return SysResult::Error(EAFNOSUPPORT);
  }
  Address bound;
  const bool may_be_bound =
      !bound_ && (is_unix() || (state_ == State::kClosed));
  const SysResult result = network_.Bind(*this, address, may_be_bound, bound);
  if (!result.ok()) return result;
  local_ = bound;
  bound_ = true;
  if (!is_unix()) {
    port_stays_ = address.port() != 0;
    address_stays_ = !Network::IsAny(address);
  }
  return result;
}

SysResult StreamSocket::Listen(int backlog) {
  if (state_ != State::kClosed && state_ != State::kListening) {
    return SysResult::Error(EINVAL);
  }
  if (progress_ != Progress::kNotAsked) return SysResult::Error(EINVAL);
  if (!bound_) {
    if (is_unix()) return SysResult::Error(EINVAL);
    const SysResult result = Bind(Network::WithPort(
        address_stays_ ? local_ : Network::AnyAddress(family_), 0));
    if (!result.ok()) return result;
  }
  if (state_ != State::kListening && !network_.MayListen(*this)) {
    return SysResult::Error(EADDRINUSE);
  }
  // A negative backlog is the largest.
  backlog_ = backlog < 0 ? kMaxBacklog
                         : std::min(static_cast<size_t>(backlog), kMaxBacklog);
  state_ = State::kListening;
  return SysResult::Ok();
}

SysResult StreamSocket::Accept(std::shared_ptr<StreamSocket>& connection) {
  if (state_ != State::kListening) return SysResult::Error(EINVAL);
  if (accept_queue_.empty()) return SysResult::Error(EAGAIN);
  connection = std::move(accept_queue_.front());
  accept_queue_.pop_front();
  connection->is_embryo_ = false;
  return SysResult::Ok();
}

SysResult StreamSocket::Connect(const Address& address) {
  if (is_unix()) return ConnectUnix(address);
  if (address.length() < sizeof(sa_family_t)) return SysResult::Error(EINVAL);
  switch (progress_) {
    case Progress::kTold:
      return SysResult::Error(EISCONN);
    case Progress::kStarted:
      if (state_ == State::kSynSent) return SysResult::Error(EALREADY);
      if (state_ == State::kClosed) {
        // It failed: said once, then the socket is as new.
        const int error = TakeError();
        progress_ = Progress::kNotAsked;
        Disconnect();
        return SysResult::Error(error != 0 ? error : ECONNABORTED);
      }
      progress_ = Progress::kTold;
      return SysResult::Ok();
    case Progress::kSpoilt:
      return SysResult::Error(EINVAL);
    case Progress::kNotAsked:
      break;
  }
  if (state_ != State::kClosed) return SysResult::Error(EISCONN);
  if (address.length() < LeastLength(family_)) return SysResult::Error(EINVAL);
  if (address.family() != family_) return SysResult::Error(EAFNOSUPPORT);
  progress_ = Progress::kStarted;
  state_ = State::kSynSent;
  remote_ = Network::Reachable(address);
  local_ = network_.LocalAddress(local_, bound_, remote_);
  network_.HoldPort(*this);
  // Even on the loopback interface the answer comes after the call.
  TryToConnect();
  return SysResult::Error(EINPROGRESS);
}

SysResult StreamSocket::ConnectUnix(const Address& address) {
  if (address.length() <= sizeof(sa_family_t) || address.family() != AF_UNIX) {
    return SysResult::Error(EINVAL);
  }
  StreamSocket* listener = network_.FindListener(address);
  if (listener == nullptr) {
    return SysResult::Error(network_.IsMissing(address) ? ENOENT
                                                        : ECONNREFUSED);
  }
  if (listener->receive_shut_) return SysResult::Error(ECONNREFUSED);
  if (!listener->HasRoomInBacklog()) return SysResult::Error(EAGAIN);
  if (state_ != State::kClosed) {
    return SysResult::Error(state_ == State::kEstablished ? EISCONN : EINVAL);
  }
  remote_ = address;
  ConnectTo(*listener);
  return SysResult::Ok();
}

void StreamSocket::TryToConnect() {
  retry_ = 0;
  StreamSocket* listener = network_.FindListener(remote_);
  if (listener == nullptr) {
    error_ = ECONNREFUSED;
    return Done();
  }
  if (listener->HasRoomInBacklog()) return ConnectTo(*listener);
  retry_ = network_.time().After(kSynRetry, [this] { TryToConnect(); });
}

bool StreamSocket::HasRoomInBacklog() const {
  return accept_queue_.size() <= backlog_;
}

void StreamSocket::ConnectTo(StreamSocket& listener) {
  auto accepted = std::make_shared<StreamSocket>(network_, family_);
  Pair(*this, *accepted);
  accepted->progress_ = Progress::kTold;
  accepted->local_ = is_unix() ? listener.local_ : remote_;
  accepted->remote_ = local_;
  if (is_unix()) {
    accepted->is_embryo_ = true;
    // It has the listener's name, and so cannot get another.
    accepted->bound_ = true;
  } else {
    accepted->reuse_address_ = listener.reuse_address_;
    accepted->reuse_port_ = listener.reuse_port_;
    accepted->reset_on_close_ = listener.reset_on_close_;
    // Even what shutdown(2) did before listen(2).
    accepted->receive_shut_ = listener.receive_shut_;
    accepted->send_shut_ = listener.send_shut_;
    network_.HoldPort(*accepted);
    // Not on unix, where connect(2) itself is the answer.
    Notify(0);
  }
  listener.accept_queue_.push_back(accepted);
  listener.Notify(kDataCame);
  if (accepted->send_shut_) accepted->SendFin();
}

SysResult StreamSocket::Recv(absl::Span<char> buffer, int flags) {
  if (is_unix()) return RecvUnix(buffer, flags);
  if (state_ == State::kListening) return SysResult::Error(ENOTCONN);
  if (!received_.empty()) {
    return SysResult::Ok(static_cast<int64_t>(TakeReceived(buffer, flags)));
  }
  if (fin_received_) return SysResult::Ok(0);
  if (error_ != 0) return SysResult::Error(TakeError());
  if (receive_shut_) return SysResult::Ok(0);
  return SysResult::Error(state_ == State::kClosed ? ENOTCONN : EAGAIN);
}

SysResult StreamSocket::RecvUnix(absl::Span<char> buffer, int flags) {
  if (state_ != State::kEstablished) return SysResult::Error(EINVAL);
  if (!received_.empty()) {
    return SysResult::Ok(static_cast<int64_t>(TakeReceived(buffer, flags)));
  }
  if (error_ != 0) return SysResult::Error(TakeError());
  return receive_shut_ ? SysResult::Ok(0) : SysResult::Error(EAGAIN);
}

size_t StreamSocket::TakeReceived(absl::Span<char> buffer, int flags) {
  const size_t count = std::min(buffer.size(), received_.size());
  std::copy_n(received_.data(), count, buffer.data());
  if ((flags & MSG_PEEK) != 0) return count;
  received_.erase(0, count);
  bool message_freed = false;
  for (size_t left = count; left > 0 && !messages_.empty();) {
    const size_t taken = std::min(left, messages_.front());
    left -= taken;
    messages_.front() -= taken;
    if (messages_.front() > 0) break;
    messages_.pop_front();
    message_freed = true;
  }
  if (peer_ != nullptr) peer_->TakeSpaceFreed(message_freed);
  return count;
}

SysResult StreamSocket::Send(absl::Span<const char> bytes) {
  if (is_unix()) return SendUnix(bytes);
  if (state_ == State::kSynSent) {
    return SysResult::Error(error_ != 0 ? TakeError() : EAGAIN);
  }
  const bool may_send =
      state_ == State::kEstablished || state_ == State::kCloseWait;
  if (error_ != 0 || send_shut_ || !may_send) {
    // tcp(7): the error that is waiting, then EPIPE.
    const int error = TakeError();
    return SysResult::Error(error != 0 ? error : EPIPE);
  }
  if (bytes.empty()) return SysResult::Ok(0);
  if (peer_ == nullptr) {
    // Taken, and answered with an RST by who is no longer there.
    ReceiveReset();
    return SysResult::Ok(static_cast<int64_t>(bytes.size()));
  }
  const size_t count = std::min(bytes.size(), SpaceAtPeer());
  if (count < bytes.size()) wants_space_ = true;
  if (count == 0) return SysResult::Error(EAGAIN);
  if (peer_->state_ == State::kFinWait && peer_->receive_shut_) {
    // RFC 1122 §4.2.2.13: it will neither send nor read, and so resets.
    StreamSocket& peer = *peer_;
    LeavePeer();
    peer.ReceiveReset();
    ReceiveReset();
    return SysResult::Ok(static_cast<int64_t>(count));
  }
  // Also if it called shutdown(SHUT_RD): TCP has no way to say so.
  peer_->received_.append(bytes.data(), count);
  peer_->Notify(kDataCame);
  return SysResult::Ok(static_cast<int64_t>(count));
}

SysResult StreamSocket::SendUnix(absl::Span<const char> bytes) {
  if (state_ != State::kEstablished) return SysResult::Error(ENOTCONN);
  if (send_shut_) return SysResult::Error(EPIPE);
  if (bytes.empty()) return SysResult::Ok(0);
  if (peer_ == nullptr || peer_->receive_shut_) return SysResult::Error(EPIPE);
  const size_t count = std::min(bytes.size(), SpaceAtPeer());
  if (count == 0) return SysResult::Error(EAGAIN);
  peer_->received_.append(bytes.data(), count);
  peer_->messages_.push_back(count);
  peer_->Notify(kDataCame);
  return SysResult::Ok(static_cast<int64_t>(count));
}

SysResult StreamSocket::Shutdown(int how) {
  if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) {
    return SysResult::Error(EINVAL);
  }
  const bool receiving = how != SHUT_WR;
  const bool sending = how != SHUT_RD;
  if (is_unix()) {
    ShutDown(receiving, sending);
    if (peer_ != nullptr) peer_->ShutDown(sending, receiving);
    return SysResult::Ok();
  }
  if (progress_ == Progress::kStarted) {
    const bool over = state_ == State::kSynSent || state_ == State::kClosed;
    progress_ = over ? Progress::kSpoilt : Progress::kTold;
  }
  if (state_ == State::kListening || state_ == State::kSynSent) {
    if (state_ == State::kSynSent || receiving) {
      progress_ = Progress::kNotAsked;
      Disconnect();
    }
    Notify(0);
    return SysResult::Ok();
  }
  // Refused, and done all the same: who polls is to see it.
  const SysResult result =
      state_ == State::kClosed ? SysResult::Error(ENOTCONN) : SysResult::Ok();
  ShutDown(receiving, sending);
  if (sending) SendFin();
  return result;
}

void StreamSocket::ShutDown(bool receiving, bool sending) {
  receive_shut_ |= receiving;
  send_shut_ |= sending;
  Notify(0);
}

void StreamSocket::Disconnect() {
  if (retry_ != 0) network_.time().Cancel(std::exchange(retry_, 0));
  if (state_ == State::kListening) DropAcceptQueue();
  if (state_ == State::kSynSent) error_ = ECONNRESET;
  BecomeClosed();
  receive_shut_ = send_shut_ = fin_received_ = false;
  received_.clear();
  remote_ = Address();
  // The port is still told, although it may no longer be this socket's.
  if (!address_stays_) {
    local_ = Network::WithPort(Network::AnyAddress(family_), local_.port());
  }
  Notify(EPOLLERR);
}

void StreamSocket::SendFin() {
  if (state_ == State::kEstablished) {
    state_ = State::kFinWait;
    peer_->ReceiveFin();
  } else if (state_ == State::kCloseWait) {
    if (peer_ != nullptr) peer_->ReceiveFin();
    Done();
  }
}

void StreamSocket::ReceiveFin() {
  receive_shut_ = true;
  fin_received_ = true;
  if (state_ == State::kFinWait) return Done();
  state_ = State::kCloseWait;
  Notify(0);
}

void StreamSocket::ReceiveReset() {
  error_ = state_ == State::kCloseWait ? EPIPE : ECONNRESET;
  Done();
}

void StreamSocket::Done() {
  BecomeClosed();
  receive_shut_ = send_shut_ = true;
  LeavePeer();
  Notify(0);
}

void StreamSocket::BecomeClosed() {
  state_ = State::kClosed;
  network_.ReleasePort(*this);
  if (!port_stays_) {
    network_.Unbind(*this);
    bound_ = false;
  }
}

void StreamSocket::TakeSpaceFreed(bool message_freed) {
  if (!IsWritable()) return;
  // Unix tells of each message that is gone, wanted or not.
  if (is_unix() ? message_freed : std::exchange(wants_space_, false)) {
    Notify(kSpaceCame);
  }
}

size_t StreamSocket::buffer_bytes() const {
  return is_unix() ? network_.options().unix_buffer_bytes
                   : network_.options().tcp_buffer_bytes;
}

size_t StreamSocket::SpaceAtPeer() const {
  const size_t used = peer_->received_.size();
  return buffer_bytes() - std::min(used, buffer_bytes());
}

bool StreamSocket::IsWritable() const {
  if (peer_ == nullptr) return true;
  const size_t used = peer_->received_.size();
  // sk_stream_is_writeable() and unix_writable(): not for a few bytes only.
  return is_unix() ? used * 4 <= buffer_bytes()
                   : used * 3 <= buffer_bytes() * 2;
}

int StreamSocket::TakeError() { return std::exchange(error_, 0); }

uint32_t StreamSocket::Poll() {
  if (is_unix()) return PollUnix();
  if (state_ == State::kListening) {
    return accept_queue_.empty() ? 0 : kReadable;
  }
  uint32_t events = 0;
  if (error_ != 0) events |= EPOLLERR;
  if ((receive_shut_ && send_shut_) || state_ == State::kClosed) {
    events |= EPOLLHUP;
  }
  if (receive_shut_) events |= kReadable | EPOLLRDHUP;
  if (state_ == State::kSynSent) return events;
  if (!received_.empty()) events |= kReadable;
  if (IsWritable() || send_shut_) {
    events |= kWritable;
  } else {
    wants_space_ = true;
  }
  return events;
}

uint32_t StreamSocket::PollUnix() {
  uint32_t events = 0;
  if (error_ != 0) events |= EPOLLERR;
  if ((receive_shut_ && send_shut_) || state_ == State::kClosed) {
    events |= EPOLLHUP;
  }
  if (receive_shut_) events |= kReadable | EPOLLRDHUP;
  if (!received_.empty() || !accept_queue_.empty()) events |= kReadable;
  if (state_ != State::kListening && IsWritable()) {
    events |= kWritable | EPOLLWRBAND;
  }
  return events;
}

SysResult StreamSocket::SetOption(int level, int option, const void* value,
                                  socklen_t length) {
  if (level == IPPROTO_TCP && is_unix()) return SysResult::Error(EOPNOTSUPP);
  if (length < sizeof(int)) return SysResult::Error(EINVAL);
  int number;
  std::memcpy(&number, value, sizeof(number));
  if (level == SOL_SOCKET && option == SO_REUSEADDR) {
    reuse_address_ = number != 0;
  } else if (level == SOL_SOCKET && option == SO_REUSEPORT) {
    reuse_port_ = number != 0;
  } else if (level == SOL_SOCKET && option == SO_LINGER) {
    if (length < sizeof(linger)) return SysResult::Error(EINVAL);
    linger value_given;
    std::memcpy(&value_given, value, sizeof(value_given));
    reset_on_close_ = value_given.l_onoff != 0 && value_given.l_linger == 0;
  }
  // Others are taken, and change nothing in a network without delay.
  return SysResult::Ok();
}

SysResult StreamSocket::GetOption(int level, int option, void* value,
                                  socklen_t* length) {
  if (level != SOL_SOCKET || option != SO_ERROR) {
    return SysResult::Error(ENOPROTOOPT);
  }
  const int error = TakeError();
  *length = std::min<socklen_t>(*length, sizeof(error));
  std::memcpy(value, &error, *length);
  return SysResult::Ok();
}

}  // namespace pollux
