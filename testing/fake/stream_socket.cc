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

}  // namespace

StreamSocket::~StreamSocket() {
  if (retry_ != 0) network_.time().Cancel(retry_);
  if (bound_) network_.Unbind(*this);
  // What nobody accepted is reset by its owner's going.
  for (const std::shared_ptr<StreamSocket>& waiting : accept_queue_) {
    waiting->reset_on_close_ = true;
  }
  accept_queue_.clear();
  if (peer_ == nullptr) return;
  StreamSocket& peer = *std::exchange(peer_, nullptr);
  peer.peer_ = nullptr;
  // RFC 2525 §2.17: what was not read is told to the sender.
  if (reset_on_close_ || !received_.empty()) {
    peer.ReceiveReset(ECONNRESET);
  } else {
    peer.PeerClosed();
  }
}

void StreamSocket::Pair(StreamSocket& a, StreamSocket& b) {
  a.peer_ = &b;
  b.peer_ = &a;
  a.state_ = b.state_ = State::kConnected;
  a.connect_reported_ = b.connect_reported_ = true;
}

SysResult StreamSocket::Bind(const Address& address) {
  if (bound_ || state_ != State::kUnconnected) return SysResult::Error(EINVAL);
  Address bound;
  const SysResult result = network_.Bind(*this, address, bound);
  if (!result.ok()) return result;
  local_ = bound;
  bound_ = true;
  return result;
}

SysResult StreamSocket::Listen(int backlog) {
  if (state_ != State::kUnconnected && state_ != State::kListening) {
    return SysResult::Error(EINVAL);
  }
  if (!bound_) {
    if (is_unix()) return SysResult::Error(EINVAL);
    const char* any = family_ == AF_INET ? "0.0.0.0:0" : "[::]:0";
    const SysResult result = Bind(*Address::Parse(any));
    if (!result.ok()) return result;
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
  return SysResult::Ok();
}

SysResult StreamSocket::Connect(const Address& address) {
  if (state_ == State::kListening) {
    return SysResult::Error(is_unix() ? EINVAL : EISCONN);
  }
  if (state_ == State::kConnecting) return SysResult::Error(EALREADY);
  if (state_ == State::kConnected) {
    if (std::exchange(connect_reported_, true)) {
      return SysResult::Error(EISCONN);
    }
    return SysResult::Ok();
  }
  if (error_ != 0) return SysResult::Error(TakeError());
  if (address.family() != family_) {
    return SysResult::Error(is_unix() ? EINVAL : EAFNOSUPPORT);
  }
  remote_ = address;
  if (is_unix()) {
    StreamSocket* listener = network_.FindListener(address);
    if (listener == nullptr) return SysResult::Error(ECONNREFUSED);
    if (!listener->HasRoomInBacklog()) return SysResult::Error(EAGAIN);
    ConnectTo(*listener);
    connect_reported_ = true;
    return SysResult::Ok();
  }
  if (!bound_) local_ = network_.EphemeralAddress(address);
  state_ = State::kConnecting;
  // Even on the loopback interface the answer comes after the call.
  TryToConnect();
  return SysResult::Error(EINPROGRESS);
}

void StreamSocket::TryToConnect() {
  retry_ = 0;
  StreamSocket* listener = network_.FindListener(remote_);
  if (listener == nullptr) return FailToConnect(ECONNREFUSED);
  if (listener->HasRoomInBacklog()) return ConnectTo(*listener);
  retry_ = network_.time().After(kSynRetry, [this] { TryToConnect(); });
}

bool StreamSocket::HasRoomInBacklog() const {
  return accept_queue_.size() <= backlog_;
}

void StreamSocket::ConnectTo(StreamSocket& listener) {
  auto accepted = std::make_shared<StreamSocket>(network_, family_);
  Pair(*this, *accepted);
  connect_reported_ = false;
  accepted->local_ = is_unix() ? listener.local_ : remote_;
  accepted->remote_ = local_;
  listener.accept_queue_.push_back(std::move(accepted));
  listener.Notify(kReadable);
  Notify(0);
}

void StreamSocket::FailToConnect(int error) {
  state_ = State::kUnconnected;
  error_ = error;
  // As after a reset: neither direction is left.
  receive_shut_ = send_shut_ = true;
  Notify(0);
}

SysResult StreamSocket::Recv(absl::Span<char> buffer, int flags) {
  if (state_ == State::kListening || state_ == State::kUnconnected ||
      state_ == State::kConnecting) {
    if (error_ != 0) return SysResult::Error(TakeError());
    if (receive_shut_) return SysResult::Ok(0);
    if (state_ == State::kConnecting) return SysResult::Error(EAGAIN);
    return SysResult::Error(is_unix() ? EINVAL : ENOTCONN);
  }
  if (!received_.empty()) {
    const size_t count = std::min(buffer.size(), received_.size());
    std::memcpy(buffer.data(), received_.data(), count);
    if ((flags & MSG_PEEK) == 0) {
      received_.erase(0, count);
      if (peer_ != nullptr) peer_->TakeSpaceFreed();
    }
    return SysResult::Ok(static_cast<int64_t>(count));
  }
  if (fin_received_ && !is_unix()) return SysResult::Ok(0);
  if (error_ != 0) return SysResult::Error(TakeError());
  if (receive_shut_) return SysResult::Ok(0);
  return SysResult::Error(EAGAIN);
}

SysResult StreamSocket::Send(absl::Span<const char> bytes) {
  if (state_ == State::kConnecting) return SysResult::Error(EAGAIN);
  if (state_ == State::kListening || state_ == State::kUnconnected) {
    if (is_unix()) return SysResult::Error(ENOTCONN);
    return SysResult::Error(error_ != 0 ? TakeError() : EPIPE);
  }
  if (is_unix()) {
    if (error_ != 0) return SysResult::Error(TakeError());
    if (send_shut_ || peer_ == nullptr || peer_->receive_shut_) {
      return SysResult::Error(EPIPE);
    }
  } else if (error_ != 0 || send_shut_) {
    // tcp(7): the error that is waiting, then EPIPE.
    const int error = TakeError();
    return SysResult::Error(error != 0 ? error : EPIPE);
  }
  if (bytes.empty()) return SysResult::Ok(0);
  if (peer_ == nullptr) {
    // Taken, and answered with an RST by who is no longer there.
    ReceiveReset(EPIPE);
    return SysResult::Ok(static_cast<int64_t>(bytes.size()));
  }
  const size_t count = std::min(bytes.size(), SpaceAtPeer());
  if (count < bytes.size()) wants_space_ = true;
  if (count == 0) return SysResult::Error(EAGAIN);
  if (peer_->receive_shut_) {
    // SHUT_RD on TCP: taken, and dropped.
    return SysResult::Ok(static_cast<int64_t>(count));
  }
  peer_->received_.append(bytes.data(), count);
  peer_->Notify(kReadable);
  return SysResult::Ok(static_cast<int64_t>(count));
}

SysResult StreamSocket::Shutdown(int how) {
  if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) {
    return SysResult::Error(EINVAL);
  }
  const bool connected = state_ == State::kConnected;
  if (!connected && !(is_unix() && state_ == State::kClosed)) {
    return SysResult::Error(ENOTCONN);
  }
  if (how != SHUT_WR) {
    receive_shut_ = true;
    if (is_unix() && peer_ != nullptr) {
      peer_->send_shut_ = true;
      peer_->Notify(0);
    }
  }
  if (how != SHUT_RD && !std::exchange(send_shut_, true) && peer_ != nullptr) {
    peer_->ReceiveFin();
  }
  Notify(0);
  return SysResult::Ok();
}

