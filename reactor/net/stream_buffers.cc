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

StreamBuffers::StreamBuffers(Reactor& reactor, const StreamOptions& options)
    : reactor_(reactor),
      options_(options),
      receiving_(options.receive_buffer_bytes) {
  CHECK_GE(options.high_watermark_bytes, 1u);
  CHECK_GE(options.receive_buffer_bytes, 2u);
  CHECK_GE(options.max_file_bytes_per_event, 1u);
}

StreamBuffers::~StreamBuffers() {
  CHECK_EQ(kept_bytes(), 0u) << "bytes are held by streams that must not "
                             << "outlive their StreamBuffers";
}

StreamBuffers::Use::Use(StreamBuffers& buffers) : buffers_(buffers) {
  CHECK(!buffers.is_in_use_)
      << "a stream's callback is running inside another stream's: their bytes "
      << "would be mixed up";
  buffers.is_in_use_ = true;
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
