// What one send or receive moves.
#ifndef POLLUX_TESTING_FAKE_SOCKET_MESSAGE_H_
#define POLLUX_TESTING_FAKE_SOCKET_MESSAGE_H_

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "reactor/net/address.h"
#include "testing/fake/open_file.h"

namespace pollux {

// Files on their way with a message (SCM_RIGHTS): open as long as they are.
using FileList = std::vector<std::shared_ptr<OpenFile>>;

// One sendmsg(2) as a socket sees it. A view, which lives as long as the call.
struct OutgoingMessage {
  absl::Span<const iovec> pieces = {};
  int flags = 0;
  // Null if none was given.
  const Address* to = nullptr;
  FileList files = {};
};

// One recvmsg(2) as a socket sees it. What `pieces` points to lives as long as
// the call.
struct IncomingMessage {
  absl::Span<const iovec> pieces;
  int flags = 0;

  // The rest is filled in.

  // Without an address where there is none to tell.
  Address from;
  FileList files;
  // The datagram was longer than the pieces.
  bool is_truncated = false;
};

// All of the pieces together.
size_t BytesIn(absl::Span<const iovec> pieces);

// Appends the first `count` bytes of the pieces, which have as many.
void Gather(absl::Span<const iovec> pieces, size_t count, std::string& bytes);

// Fills the pieces from their byte `offset` on, where there is room for
// `bytes`.
void Scatter(absl::string_view bytes, absl::Span<const iovec> pieces,
             size_t offset);

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_SOCKET_MESSAGE_H_
