// Server-sent events.
#ifndef POLLUX_HTTPD_SERVER_EVENT_STREAM_H_
#define POLLUX_HTTPD_SERVER_EVENT_STREAM_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/server/request.h"
#include "httpd/server/responder.h"
#include "httpd/server/response_stream.h"
#include "reactor/reactor.h"
#include "reactor/timer.h"

namespace pollux {

// An answer that goes on: events, one after another, as a page's EventSource
// takes them (HTML Standard §9.2). While none is sent, comments keep whatever
// is between server and client from taking the connection for dead.
//
// Owned by whoever sends the events; pinned in memory; reactor's thread.
// Destroying it breaks the answer off, and so does a client that is too slow;
// an EventSource then connects again and says what it saw last.
class EventStream final : private ResponseStream::Producer {
 public:
  struct Event {
    // What a client that lost the connection says it saw last; it stays so
    // until another event sets it. Empty: forget it.
    std::optional<absl::string_view> id = {};
    // The name of the event; "message" if empty.
    absl::string_view type = {};
    // UTF-8, of any number of lines, ended by LF, CR or both: the client sees
    // LF.
    absl::string_view data = {};
    // How long a client waits before it connects again.
    std::optional<absl::Duration> retry = {};
  };

  // Owns the stream. May destroy it inside of these only through
  // Reactor::DeleteSoon().
  class Owner {
   public:
    // ShouldPause() has said so, and the client has taken most of it.
    virtual void OnWritable() = 0;

    // The client has gone, the server is closing, or max_behind_bytes were
    // exceeded: nobody gets what is sent any more. Told once, perhaps inside of
    // Send().
    virtual void OnEnded() = 0;

   protected:
    ~Owner() = default;
  };

  struct Options {
    // Between the last bytes sent and a comment. InfiniteDuration(): none.
    absl::Duration keep_alive = absl::Seconds(15);

    // How much is sent on while ShouldPause() says so, for an owner who does
    // not look at it: then the stream ends.
    uint64_t max_behind_bytes = 256 * 1024;
  };

  // What the client saw last, or empty: Event::id. It may say anything.
  static absl::string_view LastEventId(const Request& request) {
    return request.field("Last-Event-ID");
  }

  // Answers `request` with 200, at once; HEAD with nothing more. If then nobody
  // listens it has ended from the start, which the owner is not told. `reactor`
  // and `owner` must outlive the stream.
  EventStream(Reactor& reactor, const Request& request, Responder responder,
              const Options& options, Owner& owner);
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  // Sends an event, or nothing if the stream has ended. InvalidArgument, and
  // nothing sent, if `id` or `type` has a line end in it, `id` a NUL, or if
  // `retry` is negative or infinite.
  absl::Status Send(const Event& event);

  // Whether the client is slow: events that can wait or be left out should.
  bool ShouldPause() const { return stream_.ShouldPause(); }

  // Ends the answer in good order; an EventSource connects again nevertheless,
  // until it is answered 204. The owner is not told.
  void Finish();

  bool has_ended() const { return stream_.abandoned(); }

 private:
  // ResponseStream::Producer.
  void OnWritable() override;
  void OnAbandoned() override;

  void Write(absl::string_view bytes);

  const Options options_;
  Owner& owner_;
  Timer keep_alive_;
  // Sent since the client began to be slow.
  uint64_t behind_bytes_ = 0;
  std::string buffer_;
  bool is_constructed_ = false;
  ResponseStream stream_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_EVENT_STREAM_H_
