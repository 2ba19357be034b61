#include "testing/fake/stream_socket.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <string>
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

// How long what was sent is sent again, at least 200 ms later, then twice as
// much and so on up to 120 s: net.ipv4.tcp_retries2 of 15.
constexpr absl::Duration kRetransmissionTime = absl::Milliseconds(924'600);

// The first wait of a SYN-ACK, and the longest.
constexpr int kSynAckSeconds = 1;
constexpr int kMaxSynAckSeconds = 120;

// secs_to_retrans() and retrans_to_secs() in net/ipv4/tcp.c.
int RetriesOf(int seconds) {
  constexpr int kMostRetries = 255;
  if (seconds <= 0) return 0;
  int retries = 1;
  int timeout = kSynAckSeconds;
  for (int period = timeout; seconds > period && retries < kMostRetries;
       period += timeout) {
    ++retries;
    timeout = std::min(2 * timeout, kMaxSynAckSeconds);
  }
  return retries;
}
int SecondsOf(int retries) {
  int seconds = 0;
  int timeout = kSynAckSeconds;
  for (int i = 0; i < retries; ++i) {
    seconds += timeout;
    timeout = std::min(2 * timeout, kMaxSynAckSeconds);
  }
  return seconds;
}

// include/net/tcp_states.h.
enum TcpState : uint8_t {
  kTcpEstablished = 1,
  kTcpSynSent = 2,
  kTcpFinWait2 = 5,
  kTcpClose = 7,
  kTcpCloseWait = 8,
  kTcpListen = 10,
};

constexpr size_t kMaxCongestionName = 16;

bool IsCongestionControl(absl::string_view name) {
  return name == "cubic" || name == "reno";
}

}  // namespace

StreamSocket::~StreamSocket() {
  ForgetWatchers();
  network_.files_in_flight().Remove(*this);
  CancelTimers();
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
  for (const std::shared_ptr<StreamSocket>& waiting : deferred_) {
    // Its client believes in the connection until it sends something.
    waiting->deferring_ = nullptr;
    waiting->LeavePeer();
  }
  deferred_.clear();
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
  if (peer_ == nullptr) return;
  StreamSocket& peer = *peer_;
  for (StreamSocket* end : {this, &peer}) {
    end->sent_bytes_ -=
        std::min<uint64_t>(end->sent_bytes_, end->BytesUnacknowledged());
  }
  peer.peer_ = nullptr;
  peer_ = nullptr;
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

void StreamSocket::Defer(std::shared_ptr<StreamSocket> connection) {
  connection->deferring_ = this;
  connection->deferral_ = network_.time().After(
      absl::Seconds(SecondsOf(tcp_.defer_retries)), [raw = connection.get()] {
        raw->deferral_ = 0;
        raw->EndDeferral();
      });
  deferred_.push_back(std::move(connection));
}

void StreamSocket::EndDeferral() {
  if (deferral_ != 0) network_.time().Cancel(std::exchange(deferral_, 0));
  StreamSocket* listener = std::exchange(deferring_, nullptr);
  if (listener != nullptr) listener->Admit(*this);
}

void StreamSocket::Admit(StreamSocket& connection) {
  accept_queue_.push_back(TakeDeferred(connection));
  Notify(kDataCame);
}

std::shared_ptr<StreamSocket> StreamSocket::TakeDeferred(
    const StreamSocket& connection) {
  const auto found = std::find_if(
      deferred_.begin(), deferred_.end(),
      [&](const auto& deferred) { return deferred.get() == &connection; });
  std::shared_ptr<StreamSocket> taken = std::move(*found);
  deferred_.erase(found);
  return taken;
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
  return accept_queue_.size() + deferred_.size() <= backlog_;
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
    accepted->tcp_ = listener.tcp_;
    accepted->last_heard_ = last_heard_ = network_.time().Now();
    has_connected_ = true;
    network_.HoldPort(*accepted);
    // Not on unix, where connect(2) itself is the answer.
    Notify(0);
  }
  if (listener.tcp_.defer_retries > 0) {
    listener.Defer(accepted);
  } else {
    listener.accept_queue_.push_back(accepted);
    listener.Notify(kDataCame);
  }
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
  if (peer_ == nullptr && !is_cut_off_) {
    // Taken, and answered with an RST by who is no longer there.
    ReceiveReset();
    return SysResult::Ok(static_cast<int64_t>(size));
  }
  const size_t count = std::min(size, Space());
  if (count < size) wants_space_ = true;
  if (count == 0) return SysResult::Error(EAGAIN);
  if (is_cut_off_) {
    lost_bytes_ += count;
    sent_bytes_ += count;
    PlanRetransmission();
    return SysResult::Ok(static_cast<int64_t>(count));
  }
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
  NoteArrival(*peer_, count);
  return SysResult::Ok(static_cast<int64_t>(count));
}

