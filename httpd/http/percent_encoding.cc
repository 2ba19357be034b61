#include "httpd/http/percent_encoding.h"

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "httpd/http/byte_class.h"

namespace pollux::http {

bool PercentDecode(absl::string_view text, PlusSign plus, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == PlusSign::kSpace) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else if (IsTripletAt(text, i)) {
      out.push_back(static_cast<char>(HexValue(text[i + 1]) << 4 |
                                      HexValue(text[i + 2])));
      i += 2;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace pollux::http
