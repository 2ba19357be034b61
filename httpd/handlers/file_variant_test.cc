#include "httpd/handlers/file_variant.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "httpd/http/accept_encoding.h"
#include "httpd/http/entity_tag.h"
#include "httpd/http/http_date.h"
#include "httpd/http/prepared_response.h"
#include "httpd/server/response.h"
#include "reactor/descriptor.h"
#include "reactor/net/lease.h"
#include "reactor/net/output_chain.h"
#include "testing/fake_kernel.h"

namespace pollux {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;

FileVariant::Description Describe(uint64_t size_bytes) {
  FileVariant::Description description;
  description.version = {.device = 1,
                         .inode = 2,
                         .size_bytes = size_bytes,
                         .modified_nanos = 784111777 * kSecond + 5,
                         .changed_nanos = 6};
  description.opened_wall_nanos = 784111778 * kSecond;
  description.media_type = "text/html";
  return description;
}

std::string Text(const http::PreparedResponse& response) {
  std::string text;
  response.AppendTo(text, http::FormatHttpDate(0),
                    http::ConnectionOption::kNone,
                    http::BodyPresence::kHeadAndBody);
  return text;
}

TEST(FileVariantTest, IsReadyToBeSent) {
  FileVariant::Description description = Describe(3);
  description.coding = http::ContentCoding::kGzip;
  description.cache_control = "no-cache";
  description.vary = "Accept-Encoding";
  const FileVariant::Owner variant = FileVariant::InMemory(description, "abc");
  EXPECT_EQ(Text(*variant->whole()),
            "HTTP/1.1 200 OK\r\n"
            "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
            "ETag: \"2-3-ae1b981bc490a05-6-364b3fb7\"\r\n"
            "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Cache-Control: no-cache\r\n"
            "Vary: Accept-Encoding\r\n"
            "Content-Type: text/html; charset=utf-8\r\n"
            "Content-Encoding: gzip\r\n"
            "Accept-Ranges: bytes\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "Content-Length: 3\r\n"
            "\r\n"
            "abc");
  EXPECT_EQ(Text(variant->not_modified()),
            "HTTP/1.1 304 Not Modified\r\n"
            "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
            "ETag: \"2-3-ae1b981bc490a05-6-364b3fb7\"\r\n"
            "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Cache-Control: no-cache\r\n"
            "Vary: Accept-Encoding\r\n"
            "\r\n");
  EXPECT_EQ(std::get<SharedBytes>(variant->Body(1, 2)).bytes, "bc");
  EXPECT_EQ(variant->Head(206).status, 206);
  EXPECT_EQ(variant->Head(206).fields.size(), 8u);
  EXPECT_GE(variant->memory_bytes(), 3u);
  EXPECT_FALSE(variant->has_descriptor());
}

TEST(FileVariantTest, Regression_LastModifiedIsNeverLaterThanNow) {
  FileVariant::Description description = Describe(3);
  description.opened_wall_nanos = 60 * kSecond + 5;
  const FileVariant::Owner variant = FileVariant::InMemory(description, "abc");
  EXPECT_THAT(
      Text(*variant->whole()),
      HasSubstr("\r\nLast-Modified: Thu, 01 Jan 1970 00:01:00 GMT\r\n"));
  EXPECT_THAT(
      Text(variant->not_modified()),
      HasSubstr("\r\nLast-Modified: Thu, 01 Jan 1970 00:01:00 GMT\r\n"));
  EXPECT_EQ(variant->validators().last_modified_unix_seconds, 60);
}

TEST(FileVariantTest, TagsNameTheBytes) {
  FakeKernel kernel;
  const auto in_memory = [](absl::string_view contents) {
    const FileVariant::Owner variant =
        FileVariant::InMemory(Describe(contents.size()), contents);
    return std::string(variant->validators().entity_tag->opaque);
  };
  EXPECT_EQ(in_memory("abc"), in_memory("abc"));
  EXPECT_NE(in_memory("abc"), in_memory("abd"));

  FileVariant::Description description = Describe(3);
  const FileVariant::Owner settled =
      FileVariant::InFile(description, Descriptor());
  EXPECT_EQ(settled->validators().entity_tag->opaque, "2-3-ae1b981bc490a05-6");
  EXPECT_EQ(settled->validators().entity_tag->strength,
            http::TagStrength::kStrong);
  description.is_settled = false;
  const FileVariant::Owner unsettled =
      FileVariant::InFile(description, Descriptor());
  EXPECT_EQ(
      unsettled->validators().entity_tag->opaque,
      absl::StrCat("2-3-ae1b981bc490a05-6-", absl::Hex(784111778 * kSecond)));
  EXPECT_EQ(unsettled->validators().entity_tag->strength,
            http::TagStrength::kWeak);
}

TEST(FileVariantTest, OffsetsAreNotLimitedTo32Bits) {
  constexpr uint64_t kFirst = (uint64_t{5} << 32) + 7;
  const FileVariant::Owner variant =
      FileVariant::InFile(Describe(kFirst + 100), Descriptor());
  const ResponseBody body = variant->Body(kFirst, 2);
  EXPECT_EQ(std::get<FileRange>(body).offset(), kFirst);
  EXPECT_EQ(variant->size_bytes(), kFirst + 100);
}

TEST(FileVariantTest, StaysAsLongAsSomethingIsLent) {
  FakeKernel kernel;
  const int file = kernel.EventFd(0, 0).descriptor();
  FileVariant::Owner variant =
      FileVariant::InFile(Describe(3), Descriptor(kernel, file));
  EXPECT_TRUE(variant->has_descriptor());
  EXPECT_EQ(variant->memory_bytes(), 0u);
  {
    const ResponseBody body = variant->Body(1, 2);
    EXPECT_EQ(std::get<FileRange>(body).file(), file);
    EXPECT_EQ(std::get<FileRange>(body).offset(), 1);
    EXPECT_EQ(std::get<FileRange>(body).bytes(), 2u);
    Lease lease = variant->Lend();
    variant.reset();
    EXPECT_EQ(kernel.open_descriptors(), 1u);
  }
  EXPECT_EQ(kernel.open_descriptors(), 0u);

  // What was returned before makes no difference.
  variant = FileVariant::InMemory(Describe(3), "abc");
  (void)variant->Body(0, 3);
  variant.reset();
}

}  // namespace
}  // namespace pollux