void StreamSocket::NoteArrival(StreamSocket& receiver, size_t bytes) {
  sent_bytes_ += bytes;
  receiver.arrived_bytes_ += bytes;
  // Data for one side, the acknowledgement for the other.
  receiver.last_heard_ = last_heard_ = network_.time().Now();
  receiver.EndDeferral();
  receiver.Notify(kDataCame);
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
  const size_t count = std::min(size, Space());
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
  if (is_cut_off_) {
    if (state_ == State::kEstablished) state_ = State::kFinWait;
    return PlanRetransmission();
  }
  if (state_ == State::kEstablished) {
    state_ = State::kFinWait;
    // Null if the listener went before the connection was accepted.
    if (peer_ != nullptr) peer_->ReceiveFin();
  } else if (state_ == State::kCloseWait) {
    if (peer_ != nullptr) peer_->ReceiveFin();
    Done();
  }
}

void StreamSocket::ReceiveFin() {
  receive_shut_ = true;
  fin_received_ = true;
  EndDeferral();
  if (state_ == State::kFinWait) return Done();
  state_ = State::kCloseWait;
  Notify(0);
}

void StreamSocket::ReceiveReset() {
  set_error(state_ == State::kCloseWait ? EPIPE : ECONNRESET);
  Done();
  // One that was put off is never accepted. This destroys it.
  StreamSocket* listener = std::exchange(deferring_, nullptr);
  if (listener != nullptr) (void)listener->TakeDeferred(*this);
}

void StreamSocket::Done() {
  BecomeClosed();
  receive_shut_ = send_shut_ = true;
  LeavePeer();
  Notify(0);
}

void StreamSocket::CutOff() {
  if (is_unix() || peer_ == nullptr) return;
  StreamSocket& other = *peer_;
  const size_t own = BytesUnacknowledged();
  const size_t others = other.BytesUnacknowledged();
  LeavePeer();
  BecomeCutOff(own);
  other.BecomeCutOff(others);
}

void StreamSocket::BecomeCutOff(size_t unacknowledged_bytes) {
  is_cut_off_ = true;
  lost_bytes_ = unacknowledged_bytes;
  sent_bytes_ += lost_bytes_;
  if (lost_bytes_ > 0) PlanRetransmission();
  PlanKeepAlive();
}

void StreamSocket::PlanRetransmission() {
  if (retransmission_ != 0) return;
  const absl::Duration limit = tcp_.user_timeout_ms > 0
                                   ? absl::Milliseconds(tcp_.user_timeout_ms)
                                   : kRetransmissionTime;
  retransmission_ = network_.time().After(limit, [this] {
    retransmission_ = 0;
    GiveUp();
  });
}

void StreamSocket::PlanKeepAlive() {
  if (keep_alive_plan_ != 0) {
    network_.time().Cancel(std::exchange(keep_alive_plan_, 0));
  }
  if (!is_cut_off_ || !keep_alive()) return;
  // tcp_keepalive_timer() in net/ipv4/tcp_timer.c: after so many probes, or
  // with the first probe after TCP_USER_TIMEOUT.
  const absl::Duration interval = absl::Seconds(tcp_.keep_interval_seconds);
  absl::Duration silence = absl::Seconds(tcp_.keep_idle_seconds);
  const absl::Duration user_timeout = absl::Milliseconds(tcp_.user_timeout_ms);
  if (user_timeout > absl::ZeroDuration()) {
    do {
      silence += interval;
    } while (silence < user_timeout);
  } else {
    silence += interval * tcp_.keep_count;
  }
  keep_alive_plan_ = network_.time().At(last_heard_ + silence, [this] {
    keep_alive_plan_ = 0;
    // Retransmissions probe the peer, too, and have a limit of their own.
    if (retransmission_ == 0) GiveUp();
  });
}

void StreamSocket::GiveUp() {
  set_error(ETIMEDOUT);
  Done();
}

void StreamSocket::CancelTimers() {
  for (VirtualTime::PlanId* plan :
       {&retransmission_, &keep_alive_plan_, &deferral_}) {
    if (*plan != 0) network_.time().Cancel(std::exchange(*plan, 0));
  }
}

