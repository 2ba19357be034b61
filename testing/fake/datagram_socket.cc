#include "testing/fake/datagram_socket.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/string_view.h"
#include "testing/fake/open_file.h"

namespace pollux {
namespace {

constexpr uint32_t kReadable = EPOLLIN | EPOLLRDNORM;
// What the kernel says when it wakes for data.
constexpr uint32_t kDataCame = kReadable | EPOLLPRI | EPOLLRDBAND;

}  // namespace

DatagramSocket::~DatagramSocket() {
  // By now the others have forgotten it.
  network_.files_in_flight().Remove(*this);
}

SocketFile::BufferBytes DatagramSocket::DefaultBufferBytes() const {
  const Network::Options& options = network_.options();
  const size_t bytes =
      is_unix() ? options.unix_datagram_buffer_bytes : options.udp_buffer_bytes;
  return {.send = bytes, .receive = bytes};
}

SysResult DatagramSocket::Shutdown(int how) {
  if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) {
    return SysResult::Error(EINVAL);
  }
  receive_shut_ |= how != SHUT_WR;
  send_shut_ |= how != SHUT_RD;
  Notify(0);
  // Refused, and done all the same.
  return is_unix() || IsConnected() ? SysResult::Ok()
                                    : SysResult::Error(ENOTCONN);
}

SysResult DatagramSocket::ReceiveMessage(IncomingMessage& message) {
  if (error() != 0) return SysResult::Error(TakeError());
  if (received_.empty()) {
    // Only who would wait learns that nothing will come.
    return receive_shut_ && Waits(message.flags) ? SysResult::Ok(0)
                                                 : SysResult::Error(EAGAIN);
  }
  const size_t room = BytesIn(message.pieces);
  const bool peek = (message.flags & MSG_PEEK) != 0;
  // A copy of a datagram that stays: its files are received twice.
  const Datagram datagram = peek ? received_.front() : TakeFirst();
  const size_t count = std::min(room, datagram.bytes.size());
  Scatter(absl::string_view(datagram.bytes).substr(0, count), message.pieces,
          0);
  message.from = datagram.sender->name;
  message.files = datagram.files;
  message.is_truncated = count < datagram.bytes.size();
  OnReceive();
  if (!peek) OnGone(datagram);
  const bool whole = (message.flags & MSG_TRUNC) != 0;
  return SysResult::Ok(
      static_cast<int64_t>(whole ? datagram.bytes.size() : count));
}

void DatagramSocket::Deliver(Datagram datagram) {
  if (!datagram.files.empty()) network_.files_in_flight().Add(*this);
  received_cost_ += datagram.cost();
  received_.push_back(std::move(datagram));
  Notify(kDataCame);
}

DatagramSocket::Datagram DatagramSocket::TakeFirst() {
  Datagram first = std::move(received_.front());
  received_.pop_front();
  received_cost_ -= first.cost();
  return first;
}

bool DatagramSocket::DropReceived() {
  const bool any = !received_.empty();
  while (!received_.empty()) OnGone(TakeFirst());
  return any;
}

uint32_t DatagramSocket::Poll() {
  uint32_t events = 0;
  if (error() != 0) events |= EPOLLERR;
  if (receive_shut_) events |= kReadable | EPOLLRDHUP;
  if (receive_shut_ && send_shut_) events |= EPOLLHUP;
  if (!received_.empty()) events |= kReadable;
  if (IsWritable()) events |= kSpaceCame;
  return events;
}

void DatagramSocket::ForEachFileReceived(
    const std::function<void(const OpenFile&)>& tell) const {
  for (const Datagram& datagram : received_) {
    for (const std::shared_ptr<OpenFile>& file : datagram.files) tell(*file);
  }
}

FileList DatagramSocket::TakeFilesReceived() {
  FileList files;
  for (Datagram& datagram : received_) {
    files.insert(files.end(), datagram.files.begin(), datagram.files.end());
    datagram.files.clear();
  }
  return files;
}

}  // namespace pollux