void StreamSocket::ReceiveFin() {
  receive_shut_ = true;
  fin_received_ = true;
  Notify(0);
}

void StreamSocket::ReceiveReset(int error) {
  error_ = error;
  receive_shut_ = send_shut_ = true;
  state_ = State::kClosed;
  if (StreamSocket* peer = std::exchange(peer_, nullptr)) peer->peer_ = nullptr;
  Notify(0);
}

void StreamSocket::PeerClosed() {
  if (is_unix()) {
    receive_shut_ = send_shut_ = true;
    state_ = State::kClosed;
    Notify(0);
  } else {
    ReceiveFin();
  }
}

void StreamSocket::TakeSpaceFreed() {
  if (!IsWritable()) return;
  if (std::exchange(wants_space_, false)) Notify(kWritable);
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
  if (state_ == State::kListening) {
    return accept_queue_.empty() ? 0 : kReadable;
  }
  if (state_ == State::kConnecting) return 0;
  uint32_t events = 0;
  if (error_ != 0) events |= EPOLLERR;
  const bool never_connected = state_ == State::kUnconnected;
  if ((receive_shut_ && send_shut_) || never_connected ||
      state_ == State::kClosed) {
    events |= EPOLLHUP;
  }
  if (receive_shut_) events |= kReadable | EPOLLRDHUP;
  if (!received_.empty()) events |= kReadable;
  if (IsWritable() || (send_shut_ && !is_unix())) {
    events |= kWritable;
  } else {
    wants_space_ = true;
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
