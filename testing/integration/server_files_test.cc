// Files through a server, to the last byte, and what they cost.

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/handlers/files.h"
#include "httpd/http/request_head.h"
#include "httpd/server/handler.h"
#include "httpd/server/request.h"
#include "httpd/server/responder.h"
#include "reactor/syscall_record.h"
#include "testing/allocation_counter.h"
#include "testing/integration/server_fixture.h"
#include "testing/integration/test_client.h"
#include "testing/kernel_under_test.h"
#include "testing/tree_under_test.h"

namespace pollux {
namespace {

// What a router can own while the test owns the handler, whose directory must
// be closed before the fixture counts.
class ForwardingHandler final : public Handler {
 public:
  explicit ForwardingHandler(Handler& handler) : handler_(handler) {}
  void Handle(const Request& request, Responder responder) override {
    handler_.Handle(request, std::move(responder));
  }

 private:
  Handler& handler_;
};

class ServerFilesTest : public ServerTest {
 protected:
  // As programs must that send files.
  static void SetUpTestSuite() { ::signal(SIGPIPE, SIG_IGN); }

  void SetUp() override {
    ASSERT_TRUE(tree_->MakeDirectory("root"));
    FilesHandler::Options options;
    options.root = tree_->root() + "/root";
    options.listing = FilesHandler::Listing::kPage;
    auto files = FilesHandler::Create(*reactor_, options);
    ASSERT_TRUE(files.ok()) << files.status();
    files_ = *std::move(files);
    AddRoute({.path = "/files/",
              .methods = {http::Method::kGet},
              .handler = std::make_unique<ForwardingHandler>(*files_),
              .reach = RouteReach::kBeneath});
  }
  void TearDown() override {
    DestroyServer();
    files_ = nullptr;
    ServerTest::TearDown();
  }

  void Write(absl::string_view path, absl::string_view contents) {
    ASSERT_TRUE(tree_->WriteFile(absl::StrCat("root/", path), contents));
  }

  static std::string Pattern(size_t bytes) {
    std::string text(bytes, '\0');
    for (size_t i = 0; i < bytes; ++i) {
      text[i] = static_cast<char>('a' + i % 23);
    }
    return text;
  }

