// What all sockets have in common.
#ifndef POLLUX_TESTING_FAKE_SOCKET_FILE_H_
#define POLLUX_TESTING_FAKE_SOCKET_FILE_H_

#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/types/span.h"
#include "reactor/net/address.h"
#include "reactor/sys_result.h"
#include "testing/fake/open_file.h"
#include "testing/fake/socket_message.h"

namespace pollux {

// Copies as much of an option's value as fits into `value`, and sets `*length`
// to the number of bytes copied.
template <typename T>
SysResult CopyOption(const T& option, void* value, socklen_t* length) {
  *length = std::min<socklen_t>(*length, sizeof(option));
  std::memcpy(value, &option, *length);
  return SysResult::Ok();
}

// A socket of whatever kind: an address, options (socket(7)), an error that
// waits to be told, and the calls that FakeKernel makes on it.
//
// As an OpenFile: shared by its descriptors, and by messages that it is on its
// way in; one thread. Failures are the errnos of the man pages; EAGAIN says
// that a blocking call would wait.
class SocketFile : public OpenFile {
 public:
  // Who every process of the fake is: SO_PEERCRED.
  static constexpr ucred kProcess = {.pid = 4711, .uid = 1000, .gid = 1000};

  virtual SysResult Bind(const Address& address) = 0;
  virtual SysResult Connect(const Address& address) = 0;
  // EOPNOTSUPP where there are no connections to accept.
  virtual SysResult Listen(int backlog);
  virtual SysResult Accept(std::shared_ptr<SocketFile>& connection);
  virtual SysResult Shutdown(int how) = 0;
  virtual SysResult GetPeerName(Address& name) const = 0;
  virtual SysResult SendMessage(const OutgoingMessage& message) = 0;
  virtual SysResult ReceiveMessage(IncomingMessage& message) = 0;
  // socket(7), tcp(7). Options that the fake does not model are refused, as
  // Linux refuses unknown ones (ENOPROTOOPT): none succeeds and does nothing.
  SysResult SetOption(int level, int option, const void* value,
                      socklen_t length);
  SysResult GetOption(int level, int option, void* value, socklen_t* length);

  // Messages of one piece, without address and files.
  SysResult Send(absl::Span<const char> bytes, int flags = 0);
  SysResult Recv(absl::Span<char> buffer, int flags);

  // Unlike recv(2), read(2) of nothing never fails.
  SysResult Read(absl::Span<char> buffer) override {
    return buffer.empty() ? SysResult::Ok(0) : Recv(buffer, 0);
  }
  SysResult Write(absl::Span<const char> bytes) override { return Send(bytes); }
  void Describe(struct stat& status) const override {
    OpenFile::Describe(status);
    status.st_mode = S_IFSOCK | ACCESSPERMS;
  }

  // AF_INET, AF_INET6 or AF_UNIX.
  int family() const { return family_; }
  // SOCK_STREAM or SOCK_DGRAM.
  int type() const { return type_; }
  bool is_unix() const { return family_ == AF_UNIX; }
  const Address& local_address() const { return local_address_; }
  // The other end, if there is one.
  const Address& peer_address() const { return peer_address_; }
  bool reuse_address() const { return reuse_address_; }
  bool reuse_port() const { return reuse_port_; }
  // SO_SNDBUF and SO_RCVBUF, or what the network gives: in bytes that were
  // sent, where Linux counts its own overhead too.
  size_t send_buffer_bytes() const {
    return send_buffer_bytes_.value_or(DefaultBufferBytes().send);
  }
  size_t receive_buffer_bytes() const {
    return receive_buffer_bytes_.value_or(DefaultBufferBytes().receive);
  }
  virtual bool is_listening() const { return false; }

  // SO_ERROR.
  int error() const { return error_; }
  void set_error(int error) { error_ = error; }
  int TakeError() { return std::exchange(error_, 0); }

  // What was sent to this socket and holds files: unix(7) looks for sockets
  // that nothing but such messages refers to.
  virtual void ForEachFileReceived(
      const std::function<void(const OpenFile&)>& tell) const {
    (void)tell;
  }
  // Takes these files out.
  virtual FileList TakeFilesReceived() { return {}; }

 protected:
  struct BufferBytes {
    size_t send;
    size_t receive;
  };

  SocketFile(int family, int type) : family_(family), type_(type) {}

  // The sizes of the buffers without SO_SNDBUF and SO_RCVBUF.
  virtual BufferBytes DefaultBufferBytes() const = 0;

  // The options of IPPROTO_TCP.
  virtual SysResult SetTcpOption(int option, const void* value,
                                 socklen_t length);
  virtual SysResult GetTcpOption(int option, void* value,
                                 socklen_t* length) const;
  // SO_KEEPALIVE was set.
  virtual void OnKeepAliveSet() {}
  bool keep_alive() const { return keep_alive_; }

  // Whether `address` is long enough, and of this socket's family: EINVAL,
  // EAFNOSUPPORT.
  SysResult CheckFamily(const Address& address) const;

  // Whether a call would wait.
  bool Waits(int flags) const {
    return !nonblocking() && (flags & MSG_DONTWAIT) == 0;
  }

  void set_local_address(const Address& address) { local_address_ = address; }
  void set_peer_address(const Address& address) { peer_address_ = address; }
  // Options that connections have from their listener.
  void CopyOptions(const SocketFile& from);
  // From now on SO_PEERCRED tells of a process.
  void LearnPeerProcess() { knows_peer_process_ = true; }

  // SO_LINGER of 0 seconds.
  bool resets_on_close() const {
    return linger_.l_onoff != 0 && linger_.l_linger == 0;
  }
  void ResetOnClose() { linger_ = {.l_onoff = 1, .l_linger = 0}; }

 private:
  int protocol() const;

  const int family_;
  const int type_;
  Address local_address_;
  Address peer_address_;
  int error_ = 0;
  bool reuse_address_ = false;
  bool reuse_port_ = false;
  bool keep_alive_ = false;
  std::optional<size_t> send_buffer_bytes_;
  std::optional<size_t> receive_buffer_bytes_;
  bool knows_peer_process_ = false;
  linger linger_ = {};
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_SOCKET_FILE_H_
