// What a file costs that was asked for before.

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/handlers/file_cache.h"
#include "httpd/handlers/files.h"
#include "httpd/handlers/files_fixture.h"
#include "httpd/http/field.h"
#include "httpd/http/head_limits.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_parser.h"
#include "httpd/server/body_receiver.h"
#include "httpd/server/client_address.h"
#include "httpd/server/exchange.h"
#include "httpd/server/request.h"
#include "httpd/server/response.h"
#include "httpd/server/route_match.h"
#include "reactor/net/lease.h"
#include "testing/allocation_counter.h"

namespace pollux {
namespace {

// Notes the status, and nothing that needs memory.
class StatusExchange final : public Exchange {
 public:
  using Exchange::MakeResponder;
  int status() const { return status_; }

 private:
  void Respond(const http::PreparedResponse& response, Lease) override {
    status_ = response.status();
  }
  void Respond(Response response) override { status_ = response.head.status; }
  void RespondStatus(int status) override { status_ = status; }
  void BeginStream(ResponseHead, std::optional<uint64_t>) override {}
  void HandOn(Handler&, const Request&) override {}
  void WriteStream(absl::string_view) override {}
  bool IsStreamHigh() const override { return false; }
  void FinishStream(absl::Span<const http::Field>) override {}
  void AbortStream() override {}
  void SendInterim(int, absl::Span<const http::Field>) override {}
  void AddField(absl::string_view, absl::string_view) override {}
  void SetRequestId(absl::string_view) override {}
  void SetUser(absl::string_view) override {}
  void ReceiveBody(std::unique_ptr<BodyReceiver>) override {}
  void PauseBody() override {}
  void ResumeBody() override {}
  void HoldBytes(uint64_t) override {}
  const ClientAddress& client() override { return client_; }

  int status_ = 0;
  ClientAddress client_;
};

class FilesAllocationTest : public FilesFixture {
 protected:
  void SetUp() override {
    MakeDirectory("root");
    Write("root/index.html", "index");
    MakeDirectory("root/dir");
    Write("root/dir/a b.css", "a");
    Write("root/dir/a b.css.gz", "z");
    FilesHandler::Options options;
    options.root = Path("root");
    options.cache.siblings = FileCache::Siblings::kServed;
    auto handler = FilesHandler::Create(*reactor_, options);
    ASSERT_TRUE(handler.ok()) << handler.status();
    handler_ = *std::move(handler);
  }
  void TearDown() override {
    handler_.reset();
    FilesFixture::TearDown();
  }

  // Asks twice, and expects of the second time that it costs nothing.
  void ExpectFree(absl::string_view path, absl::string_view fields,
                  int status) {
    const std::string message =
        absl::StrCat("GET / HTTP/1.1\r\nHost: a\r\n", fields, "\r\n");
    http::RequestHead head;
    ASSERT_EQ(
        http::RequestParser().Parse(message, http::HeadLimits{}, head).kind,
        http::ParseOutcome::Kind::kComplete);
    const std::string whole = absl::StrCat("/files/", path);
    head.path = whole;
    RouteMatch match;
    match.below_prefix = path;
    StatusExchange exchange;
    const Request request(head, match, exchange);
    handler_->Handle(request, exchange.MakeResponder());
    EXPECT_EQ(exchange.status(), status) << path;
    const uint64_t allocations = CountAllocations().allocations;
    const int calls = kernel_.calls();
    handler_->Handle(request, exchange.MakeResponder());
    EXPECT_EQ(CountAllocations().allocations, allocations) << path;
    EXPECT_EQ(kernel_.calls(), calls) << path;
    EXPECT_EQ(exchange.status(), status) << path;
  }

  std::unique_ptr<FilesHandler> handler_;
};

TEST_P(FilesAllocationTest, ASmallFileThatWasAskedForBeforeIsFree) {
  ExpectFree("index.html", "", 200);
  ExpectFree("", "", 200);
  ExpectFree("dir/a%20b.css", "", 200);
  ExpectFree("dir/a%20b.css", "Accept-Encoding: gzip, br;q=0.5\r\n", 200);
  ExpectFree("dir/a%20b.css", "If-None-Match: \"a\"\r\n", 200);
  ExpectFree("dir/a%20b.css", "If-None-Match: *\r\n", 304);
  ExpectFree("dir/../a", "", 404);
}

INSTANTIATE_TEST_SUITE_P(Kernels, FilesAllocationTest,
                         testing::ValuesIn(FilesSetups()), FilesSetupName);

}  // namespace
}  // namespace pollux
