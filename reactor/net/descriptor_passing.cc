#include "reactor/net/descriptor_passing.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace pollux {
namespace {

// Room for the control message, aligned as its header.
struct alignas(cmsghdr) ControlBuffer {
  std::array<char, CMSG_SPACE(sizeof(int) * kMaxPassedDescriptors)> bytes;
};

msghdr MakeMessage(iovec& part) {
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return message;
}

// Owned from here on, whatever happens.
std::vector<Descriptor> TakeDescriptors(Kernel& kernel, msghdr& message) {
  std::vector<Descriptor> taken;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int number;
      std::memcpy(&number, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      taken.emplace_back(kernel, number);
    }
  }
  return taken;
}

}  // namespace

SysResult SendWithDescriptors(Kernel& kernel, int socket,
                              absl::string_view bytes,
                              absl::Span<const int> descriptors) {
  if (bytes.empty() || descriptors.size() > kMaxPassedDescriptors) {
    return SysResult::Error(EINVAL);
  }
  iovec part = {const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message = MakeMessage(part);
  ControlBuffer control;
  const size_t length = sizeof(int) * descriptors.size();
  if (length > 0) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(length);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(length);
    std::memcpy(CMSG_DATA(header), descriptors.data(), length);
  }
  return RetryOnSignal(
      [&] { return kernel.SendMsg(socket, message, MSG_NOSIGNAL); });
}

SysResult ReceiveWithDescriptors(Kernel& kernel, int socket,
                                 absl::Span<char> bytes, size_t max_descriptors,
                                 std::vector<Descriptor>& descriptors) {
  iovec part = {bytes.data(), bytes.size()};
  msghdr message;
  ControlBuffer control;
  const SysResult result = RetryOnSignal([&] {
    message = MakeMessage(part);
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    return kernel.RecvMsg(socket, message, MSG_CMSG_CLOEXEC);
  });
  if (!result.ok()) return result;
  std::vector<Descriptor> taken = TakeDescriptors(kernel, message);
  const bool is_truncated = (message.msg_flags & MSG_CTRUNC) != 0;
  if (is_truncated || taken.size() > max_descriptors) {
    return SysResult::Error(EMSGSIZE);
  }
  for (Descriptor& descriptor : taken) {
    descriptors.push_back(std::move(descriptor));
  }
  return result;
}

}  // namespace pollux
