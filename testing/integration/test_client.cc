#include "testing/integration/test_client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reactor/sys_result.h"

namespace pollux {
namespace {

// How long a test waits for what does not come: 300 times 10 ms.
constexpr int kMaxIterations = 300;
constexpr absl::Duration kIteration = absl::Milliseconds(10);

bool HasBody(int status) {
  return status >= 200 && status != 204 && status != 304;
}

ReceivedResponse ParseHead(absl::string_view head) {
  ReceivedResponse response;
  std::vector<absl::string_view> lines = absl::StrSplit(head, "\r\n");
  response.status_line = std::string(lines.front());
  if (response.status_line.size() < 13 ||
      response.status_line.substr(0, 9) != "HTTP/1.1 " ||
      !absl::SimpleAtoi(response.status_line.substr(9, 3), &response.status)) {
    ADD_FAILURE() << "no status line: " << head;
  }
  lines.erase(lines.begin());
  for (const absl::string_view line : lines) {
    response.fields.emplace_back(
        absl::StrSplit(line, absl::MaxSplits(": ", 1)));
  }
  return response;
}

// Takes the first response off `bytes`, once it is whole.
std::optional<ReceivedResponse> TakeResponse(absl::string_view& bytes,
                                             ExpectBody expect_body) {
  const size_t head_bytes = bytes.find("\r\n\r\n");
  if (head_bytes == absl::string_view::npos) return std::nullopt;
  ReceivedResponse response = ParseHead(bytes.substr(0, head_bytes));
  size_t body_bytes = 0;
  if (expect_body == ExpectBody::kYes && HasBody(response.status)) {
    EXPECT_TRUE(absl::SimpleAtoi(response.Field("Content-Length"), &body_bytes))
        << bytes;
  }
  const size_t body_start = head_bytes + 4;
  if (bytes.size() < body_start + body_bytes) return std::nullopt;
  response.body = std::string(bytes.substr(body_start, body_bytes));
  bytes.remove_prefix(body_start + body_bytes);
  return response;
}

}  // namespace

std::string ReceivedResponse::Field(absl::string_view name) const {
  std::string found;
  int count = 0;
  for (const auto& [field, value] : fields) {
    if (field != name) continue;
    found = value;
    ++count;
  }
  EXPECT_LE(count, 1) << name;
  return found;
}

std::vector<ReceivedResponse> ParseResponses(absl::string_view bytes) {
  std::vector<ReceivedResponse> responses;
  while (std::optional<ReceivedResponse> next =
             TakeResponse(bytes, ExpectBody::kYes)) {
    responses.push_back(*std::move(next));
  }
  EXPECT_EQ(bytes, "") << "is not a whole response";
  return responses;
}

bool RunUntil(Reactor& reactor, absl::FunctionRef<bool()> done) {
  for (int i = 0; i < kMaxIterations; ++i) {
    if (done()) return true;
    reactor.RunOnce(kIteration);
  }
  return done();
}

std::string Get(absl::string_view path, absl::string_view fields) {
  return absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: a\r\n", fields, "\r\n");
}

std::string Post(absl::string_view path, absl::string_view body) {
  return absl::StrCat("POST ", path,
                      " HTTP/1.1\r\nHost: a\r\nContent-Length: ", body.size(),
                      "\r\n\r\n", body);
}

void TestClient::Write(absl::string_view bytes) {
  while (!bytes.empty()) {
    size_t written = 0;
    if (!RunUntil(reactor_,
                  [&] {
                    written = WriteSome(bytes);
                    return written > 0 || error_ != 0;
                  }) ||
        error_ != 0) {
      ADD_FAILURE() << "the server does not read, errno " << error_;
      return;
    }
    bytes.remove_prefix(written);
  }
}

size_t TestClient::WriteSome(absl::string_view bytes) {
  size_t written = 0;
  while (written < bytes.size()) {
    const SysResult result =
        kernel_.Send(socket_.descriptor(), bytes.substr(written), MSG_NOSIGNAL);
    if (result.would_block()) break;
    if (!result.ok()) {
      error_ = result.error();
      break;
    }
    written += static_cast<size_t>(result.value());
  }
  return written;
}

void TestClient::FinishWriting() {
  EXPECT_TRUE(kernel_.Shutdown(socket_.descriptor(), SHUT_WR).ok());
}

ReceivedResponse TestClient::ReadResponse(ExpectBody expect_body) {
  while (true) {
    absl::string_view left = received_;
    if (auto response = TakeResponse(left, expect_body)) {
      received_.erase(0, received_.size() - left.size());
      return *response;
    }
    if (at_end_ || !RunUntil(reactor_, [this] { return Receive(); })) {
      ADD_FAILURE() << "no response, but \"" << received_ << "\"";
      return {};
    }
  }
}

std::vector<ReceivedResponse> TestClient::ReadResponses(size_t count) {
  std::vector<ReceivedResponse> responses;
  while (responses.size() < count) {
    responses.push_back(ReadResponse());
    if (responses.back().status == 0) break;
  }
  return responses;
}

std::string TestClient::ReadToEnd() {
  while (!at_end_) {
    if (!RunUntil(reactor_, [this] { return Receive(); })) {
      ADD_FAILURE() << "the server does not end the connection";
      break;
    }
  }
  return std::exchange(received_, "");
}

std::string TestClient::ReadAvailable() {
  while (!at_end_ && Receive()) continue;
  return std::exchange(received_, "");
}

void TestClient::Reset() {
  constexpr linger kAtOnce = {.l_onoff = 1, .l_linger = 0};
  EXPECT_TRUE(kernel_
                  .SetSockOpt(socket_.descriptor(), SOL_SOCKET, SO_LINGER,
                              &kAtOnce, sizeof(kAtOnce))
                  .ok());
  Close();
}

bool TestClient::Receive() {
  std::array<char, 16 * 1024> buffer;
  const SysResult result =
      kernel_.Recv(socket_.descriptor(), absl::MakeSpan(buffer), 0);
  if (result.would_block()) return false;
  if (!result.ok()) error_ = result.error();
  if (!result.ok() || result.value() == 0) {
    at_end_ = true;
  } else {
    received_.append(buffer.data(), static_cast<size_t>(result.value()));
  }
  return true;
}

}  // namespace pollux
