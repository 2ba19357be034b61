#include "reactor/net/output_chain.h"

#include <algorithm>

#include "absl/log/check.h"

namespace pollux {

void OutputChain::Append(std::string bytes) {
  if (bytes.size() < kLeastOwnPiece) {
    copied_.append(bytes);
    return;
  }
  // So long a string keeps its bytes where they are when it moves.
  const absl::string_view view = bytes;
  own_pieces_ += view.size();
  Add({.position = copied_.size(),
       .bytes = view,
       .own = std::move(bytes),
       .lease = Lease(),
       .file = FileRange(-1, 0, 0, Lease())});
}

void OutputChain::AppendShared(absl::string_view bytes, Lease lease) {
  if (bytes.empty()) return;
  Add({.position = copied_.size(),
       .bytes = bytes,
       .own = std::string(),
       .lease = std::move(lease),
       .file = FileRange(-1, 0, 0, Lease())});
}

void OutputChain::AppendFile(FileRange range) {
  if (range.bytes() == 0) return;
  Add({.position = copied_.size(),
       .bytes = absl::string_view(),
       .own = std::string(),
       .lease = Lease(),
       .file = std::move(range)});
}

void OutputChain::Add(Piece piece) {
  elsewhere_ += piece.size();
  pieces_.push_back(std::move(piece));
}

const FileRange* OutputChain::front_file() const {
  const Piece* piece = front_piece();
  const bool is_next = piece != nullptr && piece->position == sent_;
  return is_next && piece->bytes.empty() ? &piece->file : nullptr;
}

size_t OutputChain::Front(absl::Span<iovec> parts, size_t& bytes) const {
  size_t count = 0;
  const auto add = [&](absl::string_view part) {
    if (part.empty()) return;
    parts[count++] = {const_cast<char*>(part.data()), part.size()};
    bytes += part.size();
  };
  const absl::string_view copied = copied_;
  size_t position = sent_;
  // Each turn may add two.
  for (size_t i = first_; i < pieces_.size() && count + 2 <= parts.size();
       ++i) {
    const Piece& piece = pieces_[i];
    add(copied.substr(position, piece.position - position));
    if (piece.bytes.empty()) return count;
    add(piece.bytes);
    position = piece.position;
    if (i + 1 == pieces_.size() && count < parts.size()) {
      add(copied.substr(position));
    }
  }
  if (pieces_.empty()) add(copied.substr(position));
  return count;
}

void OutputChain::Consume(uint64_t bytes) {
  CHECK_LE(bytes, size());
  while (bytes > 0) {
    const Piece* piece = front_piece();
    const size_t end = piece == nullptr ? copied_.size() : piece->position;
    const uint64_t copied = std::min<uint64_t>(bytes, end - sent_);
    sent_ += copied;
    bytes -= copied;
    if (bytes == 0) break;
    const uint64_t of_piece = std::min(bytes, piece->size());
    ConsumePiece(of_piece);
    bytes -= of_piece;
  }
  if (empty()) {
    Clear();
  } else {
    DropSent();
  }
}

void OutputChain::ConsumePiece(uint64_t bytes) {
  Piece& piece = pieces_[first_];
  elsewhere_ -= bytes;
  if (!piece.own.empty()) own_pieces_ -= bytes;
  if (bytes == piece.size()) {
    ++first_;
    // What it kept goes now, not when the vector does.
    [[maybe_unused]] const Piece gone = std::move(piece);
  } else if (piece.bytes.empty()) {
    piece.file.RemovePrefix(bytes);
  } else {
    piece.bytes.remove_prefix(bytes);
  }
}

// Moves no more than has been sent.
void OutputChain::DropSent() {
  if (first_ > 0 && first_ >= pieces_.size() / 2) {
    pieces_.erase(pieces_.begin(),
                  pieces_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }
  if (sent_ > 0 && sent_ >= copied_.size() / 2) {
    copied_.erase(0, sent_);
    for (size_t i = first_; i < pieces_.size(); ++i) {
      pieces_[i].position -= sent_;
    }
    sent_ = 0;
  }
}

void OutputChain::TakeFrom(OutputChain& other) {
  CHECK(empty());
  Clear();
  copied_.assign(other.copied_, other.sent_);
  for (size_t i = other.first_; i < other.pieces_.size(); ++i) {
    other.pieces_[i].position -= other.sent_;
    pieces_.push_back(std::move(other.pieces_[i]));
  }
  elsewhere_ = other.elsewhere_;
  own_pieces_ = other.own_pieces_;
  other.Clear();
}

void OutputChain::Clear() {
  copied_.clear();
  sent_ = 0;
  pieces_.clear();
  first_ = 0;
  elsewhere_ = 0;
  own_pieces_ = 0;
}

}  // namespace pollux
