// A body of a response, piece by piece.
#ifndef POLLUX_HTTPD_SERVER_RESPONSE_STREAM_H_
#define POLLUX_HTTPD_SERVER_RESPONSE_STREAM_H_

#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/field.h"
#include "httpd/server/exchange.h"

namespace pollux {

// The body of a response whose head is on its way: whoever holds it writes,
// until Finish(). Move-only; owned by the handler; reactor's thread only. If
// the client goes, writing is a no-op from then on; if it is destroyed without
// Finish(), the connection ends so that the client does not take what it got
// for the whole.
//
// It never refuses bytes: what the client does not take yet is kept in memory.
// So a producer stops when ShouldPause() says so, and goes on with
// OnWritable().
class [[nodiscard]] ResponseStream final : private ExchangeHolder {
 public:
  // Who writes. Must outlive the stream, and may destroy it, or itself, inside
  // of these.
  class Producer {
   public:
    // ShouldPause() has said so, and the client has taken most of it.
    virtual void OnWritable() = 0;

    // The client has gone, or the server is closing: nobody reads this any
    // more. Told once, and not after Finish().
    virtual void OnAbandoned() = 0;

   protected:
    ~Producer() = default;
  };

  ResponseStream(ResponseStream&& other) noexcept { *this = std::move(other); }
  ResponseStream& operator=(ResponseStream&& other) noexcept;
  ~ResponseStream() { Abort(); }

  // The next bytes, which are copied. They are sent when the callback that
  // writes returns, or in the next iteration.
  void Write(absl::string_view bytes);

  // Whether so much is unsent that producing more would only fill memory.
  bool ShouldPause() const;

  // The end. `trailers` are sent if the client's version of HTTP has them. A
  // body shorter than it was announced ends the connection. The stream is
  // spent.
  void Finish(absl::Span<const http::Field> trailers = {}) &&;

  // Whether nobody reads it any more.
  bool abandoned() const { return exchange_ == nullptr; }

 private:
  friend class Responder;
  ResponseStream() = default;
  ResponseStream(Exchange& exchange, Producer& producer)
      : ExchangeHolder(exchange), producer_(&producer) {}

  void OnExchangeGone() override { producer_->OnAbandoned(); }
  void OnExchangeWritable() override { producer_->OnWritable(); }
  void Abort();

  Producer* producer_ = nullptr;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_RESPONSE_STREAM_H_
