// FakeKernel's calls on messages: what is sent and received with an address, in
// pieces, or with descriptors.
#include <limits.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "reactor/net/address.h"
#include "reactor/sys_result.h"
#include "testing/fake/raw_address.h"
#include "testing/fake/socket_file.h"
#include "testing/fake/socket_message.h"
#include "testing/fake_kernel.h"

namespace pollux {
namespace {

// SCM_MAX_FD: descriptors in one message.
constexpr size_t kMaxFiles = 253;

absl::string_view ControlOf(const msghdr& message) {
  if (message.msg_control == nullptr) return {};
  return {static_cast<const char*>(message.msg_control),
          message.msg_controllen};
}

}  // namespace

SysResult FakeKernel::FilesToSend(const SocketFile& socket,
                                  const msghdr& message, FileList& files) {
  // __scm_send() in net/core/scm.c; cmsg(3) for how the parts lie in it.
  absl::string_view rest = ControlOf(message);
  while (rest.size() >= sizeof(cmsghdr)) {
    cmsghdr header;
    std::memcpy(&header, rest.data(), sizeof(header));
    if (header.cmsg_len < sizeof(header) || header.cmsg_len > rest.size()) {
      return SysResult::Error(EINVAL);
    }
    absl::string_view data =
        rest.substr(0, header.cmsg_len).substr(sizeof(header));
    rest.remove_prefix(std::min(CMSG_ALIGN(header.cmsg_len), rest.size()));
    if (header.cmsg_level != SOL_SOCKET) continue;
    if (header.cmsg_type != SCM_RIGHTS) return SysResult::Error(EINVAL);
    // TCP and UDP do not even look at them.
    if (!socket.is_unix()) continue;
    const size_t count = data.size() / sizeof(int);
    if (files.size() + count > kMaxFiles) return SysResult::Error(EINVAL);
    for (size_t i = 0; i < count; ++i) {
      int descriptor;
      std::memcpy(&descriptor, data.data() + i * sizeof(int),
                  sizeof(descriptor));
      if (Find(descriptor) == nullptr) return SysResult::Error(EBADF);
      files.push_back(descriptors_[static_cast<size_t>(descriptor)]);
    }
  }
  return SysResult::Ok();
}

SysResult FakeKernel::SendOne(SocketFile& socket, const msghdr& message,
                              int flags) {
  if (message.msg_iovlen > IOV_MAX) return SysResult::Error(EMSGSIZE);
  const bool has_address =
      message.msg_name != nullptr && message.msg_namelen != 0;
  if (has_address && static_cast<int>(message.msg_namelen) < 0) {
    return SysResult::Error(EINVAL);
  }
  OutgoingMessage outgoing = {.pieces = {message.msg_iov, message.msg_iovlen},
                              .flags = flags};
  Address to;
  if (has_address) {
    to = AddressFrom(static_cast<const sockaddr*>(message.msg_name),
                     message.msg_namelen);
    outgoing.to = &to;
  }
  const SysResult result = FilesToSend(socket, message, outgoing.files);
  if (!result.ok()) return result;
  const bool is_stream = IsStream(socket);
  return AfterSend(is_stream, flags, Blocking(socket, flags, [&] {
                     return socket.SendMessage(outgoing);
                   }));
}

void FakeKernel::InstallReceived(const FileList& files, msghdr& message) {
  // scm_detach_fds() in net/core/scm.c.
  const size_t room =
      message.msg_control == nullptr ? 0 : message.msg_controllen;
  message.msg_controllen = 0;
  if (files.empty()) return;
  const size_t most =
      room <= sizeof(cmsghdr) ? 0 : (room - sizeof(cmsghdr)) / sizeof(int);
  auto* control = static_cast<char*>(message.msg_control);
  size_t count = 0;
  while (count < std::min(most, files.size())) {
    const SysResult installed = Install(files[count]);
    if (!installed.ok()) break;
    const int descriptor = installed.descriptor();
    // Set in the flags that come back as it was asked for: recvmsg(2).
    if ((message.msg_flags & MSG_CMSG_CLOEXEC) != 0) {
      close_on_exec_.insert(descriptor);
    }
    std::memcpy(control + sizeof(cmsghdr) + count * sizeof(descriptor),
                &descriptor, sizeof(descriptor));
    ++count;
  }
  if (count > 0) {
    const cmsghdr header = {.cmsg_len = CMSG_LEN(count * sizeof(int)),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS};
    std::memcpy(control, &header, sizeof(header));
    message.msg_controllen = std::min(CMSG_SPACE(count * sizeof(int)), room);
  }
  if (count < files.size()) message.msg_flags |= MSG_CTRUNC;
}

SysResult FakeKernel::ReceiveOne(SocketFile& socket, msghdr& message,
                                 int flags) {
  if (message.msg_iovlen > IOV_MAX) return SysResult::Error(EMSGSIZE);
  if (message.msg_name != nullptr &&
      static_cast<int>(message.msg_namelen) < 0) {
    return SysResult::Error(EINVAL);
  }
  IncomingMessage incoming;
  incoming.pieces = {message.msg_iov, message.msg_iovlen};
  incoming.flags = flags;
  const SysResult result =
      Blocking(socket, flags, [&] { return socket.ReceiveMessage(incoming); });
  if (!result.ok()) return result;
  message.msg_flags = flags & MSG_CMSG_CLOEXEC;
  if (incoming.is_truncated) message.msg_flags |= MSG_TRUNC;
  InstallReceived(incoming.files, message);
  if (message.msg_name != nullptr) {
    std::memcpy(message.msg_name, incoming.from.data(),
                std::min(message.msg_namelen, incoming.from.length()));
    message.msg_namelen = incoming.from.length();
  }
  return result;
}

SysResult FakeKernel::SendMsg(int socket, const msghdr& message, int flags) {
  world_.BeginCall();
  SysResult error = SysResult::Ok();
  SocketFile* file = FindSocket(socket, error);
  return file == nullptr ? error : SendOne(*file, message, flags);
}

SysResult FakeKernel::RecvMsg(int socket, msghdr& message, int flags) {
  world_.BeginCall();
  SysResult error = SysResult::Ok();
  SocketFile* file = FindSocket(socket, error);
  return file == nullptr ? error : ReceiveOne(*file, message, flags);
}

SysResult FakeKernel::SendMMsg(int socket, absl::Span<mmsghdr> messages,
                               int flags) {
  world_.BeginCall();
  SysResult error = SysResult::Ok();
  SocketFile* file = FindSocket(socket, error);
  if (file == nullptr) return error;
  const std::shared_ptr<OpenFile> kept = file->shared_from_this();
  int64_t count = 0;
  for (mmsghdr& message : messages.subspan(0, IOV_MAX)) {
    const SysResult result = SendOne(*file, message.msg_hdr, flags);
    if (!result.ok()) return count > 0 ? SysResult::Ok(count) : result;
    message.msg_len = static_cast<unsigned int>(result.value());
    ++count;
    const size_t size =
        BytesIn({message.msg_hdr.msg_iov, message.msg_hdr.msg_iovlen});
    // A stream that is full.
    if (message.msg_len < size) break;
  }
  return SysResult::Ok(count);
}

SysResult FakeKernel::RecvMMsg(int socket, absl::Span<mmsghdr> messages,
                               int flags) {
  world_.BeginCall();
  SysResult error = SysResult::Ok();
  SocketFile* file = FindSocket(socket, error);
  if (file == nullptr) return error;
  const std::shared_ptr<OpenFile> kept = file->shared_from_this();
  if (file->error() != 0) return SysResult::Error(file->TakeError());
  int64_t count = 0;
  for (mmsghdr& message : messages) {
    const SysResult result =
        ReceiveOne(*file, message.msg_hdr, flags & ~MSG_WAITFORONE);
    if (!result.ok()) {
      if (count == 0) return result;
      // Told by the next call.
      if (!result.would_block()) file->set_error(result.error());
      break;
    }
    message.msg_len = static_cast<unsigned int>(result.value());
    ++count;
    if ((flags & MSG_WAITFORONE) != 0) flags |= MSG_DONTWAIT;
  }
  return SysResult::Ok(count);
}

}  // namespace pollux