  const std::unique_ptr<TreeUnderTest> tree_ = TreeUnderTest::Make(*kernel_);
  std::unique_ptr<FilesHandler> files_;
};

INSTANTIATE_TEST_SUITE_P(Kernels, ServerFilesTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

// A second may end between two responses.
std::vector<std::pair<std::string, std::string>> WithoutDate(
    const ReceivedResponse& response) {
  auto fields = response.fields;
  std::erase_if(fields,
                [](const auto& field) { return field.first == "Date"; });
  return fields;
}

TEST_P(ServerFilesTest, SendsFilesOfEverySize) {
  TestClient client = Connect();
  for (const size_t bytes : {0, 1, 4096, 16383, 16384, 65536, 65537, 1 << 20}) {
    const std::string contents = Pattern(bytes);
    const std::string name = absl::StrCat("f", bytes);
    Write(name, contents);
    const std::string path = absl::StrCat("/files/", name);
    client.Write(Get(path));
    const ReceivedResponse whole = client.ReadResponse();
    EXPECT_EQ(whole.status, 200);
    EXPECT_EQ(whole.body, contents) << bytes;
    EXPECT_NE(whole.Field("ETag"), "");
    EXPECT_NE(whole.Field("Date"), "");
    EXPECT_EQ(whole.Field("Content-Length"), absl::StrCat(bytes));

    client.Write(absl::StrCat("HEAD ", path, " HTTP/1.1\r\nHost: a\r\n\r\n"));
    const ReceivedResponse head = client.ReadResponse(ExpectBody::kNo);
    EXPECT_EQ(WithoutDate(head), WithoutDate(whole));

    client.Write(Get(path, "If-None-Match: *\r\n"));
    const ReceivedResponse not_modified = client.ReadResponse(ExpectBody::kNo);
    EXPECT_EQ(not_modified.status, 304);
    EXPECT_EQ(not_modified.Field("Content-Length"), "");

    client.Write(Get(path, "Range: bytes=-2\r\n"));
    const ReceivedResponse part = client.ReadResponse();
    // Nothing has no last bytes, but all of it is not wrong.
    EXPECT_EQ(part.status, bytes == 0 ? 200 : 206);
    EXPECT_EQ(part.body, contents.substr(bytes - std::min<size_t>(bytes, 2)));
  }
}

TEST_P(ServerFilesTest, AnswersManyInOrder) {
  Write("small", "small");
  Write("large", Pattern(100'000));
  TestClient client = Connect();
  std::string requests;
  for (int i = 0; i < 5; ++i) {
    absl::StrAppend(&requests, Get("/files/small"), Get("/files/large"),
                    Get("/files/none"), Get("/files/"), Get("/0"));
  }
  client.Write(requests);
  const std::vector<ReceivedResponse> responses = client.ReadResponses(25);
  for (size_t i = 0; i < 25; i += 5) {
    EXPECT_EQ(responses[i].body, "small");
    EXPECT_EQ(responses[i + 1].body, Pattern(100'000));
    EXPECT_EQ(responses[i + 2].status, 404);
    EXPECT_TRUE(absl::StrContains(responses[i + 3].body, "./large"));
    EXPECT_EQ(responses[i + 4].body, "0");
  }
}

TEST_P(ServerFilesTest, ASmallFileCostsWhatAFixedResponseCosts) {
  Write("small", Pattern(4096));
  TestClient client = Connect();
  for (int i = 0; i < 10; ++i) {
    client.Write(Get("/files/small"));
    calls_.Reset();
    const uint64_t before = CountAllocations().allocations;
    reactor_->RunOnce(absl::Seconds(1));
    const uint64_t allocations = CountAllocations().allocations - before;
    if (i >= 3) {
      EXPECT_EQ(calls_.waits(), 1);
      EXPECT_EQ(calls_.calls(SyscallKind::kRecv), 1);
      EXPECT_EQ(calls_.calls(SyscallKind::kSend), 1);
      EXPECT_EQ(calls_.io_calls(), 2);
      EXPECT_EQ(allocations, 0u);
    }
    EXPECT_EQ(client.ReadResponse().body.size(), 4096u);
  }
}

TEST_P(ServerFilesTest, AFileThatShrinksWhileItIsSentEndsTheConnection) {
  constexpr size_t kBytes = 16 << 20;
  Write("large", Pattern(kBytes));
  TestClient client = Connect();
  client.Write(Get("/files/large"));
  LetServerWork();
  ASSERT_TRUE(tree_->Truncate("root/large", kBytes / 2));
  const std::string received = client.ReadToEnd();
  EXPECT_TRUE(absl::StrContains(
      received, absl::StrCat("Content-Length: ", kBytes, "\r\n")));
  EXPECT_LT(received.size(), kBytes);
}

TEST_P(ServerFilesTest, AClientThatLeavesLeavesNothingBehind) {
  Write("large", Pattern(16 << 20));
  for (int i = 0; i < 500; ++i) Write(absl::StrCat("f", i), "");
  {
    TestClient client = Connect();
    client.Write(Get("/files/large"));
    LetServerWork();
    client.Close();
    EXPECT_TRUE(RunUntilConnectionsAre(0));
  }
  {
    // While its listing is made.
    TestClient client = Connect();
    client.Write(Get("/files/"));
    reactor_->RunOnce(absl::Seconds(1));
    client.Close();
    EXPECT_TRUE(RunUntilConnectionsAre(0));
  }
  TestClient client = Connect();
  client.Write(Get("/files/") + Get("/files/large"));
  LetServerWork();
  DestroyServer();
}

}  // namespace
}  // namespace pollux
