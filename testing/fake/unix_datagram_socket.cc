#include "testing/fake/unix_datagram_socket.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace pollux {
namespace {

// net.unix.max_dgram_qlen.
constexpr size_t kMostWaiting = 10;

}  // namespace

UnixDatagramSocket::UnixDatagramSocket(Network& network)
    : DatagramSocket(network, AF_UNIX), self_(std::make_shared<Sender>()) {
  self_->socket = this;
}

UnixDatagramSocket::~UnixDatagramSocket() {
  ForgetWatchers();
  network().Unbind(*this);
  self_->socket = nullptr;
  StopWaiting();
  WakeWaiting(0);
  DropReceived();
}

void UnixDatagramSocket::Pair(UnixDatagramSocket& a, UnixDatagramSocket& b) {
  a.peer_ = b.self_;
  b.peer_ = a.self_;
  a.LearnPeerProcess();
  b.LearnPeerProcess();
}

UnixDatagramSocket* UnixDatagramSocket::peer_socket() const {
  return peer_ == nullptr ? nullptr
                          : static_cast<UnixDatagramSocket*>(peer_->socket);
}

SysResult UnixDatagramSocket::Bind(const Address& address) {
  if (const SysResult check = CheckFamily(address); !check.ok()) return check;
  Address bound;
  const SysResult result = network().Bind(*this, address, !bound_, bound);
  if (!result.ok()) return result;
  bound_ = true;
  set_local_address(bound);
  self_->name = bound;
  return result;
}

SysResult UnixDatagramSocket::Connect(const Address& address) {
  if (address.length() < sizeof(sa_family_t)) return SysResult::Error(EINVAL);
  if (address.family() == AF_UNSPEC) {
    SetPeer(nullptr);
    return SysResult::Ok();
  }
  if (const SysResult check = CheckFamily(address); !check.ok()) return check;
  SocketFile* found = nullptr;
  const SysResult result = network().FindUnix(address, SOCK_DGRAM, found);
  if (!result.ok()) return result;
  auto* other = static_cast<UnixDatagramSocket*>(found);
  if (!MaySendTo(*other)) return SysResult::Error(EPERM);
  SetPeer(other->self_);
  return SysResult::Ok();
}

void UnixDatagramSocket::SetPeer(std::shared_ptr<Sender> peer) {
  const std::shared_ptr<Sender> old = std::exchange(peer_, std::move(peer));
  if (old == nullptr) return;
  if (waits_for_ == old) StopWaiting();
  // There may be room at the next one.
  Notify(kSpaceCame);
  if (old == peer_) return;
  // unix_dgram_disconnected() in net/unix/af_unix.c: what the old peer sent is
  // lost, and it is told if it was a connection from both sides.
  if (!DropReceived()) return;
  WakeWaiting(0);
  auto* other = static_cast<UnixDatagramSocket*>(old->socket);
  if (other != nullptr && other->peer_ == self_) {
    other->set_error(ECONNRESET);
    other->Notify(EPOLLERR);
  }
}

SysResult UnixDatagramSocket::GetPeerName(Address& name) const {
  if (peer_ == nullptr) return SysResult::Error(ENOTCONN);
  name = peer_->name;
  return SysResult::Ok();
}

bool UnixDatagramSocket::MaySendTo(const UnixDatagramSocket& receiver) const {
  return receiver.peer_ == nullptr || receiver.peer_ == self_;
}

bool UnixDatagramSocket::IsFullFor(const UnixDatagramSocket& sender) const {
  return &sender != this && peer_ != sender.self_ && received() > kMostWaiting;
}

bool UnixDatagramSocket::HasRoomForMore() const {
  // unix_writable(): not for a few bytes only.
  return self_->unread_bytes * 4 <= send_buffer_bytes();
}

