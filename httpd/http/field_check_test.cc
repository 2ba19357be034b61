#include "httpd/http/field_check.h"

#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "httpd/http/field.h"

namespace pollux::http {
namespace {

TEST(FieldCheckTest, IsValidField) {
  EXPECT_TRUE(IsValidField({"X-a.1!", ""}));
  EXPECT_TRUE(IsValidField({"A", "b \t\x80\xff"}));
  EXPECT_FALSE(IsValidField({"A", "\n"}));
  EXPECT_FALSE(IsValidField({"A:", "b"}));
  EXPECT_FALSE(IsValidField({"", ""}));
}

TEST(FieldCheckTest, NoControlCharacterIsEverWritten) {
  for (int i = 0; i <= 0xff; ++i) {
    const char byte = static_cast<char>(i);
    const std::string value = std::string("a") + byte + "b";
    const bool is_control = (i < 0x20 && byte != '\t') || i == 0x7f;
    EXPECT_EQ(IsValidField({"A", value}), !is_control) << i;
    EXPECT_EQ(CheckFields({Field{"A", value}}).ok(), !is_control) << i;
    EXPECT_EQ(CheckTrailer({"A", value}).ok(), !is_control) << i;
  }
}

TEST(FieldCheckTest, FramingFieldsAreRefused) {
  for (const absl::string_view name :
       {"Connection", "content-length", "DATE", "Transfer-Encoding"}) {
    EXPECT_FALSE(CheckFields({Field{"A", "b"}, Field{name, "c"}}).ok()) << name;
    EXPECT_FALSE(CheckTrailer({name, "c"}).ok()) << name;
  }
  for (const absl::string_view name :
       {"Host", "TE", "Trailer", "Content-Encoding", "Content-Type",
        "Content-Range"}) {
    EXPECT_TRUE(CheckFields({Field{name, "c"}}).ok()) << name;
    EXPECT_FALSE(CheckTrailer({name, "c"}).ok()) << name;
  }
}

TEST(FieldCheckTest, AppendsALine) {
  std::string out = "x";
  AppendField(out, {"A", "b"});
  EXPECT_EQ(out, "xA: b\r\n");
}

}  // namespace
}  // namespace pollux::http
