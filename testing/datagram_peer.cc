#include "testing/datagram_peer.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <utility>

#include "reactor/sys_result.h"
#include "testing/fake/network.h"
#include "testing/fake/socket_message.h"
#include "testing/fake/udp_socket.h"
#include "testing/fake/unix_datagram_socket.h"

namespace pollux {
namespace {

// The longest datagrams are a little shorter.
constexpr size_t kReadBytes = 256 * 1024;

std::shared_ptr<DatagramSocket> MakeSocket(Network& network, int family) {
  if (family == AF_UNIX) return std::make_shared<UnixDatagramSocket>(network);
  return std::make_shared<UdpSocket>(network, family);
}

}  // namespace

DatagramPeer::DatagramPeer(FakeWorld& world, std::string name,
                           const Address& address)
    : name_(std::move(name)),
      socket_(MakeSocket(world.network(), address.family())),
      script_(world.time(), [this] {
        if (reads_) ReadWhatCame();
      }) {
  socket_->set_nonblocking(true);
  socket_->AddWatcher(script_);
  error_ = socket_->Bind(address).error();
}

DatagramPeer::~DatagramPeer() {
  if (socket_ != nullptr) socket_->RemoveWatcher(script_);
}

Address DatagramPeer::address() const {
  return socket_ == nullptr ? Address() : socket_->local_address();
}

DatagramPeer& DatagramPeer::SendTo(const Address& to, std::string bytes) {
  script_.Then(
      [this, to, bytes = std::move(bytes)] { return TryToSend(to, bytes); });
  return *this;
}

DatagramPeer& DatagramPeer::Reply(std::string bytes) {
  script_.Then([this, bytes = std::move(bytes)] {
    if (!received_.empty()) return TryToSend(received_.back().sender, bytes);
    has_unmet_ = true;
    return true;
  });
  return *this;
}

DatagramPeer& DatagramPeer::Wait(absl::Duration time) {
  script_.Wait(time);
  return *this;
}

DatagramPeer& DatagramPeer::Await(size_t count) {
  script_.Then([this, count] {
    if (received_.size() >= count) return true;
    if (socket_ != nullptr) return false;
    has_unmet_ = true;
    return true;
  });
  return *this;
}

DatagramPeer& DatagramPeer::StopReading() {
  return Do([this] { reads_ = false; });
}

DatagramPeer& DatagramPeer::ReadFreely() {
  return Do([this] {
    reads_ = true;
    ReadWhatCame();
  });
}

DatagramPeer& DatagramPeer::Close() {
  return Do([this] {
    if (socket_ != nullptr) socket_->RemoveWatcher(script_);
    socket_.reset();
  });
}

DatagramPeer& DatagramPeer::Do(absl::AnyInvocable<void()> action) {
  script_.Do(std::move(action));
  return *this;
}

bool DatagramPeer::TryToSend(const Address& to, const std::string& bytes) {
  if (socket_ == nullptr) {
    has_unmet_ = true;
    return true;
  }
  const iovec piece = {.iov_base = const_cast<char*>(bytes.data()),
                       .iov_len = bytes.size()};
  OutgoingMessage message;
  message.pieces = {&piece, 1};
  message.to = &to;
  const SysResult result = socket_->SendMessage(message);
  if (result.would_block()) return false;
  if (!result.ok()) {
    error_ = result.error();
    has_unmet_ = true;
  }
  return true;
}

void DatagramPeer::ReadWhatCame() {
  std::string buffer;
  while (socket_ != nullptr) {
    buffer.resize(kReadBytes);
    const iovec piece = {.iov_base = buffer.data(), .iov_len = buffer.size()};
    IncomingMessage message;
    message.pieces = {&piece, 1};
    const SysResult result = socket_->ReceiveMessage(message);
    if (result.would_block()) return;
    if (!result.ok()) {
      error_ = result.error();
      continue;
    }
    received_.push_back(
        {.sender = message.from,
         .bytes = buffer.substr(0, static_cast<size_t>(result.value()))});
  }
}

}  // namespace pollux
