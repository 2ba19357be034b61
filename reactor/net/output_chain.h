// What is to be sent, in pieces.
#ifndef POLLUX_REACTOR_NET_OUTPUT_CHAIN_H_
#define POLLUX_REACTOR_NET_OUTPUT_CHAIN_H_

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "reactor/descriptor.h"
#include "reactor/net/lease.h"

namespace pollux {

// Part of an open file, which is sent without passing through the program. The
// file must be one that sendfile(2) reads: a regular one.
class FileRange {
 public:
  // `bytes` from `offset` on. The file is closed when they are sent.
  FileRange(Descriptor file, off_t offset, uint64_t bytes)
      : FileRange(file.number(), offset, bytes, Lease()) {
    owned_ = std::move(file);
  }
  // The file belongs to somebody else, who keeps it open as long as the lease.
  FileRange(int file, off_t offset, uint64_t bytes, Lease lease)
      : file_(file), offset_(offset), bytes_(bytes), lease_(std::move(lease)) {}

  int file() const { return file_; }
  off_t offset() const { return offset_; }
  uint64_t bytes() const { return bytes_; }

  void RemovePrefix(uint64_t bytes) {
    offset_ += static_cast<off_t>(bytes);
    bytes_ -= bytes;
  }

 private:
  int file_;
  off_t offset_;
  uint64_t bytes_;
  Descriptor owned_;
  Lease lease_;
};

// Bytes in the order in which they are to be sent: copied to the end of one
// string, which is all there is in the usual case, and between them pieces that
// lie elsewhere.
//
// Owned by a stream; reactor's thread only. Returned views live until the next
// call that is not const. Nothing fails.
class OutputChain {
 public:
  // From so many bytes on, a string of one's own is kept as it is; below, it is
  // cheaper to copy.
  static constexpr size_t kLeastOwnPiece = 16 * 1024;

  OutputChain() = default;
  OutputChain(const OutputChain&) = delete;
  OutputChain& operator=(const OutputChain&) = delete;

  // Append to it, and nothing else. Valid until the next call that is not
  // const.
  std::string& tail() { return copied_; }

  void Append(std::string bytes);
  // The bytes stay what and where they are until the lease is returned.
  void AppendShared(absl::string_view bytes, Lease lease);
  void AppendFile(FileRange range);

  // Bytes to send, wherever they lie.
  uint64_t size() const { return copied_.size() - sent_ + elsewhere_; }
  bool empty() const { return size() == 0; }

  // Those of them that lie in memory because of this chain.
  size_t owned_bytes() const { return copied_.size() - sent_ + own_pieces_; }

  // The file that is next; null if bytes are, or nothing.
  const FileRange* front_file() const;

  // The bytes that are next, if they lie in one piece and are all there is;
  // else empty.
  absl::string_view whole() const {
    return pieces_.empty() ? absl::string_view(copied_).substr(sent_)
                           : absl::string_view();
  }

  // Fills `parts` with the bytes that are next, up to a file; returns how many
  // were filled, and adds up their bytes.
  size_t Front(absl::Span<iovec> parts, size_t& bytes) const;

  // Forgets the first `bytes`, which are sent. At most size().
  void Consume(uint64_t bytes);

  // Takes what `other` has to send; this one must have nothing.
  void TakeFrom(OutputChain& other);

  // Keeps its memory for the next use.
  void Clear();

  // How much that is.
  size_t capacity_bytes() const { return copied_.capacity(); }

 private:
  struct Piece {
    // Where in copied_ it comes: behind so many bytes.
    size_t position;
    // Empty if it is a file.
    absl::string_view bytes;
    // If they are the chain's own.
    std::string own;
    Lease lease;
    FileRange file;

    uint64_t size() const {
      return bytes.empty() ? file.bytes() : bytes.size();
    }
  };

  void Add(Piece piece);
  void ConsumePiece(uint64_t bytes);
  // Else what is sent would pile up while there is always something to send.
  void DropSent();
  const Piece* front_piece() const {
    return first_ < pieces_.size() ? &pieces_[first_] : nullptr;
  }

  // Sent up to sent_.
  std::string copied_;
  size_t sent_ = 0;

  // Sent up to first_; empty if all are.
  std::vector<Piece> pieces_;
  size_t first_ = 0;
  // Unsent bytes of all pieces, and of those that own theirs.
  uint64_t elsewhere_ = 0;
  size_t own_pieces_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_NET_OUTPUT_CHAIN_H_