void StreamSocket::BecomeClosed() {
  CancelTimers();
  is_cut_off_ = false;
  sent_bytes_ -= std::exchange(lost_bytes_, 0);
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

SocketFile::BufferBytes StreamSocket::DefaultBufferBytes() const {
  const Network::Options& options = network_.options();
  if (is_unix()) {
    return {.send = options.unix_buffer_bytes,
            .receive = options.unix_buffer_bytes};
  }
  return {.send = options.tcp_buffer_bytes / 2,
          .receive = options.tcp_buffer_bytes - options.tcp_buffer_bytes / 2};
}

SysResult StreamSocket::SetTcpOption(int option, const void* value,
                                     socklen_t length) {
  constexpr int kMostSeconds = 32767;
  constexpr int kMostProbes = 127;
  if (option == TCP_CONGESTION) {
    if (length == 0) return SysResult::Error(EINVAL);
    absl::string_view name(static_cast<const char*>(value),
                           std::min<size_t>(length, kMaxCongestionName - 1));
    name = name.substr(0, name.find('\0'));
    if (!IsCongestionControl(name)) return SysResult::Error(ENOENT);
    tcp_.congestion = std::string(name);
    return SysResult::Ok();
  }
  int number;
  if (length < sizeof(number)) return SysResult::Error(EINVAL);
  std::memcpy(&number, value, sizeof(number));
  const auto set = [&](int& field, int least, int most) {
    if (number < least || number > most) return SysResult::Error(EINVAL);
    field = number;
    PlanKeepAlive();
    return SysResult::Ok();
  };
  switch (option) {
    case TCP_NODELAY:
      // There is no delay without it either.
      tcp_.no_delay = number != 0;
      return SysResult::Ok();
    case TCP_USER_TIMEOUT:
      return set(tcp_.user_timeout_ms, 0, std::numeric_limits<int>::max());
    case TCP_KEEPIDLE:
      return set(tcp_.keep_idle_seconds, 1, kMostSeconds);
    case TCP_KEEPINTVL:
      return set(tcp_.keep_interval_seconds, 1, kMostSeconds);
    case TCP_KEEPCNT:
      return set(tcp_.keep_count, 1, kMostProbes);
    case TCP_DEFER_ACCEPT:
      tcp_.defer_retries = RetriesOf(number);
      return SysResult::Ok();
    default:
      return SysResult::Error(ENOPROTOOPT);
  }
}

SysResult StreamSocket::GetTcpOption(int option, void* value,
                                     socklen_t* length) const {
  switch (option) {
    case TCP_NODELAY:
      return CopyOption(int{tcp_.no_delay}, value, length);
    case TCP_USER_TIMEOUT:
      return CopyOption(tcp_.user_timeout_ms, value, length);
    case TCP_KEEPIDLE:
      return CopyOption(tcp_.keep_idle_seconds, value, length);
    case TCP_KEEPINTVL:
      return CopyOption(tcp_.keep_interval_seconds, value, length);
    case TCP_KEEPCNT:
      return CopyOption(tcp_.keep_count, value, length);
    case TCP_DEFER_ACCEPT:
      return CopyOption(SecondsOf(tcp_.defer_retries), value, length);
    case TCP_CONGESTION: {
      std::array<char, kMaxCongestionName> name = {};
      tcp_.congestion.copy(name.data(), name.size() - 1);
      return CopyOption(name, value, length);
    }
    case TCP_INFO:
      return CopyOption(Info(), value, length);
    default:
      return SysResult::Error(ENOPROTOOPT);
  }
}

tcp_info StreamSocket::Info() const {
  tcp_info info = {};
  switch (state_) {
    case State::kClosed:
      info.tcpi_state = kTcpClose;
      break;
    case State::kListening:
      info.tcpi_state = kTcpListen;
      info.tcpi_unacked = static_cast<uint32_t>(accept_queue_.size());
      info.tcpi_sacked = static_cast<uint32_t>(backlog_);
      break;
    case State::kSynSent:
      info.tcpi_state = kTcpSynSent;
      break;
    case State::kEstablished:
      info.tcpi_state = kTcpEstablished;
      break;
    case State::kFinWait:
      info.tcpi_state = kTcpFinWait2;
      break;
    case State::kCloseWait:
      info.tcpi_state = kTcpCloseWait;
      break;
  }
  // A SYN and a FIN count as a byte each.
  const bool fin = state_ == State::kFinWait && !is_cut_off_;
  info.tcpi_bytes_acked = sent_bytes_ - BytesUnacknowledged() +
                          (has_connected_ ? 1 : 0) + (fin ? 1 : 0);
  const size_t beyond =
      received_.size() - std::min(received_.size(), receive_buffer_bytes());
  info.tcpi_bytes_received = arrived_bytes_ - beyond + (fin_received_ ? 1 : 0);
  return info;
}

size_t StreamSocket::buffer_bytes() const {
  if (is_unix()) return send_buffer_bytes();
  return send_buffer_bytes() +
         (peer_ == nullptr ? 0 : peer_->receive_buffer_bytes());
}

size_t StreamSocket::BytesUnderWay() const {
  return peer_ == nullptr ? lost_bytes_ : peer_->received_.size();
}

size_t StreamSocket::BytesUnacknowledged() const {
  if (peer_ == nullptr) return lost_bytes_;
  return peer_->received_.size() -
         std::min(peer_->received_.size(), peer_->receive_buffer_bytes());
}

size_t StreamSocket::Space() const {
  return buffer_bytes() - std::min(BytesUnderWay(), buffer_bytes());
}

bool StreamSocket::IsWritable() const {
  if (peer_ == nullptr && !is_cut_off_) return true;
  const size_t used = BytesUnderWay();
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
