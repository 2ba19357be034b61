// The memory that the streams of one reactor share.
#ifndef POLLUX_REACTOR_NET_STREAM_BUFFERS_H_
#define POLLUX_REACTOR_NET_STREAM_BUFFERS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "reactor/loop_statistics.h"
#include "reactor/net/output_chain.h"
#include "reactor/reactor.h"
#include "reactor/timer.h"

namespace pollux {

// What a stream does when a file is shorter than the range to send.
enum class ShortFile : uint8_t {
  // Resets the connection, so that the peer cannot take the part for the whole.
  kReset,
  // Ends the output there with a FIN and discards input as LingerWhenSent()
  // does, so that the peer receives what was sent before. For protocols that
  // announce the length, by which the peer notices the missing bytes.
  kFinish,
};

struct StreamOptions {
  // From this many unsent bytes on, is_output_high() says to stop producing;
  // OnOutputDrained() says to go on when no more than low_watermark_bytes are
  // left. What leases and files are still to give counts too.
  size_t high_watermark_bytes = 64 * 1024;
  size_t low_watermark_bytes = 0;

  // What one event reads at most, with what the stream had not consumed before:
  // once it holds so much, nothing is read. At least 2.
  size_t receive_buffer_bytes = 64 * 1024;

  // What one event sends of a file, so that a fast reader does not keep the
  // loop. At least 1.
  uint64_t max_file_bytes_per_event = 1024 * 1024;

  ShortFile short_file = ShortFile::kReset;

  // LingerWhenSent(): from the FIN until the end, and how much is read and
  // thrown away meanwhile.
  absl::Duration linger_timeout = absl::Seconds(2);
  uint64_t max_linger_bytes = 16 * 1024 * 1024;
};

// What the streams of one reactor share: their options, the buffer in which
// they receive, the chain in which one event gathers what it makes them send,
// and a few backlogs for those that must keep something between events. So an
// idle stream holds no buffer, and the account of what the others hold is kept
// in one place.
//
// Owned by whoever owns the streams; must outlive them, and must not outlive
// the reactor; reactor's thread only. Allocates here, while the chain grows to
// its largest use, and for streams that keep something, the spare ones used up.
class StreamBuffers {
 public:
  // Copies `options`, and CHECKs that they are in their ranges. `reactor` must
  // outlive this object.
  StreamBuffers(Reactor& reactor, const StreamOptions& options);
  ~StreamBuffers();
  StreamBuffers(const StreamBuffers&) = delete;
  StreamBuffers& operator=(const StreamBuffers&) = delete;

  Reactor& reactor() const { return reactor_; }

  // Bytes that all streams hold in memory: received and not consumed, or
  // written and not yet taken by the kernel. Not what they send from a lease or
  // a file. What is written outside of a stream's callbacks counts from its
  // Flush() on.
  size_t buffered_bytes() const {
    return kept_bytes() + sending_.owned_bytes();
  }

  // The same, but for what the callback that is running has written. Any
  // thread.
  size_t kept_bytes() const { return static_cast<size_t>(kept_.Read()); }

  // The most that buffered_bytes() has been when something was to be sent or
  // kept.
  size_t peak_buffered_bytes() const { return peak_bytes_; }

 private:
  friend class Stream;

  // What a stream keeps between events.
  struct Backlog {
    // Received and not consumed.
    std::string unconsumed;
    // Written and not sent.
    OutputChain output;
    // While it lingers.
    std::unique_ptr<Timer> linger_deadline;
    uint64_t linger_bytes_left = 0;
    // What kept_bytes() has of it.
    size_t counted_bytes = 0;
  };

  // A stream's use of the shared buffers, for the duration of its callback.
  // CHECKs that no other stream's callback is running, since the bytes of the
  // two would be mixed up.
  class Use {
   public:
    explicit Use(StreamBuffers& buffers);
    ~Use() { buffers_.is_in_use_ = false; }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    StreamBuffers& buffers_;
  };

  std::unique_ptr<Backlog> TakeBacklog();
  void GiveBacklog(std::unique_ptr<Backlog> backlog);
  // Makes `backlog` count with `bytes`.
  void Count(Backlog& backlog, size_t bytes);
  void NotePeak() {
    if (buffered_bytes() > peak_bytes_) peak_bytes_ = buffered_bytes();
  }

  Reactor& reactor_;
  const StreamOptions options_;
  std::vector<char> receiving_;
  // Empty between callbacks.
  OutputChain sending_;
  // What is written to a stream that is closed.
  OutputChain discarded_;
  std::vector<std::unique_ptr<Backlog>> spare_;
  Gauge kept_;
  size_t peak_bytes_ = 0;
  // Whether the callback of one of the streams is running.
  bool is_in_use_ = false;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_NET_STREAM_BUFFERS_H_
