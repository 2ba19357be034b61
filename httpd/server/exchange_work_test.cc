#include "httpd/server/exchange_work.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "httpd/http/body_decoder.h"
#include "httpd/http/request_head.h"
#include "httpd/http/response_writer.h"
#include "httpd/server/body_receiver.h"
#include "httpd/server/response.h"
#include "httpd/server/status_page.h"
#include "reactor/monotonic_time.h"

namespace pollux {
namespace {

class NullReceiver final : public BodyReceiver {
 public:
  void OnBody(absl::string_view) override {}
  void OnBodyEnd() override {}
};

TEST(ExchangeWorkTest, ClearLeavesNothingOfTheLastRequest) {
  std::string output;
  ExchangeWork work;
  work.start = {
      .at = MonotonicTime::FromNanos(1), .written_bytes = 1, .head_bytes = 1};
  work.body.emplace(http::RequestHead(), 1);
  work.receiver = std::make_unique<NullReceiver>();
  work.is_paused = true;
  work.wants_continue = true;
  work.received_bytes = 1;
  work.discarded_bytes = 1;
  work.held_bytes = 1;
  work.held_response_bytes = 1;
  work.held = Response();
  work.more_lines = "X: y\r\n";
  work.writer.emplace(output, http::Recipient());
  work.format = PageFormat::kHtml;
  work.notes.emplace();
  work.request_id = "id";
  work.user = "user";

  work.Clear();

  EXPECT_EQ(work.start.at, MonotonicTime());
  EXPECT_EQ(work.start.written_bytes, 0u);
  EXPECT_EQ(work.start.head_bytes, 0u);
  EXPECT_FALSE(work.body.has_value());
  EXPECT_EQ(work.receiver, nullptr);
  EXPECT_FALSE(work.is_paused);
  EXPECT_FALSE(work.wants_continue);
  EXPECT_EQ(work.received_bytes, 0u);
  EXPECT_EQ(work.discarded_bytes, 0u);
  EXPECT_EQ(work.held_bytes, 0u);
  EXPECT_EQ(work.held_response_bytes, 0u);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(work.held));
  EXPECT_EQ(work.more_lines, "");
  EXPECT_FALSE(work.writer.has_value());
  EXPECT_EQ(work.format, PageFormat::kText);
  EXPECT_FALSE(work.notes.has_value());
  EXPECT_EQ(work.request_id, "");
  EXPECT_EQ(work.user, "");
}

}  // namespace
}  // namespace pollux
