// Open descriptors, sent from one process to another.
#ifndef POLLUX_REACTOR_NET_DESCRIPTOR_PASSING_H_
#define POLLUX_REACTOR_NET_DESCRIPTOR_PASSING_H_

#include <cstddef>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "reactor/descriptor.h"
#include "reactor/kernel.h"
#include "reactor/sys_result.h"

namespace pollux {

// Functions, since they keep nothing: any thread, on a unix socket of any type
// that stays the caller's. Whoever watches it calls them when it is ready, in
// place of send and recv. cmsg(3), unix(7).

// The most descriptors that one message carries: SCM_MAX_FD.
inline constexpr size_t kMaxPassedDescriptors = 253;

// Sends `bytes`, at least one of them, and the descriptors with the first. They
// stay open here too. Returns how many bytes were sent: what is left is to be
// sent without descriptors. Fails as sendmsg(2), with nothing sent; EINVAL if
// there are no bytes or too many descriptors. EINTR is retried.
SysResult SendWithDescriptors(Kernel& kernel, int socket,
                              absl::string_view bytes,
                              absl::Span<const int> descriptors);

// Receives bytes, and appends to `descriptors` those that came with them, owned
// and close-on-exec. Returns how many bytes came, 0 at the end of input. Fails
// as recvmsg(2); EMSGSIZE if there came more descriptors than
// `max_descriptors`, or than this process may open: those that did come are
// then closed, and the bytes are lost, so that the connection is of no use any
// more. EINTR is retried.
SysResult ReceiveWithDescriptors(Kernel& kernel, int socket,
                                 absl::Span<char> bytes, size_t max_descriptors,
                                 std::vector<Descriptor>& descriptors);

}  // namespace pollux

#endif  // POLLUX_REACTOR_NET_DESCRIPTOR_PASSING_H_
