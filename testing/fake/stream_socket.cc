#include "testing/fake/stream_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace pollux {
namespace {

// A SYN that finds the backlog full is sent again: ten times, the first five a
// second apart, then twice as long each time (net.ipv4.tcp_syn_retries and
// tcp_syn_linear_timeouts of Linux 6.5).
constexpr int kSynRetries = 10;
absl::Duration SynTimeout(int retries) {
  constexpr int kLinear = 4;
  return absl::Seconds(1 << std::max(0, retries - kLinear));
}
// net.core.somaxconn.
constexpr size_t kMaxBacklog = 4096;

constexpr uint32_t kReadable = EPOLLIN | EPOLLRDNORM;
constexpr uint32_t kWritable = EPOLLOUT | EPOLLWRNORM;
// What the kernel says when it wakes for data and for space.
constexpr uint32_t kDataCame = kReadable | EPOLLPRI | EPOLLRDBAND;
constexpr uint32_t kSpaceCame = kWritable | EPOLLWRBAND;

}  // namespace

StreamSocket::~StreamSocket() {
  ForgetWatchers();
  network_.files_in_flight().Remove(*this);
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
    waiting->ResetOnClose();
  }
  accept_queue_.clear();
}

void StreamSocket::CloseUnix() {
  if (peer_ == nullptr) return;
  StreamSocket& peer = *peer_;
  if (!received_.empty() || is_embryo_) peer.set_error(ECONNRESET);
  LeavePeer();
  peer.ShutDown(true, true);
}

void StreamSocket::CloseTcp() {
  if (peer_ == nullptr) return;
  if (resets_on_close() || !received_.empty()) {
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
  if (a.is_unix()) {
    a.LearnPeerProcess();
    b.LearnPeerProcess();
  }
}

SysResult StreamSocket::Bind(const Address& address) {
  if (const SysResult check = CheckFamily(address); !check.ok()) return check;
  Address bound;
  const bool may_be_bound =
      !bound_ && (is_unix() || (state_ == State::kClosed));
  const SysResult result = network_.Bind(*this, address, may_be_bound, bound);
  if (!result.ok()) return result;
  set_local_address(bound);
  bound_ = true;
  if (is_unix()) {
    if (peer_ != nullptr) peer_->set_peer_address(bound);
  } else {
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
        address_stays_ ? local_address() : Network::AnyAddress(family()), 0));
    if (!result.ok()) return result;
  }
  if (state_ != State::kListening && !network_.MayListen(*this)) {
    return SysResult::Error(EADDRINUSE);
  }
  // A negative backlog is the largest.
  backlog_ = backlog < 0 ? kMaxBacklog
                         : std::min(static_cast<size_t>(backlog), kMaxBacklog);
  state_ = State::kListening;
  // unix(7): who connects learns who called listen(2).
  if (is_unix()) LearnPeerProcess();
  return SysResult::Ok();
}

SysResult StreamSocket::Accept(std::shared_ptr<SocketFile>& connection) {
  if (state_ != State::kListening) return SysResult::Error(EINVAL);
  if (accept_queue_.empty()) return SysResult::Error(EAGAIN);
  accept_queue_.front()->is_embryo_ = false;
  connection = std::move(accept_queue_.front());
  accept_queue_.pop_front();
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
  if (const SysResult check = CheckFamily(address); !check.ok()) return check;
  progress_ = Progress::kStarted;
  state_ = State::kSynSent;
  set_peer_address(Network::Reachable(address));
  set_local_address(
      network_.LocalAddress(local_address(), bound_, peer_address()));
  network_.HoldPort(*this);
  retries_ = 0;
  // Even on the loopback interface the answer comes after the call.
  TryToConnect();
  return SysResult::Error(EINPROGRESS);
}

SysResult StreamSocket::ConnectUnix(const Address& address) {
  if (const SysResult check = CheckFamily(address); !check.ok()) return check;
  SocketFile* found = nullptr;
  const SysResult result = network_.FindUnix(address, SOCK_STREAM, found);
  if (!result.ok()) return result;
  auto* listener = static_cast<StreamSocket*>(found);
  if (!listener->is_listening() || listener->receive_shut_) {
    return SysResult::Error(ECONNREFUSED);
  }
  if (!listener->HasRoomInBacklog()) return SysResult::Error(EAGAIN);
  if (state_ != State::kClosed) {
    return SysResult::Error(state_ == State::kEstablished ? EISCONN : EINVAL);
  }
  set_peer_address(listener->local_address());
  ConnectTo(*listener);
  return SysResult::Ok();
}

