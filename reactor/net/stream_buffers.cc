#include "reactor/net/stream_buffers.h"

#include <utility>

#include "absl/log/check.h"

namespace pollux {
namespace {

// Backlogs that are kept for the next stream, and the memory that each may keep
// in each direction.
constexpr size_t kMaxSpares = 16;
constexpr size_t kMaxSpareBytes = 4096;

}  // namespace

StreamBuffers::~StreamBuffers() {
  CHECK_EQ(kept_bytes(), 0u) << "bytes are held by streams that must not "
                             << "outlive their StreamBuffers";
}

std::unique_ptr<StreamBuffers::Backlog> StreamBuffers::TakeBacklog() {
  if (spare_.empty()) return std::make_unique<Backlog>();
  std::unique_ptr<Backlog> backlog = std::move(spare_.back());
  spare_.pop_back();
  return backlog;
}

void StreamBuffers::GiveBacklog(std::unique_ptr<Backlog> backlog) {
  Count(*backlog, 0);
  backlog->unconsumed.clear();
  backlog->output.Clear();
  backlog->linger_deadline.reset();
  if (spare_.size() < kMaxSpares &&
      backlog->unconsumed.capacity() <= kMaxSpareBytes &&
      backlog->output.capacity_bytes() <= kMaxSpareBytes) {
    spare_.push_back(std::move(backlog));
  }
}

void StreamBuffers::Count(Backlog& backlog, size_t bytes) {
  kept_.Add(static_cast<int64_t>(bytes) -
            static_cast<int64_t>(std::exchange(backlog.counted_bytes, bytes)));
  NotePeak();
}

}  // namespace pollux