SysResult UnixDatagramSocket::SendMessage(const OutgoingMessage& message) {
  const size_t buffer_bytes = send_buffer_bytes();
  if ((message.flags & MSG_OOB) != 0) return SysResult::Error(EOPNOTSUPP);
  if (message.to != nullptr) {
    const SysResult check = CheckFamily(*message.to);
    if (!check.ok()) return check;
  }
  const size_t size = BytesIn(message.pieces);
  // sizeof(struct skb_shared_info) and such.
  constexpr size_t kReserved = 32;
  if (size > buffer_bytes - kReserved) return SysResult::Error(EMSGSIZE);
  if (error() != 0) return SysResult::Error(TakeError());
  if (send_shut()) return SysResult::Error(EPIPE);
  if (self_->unread_bytes >= buffer_bytes) return SysResult::Error(EAGAIN);
  UnixDatagramSocket* receiver = nullptr;
  const SysResult found = FindReceiver(message.to, receiver);
  if (!found.ok()) {
    // It was in the buffer for a moment, and has left it.
    if (HasRoomForMore()) Notify(kSpaceCame);
    return found;
  }
  Datagram datagram = {.bytes = "", .sender = self_, .files = message.files};
  Gather(message.pieces, size, datagram.bytes);
  self_->unread_bytes += datagram.cost();
  receiver->Deliver(std::move(datagram));
  return SysResult::Ok(static_cast<int64_t>(size));
}

SysResult UnixDatagramSocket::FindReceiver(const Address* to,
                                           UnixDatagramSocket*& receiver) {
  receiver = peer_socket();
  if (to != nullptr) {
    SocketFile* found = nullptr;
    const SysResult result = network().FindUnix(*to, SOCK_DGRAM, found);
    if (!result.ok()) return result;
    receiver = static_cast<UnixDatagramSocket*>(found);
  } else if (peer_ == nullptr) {
    return SysResult::Error(ENOTCONN);
  } else if (receiver == nullptr) {
    // It has gone, which is told once.
    SetPeer(nullptr);
    return SysResult::Error(ECONNREFUSED);
  }
  if (!MaySendTo(*receiver)) return SysResult::Error(EPERM);
  if (receiver->receive_shut()) return SysResult::Error(EPIPE);
  if (receiver->IsFullFor(*this)) {
    if (receiver == peer_socket()) WaitForPeer();
    return SysResult::Error(EAGAIN);
  }
  return SysResult::Ok();
}

void UnixDatagramSocket::OnReceive() { WakeWaiting(kSpaceCame); }

void UnixDatagramSocket::OnGone(const Datagram& datagram) {
  Sender& sender = *datagram.sender;
  sender.unread_bytes -= datagram.cost();
  auto* socket = static_cast<UnixDatagramSocket*>(sender.socket);
  // Each is told, wanted or not.
  if (socket != nullptr && socket->HasRoomForMore()) socket->Notify(kSpaceCame);
}

bool UnixDatagramSocket::IsWritable() {
  if (!HasRoomForMore()) return false;
  const UnixDatagramSocket* peer = peer_socket();
  if (peer == nullptr || !peer->IsFullFor(*this)) return true;
  WaitForPeer();
  return false;
}

void UnixDatagramSocket::WaitForPeer() {
  if (waits_for_ != nullptr) return;
  waits_for_ = peer_;
  peer_socket()->waiting_.push_back(self_);
}

void UnixDatagramSocket::StopWaiting() {
  const std::shared_ptr<Sender> other = std::exchange(waits_for_, nullptr);
  if (other == nullptr || other->socket == nullptr) return;
  std::erase(static_cast<UnixDatagramSocket*>(other->socket)->waiting_, self_);
}

void UnixDatagramSocket::WakeWaiting(uint32_t events) {
  const std::vector<std::shared_ptr<Sender>> waiting =
      std::exchange(waiting_, {});
  for (const std::shared_ptr<Sender>& sender : waiting) {
    auto* socket = static_cast<UnixDatagramSocket*>(sender->socket);
    socket->waits_for_ = nullptr;
    socket->Notify(events);
  }
}

}  // namespace pollux
