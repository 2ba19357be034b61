// An HTTP client for tests: simple-minded, so that it hides nothing.
#ifndef POLLUX_TESTING_INTEGRATION_TEST_CLIENT_H_
#define POLLUX_TESTING_INTEGRATION_TEST_CLIENT_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "reactor/kernel.h"
#include "reactor/net/socket.h"
#include "reactor/reactor.h"

namespace pollux {

// A response as it was received. Plain value.
struct ReceivedResponse {
  // 0 if there was none.
  int status = 0;
  // Without the CRLF.
  std::string status_line;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;

  // The value of the field called `name`, in this very spelling; empty if there
  // is none. A field that stands twice is a failure of the test.
  std::string Field(absl::string_view name) const;
};

// Whether the body that Content-Length tells of follows: not after HEAD.
enum class ExpectBody { kYes, kNo };

// `bytes` as responses, one behind another; it is a failure of the test if they
// do not end where a response ends.
std::vector<ReceivedResponse> ParseResponses(absl::string_view bytes);

// Iterates `reactor` until `done` says so for the first time. Gives up, seconds
// later, when nothing comes of it, and returns false.
bool RunUntil(Reactor& reactor, absl::FunctionRef<bool()> done);

// A request of HTTP/1.1. `fields` are whole lines, CRLF included.
std::string Get(absl::string_view path, absl::string_view fields = "");
std::string Post(absl::string_view path, absl::string_view body);

// One connection to a server that runs on a reactor of the same thread: where
// the client has to wait, it iterates the reactor. What does not come in
// seconds is a failure of the test. Owned by a test; kernel and reactor must
// outlive it.
class TestClient {
 public:
  // Takes over `descriptor`, a connected and non-blocking socket.
  TestClient(Kernel& kernel, Reactor& reactor, int descriptor)
      : kernel_(kernel), reactor_(reactor), socket_(kernel, descriptor) {}

  // Sends all of `bytes`.
  void Write(absl::string_view bytes);

  // Sends what the kernel takes at once, and returns how many bytes that are.
  size_t WriteSome(absl::string_view bytes);

  // Sends a FIN.
  void FinishWriting();

  ReceivedResponse ReadResponse(ExpectBody expect_body = ExpectBody::kYes);
  std::vector<ReceivedResponse> ReadResponses(size_t count);

  // All that comes before the server's FIN, or its reset.
  std::string ReadToEnd();

  // All that has come and was not returned yet; the server does not run.
  std::string ReadAvailable();

  // Whether what was read last was the server's FIN, or its reset.
  bool is_at_end() const { return at_end_; }

  // What reading or writing ended with: an errno, or 0, as for a FIN.
  int error() const { return error_; }

  void Close() { socket_.Close(); }

  // Ends the connection by an RST instead of a FIN. TCP only.
  void Reset();

 private:
  // Whether anything has come, an end included.
  bool Receive();

  Kernel& kernel_;
  Reactor& reactor_;
  Socket socket_;
  // Received and not returned.
  std::string received_;
  bool at_end_ = false;
  int error_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_INTEGRATION_TEST_CLIENT_H_
