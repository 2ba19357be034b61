// Takes the body of a request as it comes.
#ifndef POLLUX_HTTPD_SERVER_BODY_RECEIVER_H_
#define POLLUX_HTTPD_SERVER_BODY_RECEIVER_H_

#include "absl/strings/string_view.h"

namespace pollux {

// What a handler makes for one request whose body it wants, and gives to
// Responder::ReceiveBody(). Owned by the connection from then on, and destroyed
// when the request has been answered or has come to nothing: if OnBodyEnd() was
// not called by then, the body never became whole. Reactor's thread.
//
// The callbacks may do everything with the responder; what they destroy of it
// answers for itself. Memory that the body needs is the receiver's to bound:
// Responder::PauseBody() makes the client wait.
class BodyReceiver {
 public:
  virtual ~BodyReceiver() = default;

  // The next bytes of the body, never none. The view lives until the callback
  // returns.
  virtual void OnBody(absl::string_view bytes) = 0;

  // The body is whole and was well-formed.
  virtual void OnBodyEnd() = 0;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_BODY_RECEIVER_H_