void StreamSocket::TryToConnect() {
  retry_ = 0;
  auto* listener =
      static_cast<StreamSocket*>(network_.FindListener(peer_address()));
  if (listener == nullptr) {
    set_error(ECONNREFUSED);
    return Done();
  }
  if (listener->HasRoomInBacklog()) return ConnectTo(*listener);
  retry_ = network_.time().After(SynTimeout(retries_), [this] {
    if (retries_++ < kSynRetries) return TryToConnect();
    retry_ = 0;
    set_error(ETIMEDOUT);
    Done();
  });
}

bool StreamSocket::HasRoomInBacklog() const {
  return accept_queue_.size() <= backlog_;
}

void StreamSocket::ConnectTo(StreamSocket& listener) {
  auto accepted = std::make_shared<StreamSocket>(network_, family());
  Pair(*this, *accepted);
  accepted->progress_ = Progress::kTold;
  accepted->set_local_address(is_unix() ? listener.local_address()
                                        : peer_address());
  accepted->set_peer_address(local_address());
  if (is_unix()) {
    accepted->is_embryo_ = true;
    // It has the listener's name, and so cannot get another.
    accepted->bound_ = true;
  } else {
    accepted->CopyOptions(listener);
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

SysResult StreamSocket::GetPeerName(Address& name) const {
  const bool has_peer = is_unix() ? state_ == State::kEstablished
                                  : state_ == State::kEstablished ||
                                        state_ == State::kFinWait ||
                                        state_ == State::kCloseWait;
  if (!has_peer) return SysResult::Error(ENOTCONN);
  name = peer_address();
  return SysResult::Ok();
}

SysResult StreamSocket::ReceiveMessage(IncomingMessage& message) {
  if (is_unix()) return ReceiveUnix(message);
  if (state_ == State::kListening) return SysResult::Error(ENOTCONN);
  if (!received_.empty()) {
    return SysResult::Ok(static_cast<int64_t>(TakeReceived(message)));
  }
  if (fin_received_) return SysResult::Ok(0);
  if (error() != 0) return SysResult::Error(TakeError());
  if (receive_shut_) return SysResult::Ok(0);
  return SysResult::Error(state_ == State::kClosed ? ENOTCONN : EAGAIN);
}

SysResult StreamSocket::ReceiveUnix(IncomingMessage& message) {
  if (state_ != State::kEstablished) return SysResult::Error(EINVAL);
  if (!received_.empty()) {
    return SysResult::Ok(static_cast<int64_t>(TakeMessages(message)));
  }
  if (error() != 0) return SysResult::Error(TakeError());
  return receive_shut_ ? SysResult::Ok(0) : SysResult::Error(EAGAIN);
}

size_t StreamSocket::TakeReceived(const IncomingMessage& message) {
  const size_t count = std::min(BytesIn(message.pieces), received_.size());
  // tcp(7): MSG_TRUNC throws them away.
  if ((message.flags & MSG_TRUNC) == 0) {
    Scatter(absl::string_view(received_).substr(0, count), message.pieces, 0);
  }
  if ((message.flags & MSG_PEEK) != 0) return count;
  received_.erase(0, count);
  if (peer_ != nullptr) peer_->TakeSpaceFreed();
  return count;
}

size_t StreamSocket::TakeMessages(IncomingMessage& message) {
  // unix_stream_read_generic() in net/unix/af_unix.c, step by step.
  const size_t room = BytesIn(message.pieces);
  const bool peek = (message.flags & MSG_PEEK) != 0;
  message.from = peer_address();
  size_t count = 0;
  bool message_freed = false;
  for (size_t next = 0; next < messages_.size();) {
    Message& first = messages_[next];
    const size_t part = std::min(first.bytes, room - count);
    count += part;
    // The files come with the first byte, and nothing behind them.
    const bool has_files = !first.files.empty();
    if (peek) {
      message.files = first.files;
      ++next;
      if (has_files) break;
      continue;
    }
    if (has_files) message.files = std::exchange(first.files, {});
    first.bytes -= part;
    if (first.bytes > 0) break;
    messages_.pop_front();
    message_freed = true;
    if (has_files || count == room) break;
  }
  Scatter(absl::string_view(received_).substr(0, count), message.pieces, 0);
  if (peek) return count;
  received_.erase(0, count);
  if (message_freed && peer_ != nullptr) peer_->TakeSpaceFreed();
  return count;
}

void StreamSocket::ForEachFileReceived(
    const std::function<void(const OpenFile&)>& tell) const {
  for (const Message& message : messages_) {
    for (const std::shared_ptr<OpenFile>& file : message.files) tell(*file);
  }
}

FileList StreamSocket::TakeFilesReceived() {
  FileList files;
  for (Message& message : messages_) {
    files.insert(files.end(), message.files.begin(), message.files.end());
    message.files.clear();
  }
  return files;
}

SysResult StreamSocket::SendMessage(const OutgoingMessage& message) {
  if (is_unix()) return SendUnix(message);
  // sendto(2): an address is ignored.
  if (state_ == State::kSynSent) {
    return SysResult::Error(error() != 0 ? TakeError() : EAGAIN);
  }
  const bool may_send =
      state_ == State::kEstablished || state_ == State::kCloseWait;
  if (error() != 0 || send_shut_ || !may_send) {
    // tcp(7): the error that is waiting, then EPIPE.
    const int error = TakeError();
    return SysResult::Error(error != 0 ? error : EPIPE);
  }
  const size_t size = BytesIn(message.pieces);
  if (size == 0) return SysResult::Ok(0);
  if (peer_ == nullptr) {
    // Taken, and answered with an RST by who is no longer there.
    ReceiveReset();
    return SysResult::Ok(static_cast<int64_t>(size));
  }
  const size_t count = std::min(size, SpaceAtPeer());
  if (count < size) wants_space_ = true;
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
  Gather(message.pieces, count, peer_->received_);
  peer_->Notify(kDataCame);
  return SysResult::Ok(static_cast<int64_t>(count));
}

SysResult StreamSocket::SendUnix(const OutgoingMessage& message) {
  if (message.to != nullptr) {
    return SysResult::Error(state_ == State::kEstablished ? EISCONN
                                                          : EOPNOTSUPP);
  }
  if (state_ != State::kEstablished) return SysResult::Error(ENOTCONN);
  if (send_shut_) return SysResult::Error(EPIPE);
  const size_t size = BytesIn(message.pieces);
  // Files, too, are not sent without a byte.
  if (size == 0) return SysResult::Ok(0);
  if (peer_ == nullptr || peer_->receive_shut_) {
    // They were in the buffer for a moment, and have left it.
    if (IsWritable()) Notify(kSpaceCame);
    return SysResult::Error(EPIPE);
  }
  const size_t count = std::min(size, SpaceAtPeer());
  if (count == 0) return SysResult::Error(EAGAIN);
  Gather(message.pieces, count, peer_->received_);
  peer_->messages_.push_back({.bytes = count, .files = message.files});
  if (!message.files.empty()) network_.files_in_flight().Add(*peer_);
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
  if (state_ == State::kSynSent) set_error(ECONNRESET);
  BecomeClosed();
  receive_shut_ = send_shut_ = fin_received_ = false;
  received_.clear();
  set_peer_address(Address());
  // The port is still told, although it may no longer be this socket's.
  if (!address_stays_) {
    set_local_address(Network::WithPort(Network::AnyAddress(family()),
                                        local_address().port()));
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
  set_error(state_ == State::kCloseWait ? EPIPE : ECONNRESET);
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

void StreamSocket::TakeSpaceFreed() {
  if (!IsWritable()) return;
  // Unix tells of each message that is gone, wanted or not.
  if (is_unix() || std::exchange(wants_space_, false)) Notify(kSpaceCame);
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

uint32_t StreamSocket::Poll() {
  if (is_unix()) return PollUnix();
  if (state_ == State::kListening) {
    return accept_queue_.empty() ? 0 : kReadable;
  }
  uint32_t events = 0;
  if (error() != 0) events |= EPOLLERR;
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
  if (error() != 0) events |= EPOLLERR;
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

}  // namespace pollux
